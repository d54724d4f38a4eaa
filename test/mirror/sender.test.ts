import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { ProducerId } from './_fakes.ts'
import { FakeLink, fakePartition, newSender, turn } from './_fakes.ts'

const NOW = Date.now()
const OLD = NOW - 48 * 3_600_000

describe('Sender', () => {
  it('has one batch in flight where the broker may have forgotten the producer', async () => {
    for (const [timestamp, expected] of [
      [OLD, 1],
      [-1, 1],
      [NOW, 4],
    ] as const) {
      const link = new FakeLink()
      const { p, sender } = newSender(link)
      fakePartition(p, { timestamp, batches: 12, bytes: 300_000, tailIsFresh: timestamp === NOW })
      sender.add(p)
      sender.offer(p)
      await turn()
      strictEqual(link.open.length, expected, `timestamp ${timestamp}`)
    }
  })

  it('sends nothing behind an old batch, although the tail is fresh', async () => {
    const link = new FakeLink()
    const { p, sender } = newSender(link)
    fakePartition(p, { timestamp: OLD, batches: 12, bytes: 300_000, tailIsFresh: true })
    sender.add(p)
    sender.offer(p)
    await turn()
    strictEqual(link.open.length, 1)
  })

  it('stops the flow at a base offset that is not the expected one', async () => {
    const link = new FakeLink()
    const { p, sender, ended } = newSender(link)
    const trouble = ended(
      fakePartition(p, { timestamp: NOW, batches: 3, bytes: 300_000, tailIsFresh: true }),
    )
    sender.add(p)
    sender.offer(p)
    await turn()
    link.answer({ baseOffset: 5 })
    link.answer({ baseOffset: 6 })
    link.answer({ baseOffset: 7 })
    const { why, uncertain, problem } = await trouble
    deepStrictEqual([uncertain, problem], [false, undefined])
    ok(why.includes('got offset 5 instead of 0'))
    strictEqual(p.checkedTo, 0)
  })

  it('is in doubt after a lost answer, and waits for all that is in flight', async () => {
    const link = new FakeLink()
    const { p, sender, ended } = newSender(link)
    const trouble = ended(
      fakePartition(p, { timestamp: NOW, batches: 3, bytes: 300_000, tailIsFresh: true }),
    )
    sender.add(p)
    sender.offer(p)
    await turn()
    let isEnded = false
    void trouble.then(() => {
      isEnded = true
    })
    strictEqual(link.open.length, 3)
    link.answer({ errorCode: 7 })
    await turn()
    strictEqual(isEnded, false)
    await link.close()
    strictEqual((await trouble).uncertain, true)
    strictEqual(p.uncertain, true)
  })

  it('is in doubt after an error that may have been appended, also where the flow had ended before', async () => {
    for (const [answer, isInDoubt] of [
      [{ errorCode: 7 }, true],
      [{ errorCode: 20 }, true],
      [{ errorCode: 6 }, true],
      [{ errorCode: 19 }, false],
      [{ baseOffset: 0 }, false],
    ] as const) {
      const link = new FakeLink()
      const { p, sender, ended } = newSender(link)
      const trouble = ended(
        fakePartition(p, { timestamp: OLD, batches: 1, bytes: 300_000, tailIsFresh: false }),
      )
      sender.add(p)
      sender.offer(p)
      await turn()
      p.end({ why: 'the lock is handed over', uncertain: false })
      link.answer(answer)
      strictEqual((await trouble).why, 'the lock is handed over')
      strictEqual(p.uncertain, isInDoubt, JSON.stringify(answer))
    }
  })

  it('is in doubt where the answer leaves the partition out', async () => {
    const link = new FakeLink()
    const { p, sender, ended } = newSender(link)
    const trouble = ended(
      fakePartition(p, { timestamp: NOW, batches: 1, bytes: 300_000, tailIsFresh: true }),
    )
    sender.add(p)
    sender.offer(p)
    await turn()
    link.answer({ partition: 9 })
    match((await trouble).why, /left it out of its answer/)
    deepStrictEqual([p.uncertain, p.checkedTo, link.connected], [true, 0, false])
  })

  for (const [code, name] of [
    [2, 'CORRUPT_MESSAGE'],
    [10, 'MESSAGE_TOO_LARGE'],
    [-1, 'UNKNOWN_SERVER_ERROR'],
  ] as const) {
    it(`tries what is answered with ${name} again, and says what it was if it lasts`, async () => {
      const link = new FakeLink()
      const { p, sender, ended } = newSender(link)
      const trouble = ended(
        fakePartition(p, { timestamp: NOW, batches: 1, bytes: 300_000, tailIsFresh: true }),
      )
      sender.add(p)
      sender.offer(p)
      await turn()
      link.answer({ errorCode: code })
      const { problem, ifItLasts, uncertain } = await trouble
      deepStrictEqual([problem, ifItLasts?.code, uncertain], [undefined, 'FERRY1606', code === -1])
      match(ifItLasts!.detail, new RegExp(`source offset 0: ${name}`))
    })
  }

  it('never uses memory again that a lost request may still be read from', async () => {
    for (const isLost of [true, false]) {
      const link = new FakeLink()
      const { p, sender } = newSender(link)
      const { budget, buffers, frame } = fakePartition(p, {
        timestamp: NOW,
        batches: 3,
        bytes: 300_000,
        tailIsFresh: true,
      })
      sender.add(p)
      sender.offer(p)
      await turn()
      strictEqual(budget.free < budget.total, true)
      if (isLost) await link.close()
      else for (let i = 0; i < 3; i++) link.answer({ baseOffset: i })
      await turn()
      strictEqual(budget.free, budget.total)
      strictEqual(buffers.need(frame.length) === frame, !isLost)
    }
  })

  it('closes the connection when an answer is late', async () => {
    const link = new FakeLink()
    const { p, sender, ended } = newSender(link, { requestTimeoutMs: 20 })
    const trouble = ended(
      fakePartition(p, { timestamp: NOW, batches: 1, bytes: 300_000, tailIsFresh: true }),
    )
    sender.add(p)
    sender.offer(p)
    strictEqual((await trouble).uncertain, true)
    strictEqual(link.connected, false)
  })

  it('sends nothing while the lock does not allow it', async () => {
    const link = new FakeLink()
    let may = false
    const { p, sender } = newSender(link, { maySend: () => may })
    fakePartition(p, { timestamp: NOW, batches: 1, bytes: 300_000, tailIsFresh: true })
    sender.add(p)
    sender.offer(p)
    await turn()
    strictEqual(link.open.length, 0)
    may = true
    sender.resume()
    await turn()
    strictEqual(link.open.length, 1)
  })

  it('lets the sequence wrap from 2^31 - 1 to 0', async () => {
    const link = new FakeLink()
    const { p, sender } = newSender(link, {}, 2 ** 31 - 1)
    fakePartition(p, { timestamp: NOW, batches: 3, bytes: 300_000, tailIsFresh: true })
    sender.add(p)
    sender.offer(p)
    await turn()
    const sequences: ProducerId[] = link.open.map(({ batch }) => ({
      id: batch.readBigInt64BE(43),
      sequence: batch.readInt32BE(53),
    }))
    deepStrictEqual(sequences, [
      { id: 7n, sequence: 2 ** 31 - 1 },
      { id: 7n, sequence: 0 },
      { id: 7n, sequence: 1 },
    ])
  })
})
