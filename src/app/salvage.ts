import { setTimeout } from 'node:timers/promises'
import { type NamedRange, rangeName } from '../domain/accepted-gap.ts'
import { valuesOf } from '../domain/answers.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey, type TargetOffset, type TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { endedWaysBack, withOwn } from '../domain/reverse.ts'
import type { LostRange, MigrationState, Salvage, SourceRange } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { giveUpCommand, goneInWords, nameRange, type StrandedRange } from '../domain/stranded.ts'
import type { MirrorLog, MirrorTimings } from '../mirror/mirror.ts'
import { reopenedWayBack } from '../planner/guards/reverse.ts'
import { notEnded, strandedNow } from './find-stranded.ts'
import {
  beforeSent,
  finishGivingUp,
  type GivingUp,
  giveUp,
  giveUpSent,
  onTargetAfterAll,
  requireSentNamed,
} from './give-up.ts'
import { lockHolder } from './lock-holder.ts'
import type { PlanOptions } from './make-plan.ts'
import type { Session } from './open-session.ts'

export interface SalvageRunOptions extends PlanOptions {
  readonly timings: MirrorTimings
  readonly log: MirrorLog
  /** Ranges that are given up: retention has taken them, or nobody can tell whether they are on the target: `orders.events:3:100-149`. */
  readonly accept: readonly string[]
}

export interface SalvagedRange extends StrandedRange {
  /** Records in the range: it may hold markers and aborted records, which are not appended. */
  readonly records: number
}

export interface SalvageResult {
  readonly done: readonly SalvagedRange[]
  /** Given up by this run. */
  readonly lost: readonly LostRange[]
  /** Named to be given up, and not: they are on the target. */
  readonly there: readonly NamedRange[]
}

/**
 * Appends what is stranded to the target, each range once.
 *
 * 1. Take the lock; look again.
 * 2. For each range: write down the producer id that it will be appended with and the target's log end, unless an earlier attempt did. One whose
 *    seal was opened again since is left out: the mirror has copied it, or does.
 * 3. Where the topic has a way back: hold the lock of that way until every mirror has let go of the topic, so that it is never mirrored
 *    back itself.
 * 4. Append what is missing of it, and write down that it is done, or how far it is where retention has taken what comes next.
 * 5. What is gone is written down as lost where its range was named: between what was mirrored back that ends the way back of its topic, too.
 *    What is the mirror's own there is written down, so that it is not taken for something late once retention has taken it; a run that died
 *    before that is finished by the next one.
 *    The rest of it is told once all else was appended.
 * 6. Where nobody can tell any more whether the last batch of an earlier attempt is on the target, nothing is appended until that batch is named
 *    so, too; then the rest of its range is one of its own. Where it can be told by then, what was named is on the target, and that is said.
 */
export const salvage = async (
  session: Session,
  migration: Migration,
  options: SalvageRunOptions,
): Promise<SalvageResult> => {
  const { salvageRange } = await import('../salvage/salvage-range.ts')
  const clusters = await session.clustersOf(migration)
  const { store } = session
  const holder = lockHolder(`salvage ${migration.name}`, options.now())
  const lock = await store.lock(migration.name, holder)
  const done: SalvagedRange[] = []
  const lost: LostRange[] = []
  const { user, host } = holder
  const { accept, now, report } = options
  const givingUp: GivingUp = {
    ...{ migration, accept, by: { user, host }, now, report, decide, journal, ownOnWayBack },
  }
  try {
    let state = await store.readDecisions(migration.name)
    for (;;) {
      if (state === undefined) return { done, lost, there: [] }
      const finished = await finishGivingUp(state, givingUp)
      state = finished.state
      lost.push(...finished.lost)
      const open = state.salvages.find(({ status }) => status === 'pending')
      if (open !== undefined && placeOf(state, open) === undefined) {
        state = await withdraw(state, open)
        continue
      }
      let next: StrandedRange | undefined = open
      if (next === undefined) {
        const now = await strandedNow(session, migration, state, options.signal)
        const { held, gone } = now
        const given = await giveUp(state, gone, givingUp)
        if (given !== state) {
          state = given
          continue
        }
        if (held.length === 0 && gone.length > 0) throw isGone(gone, await tellThere(state))
        if (held.length === 0 && now.open !== undefined) {
          throw notEnded(migration, now.open, told('What was left is on', done))
        }
        next = held[0]
      }
      if (next === undefined) return { done, lost, there: await tellThere(state) }
      const mirror = placeOf(state, next)
      // What is stranded comes from the seals of this very state.
      if (mirror === undefined) throw new Error(`${nameRange(next)} is not behind a seal`)
      const intent = open ?? (await intentOf(next))
      if (!open) {
        const reopened = reopenedWayBack(state)
        if (reopened.reverse !== state.reverse) report('opens the seals of the way back again')
        state = await decide(reopened, { salvages: [...state.salvages, intent] })
      }
      const step = `salvage/${partitionKey(intent.topic, intent.partition)}`
      await journal({ kind: 'intent', step })
      state = await endWayBack(state, [intent.topic])
      options.report(`appends ${nameRange(intent)}`)
      const others = state.salvages.filter((each) => each.producerId !== intent.producerId)
      const end = await salvageRange({
        ...clusters,
        salvage: intent,
        mirror,
        isResumed: open !== undefined,
        known: state,
        requestTimeoutMs: options.timings.requestTimeoutMs,
        remember: async (sent) => {
          state = await decide(state!, { salvages: [...others, { ...intent, sent }] })
        },
        pause: (ms, signal) => setTimeout(ms, undefined, { signal }),
        report: options.report,
        signal: options.signal,
      })
      if ('unsure' in end) {
        requireSentNamed(intent, end, givingUp, others)
        await finish(intent, beforeSent(intent, end.unsure), end.unsure.place)
        state = await giveUpSent({ ...state, salvages: others }, intent, end, givingUp)
        continue
      }
      const { records, to } = end
      // Nothing of it: what retention took stays stranded, and the rest is a range of its own. What this attempt found as sent stays written down:
      // a message may have named it, see giveUp.
      const part: Salvage = { ...intent, to, status: 'done' }
      const parts = to > intent.from ? [part] : []
      await finish(intent, parts, records)
      state = await decide(state, { salvages: [...others, ...parts] })
    }
  } finally {
    await lock.release()
  }

  /**
   * Of an attempt that ended: what of its range is on the target, if anything is. Before it is decided: the journal may tell it twice, where a
   * run dies in between, never not at all.
   */
  async function finish(
    { topic, partition }: Salvage,
    [part]: readonly Salvage[],
    records: number,
  ): Promise<void> {
    const facts = part === undefined ? { records: 0 } : { range: nameRange(part), records }
    const step = `salvage/${partitionKey(topic, partition)}`
    await journal({ kind: 'result', step, outcome: 'done', facts })
    if (part !== undefined) done.push({ ...part, records })
  }

  /** Opening a seal withdraws what was begun behind it. A state of an earlier version may hold it still: appended now it would be there twice. */
  async function withdraw(state: MigrationState, salvage: Salvage): Promise<MigrationState> {
    const withdrawn = nameRange(salvage)
    report(`leaves ${withdrawn} out: its seal was opened again since, the mirror copies that`)
    const step = `salvage/${partitionKey(salvage.topic, salvage.partition)}`
    await journal({ kind: 'result', step, outcome: 'done', facts: { withdrawn } })
    const salvages = state.salvages.filter(({ producerId }) => producerId !== salvage.producerId)
    return decide(state, { salvages })
  }

  async function tellThere(state: MigrationState): Promise<readonly NamedRange[]> {
    const there = onTargetAfterAll(state, accept)
    for (const range of there) {
      const facts = { there: nameRange(range), user, host }
      const step = `accept-gap/${rangeName(range)}`
      await journal({ kind: 'result', step, outcome: 'done', facts })
    }
    return there
  }

  function told(says: string, ranges: readonly StrandedRange[]): string {
    const { name } = clusters.target
    return ranges.length > 0 ? ` ${says} ${name}: ${ranges.map(nameRange).join(', ')}.` : ''
  }

  function isGone(gone: readonly StrandedRange[], there: readonly NamedRange[]): FerryError {
    const { source, target } = clusters
    const rest = told('What was left is on', done) + told('Not given up, by now on', there)
    return new FerryError(
      diagnostic({
        code: 'FERRY1710',
        detail: `${goneInWords(source.name, gone)}.${rest}`,
        fix: `If they are needed, let their producer write them to ${target.name} anew. Until they are given up ${migration.name} cannot be retired: ${giveUpCommand(migration.name, gone)} --confirm ${migration.name}.`,
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

  async function endWayBack(
    state: MigrationState,
    topics: readonly TopicName[],
  ): Promise<MigrationState> {
    const reverse = withOwn(state.reverse, await ownOnWayBack(state, topics))
    return reverse === state.reverse ? state : decide({ ...state, reverse })
  }

  /** Nothing more comes of a way back that has ended: what stands there by then is the mirror's, or late. */
  async function ownOnWayBack(
    state: MigrationState,
    topics: readonly TopicName[],
  ): Promise<readonly SourceRange[]> {
    const ended = endedWaysBack(state)
    const marks = state.reverse.marks.filter(
      ({ topic }) => topics.includes(topic) && ended.has(topic),
    )
    if (marks.length === 0) return []
    const { withPartitions } = await import('../mirror/with-partitions.ts')
    const { lookAtWayBack } = await import('../mirror/late-on-way-back.ts')
    const { timings, log, signal, report } = options
    const { source } = clusters
    const keys = marks.map((mark) => partitionKey(mark.topic, mark.partition))
    const counts = new Map<TopicName, number>()
    for (const { topic } of marks) counts.set(topic, (counts.get(topic) ?? 0) + 1)
    const member = { project: session.project.name, target: source, timings, log, signal, report }
    report(
      `waits until every mirror has let go of ${[...counts.keys()].join(', ')} on its way back`,
    )
    await withPartitions(member, counts, (lock) => lock.write(keys, async () => {}))
    const progress = await store.readProgress(migration.name, 'reverse')
    return (await lookAtWayBack(source, { ...state.reverse, marks }, progress, signal)).own
  }

  async function decide(
    state: MigrationState,
    change: Partial<Pick<MigrationState, 'salvages'>> = {},
  ): Promise<MigrationState> {
    const next = { ...state, ...change, serial: state.serial + 1 }
    await store.writeDecisions(next, state.serial)
    return next
  }

  async function journal(what: Parameters<typeof store.appendJournal>[1]['what']): Promise<void> {
    const at = options.now().toISOString()
    await store.appendJournal(migration.name, { at, plan: 'salvage', what })
  }
}

/**
 * The mirror's producer, and where it ended on the target, of late records. Undefined: they are none (any more). Their seal was opened again, so
 * that the mirror copies them, or it was, and set behind them.
 */
const placeOf = (
  state: MigrationState,
  { topic, partition, from }: StrandedRange,
): { readonly producerId: bigint; readonly sealedEnd: TargetOffset } | undefined => {
  const key = partitionKey(topic, partition)
  const { marks, seals } = placesOf(state)
  const [mark, seal] = [marks.get(key), seals.get(key)]
  return mark === undefined || seal === undefined || from < seal.sourceEnd
    ? undefined
    : { producerId: mark.producerId, sealedEnd: seal.targetEnd }
}
