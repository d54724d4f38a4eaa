import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { MirrorChild } from './_child.ts'
import { assertRate } from './_rate.ts'
import {
  contentOf,
  createTopic,
  endsOf,
  markTopic,
  type Pair,
  startPair,
  TIMINGS,
  topicName,
  untilForgotten,
  withFolder,
} from './_support.ts'

const DAY = 24 * 60 * 60 * 1000

/** The target forgets producers of old records within a second: nothing but the lock protects then. */
const FORGETFUL = { 'producer.id.expiration.check.interval.ms': '1000' }

describe('mirrors in several processes', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await startPair({ target: { config: FORGETFUL } })
  })
  afterAll(() => pair?.stop())

  const isCopied = async (topic: string, partitions: number): Promise<true | undefined> => {
    const all = Array.from({ length: partitions }, (_, partition) => ({
      topic: topicName(topic),
      partition,
    }))
    const [before, after] = await Promise.all([endsOf(pair.from, all), endsOf(pair.to, all)])
    return [...before].every(([key, end]) => after.get(key)! >= end) ? true : undefined
  }

  const assertCopied = async (topic: string): Promise<void> => {
    const [before, after] = await Promise.all([
      oracle.read(pair.source, topic),
      oracle.read(pair.target, topic),
    ])
    strictEqual(after.length, before.length)
    deepStrictEqual(contentOf(after), contentOf(before))
  }

  /** What they send together for some seconds. */
  const sendAtMost = (children: readonly MirrorChild[], allowed: number): Promise<void> =>
    assertRate(() => children.reduce((sum, child) => sum + child.bytes, 0), {
      grows: 3 * allowed,
      allowed,
    })

  for (const [name, timestamp] of [
    ['two days old', Date.now() - 2 * DAY],
    ['of now', Date.now()],
  ] as const) {
    it(`share partitions, and one killed in the middle leaves exactly one copy (records ${name})`, async () => {
      const topic = topicName(`shared-${name.replaceAll(' ', '-')}`)
      await createTopic(pair.from, topic, 4)
      await createTopic(pair.to, topic, 4)
      const partitions = [0, 1, 2, 3]
      await oracle.produce(pair.source, topic, { count: 300_000, size: 200, partitions, timestamp })
      const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
      await withFolder(async (folder) => {
        const throttle = 4_000_000
        const children = [0, 1].map(() => MirrorChild.start(pair, folder, marks, { throttle }))
        try {
          const [first, second] = children as [MirrorChild, MirrorChild]
          await first.until(
            'the first to mirror half',
            (c) => c.mirroring === 2 && c.records > 3_000,
          )
          await second.until(
            'the second to mirror half',
            (c) => c.mirroring === 2 && c.records > 3_000,
          )
          await sendAtMost([first, second], throttle)
          await first.end('SIGKILL')
          await second.until('the second to mirror all', (c) => c.mirroring === 4, 40_000)
          await sendAtMost([second], throttle)
          // And one that starts anew takes the dead one out of the group: it need not wait for a session.
          const killedAt = second.records
          const third = MirrorChild.start(pair, folder, marks)
          children.push(third)
          await third.until('the third to take part', (c) => c.mirroring === 2)
          await second.until('the second to go on', (c) => c.records > killedAt)
          await second.end('SIGKILL')
          await waitFor('the copy', { timeoutMs: 60_000 }, () => isCopied(topic, 4))
          await third.end('SIGTERM')
        } finally {
          await Promise.all(children.map((child) => child.end('SIGKILL')))
        }
      })
      await assertCopied(topic)
    })
  }

  it('a restart after kill -9 does not wait for the session to end', async () => {
    const topic = topicName('restart')
    await createTopic(pair.from, topic, 1)
    await createTopic(pair.to, topic, 1)
    const timestamp = Date.now() - 2 * DAY
    await oracle.produce(pair.source, topic, { count: 50_000, size: 200, timestamp })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      // A session far longer than the test may take.
      const sessionMs = 600_000
      for (let round = 0; round < 3; round++) {
        const child = MirrorChild.start(pair, folder, marks, { throttle: 1_000_000, sessionMs })
        try {
          await child.until('records', (c) => c.records > 2_000, 30_000)
        } finally {
          await child.end('SIGKILL')
        }
      }
      const last = MirrorChild.start(pair, folder, marks, { sessionMs })
      try {
        await waitFor('the copy', { timeoutMs: 30_000 }, () => isCopied(topic, 1))
        await last.end('SIGTERM')
      } finally {
        await last.end('SIGKILL')
      }
    })
    await assertCopied(topic)
  })

  it('one that was stopped for longer than its session writes nothing when it goes on', async () => {
    const topic = topicName('stopped')
    await createTopic(pair.from, topic, 1)
    await createTopic(pair.to, topic, 1)
    const timestamp = Date.now() - 2 * DAY
    await oracle.produce(pair.source, topic, { count: 30_000, size: 200, timestamp })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const first = MirrorChild.start(pair, folder, marks, { throttle: 500_000 })
      const second = MirrorChild.start(pair, folder, marks, { throttle: 500_000 })
      try {
        const both = [first, second]
        await waitFor(
          'one to mirror',
          { timeoutMs: 60_000 },
          () => both.some((c) => c.records > 3_000 && c.mirroring === 1) || undefined,
        )
        const [holder, other] = first.mirroring === 1 ? [first, second] : [second, first]
        holder.signal('SIGSTOP')
        const before = other.records
        await other.until(
          'the other to take over',
          (c) => c.mirroring === 1 && c.records > before + 3_000,
        )
        await waitFor('the copy', { timeoutMs: 90_000 }, () => isCopied(topic, 1))
        await untilForgotten(pair.to, [{ topic, partition: 0 }])
        holder.signal('SIGCONT')
        await holder.until('the first to hear of it', (c) => c.log.includes('the session is over'))
        ok(![...first.reports, ...second.reports].some((r) => r.state === 'stopped'))
        await Promise.all(both.map((child) => child.end('SIGTERM')))
      } finally {
        await Promise.all([first.end('SIGKILL'), second.end('SIGKILL')])
      }
    })
    await assertCopied(topic)
    ok(TIMINGS.sessionTimeoutMs < 10_000)
  })
})
