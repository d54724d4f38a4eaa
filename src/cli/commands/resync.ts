import { Command } from 'commander'
import type { PurposeParts } from '../../app/apply-plans.ts'
import type { TopicName } from '../../domain/ids.ts'
import { durationFlag, isSet, listFlag, names, textFlag, wrongUse } from '../args.ts'
import { type Context, planOptions, withSession } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { showAndRun } from '../run-plans.ts'
import { showAndWrite } from '../show-and-write.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface ResyncArgs {
  readonly name: string
  /** Empty: the topics with a stopped partition. */
  readonly topics: readonly string[]
  readonly output: string | undefined
  readonly autoApprove: boolean
  readonly waitMs: number | undefined
  readonly confirm: readonly string[]
  readonly json: boolean
}

export const resyncArgs = (args: readonly unknown[], flags: RawFlags): ResyncArgs => ({
  name: names(args)[0] ?? '',
  topics: listFlag(flags, 'topic'),
  output: textFlag(flags, 'output'),
  autoApprove: isSet(flags, 'autoApprove'),
  waitMs: durationFlag(flags, 'wait'),
  confirm: listFlag(flags, 'confirm'),
  json: isSet(flags, 'json'),
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

export const resync = async (context: Context, args: ResyncArgs): Promise<ExitCode> => {
  const { planFor } = await import('../../app/apply-plans.ts')
  const plan = (session: Parameters<typeof planFor>[0]) =>
    planFor(
      session,
      (parts) => ({ kind: 'resync', topics: topicsToResync(args.topics, parts) }),
      planOptions(context),
    )
  const { output } = args
  if (output !== undefined) {
    const planned = await withSession(context, [args.name], plan)
    return showAndWrite(context, planned, { json: args.json, output })
  }
  return showAndRun(
    context,
    {
      names: [args.name],
      plan: async (session) => [await plan(session)],
      approved: args.autoApprove,
      confirm: args.confirm,
      waitMs: args.waitMs,
      until: undefined,
    },
    { json: args.json, again: (name) => `ferry apply ${name}` },
  )
}

export const resyncCommand = (act: Act): Command =>
  new Command('resync')
    .summary('mirror topics anew')
    .description(
      'Gives up the copy of topics and makes it again, under new marks: for partitions that stopped and cannot go on exactly. Plans it, shows it with every group that loses positions in the copy, asks, and does it. Refused once a group has moved: roll back first. Deleting what others wrote, or a topic to make it anew, wants --confirm.',
    )
    .argument('<name>', 'a migration')
    .option(
      '--topic <topic>',
      'mirror this topic anew; can be given several times; default: those with a stopped partition',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option('-o, --output <file>', 'write the plan to a file for `ferry apply FILE` and do nothing')
    .option('--auto-approve', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait at a gate, instead of gates.timeout; 0s checks once',
    )
    .option(
      '--confirm <name>',
      'the plan has steps that cannot be undone, and they may run',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option('--json', 'the results as JSON; with -o the plan')
    .action(
      act(async (context, raw, flags) => resync(context, resyncArgs(raw, flags)), {
        finishesStep: true,
      }),
    )
