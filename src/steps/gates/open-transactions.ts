import { valuesOf } from '../../domain/answers.ts'
import { type PartitionKey, parsePartitionKey, type TopicName } from '../../domain/ids.ts'
import type { ActiveProducer, Cluster } from '../../kafka/cluster.ts'
import type { PartitionNow } from '../partitions-now.ts'
import type { Fact } from './fact.ts'
import { HOLDS, never, waits } from './reading.ts'

export interface OpenTransaction {
  readonly key: PartitionKey
  readonly producer: ActiveProducer
  readonly start: bigint
}

/** States in which a coordinator will end a transaction: by its producer, its timeout, or because it is about to. */
const WILL_END = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence'])

/** What holds back last stable offsets. `untold`: Kafka before 2.8 says no more than that there is something. */
export type OpenSeen =
  | { readonly kind: 'none' }
  | { readonly kind: 'untold'; readonly key: PartitionKey; readonly from: bigint }
  | {
      readonly kind: 'told'
      /** One of the partitions where something is open. */
      readonly key: PartitionKey
      readonly open: readonly OpenTransaction[]
      /** Those of them that nobody will end. */
      readonly hanging: readonly OpenTransaction[]
    }

export const NOTHING_OPEN: OpenSeen = { kind: 'none' }

/**
 * Every transaction has ended: the last stable offset is the high watermark. One that its coordinator does not know as open is hanging
 * (KAFKA-10888 and the like): no timeout ends it, so it is named and not waited for.
 */
export const TRANSACTIONS_ENDED: Fact<{ readonly topic: TopicName }, OpenSeen> = {
  name: 'transactions-ended',
  title: ({ topic }) => `no transaction is open in ${topic}`,
  reads: 'ListOffsets of the source; DescribeProducers and ListTransactions if they differ',
  judge: (seen) => {
    if (seen.kind === 'none') return HOLDS
    if (seen.kind === 'untold') {
      return waits(
        `a transaction is open on ${seen.key} from offset ${seen.from}; Kafka before 2.8 does not tell whose, nor whether it hangs`,
      )
    }
    const [worst] = seen.hanging
    if (worst) {
      const { topic, partition } = parsePartitionKey(worst.key)
      return never(
        `${described(worst)} hangs: no coordinator shows it as open, so that nobody will end it (or Ferry's user may not DESCRIBE its transactional id; ferry doctor says so). Make sure that its service is stopped, then: ` +
          `kafka-transactions.sh abort --topic ${topic} --partition ${partition} --start-offset ${worst.start}`,
      )
    }
    const [one] = seen.open
    return waits(
      one
        ? `${described(one)} is open; it ends with its producer, or its timeout`
        : `a transaction on ${seen.key} is ending`,
    )
  },
}

/** Whose transactions hold back the last stable offset of these partitions, at least one, and whether anybody will end them. */
export const openTransactions = async (
  source: Cluster,
  partitions: readonly Pick<PartitionNow, 'key' | 'sourceStable'>[],
): Promise<OpenSeen> => {
  const { key, sourceStable } = partitions[0]!
  if (source.supports('DescribeProducers') === undefined) {
    return { kind: 'untold', key, from: sourceStable }
  }
  const open = await openOn(
    source,
    partitions.map((each) => each.key),
  )
  return { kind: 'told', key, open, hanging: await hangingAmong(source, open) }
}

/** What is open, for people, and what to do where it will not end; without a full stop. Undefined: nothing is. */
export const openInWords = (seen: OpenSeen, topic: TopicName): string | undefined => {
  const reading = TRANSACTIONS_ENDED.judge(seen, { topic })
  return reading.holds ? undefined : reading.because
}

const described = ({ key, producer, start }: OpenTransaction): string =>
  `the transaction of producer id ${producer.producerId} (epoch ${producer.epoch}) on ${key} from offset ${start}`

const openOn = async (
  source: Cluster,
  keys: readonly PartitionKey[],
): Promise<readonly OpenTransaction[]> => {
  const answers = valuesOf(await source.describeProducers(keys.map(parsePartitionKey)))
  return [...answers].flatMap(([key, producers]) =>
    producers.flatMap((producer) =>
      producer.transactionStart === null
        ? []
        : [{ key, producer, start: producer.transactionStart }],
    ),
  )
}

const hangingAmong = async (
  source: Cluster,
  open: readonly OpenTransaction[],
): Promise<readonly OpenTransaction[]> => {
  if (open.length === 0) return []
  const suspects =
    source.supports('ListTransactions') === undefined
      ? await outlasting(source, open)
      : await unknownToCoordinators(source, open)
  if (suspects.length === 0) return []
  // A transaction may have ended between the two questions: only one that is still open hangs.
  const still = await openOn(source, [...new Set(suspects.map(({ key }) => key))])
  return suspects.filter((suspect) => still.some((each) => isSame(suspect, each)))
}

const isSame = (one: OpenTransaction, other: OpenTransaction): boolean =>
  one.key === other.key &&
  one.start === other.start &&
  one.producer.producerId === other.producer.producerId

const unknownToCoordinators = async (
  source: Cluster,
  open: readonly OpenTransaction[],
): Promise<readonly OpenTransaction[]> => {
  const listed = await source.listTransactions()
  const known = new Set(
    listed.filter(({ state }) => WILL_END.has(state)).map(({ producerId }) => producerId),
  )
  return open.filter(({ producer }) => !known.has(producer.producerId))
}

/** Kafka 2.8 lists no transactions. One that is older than the longest that a coordinator allows (15 min by default) it has given up. */
const outlasting = async (
  source: Cluster,
  open: readonly OpenTransaction[],
): Promise<readonly OpenTransaction[]> => {
  const { brokers } = await source.describeCluster()
  const configs = await source.describeBrokerConfigs(brokers[0]!.nodeId)
  const longest = Number(configs.get('transaction.max.timeout.ms')?.value ?? 900_000)
  const oldest = Date.now() - 2 * longest
  return open.filter(
    ({ producer: { lastTimestamp } }) => lastTimestamp >= 0 && lastTimestamp < oldest,
  )
}
