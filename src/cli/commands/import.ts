import { dirname, join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import type { ImportResult } from '../../app/import-migration.ts'
import type { GroupId, TopicName } from '../../domain/ids.ts'
import { textFlag, wrongUse } from '../args.ts'
import { asksClusters, type Context } from '../context.ts'
import { exitCodeFor } from '../exit-codes.ts'
import type { Act, RawFlags } from '../verb.ts'

export interface ImportArgs {
  readonly from: string
  readonly to: string
  readonly topics: readonly TopicName[]
  readonly groups: readonly GroupId[]
  readonly name: string
  readonly output: string | undefined
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/

/** `orders-api` of the group `Orders_API`. */
const nameFrom = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 63)
    .replace(/^[.-]+|[.-]+$/g, '')

export const importArgs = (flags: RawFlags): ImportArgs => {
  const from = textFlag(flags, 'from')
  const to = textFlag(flags, 'to')
  const topics = (flags.topic ?? []) as readonly TopicName[]
  const groups = (flags.group ?? []) as readonly GroupId[]
  if (from === undefined || to === undefined) {
    throw wrongUse(
      'An import needs both clusters.',
      'Give --from CLUSTER and --to CLUSTER, by the names of their cluster files.',
    )
  }
  if (topics.length + groups.length === 0) {
    throw wrongUse(
      'An import begins at groups or topics, and none was named.',
      'Give --group GROUP or --topic TOPIC, each as often as needed.',
    )
  }
  const name = textFlag(flags, 'name') ?? nameFrom(groups[0] ?? topics[0] ?? '')
  if (!NAME.test(name)) {
    throw wrongUse(
      `${JSON.stringify(name)} cannot be the name of a migration.`,
      'Give --name NAME: small letters, digits, dots and hyphens, at most 63.',
    )
  }
  return { from, to, topics, groups, name, output: textFlag(flags, 'output') }
}

/** Writes a new plan file from the live source. Overwrites nothing. */
export const importVerb = async (context: Context, args: ImportArgs): Promise<ImportResult> => {
  const { importMigration } = await import('../../app/import-migration.ts')
  const folder = dirname(resolve(context.cwd, context.flags.project ?? 'ferry.yaml'))
  const file =
    args.output === undefined
      ? join(folder, 'plans', `${args.name}.yaml`)
      : resolve(context.cwd, args.output)
  return asksClusters(context, (options) =>
    importMigration({ ...options, ...args, file, now: context.streams.now }),
  )
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

export const importCommand = (act: Act): Command =>
  new Command('import')
    .summary('write a plan file from a live cluster')
    .description(
      'Writes a complete plan file for a service: the groups and topics that are named, and everything that shares topics with them on the source, over any number of hops, with comments that say why. Access and quotas are those of the source, as far as it tells them and for what moves; SCRAM users are left to the owner, since no broker tells a password. Reads clusters only, and overwrites no file.',
    )
    .option('--from <cluster>', 'the source, by the name of its cluster file')
    .option('--to <cluster>', 'the target, by the name of its cluster file')
    .option(
      '--group <group>',
      'a consumer group of the service; may be given several times',
      collect,
    )
    .option('--topic <topic>', 'a topic of the service; may be given several times', collect)
    .option('--name <name>', 'name of the migration (default: after the first group or topic)')
    .option('-o, --output <file>', 'the file to write (default: plans/NAME.yaml)')
    .action(
      act(async (context, _, flags) => {
        const result = await importVerb(context, importArgs(flags))
        const { renderImported } = await import('../../views/import.ts')
        context.print(renderImported(result, relative(context.cwd, result.file)))
        context.tell(result.warnings)
        return exitCodeFor(result.warnings)
      }),
    )
