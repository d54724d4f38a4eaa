import { setTimeout as delay } from 'node:timers/promises'
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
import { canonicalLine } from '../domain/canonical-json.ts'
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
import { type MigrationState, offsetMapOf, type PartitionProgress } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { AcceptGap } from '../domain/step.ts'
import { translateBack } from '../domain/translate-back.ts'
import { counted, humanSeconds } from './_words.ts'
import { readStops } from './read-stops.ts'
import type { Run, StepKind } from './step-kind.ts'
import type { StopFacts } from './stop-facts.ts'

/** How often the progress is looked at while the mirror goes over the gap. */
const POLL_MS = 250
/** Control markers that a broker takes in a second, well below what was measured. */
const MARKERS_PER_SECOND = 10_000

/** Goes on behind a range of the source that cannot be mirrored, without it. */
export const acceptGap: StepKind<AcceptGap> = {
  kind: 'accept-gap',
  interruptible: true,

  plan: () => ({ steps: [] }),

  gates: () => [],

  /**
   * 1. See that the partition still stands there, for the reason and with the groups that the plan has shown.
   * 2. Write the decision: every mirror that follows the migration picks it up.
   * 3. Wait until the mirror is behind the gap.
   */
  apply: async (step, run) => {
    const range = rangeOf(step)
    const key = partitionKey(step.topic, step.partition)
    const stood = (await run.store.readProgress(run.migration.name)).get(key)?.problem ?? null
    if (acceptedAs(run.state(), range) === undefined) {
      const problem = await decide(step, range, run)
      if (problem) return { done: false, problem }
    }
    return { ...(await untilBehind(range, stood, run)) }
  },

  describe: (step) => {
    const range = rangeOf(step)
    return {
      symbol: '!',
      noun: 'gap',
      name: partitionKey(step.topic, step.partition),
      says: [
        `go on without source offsets ${range.from} to ${range.to - 1n} (${counted(range.to - range.from, 'offset')}; ${WHY[step.code] ?? step.code})`,
        offsetsInWords(step),
        ...step.losing.map(
          ({ group, side, offsets }) =>
            `${group} (on the ${side}) has not read ${offsets} of them, and will not`,
        ),
      ].join('; '),
    }
  },
}

/** Why a partition stops where a gap may be accepted, in a few words. */
const WHY: Partial<Record<AcceptGap['code'], string>> = {
  FERRY1601: 'they cannot be carried',
  FERRY1602: 'gone from the source before they were copied',
  FERRY1605: 'lost on the target, and gone from the source',
  FERRY1612: 'damaged on the source',
}

const offsetsInWords = ({ offsets, from, to }: AcceptGap): string => {
  const count = BigInt(to) - BigInt(from)
  switch (offsets) {
    case 'dense':
      return 'offsets stay dense'
    case 'padded':
      return `offsets stay identical: ${counted(count, 'control marker')}, ${humanSeconds(Number(count) / MARKERS_PER_SECOND)}`
    case 'diverged':
      return `offsets stop to be identical: too many to pad, so that what is behind stands ${count.toLocaleString('en-US')} lower on the target; the offset index maps it, and positions outside of Kafka do not fit any more`
  }
}

const rangeOf = ({ topic, partition, from, to }: AcceptGap): NamedRange => ({
  topic,
  partition,
  from: BigInt(from) as SourceOffset,
  to: BigInt(to) as SourceOffset,
})

const markOf = (state: MigrationState, { topic, partition }: NamedRange): Mark | undefined =>
  placesOf(state).marks.get(partitionKey(topic, partition))

/** The decision about exactly this range, if it was made under the mark of now. */
const acceptedAs = (state: MigrationState, range: NamedRange): AcceptedGap | undefined => {
  const mark = markOf(state, range)
  return mark === undefined
    ? undefined
    : acceptedOf(mark, state.acceptedGaps).find(
        ({ from, to }) => from === range.from && to === range.to,
      )
}

const decide = async (
  step: AcceptGap,
  range: NamedRange,
  run: Run,
): Promise<Diagnostic | undefined> => {
  const key = partitionKey(step.topic, step.partition)
  const state = run.state()
  const progress = await run.store.readProgress(run.migration.name)
  const stops = await readStops(run.clusters, { state, progress }, [key])
  const now = gapStep({ migration: run.migration.name, state, progress, stops }, range)
  if ('problem' in now) return now.problem
  if (now.step === undefined || canonicalLine(now.step) !== canonicalLine(step)) {
    return diagnostic({
      code: 'FERRY1351',
      detail: `${rangeName(range)}: since the plan was shown, this changed: who has not read it, or how the offsets go on.`,
      fix: `Look at it again: \`${acceptCommand(run.migration.name, range)}\`.`,
    })
  }
  const mark = markOf(state, range)!
  const gap: AcceptedGap = {
    ...range,
    producerId: mark.producerId,
    code: step.code,
    offsets: step.offsets,
    losing: step.losing,
    at: run.now().toISOString(),
  }
  await run.decide((s) => ({ ...s, acceptedGaps: [...s.acceptedGaps, gap] }))
  return undefined
}

/** The mirror of this process takes part, so that it goes on also where no other runs. */
const untilBehind = async (
  range: NamedRange,
  stood: Diagnostic | null,
  run: Run,
): Promise<
  | { readonly done: true; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly done: false; readonly problem: Diagnostic }
> => {
  const key = partitionKey(range.topic, range.partition)
  const { producerId, offsets, losing } = acceptedAs(run.state(), range)!
  await run.mirror()
  let reached = -1n
  let lastMove = run.now().getTime()
  for (;;) {
    const stored = (await run.store.readProgress(run.migration.name)).get(key)
    const ours = stored?.producerId === producerId ? stored : undefined
    const mirroredTo = ours?.mirroredTo ?? 0n
    if (mirroredTo >= range.to)
      return { done: true, facts: { gap: rangeName(range), offsets, losing } }
    const isAnother = ours?.problem != null && ours.problem.detail !== stood?.detail
    if (isAnother) return { done: false, problem: ours.problem }
    const time = run.now().getTime()
    if (mirroredTo !== reached) lastMove = time
    reached = mirroredTo
    if (time - lastMove > run.gateTimeoutMs) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1502',
          detail: `${key}: the gap is accepted, and the mirror is not behind it after ${humanSeconds((time - lastMove) / 1000)}.`,
          fix: `Look at the log for what the mirror waits for, then run it again: it goes on where it stopped.`,
        }),
      }
    }
    run.report(
      `${key}: waiting for the mirror to be behind the gap, ${range.to - mirroredTo} offsets to go`,
    )
    await delay(POLL_MS, undefined, { signal: run.signal })
  }
}

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
