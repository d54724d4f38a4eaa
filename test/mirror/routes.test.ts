import { deepStrictEqual, rejects } from 'node:assert/strict'
import { it } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import { Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import type { LogReader } from '../../src/mirror/log-reader.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { Routes } from '../../src/mirror/routes.ts'
import { FakeLink, fakeSenderOptions, newSender } from './_fakes.ts'

/** Routes between brokers that answer at once, and the connections that they open. */
const newRoutes = (leaderOf: (partition: number, side: 'source' | 'target') => number) => {
  const opened = new Map<FakeLink, string>()
  const side = (name: string) => ({
    connectBroker: async (nodeId: number) => {
      const link = new FakeLink()
      opened.set(link, `${name} ${nodeId}`)
      return link
    },
  })
  const log = (name: 'source' | 'target') =>
    ({
      leader: async (key: string) => ({ leader: leaderOf(Number(/\d+$/.exec(key)![0]), name) }),
    }) as unknown as LogReader
  const routes = new Routes({
    source: side('source'),
    target: side('target'),
    sourceLog: log('source'),
    targetLog: log('target'),
    fetcher: { budget: new Budget(1 << 30), buffers: new BufferPool(1 << 30) },
    sender: fakeSenderOptions(),
  })
  return { routes, opened }
}

it('one connection reads from a source leader, two write to a target leader, however many partitions they lead', async () => {
  // Two leaders on each side; of the target, the other way round.
  const { routes, opened } = newRoutes(
    (partition, side) => ((partition >> 1) + (side === 'source' ? 0 : 1)) % 2,
  )
  const { p } = newSender(new FakeLink())
  const partitions = Array.from(
    { length: 40 },
    (_, partition) => new MirroredPartition('m', { ...p.mark, partition }),
  )
  const connected = await Promise.all(partitions.map((each) => routes.connect(each)))
  for (const each of connected) each.start()
  deepStrictEqual([...opened.values()].sort(), [
    'source 0',
    'source 1',
    'target 0',
    'target 0',
    'target 1',
    'target 1',
  ])
  await routes.close()
})

it.each([
  ['leaders that take turns', { topics: 1, partitions: 40, perLink: [10, 10, 10, 10] }],
  ['topics of one partition', { topics: 40, partitions: 1, perLink: [20, 20] }],
])('each of the two connections carries its share, which its end gives back: %s', async (_, of) => {
  const { routes, opened } = newRoutes((partition) => partition % 2)
  const { p: any } = newSender(new FakeLink())
  const partitions = Array.from({ length: of.topics * of.partitions }, (_each, i) => {
    const topic = `t${Math.floor(i / of.partitions)}` as TopicName
    return new MirroredPartition('m', { ...any.mark, topic, partition: i % of.partitions })
  })
  const connected = await Promise.all(partitions.map((p) => routes.connect(p)))
  for (const each of connected) each.start()
  // Every other one is settled and begins again; some never came to begin.
  const isOther = (_: unknown, i: number) => i % 2 === 0
  for (const each of connected.filter(isOther)) each.release()
  for (const p of partitions.filter(isOther)) (await routes.connect(p)).release()
  const again = await Promise.all(partitions.filter(isOther).map((p) => routes.connect(p)))
  for (const each of again) each.start()

  const carried = [...opened].flatMap(([link, name]) => {
    if (!name.startsWith('target')) return []
    link.connected = false
    const { length } = routes.unlinked
    link.connected = true
    return [length]
  })
  deepStrictEqual(carried, of.perLink)
  await routes.close()
})

it('once they are closed nothing is opened any more, nor for a partition that was on its way to them', async () => {
  const { routes, opened } = newRoutes(() => 0)
  const { p } = newSender(new FakeLink())
  const connecting = routes.connect(p)
  await routes.close()
  await rejects(connecting, /the mirror is stopping/)
  await rejects(routes.connect(p), /the mirror is stopping/)
  deepStrictEqual([...opened.values()], [])
})
