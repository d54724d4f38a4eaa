import { expect, test } from 'vitest'
import type { Migration } from '../../src/domain/migration.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { type ObserveAsks, observe } from '../../src/planner/observe.ts'
import { migration, NOW, topic, topicSpec } from './_build.ts'

/** Clusters that hold nothing of the file. What real ones answer: `test/adapter/requests.test.ts`. */

const nothingThere = (name: string): Cluster =>
  ({
    name,
    id: `id-of-${name}`,
    supports: () => undefined,
    describeCluster: async () => ({ brokers: [] }),
    describeTopics: async (names: readonly string[]) => ({
      ok: new Map(names.map((each) => [each, 'absent'])),
      failed: new Map(),
    }),
    describeAcls: async () => [],
    listGroups: async () => [],
    lookAtCommits: async () => ({ ok: new Map(), failed: new Map() }),
    describeGroups: async () => ({ ok: new Map(), failed: new Map() }),
    listOffsets: async () => ({ ok: new Map(), failed: new Map() }),
    describeProducers: async () => ({ ok: new Map(), failed: new Map() }),
    listTopics: async () => ['orders-v2'],
  }) as unknown as Cluster

const looked = async (parts: Partial<Migration>, asks?: ObserveAsks) => {
  const file = migration({
    ...{ topics: [topicSpec('orders-v1')], groups: [], access: [], ...parts },
  })
  const clusters = { source: nothingThere('old'), target: nothingThere('new') }
  const found = await observe(clusters, file, () => NOW, new AbortController().signal, asks)
  expect([...found.source.absentTopics!, ...found.target.absentTopics!]).toEqual([
    topic('orders-v1'),
    topic('orders-v1'),
  ])
  return [...(found.source.meantTopics ?? [])]
}

test('what was meant by a missing topic is looked for where somebody is told, and not where it is to be gone', async () => {
  const meant = [[topic('orders-v1'), 'orders-v2']]
  expect(await looked({})).toEqual(meant)
  expect(await looked({}, { meant: false })).toEqual([])
  const removed = [
    { on: 'source', object: { kind: 'topic', topic: topic('orders-v1') }, reason: '' },
  ] as unknown as Migration['removed']
  expect(await looked({ stage: 'producers-moved', removed })).toEqual(meant)
  expect(await looked({ stage: 'retired', removed })).toEqual([])
})
