import { Command } from 'commander'
import type { PurposeParts } from '../../app/apply-plans.ts'
import { parseRangeName } from '../../domain/accepted-gap.ts'
import type { TopicName } from '../../domain/ids.ts'
import { collected, listFlag, wrongUse } from '../args.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { addOnePlan, type OnePlanArgs, onePlanArgs, runOnePlan } from '../run-one-plan.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface ResyncArgs extends OnePlanArgs {
  /** Empty: the topics with a stopped partition. */
  readonly topics: readonly string[]
  /** Ranges to go on without, instead of mirroring anew: `orders.events:3:100-149`. */
  readonly gaps: readonly string[]
}

export const resyncArgs = (args: readonly unknown[], flags: RawFlags, cwd: string): ResyncArgs => ({
  ...onePlanArgs(args, flags, cwd),
  topics: listFlag(flags, 'topic'),
  gaps: listFlag(flags, 'acceptGap').map(asRange),
})

/** What is no range is wrong use, whatever else may be wrong with the project. */
const asRange = (name: string): string => {
  if (parseRangeName(name) !== undefined) return name
  throw wrongUse(
    `--accept-gap cannot be ${JSON.stringify(name)}.`,
    'Give TOPIC:PARTITION:FROM-TO with source offsets, both inclusive, as the stopped partition names them: orders.events:3:100-149.',
  )
}

/** The ranges that were named, each once, of topics of the migration. */
export const gapsToAccept = (
  named: readonly string[],
  { migration }: Pick<PurposeParts, 'migration'>,
): readonly string[] => {
  const own = migration.topics.map(({ name }) => name)
  for (const name of named) {
    const topic = parseRangeName(name)?.topic
    if (topic === undefined || !own.includes(topic)) {
      throw wrongUse(
        `${topic ?? name} is no topic of ${migration.name}.`,
        `Its topics are ${own.join(', ')}.`,
      )
    }
  }
  return [...new Set(named)]
}

/** The topics that were named, or those of which a partition stands. */
export const topicsToResync = (
  named: readonly string[],
  { migration, state, progress }: PurposeParts,
): readonly TopicName[] => {
  const own = migration.topics.map((topic) => topic.name)
  const strange = named.filter((name) => !(own as readonly string[]).includes(name))
  if (strange.length > 0) {
    throw wrongUse(
      `${strange.join(', ')} ${strange.length === 1 ? 'is no topic' : 'are no topics'} of ${migration.name}.`,
      `Its topics are ${own.join(', ')}.`,
    )
  }
  if (named.length > 0) return own.filter((name) => named.includes(name))
  const stopped = new Set(
    [...progress.values()]
      .filter((p) => p.problem !== null)
      .filter((p) => state.marks.some((m) => m.topic === p.topic && m.producerId === p.producerId))
      .map((p) => p.topic),
  )
  // One that was begun and did not come to its end.
  for (const purge of state.purges) stopped.add(purge.topic)
  if (stopped.size === 0) {
    throw wrongUse(
      `No partition of ${migration.name} is stopped, so nothing has to be mirrored anew.`,
      'Name a topic with --topic if it is to be mirrored anew all the same.',
    )
  }
  return own.filter((name) => stopped.has(name))
}

export const resync = (context: Context, args: ResyncArgs): Promise<ExitCode> => {
  if (args.gaps.length > 0 && args.topics.length > 0) {
    throw wrongUse(
      '--accept-gap and --topic exclude each other: a topic that is mirrored anew has no gap.',
      'Give one of them.',
    )
  }
  return runOnePlan(
    context,
    args,
    (parts) =>
      args.gaps.length > 0
        ? { kind: 'accept-gap', gaps: gapsToAccept(args.gaps, parts) }
        : { kind: 'resync', topics: topicsToResync(args.topics, parts) },
    (name) =>
      args.gaps.length > 0
        ? ['ferry resync', name, ...args.gaps.map((gap) => `--accept-gap ${gap}`)].join(' ')
        : `ferry apply ${name}`,
  )
}

export const resyncCommand = (act: Act): Command =>
  addOnePlan(
    new Command('resync')
      .summary('mirror topics anew, or go on behind a gap')
      .description(
        'Gives up the copy of topics and makes it again, under new marks: for partitions that stopped and cannot go on exactly. Plans it, shows it with every group that loses positions in the copy, asks, and does it. Refused once a group has moved: roll back first. Deleting what others wrote, or a topic to make it anew, wants --confirm.',
      )
      .argument('<name>', 'a migration')
      .option(
        '--topic <topic>',
        'mirror this topic anew; can be given several times; default: those with a stopped partition',
        collected,
        [],
      )
      .option(
        '--accept-gap <range>',
        'go on without source offsets TOPIC:PARTITION:FROM-TO that a stopped partition names (both inclusive), and mirror nothing anew; can be given several times',
        collected,
        [],
      ),
    act,
    async (context, raw, flags) => resync(context, resyncArgs(raw, flags, context.cwd)),
  )
