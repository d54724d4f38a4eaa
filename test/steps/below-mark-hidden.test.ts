import { expect, test } from 'vitest'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { belowMarkIsHidden } from '../../src/steps/gates/index.ts'
import type { Run } from '../../src/steps/step-kind.ts'

/** What the gate itself deletes below a mark. On brokers: `test/faults/emptied.test.ts`. */

const TOPIC = 'orders' as TopicName
const KEY = 'orders:0' as PartitionKey
const [OURS, FILLER] = [7n, 8n]
const SEAL = { topic: TOPIC, partition: 0, sourceEnd: 12n, targetEnd: 12n, at: '' }

const batch = (producerId: bigint, base: number, count: number, baseSequence: number) =>
  encodeBatch({
    baseOffset: base,
    producerId,
    epoch: 0,
    baseSequence,
    records: Array.from({ length: count }, () => ({ timestamp: 1, key: null, value: null })),
  })

/** A partition that was marked at 10, and begins at 0 again since a crash; `below` is what stands there. */
const check = async (isSealed: boolean, below: Buffer) => {
  let start = 0n
  const of = <T>(value: T) => ({ ok: new Map([[KEY, value]]), failed: new Map() })
  const cluster = (name: string) => ({
    name,
    listOffsets: async (_: unknown, at: string) => {
      const first = name === 'new' ? start : 10n
      return of(at === 'earliest' ? first : 12n)
    },
    leaderEnds: async () => of({ leader: 1, leaderEpoch: 0, end: 12n }),
    describeTopics: async () => ({ ok: new Map([[TOPIC, { partitions: [] }]]), failed: new Map() }),
    leaders: async () => new Map([[KEY, { leader: 1, leaderEpoch: 0 }]]),
    connectBroker: async () => ({
      connected: true,
      fetch: async ({ topics }: { topics: { partitions: { fetchOffset: number }[] }[] }) => {
        const isBelow = topics[0]!.partitions[0]!.fetchOffset < 10
        const records = isBelow ? below : batch(4711n, 10, 2, 0)
        return [{ topic: TOPIC, partition: 0, errorCode: 0, records }]
      },
      close: async () => {},
    }),
    deleteRecords: async (to: ReadonlyMap<PartitionKey, bigint>) => {
      start = to.get(KEY)!
      return { ok: to, failed: new Map() }
    },
  })
  const mark = {
    topic: TOPIC,
    partition: 0,
    mode: 'identical',
    sourceStart: 10n,
    targetStart: 10n,
    producerId: OURS,
    producerEpoch: 0,
    fillerProducerId: FILLER,
  }
  const run = {
    mirror: async () => ({ reports: () => [] }),
    clusters: { source: cluster('old'), target: cluster('new') },
    store: { readProgress: async () => new Map() },
    migration: { name: 'orders' },
    state: () => ({ marks: [mark], seals: isSealed ? [SEAL] : [], acceptedGaps: [] }),
  } as unknown as Run
  return { reading: await belowMarkIsHidden([TOPIC]).check(run), start }
}

const filler = batch(FILLER, 0, 10, 0)

test('below a seal filler is deleted at once: nobody mirrors it any more', async () => {
  expect(await check(true, filler)).toEqual({ reading: { holds: true }, start: 10n })
})

test('below a mark that is mirrored it is for the mirror to delete', async () => {
  const { reading, start } = await check(false, filler)
  expect(reading).toMatchObject({ holds: false, worthWaiting: true })
  expect(start).toBe(0n)
})

test('what others wrote below a seal is kept, and waiting is no use', async () => {
  const { reading, start } = await check(true, batch(4711n, 0, 10, 0))
  expect(reading).toMatchObject({
    holds: false,
    worthWaiting: false,
    because: expect.stringMatching(/begins at 0 instead of the mark at 10.*kafka-delete-records/),
  })
  expect(start).toBe(0n)
})
