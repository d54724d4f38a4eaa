import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { Brokers } from './brokers.ts'
import { type MetadataTopic, metadata } from './wire/metadata.ts'

export interface Leader {
  readonly leader: number
  readonly leaderEpoch: number
}

/** Before v4 of Metadata a broker may create a topic because it was named. */
const FIRST_HARMLESS_METADATA = 4

/** What the brokers say of topics, and the leaders among it, which are remembered. */
export class TopicMetadata {
  readonly #brokers: Brokers
  readonly #leaders = new Map<
    TopicName,
    { readonly at: number; readonly partitions: ReadonlyMap<number, Leader> }
  >()

  constructor(brokers: Brokers) {
    this.#brokers = brokers
  }

  /** Metadata of topics; `absent` where a broker too old to be asked by name does not list it. */
  async of(names: readonly TopicName[]): Promise<ReadonlyMap<TopicName, MetadataTopic | 'absent'>> {
    const broker = await this.#brokers.any()
    const canName = (broker.negotiate(metadata) ?? 0) >= FIRST_HARMLESS_METADATA
    const answer = await this.#brokers.metadata({
      topics: canName ? names : null,
      withAuthorized: true,
    })
    const topics = new Map<TopicName, MetadataTopic | 'absent'>()
    for (const topic of answer.topics) {
      topics.set(topic.name as TopicName, topic)
      this.#noteLeaders(topic)
    }
    if (!canName) for (const name of names) if (!topics.has(name)) topics.set(name, 'absent')
    return topics
  }

  /** Leaders of the partitions of some topics. A topic that the cluster does not know is left out. */
  async leaders(
    topics: readonly TopicName[],
    maxAgeMs: number,
  ): Promise<ReadonlyMap<PartitionKey, Leader>> {
    const oldest = performance.now() - maxAgeMs
    const stale = topics.filter((topic) => (this.#leaders.get(topic)?.at ?? -Infinity) < oldest)
    if (stale.length > 0) {
      for (const topic of stale) this.#leaders.delete(topic)
      await this.of(stale)
    }
    const leaders = new Map<PartitionKey, Leader>()
    for (const topic of topics) {
      for (const [partition, leader] of this.#leaders.get(topic)?.partitions ?? []) {
        leaders.set(partitionKey(topic, partition), leader)
      }
    }
    return leaders
  }

  #noteLeaders(topic: MetadataTopic): void {
    if (topic.code !== 0) return
    this.#leaders.set(topic.name as TopicName, {
      at: performance.now(),
      partitions: new Map(
        topic.partitions.map(({ partition, leader, leaderEpoch }) => [
          partition,
          { leader, leaderEpoch },
        ]),
      ),
    })
  }
}
