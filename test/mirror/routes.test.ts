import { deepStrictEqual, rejects } from 'node:assert/strict'
import { it } from 'vitest'
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

it('once they are closed nothing is opened any more, nor for a partition that was on its way to them', async () => {
  const { routes, opened } = newRoutes(() => 0)
  const { p } = newSender(new FakeLink())
  const connecting = routes.connect(p)
  await routes.close()
  await rejects(connecting, /the mirror is stopping/)
  await rejects(routes.connect(p), /the mirror is stopping/)
  deepStrictEqual([...opened.values()], [])
})
