import { setTimeout } from 'node:timers/promises'
import { valuesOf } from '../domain/answers.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey, type TargetOffset } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { endedWaysBack, type MigrationState, type Salvage } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import {
  heldAndGone,
  nameRange,
  notSalvaged,
  producersMayWrite,
  type StrandedRange,
  strandedRanges,
} from '../domain/stranded.ts'
import type { MirrorLog, MirrorTimings } from '../mirror/mirror.ts'
import { rollbackUnderWay } from '../planner/guards/reverse.ts'
import { lockHolder } from './lock-holder.ts'
import type { PlanOptions } from './make-plan.ts'
import type { Session } from './open-session.ts'

export interface SalvageRunOptions extends PlanOptions {
  readonly timings: MirrorTimings
  readonly log: MirrorLog
}

export interface SalvagedRange extends StrandedRange {
  /** Records in the range: it may hold markers and aborted records, which are not appended. */
  readonly records: number
}

/** The late records of a migration, as they are now. Reads both clusters, changes nothing. */
export const findStranded = async (
  session: Session,
  migration: Migration,
  signal: AbortSignal,
): Promise<readonly StrandedRange[]> => {
  const state = await session.store.readDecisions(migration.name)
  return state === undefined ? [] : strandedNow(session, migration, state, signal)
}

const strandedNow = async (
  session: Session,
  migration: Migration,
  state: MigrationState,
  signal: AbortSignal,
): Promise<readonly StrandedRange[]> => {
  const { lateOnWayBack } = await import('../mirror/late-on-way-back.ts')
  const { source } = await session.clustersOf(migration)
  const between = await lateOnWayBack(
    source,
    state.reverse,
    await session.store.readProgress(migration.name, 'reverse'),
    signal,
  )
  // Not past an open transaction: what it will have been nobody knows yet.
  const ends = valuesOf(await source.listOffsets(state.seals, 'stable'))
  const mayBeWritten = ({ topic }: StrandedRange) =>
    producersMayWrite(topic, state, migration.order)
  const stranded = strandedRanges(state, ({ topic, partition }) =>
    ends.get(partitionKey(topic, partition)),
  ).filter(mayBeWritten)
  // Appended behind a sealed way back they would stop the rollback, which alone may go on then. What came between has ended that way already.
  const underWay = rollbackUnderWay({ desired: migration, state })
  if (stranded.length > 0 && underWay.length > 0) throw new FerryError(underWay)
  return [...stranded, ...notSalvaged(between, state).filter(mayBeWritten)]
}

/**
 * Appends what is stranded to the target, each range once.
 *
 * 1. Take the lock; look again.
 * 2. For each range: write down the producer id that it will be appended with and the target's log end, unless an earlier attempt did.
 * 3. Where the topic has a way back: hold the lock of that way until every mirror has let go of the topic, so that it is never mirrored
 *    back itself.
 * 4. Append what is missing of it, and write down that it is done.
 */
export const salvage = async (
  session: Session,
  migration: Migration,
  options: SalvageRunOptions,
): Promise<readonly SalvagedRange[]> => {
  const { salvageRange } = await import('../salvage/salvage-range.ts')
  const clusters = await session.clustersOf(migration)
  const { store } = session
  const lock = await store.lock(migration.name, lockHolder('salvage', options.now()))
  try {
    let state = await store.readDecisions(migration.name)
    const done: SalvagedRange[] = []
    for (;;) {
      if (state === undefined) return done
      const open = state.salvages.find(({ status }) => status === 'pending')
      const range = open ?? (await nextOf(state, done))
      if (range === undefined) return done
      const intent = open ?? (await intentOf(range))
      if (!open) state = await decide(state, [...state.salvages, intent])
      const step = `salvage/${partitionKey(intent.topic, intent.partition)}`
      await journal({ kind: 'intent', step })
      await endWayBack(state, intent)
      options.report(`appends ${nameRange(intent)}`)
      const records = await salvageRange({
        ...clusters,
        salvage: intent,
        mirror: mirrorOf(state, intent),
        isResumed: open !== undefined,
        requestTimeoutMs: options.timings.requestTimeoutMs,
        pause: (ms, signal) => setTimeout(ms, undefined, { signal }),
        report: options.report,
        signal: options.signal,
      })
      const rest = state.salvages.filter((each) => each.producerId !== intent.producerId)
      state = await decide(state, [...rest, { ...intent, status: 'done' }])
      const facts = { range: nameRange(intent), records }
      await journal({ kind: 'result', step, outcome: 'done', facts })
      done.push({ ...intent, records })
    }
  } finally {
    await lock.release()
  }

  /** Undefined: nothing is left. What the source no longer holds is told once all the rest was appended: nothing accounts for it. */
  async function nextOf(
    state: MigrationState,
    done: readonly SalvagedRange[],
  ): Promise<StrandedRange | undefined> {
    const { source, target } = clusters
    const ranges = await strandedNow(session, migration, state, options.signal)
    const starts = valuesOf(await source.listOffsets(ranges, 'earliest'))
    const { held, gone } = heldAndGone(ranges, starts)
    if (held.length > 0 || gone.length === 0) return held[0]
    throw new FerryError(
      diagnostic({
        code: 'FERRY1710',
        detail: `${gone.map(nameRange).join(', ')} on ${source.name} are gone there by retention, and on no cluster any more.${done.length > 0 ? ` What was left is on ${target.name}: ${done.map(nameRange).join(', ')}.` : ''}`,
        fix: `If they are needed, let their producer write them to ${target.name} anew. ${migration.name} cannot be retired with them missing.`,
      }),
    )
  }

  async function intentOf({ topic, partition, from, to }: StrandedRange): Promise<Salvage> {
    const key = partitionKey(topic, partition)
    const ends = valuesOf(await clusters.target.listOffsets([{ topic, partition }], 'latest'))
    const { producerId, epoch } = await clusters.target.initProducerId()
    return {
      topic,
      partition,
      from,
      to,
      status: 'pending',
      producerId,
      producerEpoch: epoch,
      targetFrom: ends.get(key) as TargetOffset,
      at: options.now().toISOString(),
    }
  }

  async function endWayBack(state: MigrationState, { topic }: Salvage): Promise<void> {
    if (!endedWaysBack(state).has(topic)) return
    const { withPartitions } = await import('../mirror/with-partitions.ts')
    const { timings, log, signal, report } = options
    const keys = state.reverse.marks
      .filter((mark) => mark.topic === topic)
      .map((mark) => partitionKey(mark.topic, mark.partition))
    const member = { project: session.project.name, target: clusters.source, timings, log, signal }
    report(`waits until every mirror has let go of ${topic} on its way back`)
    await withPartitions({ ...member, report }, new Map([[topic, keys.length]]), (lock) =>
      lock.write(keys, async () => {}),
    )
  }

  async function decide(
    state: MigrationState,
    salvages: readonly Salvage[],
  ): Promise<MigrationState> {
    const next = { ...state, salvages, serial: state.serial + 1 }
    await store.writeDecisions(next, state.serial)
    return next
  }

  async function journal(what: Parameters<typeof store.appendJournal>[1]['what']): Promise<void> {
    const at = options.now().toISOString()
    await store.appendJournal(migration.name, { at, plan: 'salvage', what })
  }
}

const mirrorOf = (
  state: MigrationState,
  { topic, partition }: Salvage,
): { readonly producerId: bigint; readonly sealedEnd: TargetOffset } => {
  const key = partitionKey(topic, partition)
  const { marks, seals } = placesOf(state)
  return { producerId: marks.get(key)!.producerId, sealedEnd: seals.get(key)!.targetEnd }
}

/** What is printed before anything is appended, if nobody confirmed it. */
export const unconfirmedSalvage = (
  { name, to }: Migration,
  ranges: readonly StrandedRange[],
): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1411',
      detail: `${ranges.map(nameRange).join(', ')} would be appended to ${to}, behind what producers have written there since. No rollback leads behind the seal of ${[...new Set(ranges.map(({ topic }) => topic))].join(', ')} from then on.`,
      fix: `If the late producers are stopped and these records are wanted: ferry salvage ${name} --confirm ${name}.`,
    }),
  )
