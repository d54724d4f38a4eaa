import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, it } from 'vitest'
import { AnswerMemory, Budget } from '../../src/mirror/budget.ts'
import { BufferPool } from '../../src/mirror/buffer-pool.ts'
import { Outbox, type OutgoingBatch } from '../../src/mirror/outbox.ts'
import { SegmentQueue } from '../../src/mirror/queue.ts'
import {
  type Codec,
  codec as codecOf,
  codecsReady,
  crcMatches,
  encodeBatch,
  forEachRecord,
  parseRecord,
} from '../../src/records/index.ts'

const STAMP = { producerId: 7n, epoch: 0, baseSequence: 5 }
const LIMIT = 256 * 1024

/** Batches of two records whose values are their source offsets; `at` gives the base offset of each. */
const queueOf = (
  batches: readonly { readonly codec: Codec; readonly at: number; readonly size?: number }[],
): SegmentQueue => {
  const queue = new SegmentQueue()
  const memory = new AnswerMemory(new Budget(1 << 30), new BufferPool(1 << 30), 0)
  // Two segments, so that what is merged comes of both.
  const half = Math.ceil(batches.length / 2)
  for (const some of [batches.slice(0, half), batches.slice(half)]) {
    if (some.length === 0) continue
    const buf = Buffer.concat(
      some.map(({ codec, at, size = 10 }) => {
        const filling = size > 100 ? randomBytes(size).toString('hex') : '.'.repeat(size)
        const records = [at, at + 1].map((offset) => ({
          timestamp: 1_000_000 + offset,
          key: null,
          value: Buffer.from(`${offset} ${filling}`),
        }))
        return encodeBatch({ records, codec, baseOffset: at })
      }),
    )
    memory.use()
    queue.push({ buf, at: 0, end: buf.length, memory, isOwn: false })
  }
  return queue
}

const offsetsOf = ({ batch }: OutgoingBatch): number[] => {
  ok(crcMatches(batch, 0, batch.length))
  const found: number[] = []
  forEachRecord(batch, 0, (record) => {
    const offset = Number.parseInt(String(parseRecord(record).value), 10)
    strictEqual(record.timestamp, 1_000_000 + offset)
    found.push(offset)
  })
  return found
}

const all = (queue: SegmentQueue, splitAtHoles = false): OutgoingBatch[] => {
  const outbox = new Outbox(new BufferPool(1 << 30))
  const sent: OutgoingBatch[] = []
  while (queue.bytes > 0) sent.push(outbox.next(queue, STAMP, LIMIT, splitAtHoles))
  return sent
}

const tiny = (codec: Codec, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ codec, at: from + i * 2 }))

describe('tiny compressed batches', () => {
  beforeAll(codecsReady)

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`are merged into one of their codec (${codec})`, () => {
      const [batch, ...rest] = all(queueOf(tiny(codec, 40)))
      deepStrictEqual(rest, [])
      strictEqual(codecOf(batch!.batch, 0), codec)
      deepStrictEqual([batch!.records, batch!.sourceBatches], [80, 40])
      deepStrictEqual(
        offsetsOf(batch!),
        Array.from({ length: 80 }, (_, i) => i),
      )
    })
  }

  it('are not merged with another codec, nor where there are few or they are not tiny', () => {
    const sizes = (sent: readonly OutgoingBatch[]) => sent.map((each) => each.sourceBatches)
    deepStrictEqual(sizes(all(queueOf([...tiny('gzip', 5), ...tiny('lz4', 6, 10)]))), [5, 6])
    deepStrictEqual(sizes(all(queueOf(tiny('gzip', 3)))), [1, 1, 1])
    const large = tiny('lz4', 6).map((each) => ({ ...each, size: 2_000 }))
    const sent = all(queueOf(large))
    deepStrictEqual(sizes(sent), [1, 1, 1, 1, 1, 1])
    deepStrictEqual(
      sent.flatMap(offsetsOf),
      Array.from({ length: 12 }, (_, i) => i),
    )
  })

  it('are not merged over a hole where offsets are identical', () => {
    const batches = [...tiny('gzip', 5), ...tiny('gzip', 5, 11)]
    const merged = (splitAtHoles: boolean) =>
      all(queueOf(batches), splitAtHoles).map((each) => each.sourceBatches)
    deepStrictEqual(merged(true), [5, 5])
    deepStrictEqual(merged(false), [10])
  })
})
