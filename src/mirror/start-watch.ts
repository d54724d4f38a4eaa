import { failureOf } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import { type DurableAfter, durableAfter } from '../domain/durable-starts.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import { hidesBelow, isOther, type Mark } from '../domain/mark.ts'
import { type BrokerLink, type Cluster, LinkLost, type ReplicaStart } from '../kafka/cluster.ts'
import { errorName } from '../kafka/error-codes.ts'

/** For how long the log of one replica is known to begin at its mark, in one and the same process of its broker; or why it is not. */
export type StartSeen = { readonly key: PartitionKey; readonly broker: number } & (
  | {
      /** Milliseconds. */
      readonly standsMs: number
      readonly takes: DurableAfter
      readonly because?: undefined
    }
  | { readonly because: string }
)

type WatchedCluster = Pick<
  Cluster,
  'name' | 'describeTopics' | 'describeBrokerConfigs' | 'connectBroker'
>

/** A process of a broker, which is the same one for as long as the connection lasts. */
interface Watched {
  readonly link: BrokerLink
  readonly takes: DurableAfter
  /** When the log of a replica was first seen to begin at its mark; by mark. */
  readonly since: Map<string, number>
}

interface Replica {
  readonly key: PartitionKey
  readonly mark: Mark
  readonly topicId: string | undefined
}

/**
 * Sees log starts become durable on the target. A broker writes down where its logs begin once in an interval; what it has not written down it
 * forgets when it is killed, takes from its leader again when it comes back, and has to write down anew, which no log start tells. So each
 * broker is watched over a connection of its own: as long as that lasts, it is the same process, and a log start that was at the mark for an interval
 * meanwhile was written down by it. With every other connection the time begins anew. Time is that of this process, and cannot go back.
 */
export class StartWatch {
  readonly #cluster: WatchedCluster
  readonly #now: () => number
  readonly #brokers = new Map<number, Watched>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(cluster: WatchedCluster, now: () => number = () => performance.now()) {
    this.#cluster = cluster
    this.#now = now
  }

  /** Of every replica of every mark below which something is hidden. Looks are taken one after the other. */
  look(marks: readonly Mark[]): Promise<readonly StartSeen[]> {
    const looked = this.#last.then(() => this.#look(marks.filter(hidesBelow)))
    this.#last = looked.catch(() => undefined)
    return looked
  }

  async #look(marks: readonly Mark[]): Promise<readonly StartSeen[]> {
    if (marks.length === 0) return []
    const described = await this.#cluster.describeTopics([...new Set(marks.map((m) => m.topic))])
    if (described.failed.size > 0) throw failureOf(described)
    const seen: StartSeen[] = []
    const asked = new Map<number, Replica[]>()
    for (const mark of marks) {
      const key = partitionKey(mark.topic, mark.partition)
      const topic = described.ok.get(mark.topic)
      const partition = topic === 'absent' ? undefined : topic?.partitions[mark.partition]
      if (topic === undefined || topic === 'absent' || partition === undefined) {
        seen.push({ key, broker: -1, because: `${key} is not there` })
      } else if (isOther(mark.targetTopicId, topic.topicId)) {
        seen.push({ key, broker: -1, because: `${mark.topic} is another topic than at the mark` })
      } else {
        for (const broker of partition.replicas) {
          const replica = { key, mark, topicId: topic.topicId }
          asked.set(broker, [...(asked.get(broker) ?? []), replica])
        }
      }
    }
    const answers = [...asked].map(([broker, replicas]) => this.#ask(broker, replicas))
    return [...seen, ...(await Promise.all(answers)).flat()]
  }

  async #ask(broker: number, replicas: readonly Replica[]): Promise<readonly StartSeen[]> {
    try {
      const watched = await this.#watched(broker)
      const sentAt = this.#now()
      const answers = await watched.link.logStarts(partitionsOf(replicas))
      const answeredAt = this.#now()
      const byKey = new Map(answers.map((a) => [partitionKey(a.topic, a.partition), a]))
      return replicas.map((replica): StartSeen => {
        const { key, mark } = replica
        const name = `${replica.topicId} ${key} ${mark.targetStart}`
        const because = notAtMark(replica, broker, byKey.get(key))
        if (because !== undefined) {
          watched.since.delete(name)
          return { key, broker, because }
        }
        // What the answer says was so at the latest when it came; what it proves ends at the earliest when it was asked for.
        const since = watched.since.get(name) ?? answeredAt
        watched.since.set(name, since)
        return { key, broker, standsMs: Math.max(0, sentAt - since), takes: watched.takes }
      })
    } catch (error) {
      if (!(error instanceof FerryError || error instanceof LinkLost)) throw error
      const why = error instanceof FerryError ? error.diagnostics[0]?.detail : error.message
      return replicas.map(({ key }) => ({
        key,
        broker,
        because: `broker ${broker} of ${this.#cluster.name}, which has a replica of ${key}, does not say where its log begins: ${why}`,
      }))
    }
  }

  async #watched(broker: number): Promise<Watched> {
    const known = this.#brokers.get(broker)
    if (known?.link.connected) return known
    this.#brokers.delete(broker)
    // The connection first: then what is read of the configs is of the process at its other end, or of a later one, and the connection does not last.
    const link = await this.#cluster.connectBroker(broker)
    try {
      const watched = { link, takes: await this.#takes(broker), since: new Map() }
      this.#brokers.set(broker, watched)
      return watched
    } catch (error) {
      await link.close()
      throw error
    }
  }

  /** Whoever may not read a broker's configs is not kept from going on: Kafka's own values are taken, which is said. */
  async #takes(broker: number): Promise<DurableAfter> {
    try {
      return durableAfter(await this.#cluster.describeBrokerConfigs(broker))
    } catch (error) {
      if (!(error instanceof FerryError) || error.retriable) throw error
      return durableAfter(new Map())
    }
  }
}

const notAtMark = (
  { key, mark }: Replica,
  broker: number,
  answer: ReplicaStart | undefined,
): string | undefined => {
  if (answer === undefined) return `broker ${broker} says nothing about ${key}`
  if (answer.errorCode !== 0) {
    return `broker ${broker} does not say where its replica of ${key} begins (${errorName(answer.errorCode)})`
  }
  return answer.logStart >= mark.targetStart
    ? undefined
    : `${key} begins at ${answer.logStart} instead of ${mark.targetStart} on broker ${broker}`
}

const partitionsOf = (replicas: readonly Replica[]): ReadonlyMap<TopicName, readonly number[]> => {
  const partitions = new Map<TopicName, number[]>()
  for (const { mark } of replicas) {
    const of = partitions.get(mark.topic)
    if (of === undefined) partitions.set(mark.topic, [mark.partition])
    else of.push(mark.partition)
  }
  return partitions
}
