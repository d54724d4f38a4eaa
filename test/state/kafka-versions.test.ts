import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { endTxn } from '../../src/kafka/wire/end-txn.ts'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { describeStateStore } from './contract.ts'
import { KafkaPlaces } from './kafka-place.ts'

/** The oldest target, and the last one that still has ZooKeeper's protocol versions: their transactions are others than those of 4.x. */
describe.each(['2.8', '3.9'] as const)('a target of %s', (version) => {
  let broker: TestCluster
  let places: KafkaPlaces

  beforeAll(async () => {
    broker = await startKafka({ version })
    places = await KafkaPlaces.on(broker)
  })
  afterAll(async () => {
    await places?.close()
    await broker?.stop()
  })

  describeStateStore('the kafka store', async () => places.place())

  test('commits, or says that it is fenced, where a commit meets who takes the transactional id', async () => {
    const [one, other] = places.clusters as [Cluster, Cluster]
    const topic = places.newTopic()
    const configs = new Map<string, string>()
    await one.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs }])
    await one.listOffsets([{ topic, partition: 0 }], 'latest')
    const ends = new Set<string>()
    const begun = async () => {
      const mine = await one.takeTransactionalId(topic, 60_000)
      await mine.add([{ topic, partition: 0 }])
      return mine
    }
    for (let round = 0; round < 50 || (ends.size < 2 && round < 1_000); round++) {
      const mine = await begun()
      // Beside each other, and each a little before the other: how they meet depends on the machine.
      const [mineMs, theirsMs] = [Math.max(0, (round % 7) - 3), Math.max(0, 3 - (round % 7))]
      const [end] = await Promise.all([
        pause(mineMs).then(() => mine.end(true)),
        pause(theirsMs).then(() => other.takeTransactionalId(topic, 60_000)),
      ])
      ends.add(end)
    }
    expect([...ends].sort()).toEqual(['fenced', 'ok'])
    // What 2.8 says in one of two hundred: as if it had said so here.
    const mine = await begun()
    vi.spyOn(endTxn, 'decode').mockReturnValueOnce(-1)
    expect(await mine.end(true)).toBe('fenced')
  })
})
