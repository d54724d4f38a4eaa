import { describe, expect, it } from 'vitest'
import { GapList } from '../../src/domain/gap-list.ts'
import type { SourceOffset, TopicName } from '../../src/domain/ids.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { compareBlock, judgeBlock } from '../../src/verify/judge-block.ts'
import type { LogReader } from '../../src/verify/log-reader.ts'
import { LogStream, type ReadRange } from '../../src/verify/log-stream.ts'
import { markOf } from './pair.ts'

const NONE = { source: false, target: false }
const BOTH = { source: true, target: true }
const SOURCE = { source: true, target: false }
const TARGET = { source: false, target: true }
const digest = (records: number, sha256 = 'one') => ({ records, sha256 })

describe('what the digests of a block tell', () => {
  it.each([
    ['both whole and the same', digest(8), digest(8), NONE, 'equal'],
    ['both whole and not the same', digest(8), digest(8, 'other'), BOTH, 'differs'],
    ['less on the target', digest(8), digest(7, 'other'), TARGET, 'compare'],
    ['less on the target, cleaned elsewhere', digest(8), digest(7, 'other'), SOURCE, 'differs'],
    ['less on the source', digest(7), digest(8, 'other'), SOURCE, 'compare'],
    ['less on the source, cleaned elsewhere', digest(7), digest(8, 'other'), TARGET, 'differs'],
    ['the same less, cleaned on both', digest(7), digest(7), BOTH, 'equal'],
    ['the same less, cleaned on the target alone', digest(7), digest(7), TARGET, 'differs'],
    ['more than was mirrored', digest(9), digest(9), BOTH, 'differs'],
    ['gone on the source', 'gone', digest(7), TARGET, 'gone'],
    ['gone on the source, less on the target', 'gone', digest(7), SOURCE, 'differs'],
    ['gone on the target', digest(7), 'gone', NONE, 'left-out'],
  ] as const)('%s', (_, source, target, cleaned, expected) => {
    expect(judgeBlock(source, target, { ranks: 8, cleaned })).toBe(expected)
  })
})

/** Reads a log of these offsets; a record is its offset unless another value is said. */
const logOf = (offsets: readonly number[], values: Readonly<Record<number, string>> = {}) =>
  ({
    read: (range: ReadRange) => {
      const stream = new LogStream(range, () => undefined)
      const batches = offsets.map((offset) =>
        encodeBatch({
          baseOffset: offset,
          records: [{ timestamp: 1, key: null, value: Buffer.from(values[offset] ?? `${offset}`) }],
        }),
      )
      stream.take(Buffer.concat(batches), null)
      stream.finish({ kind: 'end' })
      return stream
    },
  }) as unknown as LogReader

/** Source offsets 0 to 9 at the same offsets of the target, but for 4: that was a marker. */
const compare = (
  source: readonly number[],
  target: readonly number[],
  cleaned: { readonly source: boolean; readonly target: boolean },
  values: Readonly<Record<number, string>> = {},
) => {
  const side = (of: 'source' | 'target', offsets: readonly number[]) => ({
    reader: logOf(offsets, of === 'target' ? values : {}),
    logStart: 0,
    compacted: cleaned[of],
  })
  return compareBlock({
    index: {
      mark: markOf('t' as TopicName, 0, 0, { mode: 'identical' }),
      gaps: GapList.of([{ from: 4, to: 5 }]),
      mirroredTo: 10n as SourceOffset,
    },
    place: { sourceFrom: 0, sourceTo: 10, targetFrom: 0, targetTo: 10 },
    source: side('source', source),
    target: side('target', target),
    windowBytes: 1024,
  })
}

const ALL = [0, 1, 2, 3, 5, 6, 7, 8, 9]
const but = (...gone: readonly number[]) => ALL.filter((each) => !gone.includes(each))

describe('a block of which a cleaner took records', () => {
  it('is compared record by record where both sides still have them', async () => {
    for (const gone of [0, 6, 9]) {
      expect(await compare(ALL, but(gone), TARGET)).toBe('compacted')
      expect(await compare(but(gone), ALL, SOURCE)).toBe('compacted')
    }
    expect(await compare(but(0, 1, 8), but(2, 8, 9), BOTH)).toBe('compacted')
  })

  it('differs where the side without a record was not cleaned', async () => {
    for (const gone of [0, 6, 9]) {
      expect(await compare(ALL, but(gone), SOURCE)).toBe('differs')
      expect(await compare(but(gone), ALL, TARGET)).toBe('differs')
      expect(await compare(but(gone), but(2), TARGET)).toBe('differs')
    }
  })

  it('differs where a record that both still have is another one', async () => {
    expect(await compare(ALL, but(6), BOTH, { 7: 'other' })).toBe('differs')
  })

  it('differs where one side has a record that was never mirrored', async () => {
    // Ascending offsets, so that 4 stands in the hole of the index, or 10 at the end of it.
    expect(await compare(but(3), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], BOTH)).toBe('differs')
    expect(await compare([0, 1, 2, 3, 4, 5], but(9), BOTH)).toBe('differs')
    expect(await compare([0, 1, 2], [0, 1, 2, 3, 4], BOTH)).toBe('differs')
    expect(await compare([0, 1, 2, 3, 4], [0, 1, 2], BOTH)).toBe('differs')
  })
})
