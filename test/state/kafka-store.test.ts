import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, forgetState, pushState } from '../../src/app/state-changes.ts'
import type { PartitionKey, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import type { KafkaStoreOptions } from '../../src/state/kafka-store.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { describeStateStore } from './contract.ts'
import { elsewhere, KafkaPlaces } from './kafka-place.ts'
import { killWriters } from './kill-writer.ts'
import { AT, codesOf, fullState, holder, sampleChunk, sampleProgress } from './samples.ts'

let broker: TestCluster
let places: KafkaPlaces
let clusters: readonly Cluster[] = []

beforeAll(async () => {
  broker = await startKafka({ version: '4.x' })
  places = await KafkaPlaces.on(broker)
  clusters = places.clusters
})
afterAll(async () => {
  await places?.close()
  await broker?.stop()
})

const newTopic = () => places.newTopic()
const open = (topic: TopicName, options: Partial<KafkaStoreOptions> = {}) =>
  places.open(topic, options)

describeStateStore('the kafka store', async () => places.place())

const intent = (step: string) => ({
  at: AT,
  plan: 'd'.repeat(64),
  what: { kind: 'intent', step } as const,
})

describe('the lock is a lease', () => {
  test('that its holder renews while it works, and nobody takes', async () => {
    const topic = newTopic()
    const store = open(topic, { renewMs: 200, identify: elsewhere })
    await store.lock('orders', holder({ host: 'elsewhere' }))
    const endOf = async () => (await store.lockHolder('orders'))?.expires ?? ''
    const first = await endOf()
    await waitFor('a renewal', { timeoutMs: 30_000 }, async () =>
      (await endOf()) > first ? true : undefined,
    )
    // Where nobody had renewed it, it would be over.
    const later = { now: () => new Date(Date.parse(first) + 1) }
    const attempt = open(topic, later).lock('orders', holder())
    await expect(attempt).rejects.toThrow(/FERRY1406.*ines@elsewhere.*the lock ends at 20/)
    await store.writeDecisions(fullState(1), 0)
  })

  test('that ends unless it is renewed', async () => {
    const topic = newTopic()
    const frozen = open(topic, { renewMs: 1_000_000, identify: elsewhere })
    await frozen.lock('orders', holder({ host: 'elsewhere' }))
    const end = Date.parse((await frozen.lockHolder('orders'))?.expires ?? '')
    const told: string[] = []
    const at = (ms: number) =>
      open(topic, { leaseMs: 2_000, now: () => new Date(ms), report: (line) => told.push(line) })
    const early = at(end).lock('orders', holder({ user: 'omar' }))
    expect(await codesOf(early)).toEqual(['FERRY1406'])
    expect(told).toEqual([])
    const began = performance.now()
    const taken = await at(end + 1).lock('orders', holder({ user: 'omar' }))
    expect(performance.now() - began).toBeGreaterThanOrEqual(2_000)
    expect(taken.takenOverFrom).toEqual(holder({ host: 'elsewhere' }))
    expect(told[0]).toMatch(
      /^waits up to 2 s to see whether ines@elsewhere \(pid \d+, .*\) still renews the lock of orders$/,
    )
  })

  test.each([
    ['ahead', 10 * 60_000],
    ['ahead by years', 10 * 365 * 86_400_000],
  ])('that is not taken from a holder who lives by who has a clock that is %s', async (_, ms) => {
    const topic = newTopic()
    const store = open(topic, { leaseMs: 30_000, renewMs: 500, identify: elsewhere })
    await store.lock('orders', holder({ host: 'elsewhere' }))
    const hasty = open(topic, { leaseMs: 30_000, now: () => new Date(Date.now() + ms) })
    const attempt = hasty.lock('orders', holder({ user: 'omar' }))
    await expect(attempt).rejects.toThrow(/FERRY1406.*ines@elsewhere/)
    await store.writeDecisions(fullState(1), 0)
  })

  test('that is free, or another one, while it is watched', async () => {
    const topic = newTopic()
    const frozen = open(topic, { renewMs: 1_000_000, identify: elsewhere })
    const first = await frozen.lock('orders', holder({ host: 'elsewhere' }))
    const watching = open(topic, {
      leaseMs: 600_000,
      now: () => new Date(Date.now() + 3_600_000),
      report: () => {
        released ??= first.release()
      },
    })
    let released: Promise<void> | undefined
    const lock = await watching.lock('orders', holder({ user: 'omar' }))
    expect(lock.takenOverFrom).toBeUndefined()
    await released
  })

  test('whose holder is refused by the broker where it has not read that another has it', async () => {
    const topic = newTopic()
    const cluster = clusters[0] as Cluster
    const store = open(topic)
    await store.lock('orders', holder())
    // The lock is read right before each write; a holder that sleeps between the two is stopped by the fence alone.
    const id = `ferry-${topic}-shop-orders`
    const sleeping = await cluster.takeTransactionalId(id, 10_000)
    const other = open(topic)
    await other.breakLock('orders')
    expect(await sleeping.add([{ topic, partition: 0 }])).toBe('fenced')
  })

  test('does not keep progress from being written, and progress does not fence its holder', async () => {
    const topic = newTopic()
    const store = open(topic)
    await store.lock('orders', holder())
    const mirror = open(topic)
    for (let serial = 1; serial <= 5; serial++) {
      await Promise.all([
        store.writeDecisions(fullState(serial), serial - 1),
        mirror.writeProgress('orders', [
          sampleProgress('orders.events', 0, { checkedTo: BigInt(serial) as TargetOffset }),
        ]),
      ])
    }
    const progress = await store.readProgress('orders')
    expect(progress.get('orders.events:0' as PartitionKey)?.checkedTo).toBe(5n)
  })
})

describe('progress that an earlier holder said at its end, and that comes after the word of the next one', () => {
  const key = 'orders.events:0' as PartitionKey
  const word = (generation: number, mayBeInFlight: boolean, partition = 0) =>
    sampleProgress('orders.events', partition, {
      mayBeInFlight,
      holder: { host: 'laptop', pid: generation, generation },
    })

  test('is not taken for the last word, and the last word is written again', async () => {
    const topic = newTopic()
    const [earlier, next] = [open(topic), open(topic)]
    await earlier.writeProgress('orders', [word(3, true)])
    await next.writeProgress('orders', [word(4, true)])
    await earlier.writeProgress('orders', [word(3, false)])
    for (const store of [earlier, next, open(topic)]) {
      expect((await store.readProgress('orders')).get(key)).toEqual(word(4, true))
    }
    const inTheLog = async () => (await oracle.read(broker, topic, { partitions: [1] })).length
    const before = await inTheLog()
    // With whatever anybody writes next, and once.
    await next.writeProgress('orders', [word(4, true, 1)])
    expect((await inTheLog()) - before).toBe(2)
    await next.writeProgress('orders', [word(4, false, 1)])
    expect((await inTheLog()) - before).toBe(3)
    expect((await open(topic).readProgress('orders')).get(key)).toEqual(word(4, true))
  })

  test('is not what ferry state push brings back: that replaces all', async () => {
    const topic = newTopic()
    const store = open(topic)
    await store.writeDecisions(fullState(1), 0)
    await store.writeProgress('orders', [word(4, true)])
    const content = await contentOf(store, 'orders')
    await store.replace('orders', { ...content!, progress: [word(3, false)] })
    expect((await open(topic).readProgress('orders')).get(key)).toEqual(word(3, false))
  })

  test('is of an older mark, say, and stands behind the word of the new one', async () => {
    const topic = newTopic()
    const store = open(topic)
    const ofNewMark = { ...word(4, true), producerId: 4001n }
    for (const each of [word(3, true), ofNewMark, word(3, false)]) {
      await store.writeProgress('orders', [each])
    }
    expect((await open(topic).readProgress('orders')).get(key)).toEqual(ofNewMark)
  })
})

describe('large states', () => {
  test('decisions of more than a batch come back whole, and go with their parts', async () => {
    const topic = newTopic()
    const store = open(topic)
    const marks = Array.from({ length: 3_000 }, (_, partition) => ({
      ...(fullState(1).marks[0] as Mark),
      partition,
    }))
    await store.writeDecisions({ ...fullState(1), marks }, 0)
    expect((await open(topic).readDecisions('orders'))?.marks.length).toBe(3_000)
    for (let serial = 2; serial < 14; serial++) {
      await store.writeDecisions(fullState(serial), serial - 1)
    }
    expect(await open(topic).readDecisions('orders')).toEqual(fullState(13))
    const records = await oracle.readText(broker, topic, { isolation: 'read_committed' })
    const first = records.filter(({ key }) => key?.startsWith('["decisions","shop","orders",1,'))
    const last = new Map(first.map(({ key, value }) => [key, value]))
    expect(last.size).toBeGreaterThan(1)
    expect([...last.values()].every((value) => value === null)).toBe(true)
  })

  const endOf = async (topic: TopicName) =>
    Number((await oracle.offsets(broker, topic)).find(({ partition }) => partition === 1)?.end)

  test('an offset index of megabytes is stored once, and only what is new is added', async () => {
    const topic = newTopic()
    const store = open(topic)
    const gaps = Array.from({ length: 400_000 }, (_, i) => ({ from: i * 7_000, to: i * 7_000 + 1 }))
    await store.writeProgress('orders', [sampleProgress('orders.events', 0)])
    const all = GapList.of(gaps)
    const whole = sampleChunk('orders.events', 0, { gaps: all.bytesFrom(0) })
    expect(whole.gaps.length).toBeGreaterThan(700_000)
    await store.appendGaps('orders', [whole])
    const before = await endOf(topic)
    const from = 400_000 * 7_000
    const more = GapList.of([{ from, to: from + 5 }])
    const added = { isWhole: false, from: BigInt(from) as SourceOffset, gaps: more.bytesFrom(from) }
    await store.appendGaps('orders', [{ ...whole, ...added }])
    expect(await endOf(topic)).toBe(before + 1)
    const read = async () =>
      (await open(topic).readProgress('orders')).get('orders.events:0' as PartitionKey)?.gaps
    expect([...((await read()) ?? [])].length).toBe(400_001)
    // The next holder begins with a whole one, which deletes what was there, part by part.
    const next = { ...whole, tenure: 'second', gaps: more.bytesFrom(0) }
    await open(topic).appendGaps('orders', [next])
    const left = [...((await read()) ?? [])].map((gap) => [Number(gap.from), Number(gap.to)])
    expect(left).toEqual([[from, from + 5]])
  })
})

describe('a topic that cannot hold state is refused:', () => {
  const make = async (partitions: number, configs: Record<string, string>) => {
    const name = newTopic()
    const created = await (clusters[0] as Cluster).createTopics([
      { name, partitions, replicationFactor: 1, configs: new Map(Object.entries(configs)) },
    ])
    expect(created.failed.size).toBe(0)
    return name
  }

  test.each([
    ['cleanup.policy=delete', 2, {}, /cleanup\.policy=delete/],
    ['compact,delete', 2, { 'cleanup.policy': 'compact,delete' }, /cleanup\.policy=compact,delete/],
    ['one partition', 1, { 'cleanup.policy': 'compact' }, /has 1 partition/],
    [
      'tiny batches',
      2,
      { 'cleanup.policy': 'compact', 'max.message.bytes': '1000' },
      /batches of 1000 bytes/,
    ],
  ])('%s', async (_, partitions, configs, says) => {
    const topic = await make(partitions, configs)
    await expect(open(topic).readDecisions('orders')).rejects.toThrow(says)
    expect(await codesOf(open(topic).lock('orders', holder()))).toEqual(['FERRY1420'])
  })

  test('records were deleted from it', async () => {
    const topic = newTopic()
    await open(topic).writeDecisions(fullState(1), 0)
    const cluster = clusters[0] as Cluster
    await cluster.alterTopicConfigs(new Map([[topic, new Map([['cleanup.policy', 'delete']])]]))
    // A broker shows the policy a moment before its logs have it.
    await waitFor('records to be deleted', { timeoutMs: 30_000 }, async () => {
      const { ok } = await cluster.deleteRecords(new Map([[`${topic}:0` as PartitionKey, 1n]]))
      return ok.size === 1 || undefined
    })
    await cluster.alterTopicConfigs(new Map([[topic, new Map([['cleanup.policy', 'compact']])]]))
    await expect(open(topic).readDecisions('orders')).rejects.toThrow(/begins at offset 1/)
  })

  test('it was deleted, or made anew, while it was in use', async () => {
    const topic = newTopic()
    const store = open(topic)
    await store.writeDecisions(fullState(1), 0)
    const cluster = clusters[0] as Cluster
    await cluster.deleteTopics([topic])
    expect(await codesOf(store.readDecisions('orders'))).toEqual(['FERRY1420'])
    await open(topic).writeDecisions(fullState(1), 0)
    expect(await codesOf(store.writeDecisions(fullState(2), 1))).toEqual(['FERRY1420'])
  })

  test('somebody else writes to it', async () => {
    const topic = newTopic()
    const store = open(topic)
    await store.writeDecisions(fullState(1), 0)
    await oracle.write(broker, topic, [{ partition: 0, key: 'x', value: 'y' }])
    await expect(store.readDecisions('orders')).rejects.toThrow(/FERRY1402.*not written by Ferry/)
  })

  test('a later version wrote another kind of record', async () => {
    const topic = newTopic()
    await open(topic).writeDecisions(fullState(1), 0)
    const key = '["notes","shop","orders",0]'
    await oracle.write(broker, topic, [{ partition: 0, key, value: 'y' }])
    expect(await codesOf(open(topic).readDecisions('orders'))).toEqual(['FERRY1403'])
  })
})

test('the topic is made compacted, with the replication of the target, and never changed', async () => {
  const topic = newTopic()
  await open(topic).readDecisions('orders')
  const cluster = clusters[0] as Cluster
  expect((await cluster.describeTopics([topic])).ok.get(topic)).toBe('absent')
  await open(topic).lock('orders', holder())
  const configs = (await cluster.describeTopicConfigs([topic])).ok.get(topic)
  const overrides = [...(configs ?? [])].filter(([, { isOverride }]) => isOverride)
  expect(Object.fromEntries(overrides.map(([name, { value }]) => [name, value]))).toEqual({
    'cleanup.policy': 'compact',
    'segment.bytes': '16777216',
    'unclean.leader.election.enable': 'false',
  })
})

test('two projects on one topic do not see each other', async () => {
  const topic = newTopic()
  await open(topic).writeDecisions(fullState(1), 0)
  const other = open(topic, { project: 'bank' })
  expect(await other.readDecisions('orders')).toBeUndefined()
  await other.lock('orders', holder())
  await open(topic).lock('orders', holder())
  expect(await open(topic).list()).toEqual(['orders'])
  expect(await other.list()).toEqual([])
})

test('whenever its writer is killed, the state can be read and holds all that was durable', async () => {
  const topic = newTopic()
  const args = [broker.clusterId, broker.bootstrapServers.join(','), topic]
  await killWriters(async () => open(topic), args, { kills: 2, withinMs: 300 })
})

test('a broker that restarts in the middle costs waiting, and no write', async () => {
  const topic = newTopic()
  const store = open(topic)
  await store.lock('orders', holder())
  const [only] = broker.brokers
  let restarting: Promise<void> | undefined
  for (let serial = 1; serial <= 12; serial++) {
    if (serial === 4) restarting = only?.kill().then(() => only.start())
    await store.writeDecisions(fullState(serial), serial - 1)
    await store.appendJournal('orders', intent(`step-${serial}`))
    await store.writeProgress('orders', [sampleProgress('orders.events', 0)])
  }
  await restarting
  const other = open(topic)
  expect(await other.readDecisions('orders')).toEqual(fullState(12))
  expect((await other.readJournal('orders')).map(({ what }) => what)).toEqual(
    Array.from({ length: 12 }, (_, i) => ({ kind: 'intent', step: `step-${i + 1}` })),
  )
})

test('a state moves from one store to the other and back, exactly', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-move-'))
  const topic = newTopic()
  try {
    const file = new FileStore(directory)
    for (let serial = 1; serial <= 3; serial++)
      await file.writeDecisions({ ...fullState(serial), plan: null }, serial - 1)
    await file.appendJournal('orders', intent('a'))
    await file.writeProgress('orders', [sampleProgress('orders.events', 0)])
    await file.appendGaps('orders', [sampleChunk('orders.events', 0)])
    const text = await exported(file)
    const options = { force: false, now: new Date(), warn: () => {} }
    await pushState(open(topic), 'orders', decodeContent(text, 'file'), options)
    expect(await exported(open(topic))).toBe(text)
    await forgetState(file, 'orders', { confirmed: true, now: new Date() })
    await pushState(file, 'orders', decodeContent(await exported(open(topic)), 'topic'), options)
    expect(await exported(file)).toBe(text)
    // Both go on from there.
    await open(topic).writeDecisions(fullState(4), 3)
    await file.writeDecisions(fullState(4), 3)
  } finally {
    await rm(directory, { recursive: true })
  }
})

const exported = async (store: StateStore) => {
  const content = await contentOf(store, 'orders')
  return content === undefined ? '' : encodeContent(content)
}
