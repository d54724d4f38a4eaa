import { parsePartitionKey } from '../domain/ids.ts'
import type { PlannedOrder } from '../domain/planned-order.ts'
import { type Order, type ReachedStage, stageRank } from '../domain/stage.ts'
import { counted, humanBytes, humanSeconds } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { type ObservedPartition, partitionSeen } from './observed.ts'
import { retentionOf } from './topic-configs.ts'

/** What the mirror does at least, in bytes per second, where no throttle says less. */
export const MIRROR_RATE = 80 * 1024 * 1024
/** A mirror that is busier than this with what comes in hardly catches up. */
const BUSY = 0.8
/** Unread records that retention takes within this time make waiting for their consumers a risk. */
const SOON_MS = 24 * 3_600_000

export interface OrderAdvice {
  readonly order: Order
  /** A sentence without its dot. */
  readonly because: string
}

type OrderContext = Pick<PlanContext, 'desired' | 'observed' | 'now'>

/** Which side should move first, from live lag, rate and retention. Averages over the log: an estimate, not a promise. */
export const recommendOrder = (context: OrderContext): OrderAdvice => {
  const { desired } = context
  const written = writeRate(context)
  const mirrored = desired.mirror.throttle ?? MIRROR_RATE
  if (written > mirrored * BUSY) {
    return {
      order: 'producers-first',
      because: `its topics are written at about ${humanBytes(written)}/s and the mirror does ${humanBytes(mirrored)}/s: consumers on the target would fall behind for as long as producers stay on the source`,
    }
  }
  const expiring = firstUnreadToExpire(context)
  if (expiring) {
    return {
      order: 'consumers-first',
      because: `${expiring.group} is ${counted(expiring.lag, 'record')} behind on ${expiring.partition}, and the oldest of them expire on the source in about ${humanSeconds(expiring.inMs / 1000)}: the target keeps them a day longer, once its consumers are there`,
    }
  }
  return {
    order: 'consumers-first',
    because:
      'the mirror keeps up, so nothing but the copy is written to the target while consumers move, and going back is free',
  }
}

/** What a plan forwards says of its order: while it can still be another one, and there are groups to move. */
export const plannedOrder = (context: PlanContext): PlannedOrder | undefined => {
  const { desired, state } = context
  const { order: file, stage, groups } = desired
  const moves = (reached: ReachedStage) => stageRank(reached, file) > stageRank('mirrored', file)
  if (groups.length === 0 || !moves(stage) || moves(state.stage)) return undefined
  const { order: advised, because } = recommendOrder(context)
  return { file, advised, because }
}

/** Bytes per second over all topics, on average over what the source holds. */
const writeRate = ({ desired, observed, now }: OrderContext): number => {
  let rate = 0
  for (const { name } of desired.topics) {
    for (const p of observed.source.topics.get(name)?.partitions ?? []) {
      const seconds = ageMs(p, now) / 1000
      if (p.sample && seconds > 0) {
        rate += (Number(p.highWatermark - p.logStart) * p.sample.recordBytes) / seconds
      }
    }
  }
  return rate
}

/** From the oldest record to now; 0 where it is not known. */
export const ageMs = ({ sample }: ObservedPartition, now: Date): number =>
  sample && sample.firstTimestamp >= 0 ? Math.max(0, now.getTime() - sample.firstTimestamp) : 0

/** When the record at an offset was written, taking that records come evenly. */
export const timeOf = (p: ObservedPartition, offset: bigint, now: Date): number | undefined => {
  const age = ageMs(p, now)
  const held = Number(p.highWatermark - p.logStart)
  if (age === 0 || held <= 0) return undefined
  const place = Math.min(1, Math.max(0, Number(offset - p.logStart) / held))
  return now.getTime() - age * (1 - place)
}

/** Each group is looked at where it has a position, which is on few of many topics. Of two at the same moment the first in the file counts. */
const firstUnreadToExpire = ({ desired, observed, now }: OrderContext) => {
  const placeOf = new Map(desired.topics.map(({ name }, place) => [name, place] as const))
  let first:
    | {
        readonly place: number
        readonly seen: ObservedPartition
        readonly group: string
        readonly partition: string
        readonly lag: bigint
        readonly inMs: number
      }
    | undefined
  for (const { id } of desired.groups) {
    for (const [key, commit] of observed.source.groups.get(id)?.commits ?? []) {
      const { topic } = parsePartitionKey(key)
      const place = placeOf.get(topic)
      const seen = partitionSeen(observed.source, key)
      if (place === undefined || !seen || commit.offset >= seen.highWatermark) continue
      const retention = retentionOf(observed.source.topics.get(topic), 'retention.ms')
      const written = timeOf(seen, commit.offset, now)
      if (retention < 0 || written === undefined) continue
      const inMs = Math.max(0, written + retention - now.getTime())
      if (inMs > SOON_MS) continue
      const isFirst =
        !first ||
        inMs < first.inMs ||
        (inMs === first.inMs &&
          (place < first.place || (place === first.place && seen.partition < first.seen.partition)))
      if (isFirst) {
        const partition = `${topic}-${seen.partition}`
        first = { place, seen, group: id, partition, lag: seen.highWatermark - commit.offset, inMs }
      }
    }
  }
  return first
}
