import { expect, it } from 'vitest'
import type { ClusterId, TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { cleanedOn } from '../../src/verify/cleaned-topics.ts'

const NAMES = ['compacted', 'deleted', 'known'] as TopicName[]
const POLICIES = { compacted: 'compact,delete', deleted: 'delete', known: 'delete' }

const cluster = (version: number | undefined) =>
  ({
    id: 'old-id',
    supports: () => version,
    describeTopicConfigs: async () => ({
      ok: new Map(
        Object.entries(version === undefined ? {} : POLICIES).map(([name, value]) => [
          name,
          new Map([['cleanup.policy', { value }]]),
        ]),
      ),
      failed: new Map(),
    }),
  }) as unknown as Cluster

const known = (id: string) => ({
  cleaned: [{ topic: 'known' as TopicName, cluster: id as ClusterId }],
})

it('a cleaner may have been at what is compacted or was, on that cluster, and at anything where that cannot be told', async () => {
  expect([...(await cleanedOn(cluster(0), NAMES, known('old-id')))]).toEqual(['compacted', 'known'])
  expect([...(await cleanedOn(cluster(0), NAMES, known('new-id')))]).toEqual(['compacted'])
  // 0.10 has no DescribeConfigs.
  expect([...(await cleanedOn(cluster(undefined), NAMES, {}))]).toEqual(NAMES)
})
