import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { beforeEach, describe, it, vi } from 'vitest'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import {
  type MirroredPartition,
  MirroredPartition as Partition,
} from '../../src/mirror/partition.ts'
import { type TendOptions, tend } from '../../src/mirror/tend.ts'
import { waitFor } from '../kafka/wait.ts'
import { FakeLink, fakePosition, newSender } from './_fakes.ts'

/** How often it had been tried at each wait. None is waited for: how long they are is tested in `wait.test.ts`. */
const attempts = vi.hoisted((): number[] => [])
vi.mock('../../src/mirror/wait.ts', async (original) => ({
  ...(await original<typeof import('../../src/mirror/wait.ts')>()),
  backoffMs: (attempt: number) => {
    attempts.push(attempt)
    return 0
  },
}))

const PERSISTS = -1
const NOT_ENOUGH_REPLICAS = 19

const HELD_BY_ANOTHER: PartitionProgress = {
  formatVersion: STATE_FORMAT_VERSION,
  topic: 'padded' as TopicName,
  partition: 0,
  producerId: 7n,
  checkedTo: 0n as TargetOffset,
  mirroredTo: 0n as SourceOffset,
  gaps: new GapList(),
  diverged: null,
  mayBeInFlight: true,
  problem: null,
  holder: { host: 'elsewhere', pid: 1, generation: 41 },
  at: '',
}

beforeEach(() => {
  attempts.length = 0
})

/** A padded partition whose source has a hole next, and a target that answers every request for markers with one code. */
const begin = (code: () => number, written = (count: number) => count) => {
  const asked: number[] = []
  const fences: number[] = []
  const link = new FakeLink()
  link.writeMarkers = async ({ count, coordinatorEpoch }) => {
    asked.push(count)
    fences.push(coordinatorEpoch)
    const answer = code()
    // Written: the source has another hole.
    if (answer === 0) p.next += 10
    return answer
  }
  const targetEnd = async (of: MirroredPartition) => of.sendBase + written(asked.at(-1)!)
  const dense = newSender(link, { targetEnd })
  const mark: Mark = { ...dense.p.mark, mode: 'identical', topic: 'padded' as TopicName }
  const p: MirroredPartition = new Partition('m', mark)
  const { sender } = dense
  const options: TendOptions = {
    checker: {
      check: async () => fakePosition(Math.max(0, p.checkedTo)),
      settle: async () => {
        p.uncertain = false
      },
      cannotCarry: () => Promise.reject(new Error('nothing is fetched here')),
    },
    isStillMirrored: async () => true,
    routes: {
      connect: async () => ({
        start: () => {
          sender.add(p)
          // It has read a hole of ten.
          p.next = p.sendBase + 10
          sender.offer(p)
        },
        offer: () => sender.offer(p),
        release: () => sender.remove(p),
      }),
    },
    isOwn: () => true,
    readProgress: async () => undefined,
    announce: async () => {},
    storeGaps: async () => {},
    generation: () => 1,
    log: () => {},
  }
  return { p, asked, fences, options }
}

const run = async (
  { p, options }: Pick<ReturnType<typeof begin>, 'p' | 'options'>,
  until: () => boolean,
): Promise<void> => {
  const abort = new AbortController()
  const tending = tend(p, options, abort.signal)
  await waitFor('it', { timeoutMs: 10_000, everyMs: 1 }, () => until() || undefined)
  abort.abort()
  await tending
}

describe('a partition whose markers are answered with an error', () => {
  it('that says nothing: it stops after some attempts, and says where', async () => {
    const padded = begin(() => PERSISTS)
    await run(padded, () => padded.p.state === 'stopped')
    strictEqual(padded.asked.length, 8)
    strictEqual(padded.p.problem?.code, 'FERRY1606')
    match(padded.p.problem!.detail, /padded:0: .* hole at offset 0 .* UNKNOWN_SERVER_ERROR/)
  })

  it('that says nothing, now and then: what was written in between counts', async () => {
    let times = 0
    const padded = begin(() => (++times % 7 === 0 ? 0 : PERSISTS))
    await run(padded, () => padded.asked.length > 40)
    deepStrictEqual([padded.p.problem, padded.p.checkedTo >= 50], [undefined, true])
    // So do the waits: the first failure behind what was written is the first again.
    deepStrictEqual(attempts.slice(0, 14), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1])
  })

  it('that passes by itself: it waits as long as it takes', async () => {
    const padded = begin(() => NOT_ENOUGH_REPLICAS)
    await run(padded, () => padded.asked.length > 30)
    strictEqual(padded.p.problem, undefined)
    // Each wait is that of one more attempt, not of the first again.
    deepStrictEqual(
      attempts.slice(0, 30),
      Array.from({ length: 30 }, (_, attempt) => attempt),
    )
  })
})

describe('markers of which only the last was written', () => {
  it('are not taken for all of them: the log end is what counts', async () => {
    const padded = begin(
      () => 0,
      () => 1,
    )
    await run(padded, () => padded.p.numbers.errors > 0)
    deepStrictEqual([padded.asked[0], padded.p.checkedTo], [10, 0])
  })
})

describe('who takes over from a holder of whom something may be on its way', () => {
  it('says so, with a fence of its own, before it sends anything', async () => {
    const padded = begin(() => NOT_ENOUGH_REPLICAS)
    const told: number[] = []
    const options: TendOptions = {
      ...padded.options,
      isOwn: () => false,
      readProgress: async () => HELD_BY_ANOTHER,
      announce: async (p) => {
        told.push(padded.asked.length, p.fence)
      },
    }
    await run({ ...padded, options }, () => padded.asked.length > 0)
    deepStrictEqual(told.slice(0, 2), [0, 42])
    deepStrictEqual(padded.fences[0], 42)
  })

  it('and takes a higher one where another process has spoken under the same, as neither had read of the other', async () => {
    const padded = begin(() => NOT_ENOUGH_REPLICAS)
    const told: number[] = []
    let stored: PartitionProgress | undefined
    const options: TendOptions = {
      ...padded.options,
      isOwn: () => false,
      readProgress: async () => stored,
      announce: async (p) => {
        told.push(p.fence)
        if (told.length > 1) return
        stored = { ...HELD_BY_ANOTHER, holder: { ...HELD_BY_ANOTHER.holder, generation: p.fence } }
        throw new Error('is held by process 1 on elsewhere')
      },
    }
    await run({ ...padded, options }, () => padded.asked.length > 0)
    deepStrictEqual([told, padded.fences[0]], [[1, 2], 2])
  })

  for (const [what, progress, checkedTo] of [
    ['had the same host and pid', HELD_BY_ANOTHER, 5],
    // A state that was restored has marks of its own: what was checked of others says nothing of them.
    ['had another mark', { ...HELD_BY_ANOTHER, producerId: 8n }, 0],
  ] as const) {
    it(`takes a higher fence where the group has begun to count anew, also where that one ${what}`, async () => {
      const padded = begin(() => NOT_ENOUGH_REPLICAS)
      const options: TendOptions = {
        ...padded.options,
        readProgress: async () => ({
          ...progress,
          checkedTo: 5n as TargetOffset,
          mayBeInFlight: false,
        }),
      }
      await run({ ...padded, options }, () => padded.asked.length > 0)
      deepStrictEqual([padded.fences[0], padded.p.checkedTo], [42, checkedTo])
    })
  }

  it('keeps its own', async () => {
    const padded = begin(() => NOT_ENOUGH_REPLICAS)
    padded.p.fence = 41
    const options: TendOptions = { ...padded.options, readProgress: async () => HELD_BY_ANOTHER }
    await run({ ...padded, options }, () => padded.asked.length > 0)
    deepStrictEqual(padded.fences[0], 41)
  })
})
