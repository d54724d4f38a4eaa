import {
  type AcceptedGap,
  acceptCommand,
  acceptedOf,
  type GapOffsets,
  type GroupBefore,
  MOST_PADDED,
  type NamedRange,
  rangeName,
} from '../domain/accepted-gap.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  partitionKey,
  type SourceOffset,
  type TargetOffset,
} from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { OffsetIndex } from '../domain/offset-index.ts'
import { offsetMapOf, type PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { AcceptGap } from '../domain/step.ts'
import { translateBack } from '../domain/translate-back.ts'
import type { StopFacts } from './stop-facts.ts'

export interface GapParts {
  readonly migration: string
  readonly state: MigrationState
  readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  readonly stops: ReadonlyMap<PartitionKey, StopFacts>
}

/**
 * The step that accepts one range, or why it may not be. No step: it was accepted, and the mirror is behind it. Pure.
 *
 * Bound to the stop that it answers: the partition stands there now, and what cannot be mirrored is exactly this range.
 */
export const gapStep = (
  { migration, state, progress, stops }: GapParts,
  range: NamedRange,
): { readonly step: AcceptGap | undefined } | { readonly problem: Diagnostic } => {
  const key = partitionKey(range.topic, range.partition)
  const name = rangeName(range)
  const no = (detail: string, fix: string) => ({
    problem: diagnostic({ code: 'FERRY1351', detail: `${name}: ${detail}`, fix }),
  })
  const mark = markOf(state, range)
  const facts = stops.get(key)
  if (mark === undefined || facts === undefined) {
    return no(
      `${key} has no mark: mirroring it has not begun.`,
      `\`ferry apply ${migration}\` begins it.`,
    )
  }
  const stored = progress.get(key)
  const ours = stored?.producerId === mark.producerId ? stored : undefined
  const known = acceptedAs(state, range)
  const mirroredTo = ours?.mirroredTo ?? mark.sourceStart
  if (known !== undefined) {
    return { step: mirroredTo >= range.to ? undefined : stepOf(range, known) }
  }
  if (state.stage === 'retired')
    return no(`${migration} is retired.`, 'There is nothing to mirror any more.')
  if (placesOf(state).seals.has(key)) {
    return no(`${key} is sealed: its copy is complete.`, 'There is nothing to accept.')
  }
  const problem = ours?.problem ?? null
  if (problem === null) {
    return no(
      `${key} is not stopped (${mirroredTo === mark.sourceStart ? 'nothing was mirrored yet' : `mirrored up to ${mirroredTo}`}), so there is nothing to accept.`,
      `\`ferry status ${migration}\` shows what is stopped, and the command for it.`,
    )
  }
  if (range.from < mirroredTo) {
    return no(
      `everything below ${mirroredTo} was mirrored, and what was mirrored is no gap.`,
      `\`ferry status ${migration}\` shows the range that is.`,
    )
  }
  const standing = standingOf(facts, mirroredTo)
  if (!ANSWERS.has(problem.code) || standing === undefined) {
    return no(`${key} stopped for another reason (${problem.code}): ${problem.detail}`, problem.fix)
  }
  if (standing === 'nothing') {
    return no(
      `the source holds what comes next, and it can be carried now.`,
      'Start the mirror again, or let the one that runs go on: `ferry mirror` or `ferry apply`.',
    )
  }
  if (standing.from !== range.from || standing.to !== range.to) {
    return no(
      `what cannot be mirrored now is ${standing.from} to ${standing.to - 1n}.`,
      `If the service can do without that: \`${acceptCommand(migration, { ...range, ...standing })}\`.`,
    )
  }
  const index: OffsetIndex = { ...offsetMapOf(mark, ours), mirroredTo }
  const offsets = offsetsBehind(index, range, mirroredTo)
  const beyond = [...facts.positions.target].find(
    ([, position]) => position > facts.targetEnd && offsets !== 'padded',
  )
  if (beyond !== undefined) {
    return no(
      `${beyond[0]} is at ${beyond[1]} on the target, which ends at ${facts.targetEnd}: it has read records that the target lost, and what comes next would take their offsets.`,
      `Go back first: \`ferry rollback ${migration} --to mirrored\`, then resync.`,
    )
  }
  return {
    step: stepOf(range, {
      code: problem.code,
      offsets,
      losing: losingOf(state, facts, range, index),
    }),
  }
}

/** Stops that may be answered by going on without a range. */
const ANSWERS: ReadonlySet<string> = new Set(['FERRY1601', 'FERRY1602', 'FERRY1605', 'FERRY1612'])

/** The range that cannot be mirrored now; undefined if it is not known where it ends. */
const standingOf = (
  { stop }: StopFacts,
  mirroredTo: SourceOffset,
): { readonly from: SourceOffset; readonly to: SourceOffset } | 'nothing' | undefined => {
  switch (stop.kind) {
    case 'nothing':
      return 'nothing'
    case 'gone':
      return { from: mirroredTo, to: BigInt(stop.to) as SourceOffset }
    case 'blocked':
      return stop.block.isWhole
        ? {
            from: BigInt(stop.block.from) as SourceOffset,
            to: BigInt(stop.block.to) as SourceOffset,
          }
        : undefined
  }
}

/** A hole right before the gap is padded with it. */
const offsetsBehind = (
  { mark, diverged }: OffsetIndex,
  { to }: NamedRange,
  mirroredTo: SourceOffset,
): GapOffsets => {
  if (mark.mode === 'dense' || diverged != null) return 'dense'
  return to - mirroredTo <= MOST_PADDED ? 'padded' : 'diverged'
}

/** Those whose next record lies below the end of the gap: on the target once they were synced, else on the source. */
const losingOf = (
  { syncs }: MigrationState,
  { positions }: StopFacts,
  { from, to }: NamedRange,
  index: OffsetIndex,
): readonly GroupBefore[] => {
  const unread = (next: bigint): string => String(to - (next > from ? next : from))
  const synced = (status: 'pending' | 'done') =>
    new Set<GroupId>(syncs.filter((sync) => sync.status === status).map((sync) => sync.group))
  const [moved, moving] = [synced('done'), synced('pending')]
  const onSource = [...positions.source].flatMap(([group, next]): GroupBefore[] =>
    next >= to || moved.has(group) ? [] : [{ group, side: 'source', offsets: unread(next) }],
  )
  const onTarget = [...positions.target].flatMap(([group, position]): GroupBefore[] => {
    if (moving.has(group)) return []
    const back = translateBack(index, position as TargetOffset)
    const next = back.kind === 'at' ? back.source : index.mirroredTo
    return next >= to ? [] : [{ group, side: 'target', offsets: unread(next) }]
  })
  return [...onSource, ...onTarget]
}

const stepOf = (
  range: NamedRange,
  { code, offsets, losing }: Pick<AcceptedGap, 'code' | 'offsets' | 'losing'>,
): AcceptGap => ({
  kind: 'accept-gap',
  id: `accept-gap/${rangeName(range)}`,
  stage: 'mirrored',
  reason: 'the partition stopped there, and the service can do without these records',
  undo:
    losing.length > 0
      ? { cost: 'impossible', says: 'none: who has not read them never will' }
      : { cost: 'copies-back', says: 'resync' },
  topic: range.topic,
  partition: range.partition,
  from: String(range.from),
  to: String(range.to),
  code,
  offsets,
  losing,
})

export const markOf = (state: MigrationState, { topic, partition }: NamedRange): Mark | undefined =>
  placesOf(state).marks.get(partitionKey(topic, partition))

/** The decision about exactly this range, if it was made under the mark of now. */
export const acceptedAs = (state: MigrationState, range: NamedRange): AcceptedGap | undefined => {
  const mark = markOf(state, range)
  return mark === undefined
    ? undefined
    : acceptedOf(mark, state.acceptedGaps).find(
        ({ from, to }) => from === range.from && to === range.to,
      )
}
