import { Command } from 'commander'
import type { PurposeParts } from '../../app/apply-plans.ts'
import type { TopicName } from '../../domain/ids.ts'
import { collected, listFlag, wrongUse } from '../args.ts'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { addOnePlan, type OnePlanArgs, onePlanArgs, runOnePlan } from '../run-one-plan.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface ResyncArgs extends OnePlanArgs {
  /** Empty: the topics with a stopped partition. */
  readonly topics: readonly string[]
}

export const resyncArgs = (args: readonly unknown[], flags: RawFlags): ResyncArgs => ({
  ...onePlanArgs(args, flags),
  topics: listFlag(flags, 'topic'),
})

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

export const resync = (context: Context, args: ResyncArgs): Promise<ExitCode> =>
  runOnePlan(
    context,
    args,
    (parts) => ({ kind: 'resync', topics: topicsToResync(args.topics, parts) }),
    (name) => `ferry apply ${name}`,
  )

export const resyncCommand = (act: Act): Command =>
  addOnePlan(
    new Command('resync')
      .summary('mirror topics anew')
      .description(
        'Gives up the copy of topics and makes it again, under new marks: for partitions that stopped and cannot go on exactly. Plans it, shows it with every group that loses positions in the copy, asks, and does it. Refused once a group has moved: roll back first. Deleting what others wrote, or a topic to make it anew, wants --confirm.',
      )
      .argument('<name>', 'a migration')
      .option(
        '--topic <topic>',
        'mirror this topic anew; can be given several times; default: those with a stopped partition',
        collected,
        [],
      ),
    act,
    async (context, raw, flags) => resync(context, resyncArgs(raw, flags)),
  )
