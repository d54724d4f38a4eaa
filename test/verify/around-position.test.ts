import { describe, expect, it } from 'vitest'
import type { SourceOffset } from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList, type OffsetIndex } from '../../src/domain/offset-index.ts'
import { compareNext, comparePrevious, type Shelf } from '../../src/verify/around-position.ts'
import type { KeptRecord } from '../../src/verify/decoded-batch.ts'

/** What cleaners may have left of 100 records, by lists of offsets. That brokers answer so is for prove-position.test.ts. */

const indexOf = (
  mode: Mark['mode'],
  targetStart: number,
  gaps: { from: number; to: number }[] = [],
): OffsetIndex => ({
  mark: { mode, sourceStart: 0n, targetStart: BigInt(targetStart) } as Mark,
  gaps: GapList.of(gaps),
  mirroredTo: 100n as SourceOffset,
})
/** Target offset = source offset + 1000. */
const DENSE = indexOf('dense', 1000)

const record = (offset: number, value = offset): KeptRecord => ({
  offset,
  timestamp: value as never,
  attributes: 0,
  content: Buffer.from(`value ${value}`),
  producerId: -1n,
})

const shelf = (records: readonly KeptRecord[], compacted: boolean): Shelf & { looks: number } => ({
  compacted,
  looks: 0,
  async first(from) {
    this.looks++
    const found = records.find(({ offset }) => offset >= from)
    return { records: found ? [found] : [], stop: found ? undefined : { kind: 'end' } }
  },
})
const copies = (offsets: readonly number[], shift = 1000) =>
  offsets.map((offset) => record(offset + shift, offset))
const all = (except: readonly number[] = []) =>
  Array.from({ length: 100 }, (_, i) => i).filter((i) => !except.includes(i))

const next = async (
  here: readonly number[],
  there: readonly KeptRecord[],
  parts: { source?: boolean; target?: boolean; from?: number; index?: OffsetIndex } = {},
) => {
  const sides = {
    source: shelf(
      here.map((offset) => record(offset)),
      parts.source ?? true,
    ),
    target: shelf(there, parts.target ?? true),
  }
  const from = parts.from ?? 20
  const shift = parts.index?.mark.mode === 'identical' ? 0 : 1000
  const at = { source: from, target: from + shift }
  const found = await compareNext(parts.index ?? DENSE, sides, at)
  return typeof found === 'string' ? found : found.because
}

describe('the next record', () => {
  const CLEANED = [20, 21, 22, 23, 24]

  it('is the same where both have it, also where it is a later one on both', async () => {
    expect(await next(all(), copies(all()))).toBe('same')
    expect(await next(all(CLEANED), copies(all(CLEANED)))).toBe('same')
  })

  it('may be gone where a cleaner was: the first in common is compared, by the index', async () => {
    const other = (at: number) => copies(all()).map((r) => (r.offset === at ? record(at, 7) : r))
    expect(await next(all(CLEANED), copies(all()))).toBe('cleaned')
    expect(await next(all(CLEANED), other(1025))).toMatch(
      /next record, offset 25 on the source and 1025 on the target, is not the same/,
    )
    expect(await next(all(), copies(all(CLEANED)))).toBe('cleaned')
    expect(
      await next(
        all(),
        other(1025).filter(({ offset }) => offset >= 1025),
      ),
    ).toMatch(/is not the same/)
    // Both were there, and left others.
    const [odd, even] = [
      all().filter((i) => i % 2 || i > 30),
      all().filter((i) => !(i % 2) || i > 30),
    ]
    expect(await next(odd, copies(even))).toBe('cleaned')
  })

  it('must be there where no cleaner was, on whichever side', async () => {
    expect(await next(all(CLEANED), copies(all()), { source: false })).toMatch(
      /offset 25, must be at target offset 1025; the next on the target is the record at 1020/,
    )
    expect(await next(all(), copies(all(CLEANED)), { target: false })).toMatch(
      /offset 20, must be at target offset 1020; the next on the target is the record at 1025/,
    )
    expect(await next(all(), [], { target: false })).toMatch(/the next on the target is nothing/)
    expect(await next([], copies(all()), { source: false })).toMatch(
      /a record at offset 1020 that the source has not/,
    )
    // The first in common is not there, behind what was cleaned on the source alone.
    expect(await next(all(CLEANED), copies(all([25])), { target: false })).toMatch(
      /offset 25, must be at target offset 1025; the next on the target is the record at 1026/,
    )
  })

  it('is never one that the index has not', async () => {
    const padded = indexOf('identical', 0, [{ from: 20, to: 25 }])
    const foreign = [record(22), ...copies(all(CLEANED), 0).filter((r) => r.offset > 22)]
    expect(await next(all(CLEANED), foreign, { index: padded })).toMatch(
      /a record at offset 22 that the source has not/,
    )
    expect(await next(all(CLEANED), copies(all(CLEANED), 0), { index: padded })).toBe('same')
  })

  it('says where none is left, or none in common', async () => {
    expect(await next([], [])).toBe('none')
    expect(await next([], copies(all()))).toBe('apart')
    expect(await next(all(), [])).toBe('apart')
    expect(await next([30], copies([40]))).toBe('apart')
    // Looks only so far.
    const odd = all().filter((i) => i % 2)
    expect(await next(odd, copies([...all().filter((i) => !(i % 2)), 99]))).toBe('apart')
  })

  it('could not be read, or went away: never taken for cleaned', async () => {
    const failing = (stop: object): Shelf => ({
      compacted: true,
      first: async () => ({ records: [], stop: stop as never }),
    })
    const full = shelf(copies(all()), true)
    const at = { source: 20, target: 1020 }
    const failed = { kind: 'failed', offset: 20, detail: 'no leader' }
    const trimmed = { kind: 'out-of-range', offset: 20, logStart: 50 }
    expect(await compareNext(DENSE, { source: failing(failed), target: full }, at)).toMatchObject({
      code: 'FERRY1808',
    })
    expect(await compareNext(DENSE, { source: failing(trimmed), target: full }, at)).toBe('gone')
    const here = shelf(
      all().map((offset) => record(offset)),
      true,
    )
    expect(await compareNext(DENSE, { source: here, target: failing(trimmed) }, at)).toMatchObject({
      code: 'FERRY1812',
    })
  })
})

describe('the record before', () => {
  const previous = (
    there: readonly number[],
    parts: { source?: boolean; target?: boolean; value?: number } = {},
  ) => {
    const sides = {
      source: { compacted: parts.source ?? false },
      target: { compacted: parts.target ?? false },
    }
    const theirs = there.map((offset) => record(offset + 1000, parts.value ?? offset))
    const found = comparePrevious(DENSE, sides, record(15), theirs)
    return typeof found === 'string' ? found : found.because
  }

  it('is the last on both, or what the cleaner of one of them has left', () => {
    expect(previous([15])).toBe('same')
    expect(previous([15, 16])).toMatch(/offset 1016, between the record before it and the position/)
    expect(previous([15, 16], { target: true })).toMatch(/offset 1016, between/)
    expect(previous([15, 16], { source: true })).toBe('cleaned')
    // Behind what was mirrored nothing came from the source, whatever its cleaner may do.
    expect(previous([15, 100], { source: true })).toMatch(/offset 1100, between/)
    expect(previous([15, 16], { source: true, value: 7 })).toMatch(/is not the same/)
    expect(previous([16])).toMatch(/offset 15, is not at target offset 1015/)
    expect(previous([16], { source: true })).toMatch(/offset 15, is not at target offset 1015/)
    expect(previous([16], { target: true })).toBe('apart')
  })
})

it('a record of the target below the mark is not taken for one that the source lost', async () => {
  const early = [record(999), ...copies(all())]
  const sides = { source: shelf([record(0)], true), target: shelf(early, true) }
  const found = await compareNext(DENSE, sides, { source: 0, target: 990 })
  expect(found).toMatchObject({ because: expect.stringContaining('offset 999 that the source') })
})
