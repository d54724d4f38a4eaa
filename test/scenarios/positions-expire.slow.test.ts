import { setTimeout as pause } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import type { GroupId, PartitionKey } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { connect } from '../adapter/connect.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { fill, visit } from './_clients.ts'

/**
 * What every deadline of a group's positions rests on: from when on a broker counts, against brokers that forget after a minute, which is as
 * short as it can be. The positions are written as Ferry writes them, by a client without membership.
 */

const LIFE_MS = 60_000
/** Of its life: when a position is written into a group that has been without members since its beginning. */
const WRITTEN_AFTER_MS = 40_000

/** Without joining, which kafkajs cannot do. */
const commit = async (cluster: Cluster, group: string): Promise<void> => {
  const offsets = new Map([['read:0' as PartitionKey, { offset: 5n, metadata: '' }]])
  expect((await cluster.commitOffsets(group as GroupId, offsets)).failed).toEqual(new Map())
}

const isThere = async (admin: kafkajs.Admin, groupId: string): Promise<boolean> => {
  const [read] = await admin.fetchOffsets({ groupId, topics: ['read'] })
  return read?.partitions[0]?.offset === '5'
}

const whenGone = async (admin: kafkajs.Admin, group: string, since: number): Promise<number> => {
  while (await isThere(admin, group)) {
    expect(Date.now() - since).toBeLessThan(LIFE_MS * 3)
    await pause(200)
  }
  return Date.now()
}

const joinsNewProtocol = (cluster: TestCluster, id: string) =>
  oracle.consume(cluster, id, 'read', {
    count: 5,
    commits: true,
    protocol: { 'group.protocol': 'consumer' },
    reset: 'earliest',
  })

test.each(['2.8', '3.9', '4.x'] as const)(
  'a classic group of %s that had members loses all positions by when it became empty, also one written since; others by their own commit',
  async (version) => {
    const cluster = await startKafka({
      version,
      config: { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '500' },
    })
    const ferry = await connect(cluster)
    const admin = new kafkajs.Kafka(cluster.kafka()).admin()
    try {
      await admin.connect()
      await admin.createTopics({
        topics: [{ topic: 'read', numPartitions: 1, replicationFactor: 1 }],
      })
      await fill(cluster, 'read', 20, [0])
      const hasNewProtocol = version === '4.x'
      if (hasNewProtocol) await joinsNewProtocol(cluster, 'new')
      await visit(cluster, 'lived', { topic: 'read', offset: '3', metadata: '' })
      const left = Date.now()
      await commit(ferry, 'simple')
      await pause(WRITTEN_AFTER_MS)
      const written = Date.now()
      const all = ['lived', 'simple', ...(hasNewProtocol ? ['new'] : [])]
      for (const group of all) await commit(ferry, group)
      const gone = new Map(
        await Promise.all(
          all.map(async (group) => [group, await whenGone(admin, group, written)] as const),
        ),
      )
      // Twenty seconds after it was written, not a minute.
      expect(gone.get('lived')! - left).toBeGreaterThan(LIFE_MS - 5000)
      expect(gone.get('lived')! - written).toBeLessThan(LIFE_MS - 10_000)
      expect(gone.get('simple')! - written).toBeGreaterThan(LIFE_MS - 5000)
      if (hasNewProtocol) expect(gone.get('new')! - written).toBeGreaterThan(LIFE_MS - 5000)
      // With its last position the group itself is gone: what is committed then makes a new one, which never had members.
      const { groups } = await admin.describeGroups(['lived'])
      expect(groups[0]).toMatchObject({ state: 'Dead', protocolType: '' })
    } finally {
      await admin.disconnect()
      await ferry.close()
      await cluster.stop()
    }
  },
)
