import { expect, test } from 'vitest'
import { type Diagnostic, diagnostic } from '../../src/domain/diagnostic.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { StateTopic } from '../../src/state/state-topic.ts'

/** What the store answers where its cluster does not. That it reads and writes, on brokers: `kafka-store.test.ts`. */

const NAME = '__ferry_state' as TopicName

type Question = 'describeTopics' | 'describeTopicConfigs' | 'listOffsets' | 'createTopics'

/** A state topic of a cluster that fails at one question. */
const failing = (question: Question, code: Diagnostic['code']) => {
  const there = { partitions: [{ partition: 0 }, { partition: 1 }], topicId: 'id' }
  const ok = (value: unknown) => async () => ({ ok: new Map([[NAME, value]]), failed: new Map() })
  const cluster = {
    name: 'new',
    supports: () => undefined,
    describeCluster: async () => ({ brokers: [] }),
    describeBrokerConfigs: async () => new Map(),
    describeTopics: ok(question === 'createTopics' ? 'absent' : there),
    describeTopicConfigs: ok(
      new Map([
        ['cleanup.policy', { value: 'compact' }],
        ['max.message.bytes', { value: '1048588' }],
      ]),
    ),
    [question]: async () => ({
      ok: new Map(),
      failed: new Map([[NAME, diagnostic({ code, detail: question, fix: '' })]]),
    }),
  } as unknown as Cluster
  return new StateTopic({ cluster, topic: NAME, patienceMs: 1_000 })
}

test.each<[Question, Diagnostic['code'], boolean]>([
  ['describeTopics', 'FERRY1214', true],
  ['describeTopicConfigs', 'FERRY1202', true],
  ['listOffsets', 'FERRY1210', true],
  ['describeTopics', 'FERRY1209', false],
  ['listOffsets', 'FERRY1209', false],
])('that %s fails by %s passes by itself: %s', async (question, code, retriable) => {
  await expect(failing(question, code).read(0)).rejects.toMatchObject({
    retriable,
    diagnostics: [{ code, detail: question }],
  })
})

test('so it is told of a topic that could not be made', async () => {
  await expect(failing('createTopics', 'FERRY1214').open()).rejects.toMatchObject({
    retriable: true,
    diagnostics: [{ code: 'FERRY1214' }],
  })
})
