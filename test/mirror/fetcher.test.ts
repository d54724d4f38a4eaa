import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it } from 'vitest'
import type { BrokerLink, FetchedPartition, FetchRequest } from '../../src/kafka/cluster.ts'
import { Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { Fetcher } from '../../src/mirror/fetcher.ts'
import type { Trouble } from '../../src/mirror/flow.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { FakeLink, fakePosition, newSender } from './_fakes.ts'

const options = () => ({
  budget: new Budget(1 << 30),
  buffers: new BufferPool(1 << 30),
  received: () => {},
})

const EMPTY = {
  errorCode: 0,
  highWatermark: 10,
  lastStableOffset: 10,
  logStartOffset: 0,
  abortedTransactions: null,
  records: Buffer.alloc(0),
}

/** What a partition hears when the source answers its first Fetch with this. */
const troubleOf = async (answer: Partial<FetchedPartition>): Promise<Trouble> => {
  const { p } = newSender(new FakeLink())
  const link: BrokerLink = Object.assign(new FakeLink(), {
    fetch: async (request: FetchRequest): Promise<readonly FetchedPartition[]> => {
      const { topic, partitions } = request.topics[0]!
      const { partition } = partitions[0]!
      return [{ ...EMPTY, topic, partition, ...answer }]
    },
  })
  const fetcher = new Fetcher(link, options())
  const ended = p.flow(fakePosition(0))
  fetcher.add(p)
  const trouble = await ended
  fetcher.close()
  return trouble
}

describe('an error of the source', () => {
  it('that passes by itself is waited for', async () => {
    // NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, FENCED_LEADER_EPOCH, UNKNOWN_TOPIC_ID.
    for (const errorCode of [6, 56, 74, 100]) {
      const { problem, ifItLasts, uncertain } = await troubleOf({ errorCode })
      deepStrictEqual([problem, ifItLasts, uncertain], [undefined, undefined, false])
    }
  })

  it('that says that a right is missing stops the partition', async () => {
    const { problem } = await troubleOf({ errorCode: 29 })
    strictEqual(problem?.code, 'FERRY1611')
    match(problem.fix, /READ on the source topic/)
  })

  it('that says nothing, or that records are damaged, is tried again, and named with its place if it lasts', async () => {
    for (const [errorCode, name] of [
      [-1, 'UNKNOWN_SERVER_ERROR'],
      [2, 'CORRUPT_MESSAGE'],
    ] as const) {
      const { problem, ifItLasts } = await troubleOf({ errorCode })
      deepStrictEqual([problem, ifItLasts?.code], [undefined, 'FERRY1611'])
      match(ifItLasts!.detail, new RegExp(`${name} to a read at source offset 0`))
      ok(!ifItLasts!.fix.includes('READ'))
    }
  })
})

it('a partition that is given to a connection which was lost meanwhile begins anew', async () => {
  const { p: first } = newSender(new FakeLink())
  const { p } = newSender(new FakeLink())
  const link = Object.assign(new FakeLink(), { fetch: () => Promise.reject(new Error('reset')) })
  const fetcher = new Fetcher(link, options())
  const lost = first.flow(fakePosition(0))
  fetcher.add(first)
  strictEqual((await lost).why, 'the connection to the source was lost (reset)')
  const ended = p.flow(fakePosition(0))
  fetcher.add(p)
  strictEqual((await ended).why, 'the connection to the source was lost')
})

it('a leader that hangs with a Fetch keeps nobody from asking the next one', async () => {
  const { p } = newSender(new FakeLink())
  let loses = (_: Error) => {}
  const hanging = new Fetcher(
    Object.assign(new FakeLink(), {
      fetch: () =>
        new Promise<never>((_, reject) => {
          loses = reject
        }),
    }),
    options(),
  )
  void p.flow(fakePosition(0))
  hanging.add(p)
  await waitFor('the first to be asked', { timeoutMs: 5_000 }, () => !p.wantsMore || undefined)
  p.end({ why: 'the lock goes to another member', uncertain: false })
  hanging.remove(p)

  let asked = 0
  let open = 0
  let mostOpen = 0
  const next = new Fetcher(
    Object.assign(new FakeLink(), {
      fetch: async (): Promise<readonly FetchedPartition[]> => {
        mostOpen = Math.max(mostOpen, ++open)
        await pause(1)
        open--
        asked++
        return [{ ...EMPTY, topic: p.topic, partition: p.partition }]
      },
    }),
    options(),
  )
  void p.flow(fakePosition(0))
  next.add(p)
  await waitFor('the next one to be asked', { timeoutMs: 5_000 }, () => asked > 3 || undefined)
  // Nor does the end of the old request begin a second one beside that of the new leader.
  loses(new Error('timed out'))
  const before = asked
  await waitFor('it to be asked on', { timeoutMs: 5_000 }, () => asked > before + 3 || undefined)
  strictEqual(mostOpen, 1)
  p.end({ why: 'the test is over', uncertain: false })
  next.close()
})

/** Answers each partition of a request with what `answer` says of it. */
const answering =
  (answer: (partition: number, fetchOffset: number) => Partial<FetchedPartition>) =>
  async ({ topics }: FetchRequest): Promise<readonly FetchedPartition[]> =>
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => ({
        ...EMPTY,
        topic,
        partition,
        ...answer(partition, fetchOffset),
      })),
    )

it('a thousand that are followed closely are not asked again for each of their records', async () => {
  const ALL = 1_000
  const partitions = Array.from({ length: ALL }, (_, i) => newSender(new FakeLink(), {}, 0, i).p)
  const record = { timestamp: 1, key: null, value: Buffer.from('x') }
  const answer = answering((partition, offset) => {
    if (partition > 0) return { lastStableOffset: 0 }
    const records = encodeBatch({ records: [record], baseOffset: offset })
    return { records, lastStableOffset: offset + 1, highWatermark: offset + 1 }
  })
  const requests: { readonly asked: number; readonly answered: number }[] = []
  const fetch = async (request: FetchRequest) => {
    const asked = performance.now()
    const answers = await answer(request)
    requests.push({ asked, answered: performance.now() })
    return answers
  }
  const fetcher = new Fetcher(Object.assign(new FakeLink(), { fetch }), options())
  for (const p of partitions) {
    void p.flow({ ...fakePosition(0), sourceEnd: 0 })
    fetcher.add(p)
  }
  await waitFor('five requests', { timeoutMs: 30_000 }, () => requests.length >= 5 || undefined)
  fetcher.close()
  const rests = requests.slice(1).map(({ asked }, i) => asked - requests[i]!.answered)
  // A timer may be a millisecond early.
  ok(Math.min(...rests) >= 49, `rested ${rests.map(Math.round).join(', ')} ms`)
  // What there is of all partitions was taken, one record a request.
  ok(partitions[0]!.next >= 4 && partitions[0]!.next <= requests.length)
})
