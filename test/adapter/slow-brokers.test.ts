import { expect, test } from 'vitest'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { Brokers } from '../../src/kafka/brokers.ts'
import type { BrokerConnection } from '../../src/kafka/connection.ts'
import { FaultReporter } from '../../src/kafka/faults.ts'
import { LogOffsets } from '../../src/kafka/log-offsets.ts'
import { Session } from '../../src/kafka/session.ts'
import { Topics } from '../../src/kafka/topics.ts'
import { specOf } from './connect.ts'

/** What becomes of a change of which brokers hear one after the other: how slow they are cannot be chosen on real ones. */

const TOPIC = 'orders' as TopicName
const KEY = 'orders:0' as PartitionKey

/** Answers by the name of the request, and how often each was asked. */
class Broker {
  readonly asked: string[] = []
  readonly #answers: Readonly<Record<string, (time: number) => unknown>>

  constructor(answers: Readonly<Record<string, (time: number) => unknown>>) {
    this.#answers = answers
  }

  get connection(): BrokerConnection {
    const call = async ({ name }: { readonly name: string }) => {
      const time = this.times(name)
      this.asked.push(name)
      return this.#answers[name]!(time)
    }
    return { call, negotiate: () => 9 } as unknown as BrokerConnection
  }

  times(name: string): number {
    return this.asked.filter((each) => each === name).length
  }
}

const sessionOf = (brokers: readonly Broker[]): Session => {
  const [first] = brokers
  const port = {
    options: { requestTimeoutMs: 1_000 },
    controllerId: 1,
    refresh: async () => {},
    any: async () => first!.connection,
    node: async () => first!.connection,
    metadata: async () => ({
      topics: [{ name: TOPIC, code: 0, partitions: [{ partition: 0, leader: 1, leaderEpoch: 0 }] }],
    }),
    live: () => brokers.map(({ connection }) => connection),
  } as unknown as Brokers
  const spec = specOf({ version: '4.x', clusterId: 'c', bootstrapServers: ['h:1'] } as never)
  return new Session(port, new FaultReporter(spec), { retryMs: 60_000, signal: undefined })
}

const shows = (value: string, code = 0) => [
  {
    name: TOPIC,
    code,
    message: null,
    entries: [{ name: 'retention.ms', value, isOverride: true }],
  },
]

test('a change is over once every broker shows it; who does not say is not waited for', async () => {
  const altered = () => new Map([[TOPIC, { code: 0, message: null }]])
  const quick = new Broker({
    IncrementalAlterConfigs: altered,
    DescribeConfigs: () => shows('2'),
  })
  const slow = new Broker({ DescribeConfigs: (time) => shows(time < 3 ? '1' : '2') })
  const new_ = new Broker({ DescribeConfigs: (time) => (time < 2 ? shows('1', 3) : shows('2')) })
  const silent = new Broker({ DescribeConfigs: () => shows('1', 29) })
  const brokers = [quick, slow, new_, silent]
  const changes = new Map([[TOPIC, new Map([['retention.ms', '2']])]])
  const { ok } = await new Topics(sessionOf(brokers)).alterConfigs(changes)
  expect([...ok.keys()]).toEqual([TOPIC])
  expect(brokers.map((broker) => broker.times('DescribeConfigs'))).toEqual([1, 4, 3, 1])
})

test('records of a topic whose policy was changed just now are deleted once its logs have heard of it', async () => {
  const refused = 44
  const answer = (code: number) => [{ topic: TOPIC, partition: 0, code, lowWatermark: 7n }]
  const late = new Broker({ DeleteRecords: (time) => answer(time < 2 ? refused : 0) })
  const below = new Map([[KEY, 7n]])
  const { ok } = await new LogOffsets(sessionOf([late])).deleteRecords(below)
  expect(ok.get(KEY)).toBe(7n)
  // One that is only compacted says so for good.
  const never = new Broker({ DeleteRecords: () => answer(refused) })
  const { failed } = await new LogOffsets(sessionOf([never])).deleteRecords(below)
  expect(failed.get(KEY)?.detail).toContain('POLICY_VIOLATION')
  expect(never.times('DeleteRecords')).toBe(7)
})
