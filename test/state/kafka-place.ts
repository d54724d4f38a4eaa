import type { TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { identityOf } from '../../src/process-identity.ts'
import { KafkaStore, type KafkaStoreOptions } from '../../src/state/kafka-store.ts'
import { StateLog } from '../../src/state/state-log.ts'
import type { StateWrite } from '../../src/state/state-table.ts'
import { connect } from '../adapter/connect.ts'
import type { TestCluster } from '../kafka/index.ts'
import type { StorePlace, WrittenRecords } from './contract.ts'
import { holder } from './samples.ts'

const CONNECTIONS = 4
const LEASE_MS = 300_000

/** Of a process on another machine nobody can tell whether it still runs. */
export const elsewhere = (pid: number) => ({ ...identityOf(pid), host: 'elsewhere' })

/** Stores on topics of one broker. Those of one test are on connections of their own, as several processes would be. */
export class KafkaPlaces {
  readonly clusters: readonly Cluster[]
  readonly #stores: KafkaStore[] = []
  #topics = 0

  private constructor(clusters: readonly Cluster[]) {
    this.clusters = clusters
  }

  static async on(broker: TestCluster): Promise<KafkaPlaces> {
    const connecting = Array.from({ length: CONNECTIONS }, () => connect(broker))
    return new KafkaPlaces(await Promise.all(connecting))
  }

  newTopic(): TopicName {
    return `state-${this.#topics++}` as TopicName
  }

  open(topic: TopicName, options: Partial<KafkaStoreOptions> = {}): KafkaStore {
    const cluster = this.clusters[this.#stores.length % CONNECTIONS] as Cluster
    const store = new KafkaStore({
      project: 'shop',
      clusterName: 'new',
      topic,
      connect: async () => cluster,
      ...options,
    })
    this.#stores.push(store)
    return store
  }

  place(): StorePlace {
    const topic = this.newTopic()
    return {
      open: async () => this.open(topic),
      putWritten: (records) => this.#put(topic, records),
      openSleeper: async () => ({
        store: this.open(topic, { leaseMs: LEASE_MS, renewMs: 1_000_000, identify: elsewhere }),
        holder: holder({ host: 'elsewhere', user: 'gone' }),
        ends: async () =>
          this.open(topic, { leaseMs: 500, now: () => new Date(Date.now() + 2 * LEASE_MS) }),
      }),
      remove: async () => undefined,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()))
    await Promise.all(this.clusters.map((cluster) => cluster.close()))
  }

  /** As a store of any version writes them: only the texts differ. */
  async #put(topic: TopicName, records: WrittenRecords): Promise<void> {
    const log = new StateLog('a topic', topic, async () => this.clusters[0] as Cluster)
    const of = ['shop', 'orders'] as const
    await log.changeDecisions('older', () => [
      { key: ['decisions', ...of, 3], text: records.decisions, after: records.journal.length },
      ...records.journal.map(
        (text, i): StateWrite => ({ key: ['journal', ...of, i + 1], text, after: 0 }),
      ),
    ])
    const partition = [...of, 'orders.events', 0] as const
    const gaps: StateWrite[] =
      records.gaps === undefined
        ? []
        : [{ key: ['gaps', ...partition, 1, 'first'], text: records.gaps }]
    await log.changeProgress(() => [
      { key: ['progress', ...partition], text: records.progress },
      ...gaps,
    ])
    await log.close()
  }
}
