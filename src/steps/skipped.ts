import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type GroupId, type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { GroupSpec, Migration } from '../domain/migration.ts'
import { leavesOut, type Skipped, skippedBelow } from '../domain/skipped.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { upperFirst } from '../domain/upper-first.ts'
import { partitionSeen } from '../planner/observed.ts'
import { counted } from './_words.ts'
import type { PlanContext } from './step-kind.ts'
import { whyDue } from './sync-again.ts'

/** Positions of a group below the marks: mirroring began behind them, so that on the target the group begins at the mark. */

/** Where mirroring begins that does not begin at the log start, for people. */
export const startInWords = ({ mirror: { startFrom } }: Pick<Migration, 'mirror'>): string =>
  startFrom instanceof Date ? startFrom.toISOString() : 'the end of the log'

/** What a group that is still to be synced would skip, as it stands now. Of a partition without a mark only what is gone can be told. Pure. */
export const skippedBy = (context: PlanContext, spec: GroupSpec): readonly Skipped[] => {
  const { desired, observed, state } = context
  const sync = state.syncs.find((s) => s.group === spec.id && s.status === 'done')
  // Once it was synced, only partitions that came since are due, but where it is synced again. What is written again was told then.
  const due = whyDue(context, spec)
  const onlyNew = sync !== undefined && (due.reason === undefined || due.gone !== undefined)
  const there = onlyNew ? observed.target.groups.get(spec.id)?.commits : undefined
  const ours = new Set(desired.topics.map(({ name }) => name))
  const { marks } = placesOf(state)
  return [...(observed.source.groups.get(spec.id)?.commits ?? [])].flatMap(([key, { offset }]) => {
    if (!ours.has(parsePartitionKey(key).topic)) return []
    if (onlyNew && (sync.positions.has(key) || there?.has(key))) return []
    // Where it could not be read, a problem stands for that.
    const logStart = partitionSeen(observed.source, key)?.logStart ?? offset
    const mark = marks.get(key)?.sourceStart ?? logStart
    return skippedBelow(key, { from: offset, mark, logStart }) ?? []
  })
}

/** What is said of them in a plan: an error where nobody has said that these records are not wanted and a group is about to move. Pure. */
export const skippedFindings = (
  context: PlanContext,
  spec: GroupSpec,
  isDue: boolean,
): readonly Diagnostic[] => {
  const { desired, observed, state } = context
  const { source, target } = observed
  const skipped = skippedBy(context, spec)
  const held = skipped.filter((each) => each.held > 0n)
  const gone = skipped.filter((each) => each.gone > 0n)
  const found: Diagnostic[] = []
  if (held.length > 0 && leavesOut(desired)) {
    found.push(
      diagnostic({
        code: 'FERRY1349',
        severity: 'warning',
        detail: `${spec.id} has not read ${heldInWords(held)} on ${source.name}. That is below the mark, since mirroring began at ${startInWords(desired)}: on ${target.name} it begins at the mark and never sees it.`,
        fix: `Nothing, if that is meant. Else ${waysOn(desired, state, source.name, held)}`,
        at: spec.at,
      }),
    )
  } else if (held.length > 0) {
    const problem = wouldSkip(desired, state, source.name, { group: spec.id, held })
    found.push({ ...problem, severity: isDue ? 'error' : 'warning', at: spec.at })
  }
  if (gone.length > 0) {
    found.push(
      diagnostic({
        code: 'FERRY1349',
        severity: 'warning',
        detail: `${spec.id} is below the log start of ${source.name}: it has not read ${listed(gone, (each) => [each.from, each.gone])}, which is gone there and on no cluster. On ${target.name} it begins at the first record that was mirrored; on ${source.name} its auto.offset.reset would decide.`,
        fix: `Nothing, if it is to begin there. If it has read all of it elsewhere, or begins at the end, set its position on ${source.name} so.`,
        at: spec.at,
      }),
    )
  }
  return found
}

/** The group would begin behind records that it has not read and that the source still holds. */
export const wouldSkip = (
  migration: Migration,
  state: Pick<MigrationState, 'syncs' | 'seals'>,
  source: string,
  { group, held }: { readonly group: GroupId; readonly held: readonly Skipped[] },
): Diagnostic =>
  diagnostic({
    code: 'FERRY1356',
    detail: `${group} has not read ${heldInWords(held)}. ${source} still holds that, and mirroring began behind it, at the mark: moved now, ${group} would skip it.`,
    fix: leavesOut(migration)
      ? `The file leaves out what is before the mark, but the plan that runs does not say that ${group} would skip this. If that is meant, make a new plan, which counts them, and have it reviewed. Else ${waysOn(migration, state, source, held)}`
      : `${upperFirst(waysOn(migration, state, source, held))} If it may go on without them, \`mirror.startFrom: latest\` in the file says so.`,
  })

const waysOn = (
  { name }: Migration,
  { syncs, seals }: Pick<MigrationState, 'syncs' | 'seals'>,
  source: string,
  held: readonly Skipped[],
): string => {
  const topics = [...new Set(held.map(({ key }) => parsePartitionKey(key).topic))]
  const hasMoved = seals.length > 0 || syncs.some(({ status }) => status === 'done')
  const back = hasMoved ? `\`ferry rollback ${name} --to mirrored\` and then ` : ''
  const resync = `\`ferry resync ${name}${topics.map((topic) => ` --topic ${topic}`).join('')}\``
  return `let its consumers read on on ${source} until they are past the mark, and make a new plan; or have it mirrored anew from where the group is, by \`mirror.startFrom: committed\` (or earliest) and ${back}${resync}; or take the group out of the file.`
}

const heldInWords = (held: readonly Skipped[]): string =>
  listed(held, ({ mark, held: count }) => [mark - count, count])

/** More would not be read. */
const NAMED_AT_MOST = 5

/** `60 records of orders:0 (offsets 40 to 99)`, by where each begins and how many there are. */
const listed = (
  skipped: readonly Skipped[],
  range: (each: Skipped) => readonly [from: bigint, count: bigint],
): string => {
  const named = skipped.slice(0, NAMED_AT_MOST).map((each) => {
    const [from, count] = range(each)
    return `${counted(count, 'record')} of ${each.key} (offsets ${from} to ${from + count - 1n})`
  })
  const more = skipped.slice(NAMED_AT_MOST)
  if (more.length === 0) return named.join(', ')
  const rest = more.reduce((sum, each) => sum + range(each)[1], 0n)
  return `${named.join(', ')}, and ${counted(rest, 'record')} of ${counted(more.length, 'partition')} more`
}

/** Those of a step, by partition, for the journal. */
export const byPartition = (skipped: readonly Skipped[]): Readonly<Record<PartitionKey, string>> =>
  Object.fromEntries(skipped.map(({ key, held, gone }) => [key, String(held + gone)]))
