import { expect, test } from 'vitest'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { LinkLost } from '../../src/kafka/cluster.ts'
import { StartWatch } from '../../src/mirror/start-watch.ts'

/** How the time of log starts is counted. What brokers do: `start-watch.test.ts`. */

const TOPIC = 'orders' as TopicName
const INTERVAL = 'log.flush.start.offset.checkpoint.interval.ms'
const mark = (targetStart = 10n, more: Partial<Mark> = {}) =>
  ({ topic: TOPIC, partition: 0, targetStart, targetTopicId: 'A', ...more }) as unknown as Mark

/** Two brokers that have a replica each, and a clock. */
const world = () => {
  const has = new Map([
    [1, 10],
    [2, 10],
  ])
  const lost = new Map<number, () => void>()
  const it = {
    ms: 0,
    topicId: 'A',
    has,
    connections: 0,
    /** The process of a broker ends; another one is there at once. */
    restart: (broker: number) => lost.get(broker)?.(),
    configs: async (_: number) => new Map([[INTERVAL, { value: '60000', isOverride: true }]]),
    asked: 0,
    watch: undefined as unknown as StartWatch,
  }
  const cluster = {
    name: 'new',
    describeTopics: async () => ({
      ok: new Map([[TOPIC, { topicId: it.topicId, partitions: [{ replicas: [...has.keys()] }] }]]),
      failed: new Map(),
    }),
    describeBrokerConfigs: (broker: number) => it.configs(broker),
    connectBroker: async (nodeId: number) => {
      it.connections++
      const link = {
        nodeId,
        connected: true,
        logStarts: async () => {
          it.asked++
          if (!link.connected) throw new LinkLost('closed')
          return [{ topic: TOPIC, partition: 0, errorCode: 0, logStart: has.get(nodeId)! }]
        },
        close: async () => {},
      }
      lost.set(nodeId, () => {
        link.connected = false
      })
      return link
    },
  }
  it.watch = new StartWatch(cluster as never, () => it.ms)
  const look = async (...marks: Mark[]) => {
    const seen = await it.watch.look(marks.length > 0 ? marks : [mark()])
    return seen.map((each) => each.because ?? each.standsMs)
  }
  return Object.assign(it, { look })
}

test('a log start stands for as long as one connection has said so, on each broker for itself', async () => {
  const it = world()
  expect(await it.look()).toEqual([0, 0])
  it.ms = 50_000
  it.restart(2)
  // The leader may be the other one: its log start never fell.
  expect(await it.look()).toEqual([50_000, 0])
  it.ms = 70_000
  expect(await it.look()).toEqual([70_000, 20_000])
  expect(it.connections).toBe(3)
})

test('a log start that went back begins anew, and says where it is', async () => {
  const it = world()
  await it.look()
  it.ms = 50_000
  it.has.set(1, 3)
  expect(await it.look()).toEqual(['orders:0 begins at 3 instead of 10 on broker 1', 50_000])
  it.has.set(1, 10)
  it.ms = 60_000
  expect(await it.look()).toEqual([0, 60_000])
})

test('another mark, and another topic, begin anew', async () => {
  const it = world()
  await it.look()
  it.ms = 50_000
  expect(await it.look(mark(8n))).toEqual([0, 0])
  it.topicId = 'B'
  expect(await it.look()).toEqual(['orders is another topic than at the mark'])
  expect(await it.look(mark(10n, { targetTopicId: 'B' }))).toEqual([0, 0])
})

test('nobody is asked where nothing lies below a mark', async () => {
  const it = world()
  expect(await it.look(mark(0n), mark(10n, { way: 'reverse' }))).toEqual([])
  expect(it.asked).toBe(0)
})

test('each broker takes as long as it is set to; who does not tell is taken for a minute, and an answer that did not come is asked for again', async () => {
  const it = world()
  const denied = new FerryError(diagnostic({ code: 'FERRY1202', detail: 'denied', fix: '' }))
  const late = new FerryError(diagnostic({ code: 'FERRY1202', detail: 'late', fix: '' }), {
    retriable: true,
  })
  let answers = 0
  it.configs = async (broker) => {
    if (broker === 1) throw denied
    if (answers++ === 0) throw late
    return new Map([[INTERVAL, { value: '300000', isOverride: true }]])
  }
  expect((await it.look())[1]).toMatch(/^broker 2 of new, .* does not say .*: late$/)
  const takes = (await it.watch.look([mark()])).map((each) =>
    each.because === undefined ? each.takes : undefined,
  )
  expect(takes).toEqual([
    { ms: 66_000, intervalMs: 60_000, isTold: false },
    { ms: 330_000, intervalMs: 300_000, isTold: true },
  ])
})
