import { deepStrictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { type PartitionProgress, SpokenFor } from '../../src/domain/partition-progress.ts'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { GapSaver } from '../../src/mirror/gap-saver.ts'
import { ProgressSaver } from '../../src/mirror/progress-saver.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { FakeLink, fakePosition, newSender, turn } from './_fakes.ts'

describe('progress', () => {
  it('that a store refuses of one partition is told of the others', async () => {
    const [first, second] = [0, 1].map((partition) => newSender(new FakeLink(), {}, 0, partition).p)
    const holder = { host: 'h', pid: 1, generation: 1 }
    let isFree = false
    const store = {
      readProgress: async () => new Map(),
      writeProgress: async (_: string, progress: readonly PartitionProgress[]) => {
        const refused = progress.filter(({ partition }) => partition === 0 && !isFree)
        if (refused.length > 0) throw new SpokenFor(refused)
      },
      appendGaps: async () => {},
    }
    const log: string[] = []
    const saver = new ProgressSaver({
      store,
      holder: () => holder,
      log: ({ message }) => log.push(message),
    })
    const told = async () => [...(await saver.announce([first!, second!])).ok.keys()]
    deepStrictEqual(await told(), [second])
    deepStrictEqual(log, [
      'progress of m was not saved: t:0 is held by process 1 on h under the same generation 1',
    ])
    isFree = true
    deepStrictEqual(await told(), [first, second])
  })

  it('does not reach behind a gap that is not stored yet, wherever its copy ends', async () => {
    const { p } = newSender(new FakeLink())
    const said: (readonly [checkedTo: bigint, mirroredTo: bigint])[] = []
    let stored = () => {}
    const store = {
      readProgress: async () => new Map(),
      writeProgress: async (_: string, [progress]: readonly PartitionProgress[]) => {
        said.push([progress!.checkedTo, progress!.mirroredTo])
      },
      appendGaps: () =>
        new Promise<void>((resolve) => {
          stored = resolve
        }),
    }
    const holder = { host: 'h', pid: 1, generation: 1 }
    const saver = new ProgressSaver({ store, holder: () => holder, log: () => {} })
    const gaps = new GapSaver(store, () => true)
    void p.flow(fakePosition(0), { storeGaps: () => gaps.save(p), released: () => {} })
    const memory = () => new AnswerMemory(new Budget(1 << 30), new BufferPool(1 << 30), 0)
    const receive = (baseOffset: number) => {
      const record = { timestamp: Date.now(), key: null, value: Buffer.from('v') }
      p.receive(encodeBatch({ records: [record], baseOffset }), null, memory())
    }
    receive(0)
    p.checkedTo = 1
    await saver.save([p])
    // Behind it a hole of nine offsets, which the store does not have yet.
    receive(10)
    await saver.save([p])
    deepStrictEqual(said, [[1n, 1n]])
    stored()
    await turn()
    await saver.save([p])
    deepStrictEqual(said, [
      [1n, 1n],
      [1n, 10n],
    ])
  })
})
