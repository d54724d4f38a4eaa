import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { BrokerLink, FetchedPartition, FetchRequest } from '../../src/kafka/cluster.ts'
import { Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { Fetcher } from '../../src/mirror/fetcher.ts'
import type { Trouble } from '../../src/mirror/partition.ts'
import { FakeLink, fakePosition, newSender } from './_fakes.ts'

/** What a partition hears when the source answers its first Fetch with this. */
const troubleOf = async (answer: Partial<FetchedPartition>): Promise<Trouble> => {
  const { p } = newSender(new FakeLink())
  const link: BrokerLink = Object.assign(new FakeLink(), {
    fetch: async (request: FetchRequest): Promise<readonly FetchedPartition[]> => {
      const { topic, partitions } = request.topics[0]!
      const { partition } = partitions[0]!
      const whole = {
        topic,
        partition,
        errorCode: 0,
        highWatermark: 10,
        lastStableOffset: 10,
        logStartOffset: 0,
        abortedTransactions: null,
        records: Buffer.alloc(0),
      }
      return [{ ...whole, ...answer }]
    },
  })
  const fetcher = new Fetcher(link, {
    budget: new Budget(1 << 30),
    buffers: new BufferPool(1 << 30),
    received: () => {},
  })
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
