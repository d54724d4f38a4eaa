import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { settleUnderLock, untilSettled } from '../../src/mirror/settled.ts'
import type { PartitionLock } from '../../src/mirror/with-partitions.ts'

const KEY = partitionKey('t' as TopicName, 0)
const MS = 20

/** What a leader says, look by look; the last of it from then on. */
const log = (
  looks: readonly (readonly [
    end: number,
    watermark: number,
    leaderEpoch?: number,
    leader?: number,
  ])[],
) => {
  let look = -1
  const now = () => looks[Math.min(look, looks.length - 1)]!
  return {
    get looks() {
      return look
    },
    logEnd: async () => {
      look++
      const [end, , leaderEpoch = 0, leader = 1] = now()
      return { end, leader, leaderEpoch }
    },
    end: async () => now()[1],
  }
}
const settled = (it: ReturnType<typeof log>) =>
  untilSettled(it, KEY, MS, AbortSignal.timeout(60_000))

describe('a log end is settled', () => {
  it('once it stood still, not before', async () => {
    strictEqual(await settled(log([[5, 5]])), 5)
    const grows = log([4, 5, 6, 7].map((end) => [end, end] as const))
    strictEqual(await settled(grows), 7)
    ok(grows.looks > 3)
  })

  it('not while something of it is not replicated: its answer was lost, and it may appear', async () => {
    const hidden = log([
      [8, 5],
      [8, 5],
      [8, 5],
      [8, 5],
      [8, 8],
    ])
    strictEqual(await settled(hidden), 8)
    await rejects(untilSettled(log([[8, 5]]), KEY, MS, AbortSignal.timeout(200)))
  })

  it('not across a change of leader, which counts anew', async () => {
    const moves = log([
      [5, 5, 0],
      [5, 5, 1],
      [5, 5, 2],
      [5, 5, 3],
      [3, 3, 4],
    ])
    strictEqual(await settled(moves), 3)
    // Of a broker before 2.1, which tells no epochs.
    const unnamed = log([1, 2, 1, 2, 1, 2].map((leader) => [5, 5, -1, leader] as const))
    strictEqual(await settled(unnamed), 5)
    ok(unnamed.looks > 5)
  })
})

describe('under the lock', () => {
  const lockOf = (isUncertain: boolean) => {
    const calls: string[] = []
    const lock: PartitionLock = {
      write: async (_keys, request) => {
        calls.push('lock')
        return request()
      },
      isUncertain: () => isUncertain,
      settled: () => void calls.push('settled'),
    }
    return { calls, lock }
  }
  const options = {
    timings: { requestTimeoutMs: MS, sessionTimeoutMs: 10 * MS },
    signal: AbortSignal.timeout(60_000),
  }

  it('an uncertain log is waited for, one of a producer that is new is not', async () => {
    for (const [isUncertain, isFirst, waits] of [
      [true, false, true],
      [true, true, false],
      [false, false, false],
    ] as const) {
      const { calls, lock } = lockOf(isUncertain)
      const reader = log([
        [5, 4],
        [5, 4],
        [5, 5],
      ])
      await settleUnderLock(KEY, reader, { ...options, lock, isFirst })
      deepStrictEqual(calls, ['lock', 'settled'])
      strictEqual(reader.looks >= 2, waits)
    }
  })
})
