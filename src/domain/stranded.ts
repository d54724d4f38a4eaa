import { rangeName } from './accepted-gap.ts'
import { type Diagnostic, diagnostic } from './diagnostic.ts'
import { type PartitionKey, partitionKey, type SourceOffset, type TopicName } from './ids.ts'
import type { Seal } from './mark.ts'
import { type Order, stageRank } from './stage.ts'
import type { LostRange, MigrationState } from './state.ts'
import { placesOf } from './state-places.ts'

/** Source records that came after the seal and after WRITE was granted: the mirror may not copy them any more. `to` is exclusive. */
export interface StrandedRange {
  readonly topic: TopicName
  readonly partition: number
  readonly from: SourceOffset
  readonly to: SourceOffset
  /** Retention took it before anybody saw who wrote it, between what was mirrored back: whether a record of it came late is not known. */
  readonly unseen?: boolean
}

/** What accounts for late records of one partition: they were salvaged, or retention took them and they were given up. In their order. */
const settledOf = (
  place: Pick<Seal, 'topic' | 'partition'>,
  { salvages, lost }: Pick<MigrationState, 'salvages' | 'lost'>,
): readonly Pick<StrandedRange, 'from' | 'to'>[] =>
  ofPartition([...salvages.filter(({ status }) => status === 'done'), ...lost], place)

/**
 * Up to where a sealed partition of the source is accounted for: by the seal, and by what was salvaged or given up since, as far as that came
 * before the way back began.
 */
export const coveredTo = (
  seal: Seal,
  state: Pick<MigrationState, 'salvages' | 'lost' | 'reverse'>,
): SourceOffset => {
  const back = placesOf(state.reverse).marks.get(partitionKey(seal.topic, seal.partition))
  return (
    settledOf(seal, state)
      .filter(({ from }) => back === undefined || from < back.targetStart)
      // Not past a hole: what retention took before it could be salvaged is accounted for by nobody, until it is given up.
      .reduce((end, { from, to }) => (from <= end && to > end ? to : end), seal.sourceEnd)
  )
}

/** Of ranges that came late, those that no salvage has taken and nobody has given up. */
export const notSalvaged = (
  ranges: readonly StrandedRange[],
  state: Pick<MigrationState, 'salvages' | 'lost'>,
): readonly StrandedRange[] => ranges.flatMap((range) => outside(range, settledOf(range, state)))

/** What of a range lies in none of others, which are in their order. Several may lie in it: a salvage took what there was then. */
export const outside = <R extends Pick<StrandedRange, 'from' | 'to'>>(
  range: R,
  others: readonly Pick<StrandedRange, 'from' | 'to'>[],
): readonly R[] => {
  const rest: R[] = []
  let next = range.from
  for (const { from, to } of others) {
    if (to <= next || from >= range.to) continue
    if (from > next) rest.push({ ...range, from: next, to: from })
    next = to
  }
  return next < range.to ? [...rest, { ...range, from: next }] : rest
}

/** Those of the partition of a range, in their order. */
export const ofPartition = <R extends Pick<StrandedRange, 'topic' | 'partition' | 'from'>>(
  ranges: readonly R[],
  { topic, partition }: Pick<StrandedRange, 'topic' | 'partition'>,
): readonly R[] =>
  ranges
    .filter((each) => each.topic === topic && each.partition === partition)
    .sort((a, b) => Number(a.from - b.from))

/** Those of them that have ended the way back of their topic: what nobody has seen the mirror judges by what stands behind it. */
export const lateBetween = (
  ranges: readonly StrandedRange[],
  state: Pick<MigrationState, 'salvages' | 'lost'>,
): readonly StrandedRange[] => notSalvaged(ranges, state).filter(({ unseen }) => !unseen)

/**
 * How far a sealed partition of the source has to be looked at when its log ends at `end`: behind where the way back begins stands what the
 * reverse mirror writes, and what that one watches.
 */
export const watchedEnd = (
  { topic, partition }: Seal,
  { reverse }: Pick<MigrationState, 'reverse'>,
  end: bigint,
): bigint => {
  const back = placesOf(reverse).marks.get(partitionKey(topic, partition))
  return back !== undefined && back.targetStart < end ? back.targetStart : end
}

/** `ends`: the source's log end of a sealed partition; undefined: not known. */
export const strandedRanges = (
  state: Pick<MigrationState, 'seals' | 'salvages' | 'lost' | 'reverse'>,
  ends: (seal: Seal) => bigint | undefined,
): readonly StrandedRange[] =>
  state.seals.flatMap((seal) => {
    const from = coveredTo(seal, state)
    const end = ends(seal)
    const to = end === undefined ? undefined : watchedEnd(seal, state, end)
    return to === undefined || to <= from
      ? []
      : notSalvaged(
          [{ topic: seal.topic, partition: seal.partition, from, to: to as SourceOffset }],
          state,
        )
  })

/** What of these ranges the source still holds, and what its retention has taken, by its log starts. */
export const heldAndGone = (
  ranges: readonly StrandedRange[],
  starts: ReadonlyMap<PartitionKey, bigint>,
): { readonly held: readonly StrandedRange[]; readonly gone: readonly StrandedRange[] } => {
  const held: StrandedRange[] = []
  const gone: StrandedRange[] = []
  for (const range of ranges) {
    const start = starts.get(partitionKey(range.topic, range.partition)) as SourceOffset
    if (start > range.from) gone.push(start < range.to ? { ...range, to: start } : range)
    if (start < range.to) held.push(start > range.from ? { ...range, from: start } : range)
  }
  return { held, gone }
}

/** `orders-3 offsets 120 to 131`, both included. */
export const nameRange = ({ topic, partition, from, to }: StrandedRange): string =>
  `${topic}-${partition} offset${to - from === 1n ? ` ${from}` : `s ${from} to ${to - 1n}`}`

/** What no cluster holds any more, for people; without a full stop. */
export const goneInWords = (source: string, gone: readonly StrandedRange[]): string => {
  const [unseen, late] = [gone.filter((each) => each.unseen), gone.filter((each) => !each.unseen)]
  return [
    ...(late.length > 0
      ? [
          `${late.map(nameRange).join(', ')} on ${source} are gone there by retention, and on no cluster any more`,
        ]
      : []),
    ...(unseen.length > 0
      ? [
          `${unseen.map(nameRange).join(', ')} on ${source}, between what is mirrored back, were gone there by retention before anybody looked: whether late records were among them nobody can know any more`,
        ]
      : []),
  ].join('; ')
}

/** The command that gives up ranges that are gone, ready to be run. */
export const giveUpCommand = (migration: string, gone: readonly StrandedRange[]): string =>
  ['ferry salvage', migration, ...gone.map((range) => `--accept-gap ${rangeName(range)}`)].join(' ')

/** For whoever looks for these records later. */
export const lostNote = (range: LostRange): Diagnostic =>
  diagnostic({
    code: 'FERRY1352',
    severity: 'warning',
    detail: `${nameRange(range)} of the source ${whyLost(range)}, which ${range.by.user}@${range.by.host} has accepted on ${range.at}.`,
    fix: range.pending
      ? "Whoever did so broke off before what is the mirror's own behind them was written down: run the same `ferry salvage` again before retention of the source takes that, too."
      : 'Nothing is to be done: it is said so that nobody looks for these records.',
  })

const whyLost = ({ unseen, unsure }: LostRange): string => {
  if (unsure)
    return 'came after the seal, and the salvage that sent them broke off: they are on the target or not'
  return unseen
    ? 'were gone there before anybody saw whether a record of them came late: they are on no cluster'
    : 'came after the seal and were gone there before they were salvaged: they are on no cluster'
}

/**
 * Whether the seals of a topic stay, so that what comes late to its source is stranded: producers may write to the target, from the first WRITE
 * grant on, or somebody has written there behind a seal, before that right was taken back or without any. `targetEnd`: undefined if not known.
 */
export const sealsStay = (
  topic: TopicName,
  state: MigrationState,
  order: Order,
  targetEnd: (seal: Seal) => bigint | undefined,
): boolean =>
  producersMayWrite(topic, state, order) ||
  (placesOf(state).sealedTopics.get(topic) ?? []).some(
    (seal) => (targetEnd(seal) ?? seal.targetEnd) > seal.targetEnd,
  )

const producersMayWrite = (topic: TopicName, state: MigrationState, order: Order): boolean =>
  stageRank(state.stage, order) >= stageRank('producers-moved', order) ||
  state.grants.some(
    (acl) =>
      acl.resourceType === 'TOPIC' &&
      (acl.operation === 'WRITE' || acl.operation === 'ALL') &&
      acl.permission === 'ALLOW' &&
      (acl.patternType === 'PREFIXED'
        ? topic.startsWith(acl.resourceName)
        : acl.resourceName === topic || acl.resourceName === '*'),
  )
