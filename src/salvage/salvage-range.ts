import { failureOf, valuesOf } from '../domain/answers.ts'
import { partitionKey, type TargetOffset } from '../domain/ids.ts'
import type { BrokerLink } from '../kafka/cluster.ts'
import { errorName, isRetriable } from '../kafka/error-codes.ts'
import {
  baseOffset,
  baseSequence,
  codecsReady,
  lastOffset,
  nextBatch,
  producerId,
  recordSet,
} from '../records/index.ts'
import { isBeingCleaned } from '../verify/cleaned-topics.ts'
import { appendRest, type Begin } from './append-rest.ts'
import { judgeSent } from './judge-sent.ts'
import { failed, type SalvagedTo, type SalvageOptions, type Unsure } from './salvage-options.ts'

const READ_BYTES = 1024 * 1024

/**
 * Appends the late records of one source partition to the target, each once, in their order, whatever others write there meanwhile.
 *
 * 1. Refuse where a mirror that heard late of the seal has copied some of them itself: behind the seal stands a batch of its producer id.
 * 2. Count what an earlier attempt has appended: the batches of this salvage's own producer id, from the target's log end at its intent on. So
 *    it is known whether the last batch that was written down is there, and with it where the source is to be read on, whatever its cleaner or
 *    its retention did since. Where those of the target have been there, it may not be known: then nothing is appended.
 * 3. Read the source's records from there as a read_committed consumer sees them, up to the end of the range, or to what is gone.
 * 4. Append them, one batch in flight and none larger than the target takes; its sequence is the record's place in the range.
 *
 * Throws FerryError; calling it again goes on.
 */
export const salvageRange = async (options: SalvageOptions): Promise<SalvagedTo | Unsure> => {
  const { salvage, isResumed, requestTimeoutMs, report, signal } = options
  const key = partitionKey(salvage.topic, salvage.partition)
  await codecsReady()
  if (isResumed) {
    report(`waits until nothing that was sent of ${key} before can still arrive`)
    await options.pause(requestTimeoutMs, signal)
  }
  const leaders = await options.target.leaders([salvage.topic], 0)
  const leader = leaders.get(key)?.leader ?? -1
  if (leader < 0) throw failed(options, `${key} has no leader on ${options.target.name}`, true)
  const link = await options.target.connectBroker(leader)
  try {
    const logStart = await logStartOf(options)
    await refuseCopied(options, link, logStart)
    const begin = await beginOf(options, link, logStart)
    if ('unsure' in begin) return begin
    if (begin.place > 0) report(`${begin.place} records of ${key} are on the target already`)
    return await appendRest(options, link, begin)
  } finally {
    await link.close()
  }
}

/** What is below, retention has taken since. */
const logStartOf = async ({ target, salvage }: SalvageOptions): Promise<TargetOffset> => {
  const { topic, partition } = salvage
  const starts = valuesOf(await target.listOffsets([{ topic, partition }], 'earliest'))
  return starts.get(partitionKey(topic, partition)) as TargetOffset
}

const later = (one: TargetOffset, other: TargetOffset): TargetOffset => (one > other ? one : other)

/**
 * What a mirror has copied behind a seal all the same. No mirror can, since a seal is confirmed under the lock of its partitions: so it is enough
 * to look at what retention has left.
 */
const refuseCopied = async (
  options: SalvageOptions,
  link: BrokerLink,
  logStart: TargetOffset,
): Promise<void> => {
  const { salvage, mirror, target } = options
  for await (const batch of batchesFrom(options, link, later(mirror.sealedEnd, logStart))) {
    if (batch.producerId !== mirror.producerId) continue
    const key = partitionKey(salvage.topic, salvage.partition)
    throw failed(
      options,
      `the mirror has copied records of ${key} after the seal: they are on ${target.name} from offset ${batch.baseOffset} on, and would be there twice`,
      false,
    )
  }
}

/** Where to go on, by whether the last batch that was written down is on the target. */
const beginOf = async (
  options: SalvageOptions,
  link: BrokerLink,
  logStart: TargetOffset,
): Promise<Begin | Unsure> => {
  const { salvage, target } = options
  const { sent, from, targetFrom } = salvage
  if (sent === undefined) return { from, place: 0 }
  // Asked before the log is read: what a cleaner that is let at it only now removes, it removes behind that.
  const isCleaned = await mayBeCleaned(options)
  const { found, logEnd } = await countAppended(options, link, logStart)
  const remembered = await rememberedOf(options)
  const appended = sent.place + sent.records
  switch (judgeSent({ sent, targetFrom, found, remembered, logStart, logEnd, isCleaned })) {
    case 'there':
      return { from: sent.to, place: appended }
    case 'missing':
      return { from: sent.from, place: sent.place }
    case 'unsure':
      return { unsure: sent, why: whyUnsure(options, logStart) }
    case 'another':
      throw failed(
        options,
        `${found} records of it are on ${target.name}, and ${sent.place} or ${appended} were sent: the target has lost some, or the state is another one`,
        false,
      )
  }
}

const mayBeCleaned = async ({ salvage, target, known }: SalvageOptions): Promise<boolean> =>
  known.cleaned?.some(({ topic, cluster }) => topic === salvage.topic && cluster === target.id) ||
  (await isBeingCleaned(target, salvage.topic))

/** Sequences follow each other, so that the last batch of our producer says how many records came before it, also where those are gone. */
const countAppended = async (
  options: SalvageOptions,
  link: BrokerLink,
  logStart: TargetOffset,
): Promise<{ readonly found: number; readonly logEnd: TargetOffset }> => {
  const { salvage } = options
  const from = later(salvage.targetFrom, logStart)
  let found = 0
  let logEnd = from
  for await (const batch of batchesFrom(options, link, from)) {
    logEnd = BigInt(batch.baseOffset + batch.places) as TargetOffset
    if (batch.producerId === salvage.producerId) found = batch.firstSequence + batch.places
  }
  return { found, logEnd }
}

/** Records up to the last one that the leader remembers of this salvage; undefined: it does not remember it. */
const rememberedOf = async ({ salvage, target }: SalvageOptions): Promise<number | undefined> => {
  const { topic, partition, producerId: own } = salvage
  const told = valuesOf(await target.describeProducers([{ topic, partition }]))
  const producers = told.get(partitionKey(topic, partition)) ?? []
  const found = producers.find((each) => each.producerId === own)
  return found && found.lastSequence + 1
}

const whyUnsure = ({ salvage, target }: SalvageOptions, logStart: TargetOffset): string => {
  const { topic, partition, targetFrom } = salvage
  const key = partitionKey(topic, partition)
  return logStart > targetFrom
    ? `offsets ${targetFrom} to ${logStart - 1n} of ${key} are gone from ${target.name} since`
    : `the cleaner of ${target.name} may have removed records of ${key} since`
}

interface BatchOnTarget {
  readonly baseOffset: number
  readonly producerId: bigint
  readonly firstSequence: number
  /** Of the records that it was sent with: a cleaner takes records out of a batch, and leaves its offsets. */
  readonly places: number
}

/** The headers of the target's batches up to its log end now. */
async function* batchesFrom(
  options: SalvageOptions,
  link: BrokerLink,
  from: TargetOffset,
): AsyncGenerator<BatchOnTarget> {
  const { target, signal } = options
  const { topic, partition } = options.salvage
  const key = partitionKey(topic, partition)
  const ends = await target.listOffsets([{ topic, partition }], 'latest')
  const end = ends.ok.get(key)
  if (end === undefined) throw failureOf(ends)
  for (let next = Number(from); next < Number(end); ) {
    signal.throwIfAborted()
    const [answer] = await link.fetch({
      topics: [{ topic, partitions: [{ partition, fetchOffset: next, maxBytes: READ_BYTES }] }],
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: READ_BYTES,
      isolation: 'read-uncommitted',
    })
    if (answer === undefined || answer.errorCode !== 0) {
      const name = answer === undefined ? 'nothing' : errorName(answer.errorCode)
      throw failed(
        options,
        `${key} on ${target.name} cannot be read at ${next} (${name}), so that it is not known what is there already`,
        answer === undefined || isRetriable(answer.errorCode),
      )
    }
    const cursor = recordSet(answer.records)
    const before = next
    while (nextBatch(cursor) === 'batch') {
      const { records } = answer
      next = lastOffset(records, cursor.at) + 1
      yield {
        baseOffset: baseOffset(records, cursor.at),
        producerId: producerId(records, cursor.at),
        firstSequence: baseSequence(records, cursor.at),
        places: lastOffset(records, cursor.at) - baseOffset(records, cursor.at) + 1,
      }
    }
    if (next === before) throw failed(options, `${key} could not be read on from ${next}`, true)
  }
}
