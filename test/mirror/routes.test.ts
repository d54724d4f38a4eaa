import { deepStrictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import { Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import type { LogReader } from '../../src/mirror/log-reader.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { Routes } from '../../src/mirror/routes.ts'
import { FakeLink, fakeSenderOptions, newSender } from './_fakes.ts'

it('one connection reads from a source leader, two write to a target leader, however many partitions they lead', async () => {
  const opened: string[] = []
  const side = (name: string) => ({
    connectBroker: async (nodeId: number) => {
      opened.push(`${name} ${nodeId}`)
      return new FakeLink()
    },
  })
  // Two leaders on each side; of the target, the other way round.
  const log = (shift: number) =>
    ({
      leader: async (key: string) => ({
        leader: ((Number(/\d+$/.exec(key)![0]) >> 1) + shift) % 2,
      }),
    }) as unknown as LogReader
  const { p } = newSender(new FakeLink())
  const routes = new Routes({
    source: side('source'),
    target: side('target'),
    sourceLog: log(0),
    targetLog: log(1),
    fetcher: { budget: new Budget(1 << 30), buffers: new BufferPool(1 << 30) },
    sender: fakeSenderOptions(),
  })
  const partitions = Array.from(
    { length: 40 },
    (_, partition) => new MirroredPartition('m', { ...p.mark, partition }),
  )
  const connected = await Promise.all(partitions.map((each) => routes.connect(each)))
  for (const each of connected) each.start()
  deepStrictEqual(opened.sort(), [
    'source 0',
    'source 1',
    'target 0',
    'target 0',
    'target 1',
    'target 1',
  ])
  await routes.close()
})
