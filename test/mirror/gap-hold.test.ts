import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { ATTRIBUTES, encodeBatch } from '../../src/records/index.ts'
import { FakeLink, fakePosition, newSender, turn } from './_fakes.ts'

const batchAt = (baseOffset: number): Buffer => {
  const record = { timestamp: Date.now(), key: null, value: Buffer.from(String(baseOffset)) }
  return encodeBatch({ records: [record], baseOffset })
}

/** The end of a transaction: a hole by itself. */
const markerAt = (baseOffset: number): Buffer =>
  encodeBatch({
    records: [{ timestamp: 0, key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }],
    baseOffset,
    producerId: 7n,
    epoch: 0,
    baseSequence: -1,
    attributes: ATTRIBUTES.transactional | ATTRIBUTES.control,
  })

/** A partition that flows, whose store answers when the test says so. */
const begin = () => {
  const { p } = newSender(new FakeLink())
  const writes: { readonly gaps: number; done(): void; fail(): void }[] = []
  let released = 0
  const flow = (sourceNext: number) =>
    p.flow(
      { ...fakePosition(0), sourceNext },
      {
        storeGaps: () =>
          new Promise((resolve, reject) => {
            const fail = () => reject(new Error('the disk is full'))
            writes.push({ gaps: p.offsets.gaps.count, done: resolve, fail })
          }),
        released: () => {
          released++
        },
      },
    )
  const ended = flow(0)
  const budget = new Budget(1 << 30)
  const take = (records: Buffer) =>
    p.receive(records, null, new AnswerMemory(budget, new BufferPool(1 << 30), 0))
  const receive = (...offsets: number[]) => take(Buffer.concat(offsets.map(batchAt)))
  return { p, ended, flow, writes, take, receive, released: () => released }
}

describe('what lies behind a gap', () => {
  it('is not to be sent before the gap is stored, nor is anything after it', async () => {
    const { p, writes, receive, released } = begin()
    strictEqual(receive(0, 1), true)
    const before = p.queue.bytes
    strictEqual(receive(5), false)
    // While the first is written: without a gap of its own, and with one. They wait for the next write together.
    strictEqual(receive(6), false)
    strictEqual(receive(9), false)
    strictEqual(p.queue.bytes, before)
    deepStrictEqual([writes.length, writes[0]!.gaps], [1, 1])
    writes[0]!.done()
    await turn()
    strictEqual(p.queue.bytes > before, true)
    deepStrictEqual([writes.length, writes[1]!.gaps, released()], [2, 2, 1])
    const half = p.queue.bytes
    writes[1]!.done()
    await turn()
    strictEqual(p.queue.bytes > half, true)
    // Nothing is held any more: what follows goes straight on.
    strictEqual(receive(10), true)
    strictEqual(writes.length, 2)
  })

  it('is stored also where it comes alone, while another is written: only then others may be told, and it be filled', async () => {
    const { p, writes, take, receive } = begin()
    receive(5)
    strictEqual(take(markerAt(9)), false)
    writes[0]!.done()
    await turn()
    // What the first write let go is sent; then nothing is known of what comes behind the second gap.
    p.queue.clear()
    deepStrictEqual([writes.length, writes[1]?.gaps, p.missingMarkers], [2, 2, 0])
    writes[1]!.done()
    await turn()
    strictEqual(writes.length, 2)
  })

  it('is never sent where the gap cannot be stored', async () => {
    const { p, ended, writes, receive } = begin()
    receive(3)
    writes[0]!.fail()
    const { why, problem } = await ended
    match(why, /could not be stored \(the disk is full\)/)
    strictEqual(problem, undefined)
    strictEqual(p.queue.bytes, 0)
  })

  it('is not to be sent by the next flow either, as long as the gap is not stored', async () => {
    const { p, ended, flow, writes, receive } = begin()
    receive(3)
    writes[0]!.fail()
    await ended
    // The target is where it was, and the gap is known: the next one begins behind it.
    void flow(3)
    strictEqual(writes.length, 2)
    strictEqual(receive(3), false)
    strictEqual(p.queue.bytes, 0)
    // What came meanwhile waits for the next write.
    writes[1]!.done()
    await turn()
    writes[2]!.done()
    await turn()
    strictEqual(p.queue.bytes > 0, true)
  })
})
