import { describe, expect, test } from 'vitest'
import type { Answers } from '../../src/domain/answers.ts'
import type { FerryError } from '../../src/domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  partitionKey,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Brokers } from '../../src/kafka/brokers.ts'
import { type ApiName, LinkLost } from '../../src/kafka/cluster.ts'
import { Commits } from '../../src/kafka/commits.ts'
import type { BrokerConnection } from '../../src/kafka/connection.ts'
import { FaultReporter } from '../../src/kafka/faults.ts'
import { Groups } from '../../src/kafka/groups.ts'
import { KafkajsLink } from '../../src/kafka/kafkajs-link.ts'
import { LogOffsets } from '../../src/kafka/log-offsets.ts'
import { Session } from '../../src/kafka/session.ts'
import { Topics } from '../../src/kafka/topics.ts'
import { TransactionalIds } from '../../src/kafka/transactional-ids.ts'
import { Transactions } from '../../src/kafka/transactions.ts'
import { Users } from '../../src/kafka/users.ts'
import { specOf } from './connect.ts'

/**
 * What an answer leaves out is an error and never taken for "there is none" or for done. Every API of the adapter is in the table, with the
 * question whose answer speaks of several things, or with why no answer of it can be short. No broker answers short when it is asked to, so
 * the answers are made here; those to changes by name are in write-answers.test.ts, as bytes.
 */

const NAMES = ['a', 'b', 'c']
const topics = NAMES as TopicName[]
const groups = NAMES as GroupId[]
/** One partition of each topic. */
const partitions = topics.map((topic) => ({ topic, partition: 0 }))
const keys = topics.map((topic) => partitionKey(topic, 0))

interface Question {
  /** What the broker answers about these. */
  readonly answer: (names: readonly string[]) => unknown
  readonly ask: (session: Session) => Promise<Answers<string, unknown>>
}

const ofPartitions =
  (value: object) =>
  (names: readonly string[]): unknown =>
    names.map((topic) => ({ topic, partition: 0, code: 0, ...value }))
const ofGroups = (value: object) => (names: readonly string[]) =>
  names.map((id) => ({
    id,
    code: 0,
    message: null,
    members: [],
    protocolType: 'consumer',
    ...value,
  }))
const metadataOf = (names: readonly string[]) => ({
  topics: names.map((name) => ({
    name,
    code: 0,
    isInternal: false,
    partitions: [{ partition: 0, code: 0, leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] }],
  })),
})
/** By topic, as all others are. */
const byTopic = async (asking: Promise<Answers<PartitionKey, unknown>>) => {
  const { ok, failed } = await asking
  const named = <V>(map: ReadonlyMap<PartitionKey, V>) =>
    new Map([...map].map(([key, value]) => [key.replace(/:0$/, ''), value]))
  return { ok: named(ok), failed: named(failed) }
}

const BYTES = 'in write-answers.test.ts, as bytes'
const ONE = 'speaks of one thing'
const LISTS = 'a list of what there is: nothing was named'

const APIS: Readonly<Record<ApiName, Question | string>> = {
  Metadata: { answer: metadataOf, ask: (s) => new Topics(s).describe(topics) },
  DescribeConfigs: {
    answer: (names) => names.map((name) => ({ name, code: 0, message: null, entries: [] })),
    ask: (s) => new Topics(s).configs(topics),
  },
  ListOffsets: {
    answer: ofPartitions({ offset: 7n }),
    ask: (s) => byTopic(new LogOffsets(s).list(partitions, 'latest')),
  },
  DeleteRecords: {
    answer: ofPartitions({ lowWatermark: 7n }),
    ask: (s) => byTopic(new LogOffsets(s).deleteRecords(new Map(keys.map((key) => [key, 7n])))),
  },
  DescribeProducers: {
    answer: ofPartitions({ message: null, producers: [] }),
    ask: (s) => byTopic(new Transactions(s).producers(partitions)),
  },
  DescribeGroups: {
    answer: ofGroups({ state: 'Empty' }),
    ask: (s) => new Groups(s).describe(groups),
  },
  ConsumerGroupDescribe: {
    answer: ofGroups({ state: 'Stable' }),
    ask: (s) => new Groups(s).describe(groups),
  },
  FindCoordinator: {
    answer: (names) => names.map((key) => ({ key, nodeId: 1, code: 0, message: null })),
    ask: (s) => new Commits(s).fetch(groups),
  },
  OffsetFetch: {
    answer: (names) => names.map((group) => ({ group, code: 0, commits: [] })),
    ask: (s) => new Commits(s).fetch(groups),
  },
  OffsetCommit: {
    answer: ofPartitions({}),
    ask: (s) => {
      const offsets = new Map(keys.map((key) => [key, { offset: 7n, metadata: '' }]))
      return byTopic(new Commits(s).commit('g' as GroupId, offsets))
    },
  },
  OffsetDelete: {
    answer: (names) => ({ code: 0, results: ofPartitions({})(names) }),
    ask: (s) => byTopic(new Commits(s).delete('g' as GroupId, keys)),
  },
  DescribeUserScramCredentials: {
    answer: (names) => ({
      code: 0,
      message: null,
      users: names.map((name) => ({ name, code: 0, message: null, mechanisms: [] })),
    }),
    ask: (s) => new Users(s).describe(NAMES),
  },
  CreateTopics: BYTES,
  CreatePartitions: BYTES,
  DeleteTopics: BYTES,
  IncrementalAlterConfigs: BYTES,
  CreateAcls: BYTES,
  DeleteAcls: BYTES,
  AlterUserScramCredentials: BYTES,
  AlterClientQuotas: BYTES,
  AddPartitionsToTxn: 'stands and falls as one: see below',
  Produce: 'goes to who sent the batches, who looks for each: test/mirror/sender.test.ts',
  Fetch: 'goes to who reads: what is left out is asked for again',
  WriteTxnMarkers: 'speaks of one partition: see below',
  DescribeClientQuotas: 'a user without quotas is left out by the broker',
  DescribeLogDirs: 'a broker names the replicas that it has',
  DescribeAcls: LISTS,
  ListGroups: LISTS,
  ListTransactions: LISTS,
  DescribeQuorum: ONE,
  ApiVersions: ONE,
  InitProducerId: ONE,
  EndTxn: ONE,
  JoinGroup: ONE,
  SyncGroup: ONE,
  Heartbeat: ONE,
  LeaveGroup: ONE,
}

/** What is asked on the way to the question, answered in full. */
const ON_THE_WAY: Readonly<Record<string, (request: never) => unknown>> = {
  // Answered dead, groups are asked for again in the new way.
  DescribeGroups: (ids: readonly string[]) => ofGroups({ state: 'Dead' })(ids),
  FindCoordinator: (ids: readonly string[] | string) =>
    typeof ids === 'string'
      ? { nodeId: 1, code: 0, message: null }
      : ids.map((key) => ({ key, nodeId: 1, code: 0, message: null })),
  OffsetFetch: ({ groups }: { readonly groups: readonly string[] }) =>
    groups.map((group) => ({ group, code: 0, commits: [] })),
  InitProducerId: () => ({ code: 0, producerId: 1n, epoch: 0 }),
}

const session = (api: string, answer: (request: never) => unknown): Session => {
  const broker = {
    call: async ({ name }: { readonly name: string }, request: never) => {
      const answered = name === api ? answer : ON_THE_WAY[name]
      if (answered === undefined) throw new Error(`${name} was not expected`)
      return answered(request)
    },
    negotiate: () => 10,
  }
  const brokers = {
    options: { requestTimeoutMs: 1_000 },
    controllerId: 1,
    addresses: new Map([[1, {}]]),
    refresh: async () => {},
    any: async () => broker,
    node: async () => broker,
    live: () => [],
    supports: () => 1,
    metadata: async () => (api === 'Metadata' ? answer(null as never) : metadataOf(NAMES)),
  } as unknown as Brokers
  const spec = specOf({ version: '4.x', clusterId: 'c', bootstrapServers: ['h:1'] } as never)
  return new Session(brokers, new FaultReporter(spec), { retryMs: 0, signal: undefined })
}

const outcome = ({ ok, failed }: Answers<string, unknown>) =>
  NAMES.map((name) => (ok.has(name) ? 'ok' : failed.get(name)?.code))

const questions = Object.entries(APIS).flatMap(([api, question]) =>
  typeof question === 'string' ? [] : [[api, question] as const],
)

describe.each(questions)('%s', (api, { answer, ask }) => {
  const answered = (names: readonly string[]) => ask(session(api, () => answer(names)))

  test('takes a whole answer', async () => {
    expect(outcome(await answered(NAMES))).toEqual(['ok', 'ok', 'ok'])
  })

  test('takes what is left out for an error, and only that', async () => {
    const answers = await answered(['a', 'c'])
    expect(outcome(answers)).toEqual(['ok', 'FERRY1211', 'ok'])
    expect(answers.failed.get('b')?.detail).toMatch(/left this out/)
    expect(outcome(await answered([]))).toEqual(['FERRY1211', 'FERRY1211', 'FERRY1211'])
  })
})

test('positions that were asked for by partition: one that is left out is not "no position"', async () => {
  const of = [0, 1].map((partition) => ({ topic: 'a' as TopicName, partition }))
  const commit = (partition: number, offset: bigint) => ({
    ...{ topic: 'a', partition, offset },
    ...{ leaderEpoch: -1, metadata: '', code: 0 },
  })
  const answered = async (...commits: ReturnType<typeof commit>[]) => {
    const answer = () => groups.map((group) => ({ group, code: 0, commits }))
    return new Commits(session('OffsetFetch', answer)).look(groups, of)
  }
  const whole = await answered(commit(0, 7n), commit(1, -1n))
  expect([...whole.ok.get(groups[0]!)!.commits.keys()]).toEqual(['a:0'])
  expect(outcome(await answered(commit(0, 7n)))).toEqual(['FERRY1211', 'FERRY1211', 'FERRY1211'])
})

test('a topic without one of its partitions is left out', async () => {
  const [whole] = metadataOf(['a']).topics
  const [only] = whole!.partitions
  const gap = { topics: [{ ...whole, partitions: [only, { ...only, partition: 2 }] }] }
  const answers = await new Topics(session('Metadata', () => gap)).describe([topics[0]!])
  expect(answers.failed.get(topics[0]!)?.code).toBe('FERRY1211')
})

test('a transaction has all partitions that were added, or none', async () => {
  const answer = () => [{ topic: 'a', partition: 0, code: 0 }]
  const producer = await new TransactionalIds(session('AddPartitionsToTxn', answer)).take(
    't',
    1_000,
  )
  expect(await producer.add(partitions.slice(0, 1))).toBe('ok')
  const codeOf = (error: FerryError) => error.diagnostics[0]?.code
  expect(await producer.add(partitions).then(String, codeOf)).toBe('FERRY1211')
})

test('markers that nothing is said of may or may not be there: the connection is lost', async () => {
  const link = (answer: readonly { readonly code: number }[]) =>
    new KafkajsLink(
      1,
      { call: async () => answer, close: () => {} } as unknown as BrokerConnection,
      1_000,
    )
  expect(await link([{ code: 0 }]).writeMarkers({} as never)).toBe(0)
  await expect(link([]).writeMarkers({} as never)).rejects.toThrow(LinkLost)
})
