import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { crc32 } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { GapList } from '../../src/domain/gap-list.ts'
import { keptBytes, type Taken, takeIn } from '../../src/mirror/intake.ts'
import {
  ATTRIBUTES,
  baseOffset,
  CODECS,
  crcMatches,
  encodeBatch,
  forEachBatch,
  forEachRecord,
  type NewRecord,
  parseRecord,
} from '../../src/records/index.ts'

/** What stands in a log: a batch of one producer, some of whose records a cleaner removed, or a marker. */
interface Written {
  readonly kind: 'plain' | 'transactional' | 'append-time' | 'marker'
  readonly producer: number
  /** For a marker: whether it commits. */
  readonly commits: boolean
  readonly codec: (typeof CODECS)[number]
  /** One for each offset: whether the record is still there. */
  readonly holds: readonly boolean[]
  /** Offsets before it of which nothing is left. */
  readonly missing: number
}

const written: fc.Arbitrary<Written> = fc.record({
  kind: fc.constantFrom('plain', 'plain', 'transactional', 'append-time', 'marker'),
  producer: fc.integer({ min: 1, max: 3 }),
  commits: fc.boolean(),
  codec: fc.constantFrom(...CODECS.filter((codec) => codec !== 'zstd')),
  holds: fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()), {
    minLength: 1,
    maxLength: 6,
  }),
  missing: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(3)),
})

interface Log {
  readonly bytes: Buffer
  readonly aborted: { producerId: bigint; firstOffset: number }[]
  /** Offsets with a record that consumers see. */
  readonly visible: number[]
  readonly end: number
}

const markerOf = (commits: boolean): NewRecord => ({
  timestamp: 1,
  key: Buffer.from([0, 0, 0, commits ? 1 : 0]),
  value: Buffer.alloc(6),
})

/** The log as a broker would answer it. Transactions that are open at its end are committed there. */
const logOf = (all: readonly Written[]): Log => {
  const parts: Buffer[] = []
  const aborted: Log['aborted'] = []
  const open = new Map<number, { first: number; offsets: number[] }>()
  const visible: number[] = []
  let offset = 0
  for (const { kind, producer, commits, codec, holds, missing } of all) {
    offset += missing
    if (kind === 'marker') {
      const attributes = ATTRIBUTES.transactional | ATTRIBUTES.control
      const records = [markerOf(commits)]
      parts.push(
        encodeBatch({ records, baseOffset: offset, producerId: BigInt(producer), attributes }),
      )
      const transaction = open.get(producer)
      if (transaction && !commits) {
        aborted.push({ producerId: BigInt(producer), firstOffset: transaction.first })
      }
      if (transaction && commits) visible.push(...transaction.offsets)
      open.delete(producer)
      offset++
      continue
    }
    const isTransactional = kind === 'transactional'
    const offsets = holds.flatMap((holds, i) => (holds ? [offset + i] : []))
    if (isTransactional) {
      const transaction = open.get(producer) ?? { first: offset, offsets: [] }
      transaction.offsets.push(...offsets)
      open.set(producer, transaction)
    } else visible.push(...offsets)
    parts.push(
      encodeBatch({
        records: offsets.map((at) => ({
          timestamp: 1_000 + at,
          key: null,
          value: Buffer.from(String(at)),
          offsetDelta: at - offset,
        })),
        codec,
        baseOffset: offset,
        lastOffsetDelta: holds.length - 1,
        producerId: isTransactional ? BigInt(producer) : -1n,
        attributes:
          (isTransactional ? ATTRIBUTES.transactional : 0) |
          (kind === 'append-time' ? ATTRIBUTES.logAppendTime : 0),
        maxTimestamp: 77_777,
      }),
    )
    offset += holds.length
  }
  for (const { offsets } of open.values()) visible.push(...offsets)
  return {
    bytes: Buffer.concat(parts),
    aborted,
    visible: visible.sort((a, b) => a - b),
    end: offset,
  }
}

const take = (
  log: Log,
  next: number,
  splitAtHoles: boolean,
  counters = { batchesReEncoded: 0, recordsReEncoded: 0 },
  until = Number.POSITIVE_INFINITY,
) =>
  takeIn({
    until,
    records: Buffer.from(log.bytes),
    aborted: log.aborted,
    next,
    maxBytes: Number.POSITIVE_INFINITY,
    splitAtHoles,
    counters,
  })

/** Source offsets of the records in what was taken, by their values; each batch is one that a broker takes. */
const offsetsIn = ({ pieces }: Taken, splitAtHoles: boolean): number[] => {
  const found: number[] = []
  for (const { buf, at: start, end } of pieces) {
    forEachBatch(
      buf,
      (item, { at, length }) => {
        strictEqual(item, 'batch')
        ok(crcMatches(buf, at, length))
        strictEqual(buf.readUInt16BE(at + 21) & ~ATTRIBUTES.codecMask, 0)
        const inBatch: number[] = []
        forEachRecord(buf, at, (record) => inBatch.push(Number(parseRecord(record).value)))
        strictEqual(inBatch[0], baseOffset(buf, at))
        if (splitAtHoles) ok(inBatch.every((offset, i) => offset === inBatch[0]! + i))
        found.push(...inBatch)
      },
      { start, end },
    )
  }
  return found
}

const logs = fc.array(written, { maxLength: 12 })

describe('what comes in', () => {
  it('is every visible record, and a gap for every other offset', () => {
    fc.assert(
      fc.property(logs, fc.nat(40), fc.boolean(), (all, from, splitAtHoles) => {
        const log = logOf(all)
        const next = Math.min(from, log.end)
        const taken = take(log, next, splitAtHoles)
        strictEqual(taken.block, undefined)
        strictEqual(taken.next, log.end)
        const visible = log.visible.filter((offset) => offset >= next)
        deepStrictEqual(offsetsIn(taken, splitAtHoles), visible)
        const gaps = new GapList()
        for (const [start, end] of taken.gaps) gaps.append(start, end)
        for (const [rank, offset] of visible.entries()) {
          strictEqual(gaps.offsetOfRank(next, rank), offset)
          strictEqual(offset - next - gaps.missingBelow(offset), rank)
        }
        strictEqual(gaps.missingBelow(log.end), log.end - next - visible.length)
      }),
      { numRuns: 200 },
    )
  })

  it('ends where an accepted gap begins, whatever stands there, and goes on behind it', () => {
    fc.assert(
      fc.property(logs, fc.nat(40), fc.nat(20), fc.boolean(), (all, first, length, split) => {
        const log = logOf(all)
        const until = Math.min(first, log.end)
        const to = Math.min(until + length, log.end)
        const before = take(log, 0, split, undefined, until)
        strictEqual(before.block, undefined)
        strictEqual(before.next, until)
        const behind = take(log, to, split)
        const found = [...offsetsIn(before, split), ...offsetsIn(behind, split)]
        const wanted = log.visible.filter((offset) => offset < until || offset >= to)
        deepStrictEqual(found, wanted)
        const gaps = new GapList()
        for (const [from, end] of before.gaps) gaps.append(from, end)
        if (to > until) gaps.append(until, to)
        for (const [from, end] of behind.gaps) gaps.append(from, end)
        for (const [rank, offset] of wanted.entries()) {
          strictEqual(gaps.offsetOfRank(0, rank), offset)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('keeps every place over restarts, though the cleaner removes records meanwhile', () => {
    const crash = fc.record({ sent: fc.nat(60), removed: fc.array(fc.nat(80), { maxLength: 20 }) })
    fc.assert(
      fc.property(logs, fc.array(crash, { maxLength: 4 }), (all, crashes) => {
        const gaps = new GapList()
        /** What the target holds, as source offsets: a plain list. */
        const target: number[] = []
        let known: readonly Written[] = all
        for (const { sent, removed } of [...crashes, { sent: Infinity, removed: [] }]) {
          const log = logOf(known)
          // From what is stored alone: the gaps, and how many records the target holds.
          const next = gaps.offsetOfRank(0, target.length)
          gaps.truncate(next)
          const taken = take(log, next, false)
          // All gaps of an answer are stored before any of its records is sent.
          for (const [start, end] of taken.gaps) gaps.append(start, end)
          target.push(...offsetsIn(taken, false).slice(0, sent))
          known = cleaned(known, new Set(removed))
        }
        for (const [rank, offset] of target.entries()) {
          strictEqual(gaps.offsetOfRank(0, rank), offset)
        }
        strictEqual(new Set(target).size, target.length)
      }),
      { numRuns: 200 },
    )
  })

  it('opens nothing that can pass, and nothing of a transaction without holes', () => {
    const dense = fc.array(
      written.map((one) => ({
        ...one,
        kind: one.kind === 'append-time' ? ('plain' as const) : one.kind,
        holds: one.holds.map(() => true),
      })),
    )
    fc.assert(
      fc.property(dense, (all) => {
        const counters = { batchesReEncoded: 0, recordsReEncoded: 0 }
        take(logOf(all), 0, false, counters)
        deepStrictEqual(counters, { batchesReEncoded: 0, recordsReEncoded: 0 })
      }),
    )
  })
})

/** The same log after its cleaner took these offsets. */
const cleaned = (all: readonly Written[], gone: ReadonlySet<number>): readonly Written[] => {
  let offset = 0
  return all.map((one) => {
    offset += one.missing
    const start = offset
    offset += one.kind === 'marker' ? 1 : one.holds.length
    return { ...one, holds: one.holds.map((holds, i) => holds && !gone.has(start + i)) }
  })
}

describe('what is damaged on the source', () => {
  const batchAt = (base: number): Buffer =>
    encodeBatch({
      baseOffset: base,
      records: [0, 1].map((n) => ({ timestamp: 1, key: null, value: Buffer.from(`v${n}`) })),
    })
  const taken = (batches: readonly Buffer[], next: number) =>
    takeIn({
      records: Buffer.concat(batches),
      aborted: null,
      next,
      maxBytes: 1_000_000,
      splitAtHoles: false,
      counters: { batchesReEncoded: 0, recordsReEncoded: 0 },
    })

  it('never becomes a gap: a batch whose last offset seems to lie below', () => {
    const [first, second, third] = [batchAt(0), batchAt(2), batchAt(4)]
    second[23]! ^= 0x80
    const { gaps, next, block } = taken([first, second, third], 0)
    deepStrictEqual(gaps, [])
    strictEqual(next, 2)
    deepStrictEqual(block, { reason: 'crc-mismatch', from: 2, to: 3 })
  })

  it('never becomes a gap: a base offset, which no checksum covers', () => {
    const [first, second, third] = [batchAt(10), batchAt(12), batchAt(14)]
    second[7] = 2
    const { gaps, next, block } = taken([first, second, third], 10)
    deepStrictEqual(gaps, [])
    strictEqual(next, 12)
    deepStrictEqual(block, { reason: 'malformed', from: 12, to: 13 })
  })
})

/** The filter throws nothing at a marker of which the cleaner left the batch only. */
describe('an empty control batch', () => {
  it('is no marker, also while a transaction of somebody else is aborted', () => {
    const record = { timestamp: 1, key: null, value: null }
    const batches = [
      encodeBatch({
        baseOffset: 0,
        producerId: 1n,
        epoch: 0,
        baseSequence: 0,
        attributes: ATTRIBUTES.transactional,
        records: [record],
      }),
      encodeBatch({
        baseOffset: 1,
        lastOffsetDelta: 0,
        producerId: 2n,
        epoch: 0,
        attributes: ATTRIBUTES.transactional | ATTRIBUTES.control,
        records: [],
      }),
      encodeBatch({ baseOffset: 2, records: [record] }),
    ]
    const { gaps, next, block } = takeIn({
      records: Buffer.concat(batches),
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      next: 0,
      maxBytes: 1_000_000,
      splitAtHoles: false,
      counters: { batchesReEncoded: 0, recordsReEncoded: 0 },
    })
    deepStrictEqual(
      [...GapList.of(gaps.map(([from, to]) => ({ from, to })))],
      [{ from: 0n, to: 2n }],
    )
    strictEqual(next, 3)
    strictEqual(block, undefined)
  })
})

describe('old messages', () => {
  const message = (offset: number, codec: number, value: Buffer): Buffer => {
    const bytes = Buffer.alloc(34 + value.length)
    bytes.writeBigInt64BE(BigInt(offset), 0)
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes[16] = 1
    bytes[17] = codec
    bytes.writeBigInt64BE(1000n, 18)
    bytes.writeInt32BE(-1, 26)
    bytes.writeInt32BE(value.length, 30)
    value.copy(bytes, 34)
    bytes.writeInt32BE(crc32(bytes.subarray(16)) | 0, 12)
    return bytes
  }
  const offsetsOf = ({ pieces }: Taken): number[] => {
    const offsets: number[] = []
    for (const { buf, at, end } of pieces) {
      forEachBatch(
        buf,
        (_, cursor) => void forEachRecord(buf, cursor.at, (r) => void offsets.push(r.offset)),
        { start: at, end },
      )
    }
    return offsets
  }
  const take = (records: Buffer, maxBytes: number): Taken =>
    takeIn({
      records,
      aborted: null,
      next: 0,
      maxBytes,
      splitAtHoles: false,
      counters: { batchesReEncoded: 0, recordsReEncoded: 0 },
    })

  it('in a compressed set with one that is too large: those before it come once', () => {
    const set = [Buffer.from('a'), Buffer.from('b'), randomBytes(5000)].map((value, offset) =>
      message(offset, 0, value),
    )
    const all = take(message(2, 1, gzipSync(Buffer.concat(set))), 2000)
    deepStrictEqual(offsetsOf(all), [0, 1])
    strictEqual(all.next, 2)
    deepStrictEqual(all.block, { reason: 'too-large', from: 2, to: 3 })
  })

  it('and batches of format 2 that are large inside leave nothing of that in memory, also where they could not be taken', () => {
    const MOST = 3 * 1024 * 1024
    const large = Buffer.alloc(16 * 1024 * 1024)
    const set = (values: readonly Buffer[]) =>
      message(
        values.length - 1,
        1,
        gzipSync(Buffer.concat(values.map((value, offset) => message(offset, 0, value)))),
      )
    const batch = encodeBatch({
      baseOffset: 0,
      codec: 'gzip',
      attributes: ATTRIBUTES.logAppendTime,
      records: [{ timestamp: 1, key: null, value: large }],
    })
    for (const [records, maxBytes, count] of [
      [set([large]), 1_000_000, 1],
      [set(Array.from({ length: 100_000 }, () => Buffer.from('x'))), 1_000_000, 100_000],
      [batch, 1_000_000, 1],
      [batch, 1_000, 0],
    ] as const) {
      strictEqual(offsetsOf(take(records, maxBytes)).length, count)
      ok(keptBytes() < MOST, `${keptBytes()} bytes`)
    }
  })

  it('stop at the one that is malformed, not before it', () => {
    const bad = message(3, 0, Buffer.from('zz'))
    bad.writeInt32BE(99, 30)
    bad.writeInt32BE(crc32(bad.subarray(16)) | 0, 12)
    const good = [0, 1, 2].map((offset) => message(offset, 0, Buffer.from('x')))
    const all = take(Buffer.concat([...good, bad]), 1_000_000)
    deepStrictEqual(offsetsOf(all), [0, 1, 2])
    strictEqual(all.block?.from, 3)
  })
})
