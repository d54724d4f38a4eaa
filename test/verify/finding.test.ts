import { deepStrictEqual, throws } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { encodeBatch, type NewRecord } from '../../src/records/write-batch.ts'
import {
  DecodedBatch,
  type KeptRecord,
  sameBytes,
  sameContent,
} from '../../src/verify/decoded-batch.ts'
import { explain, findingDiagnostic } from '../../src/verify/finding.ts'
import { LogStream } from '../../src/verify/log-stream.ts'
import { exact } from '../../src/verify/translator.ts'
import { markOf, recordsFrom } from './pair.ts'

const keptOf = (records: readonly NewRecord[], baseOffset: number): readonly KeptRecord[] => {
  const topic = markOf('orders' as never, 0, 0).topic
  const range = { topic, partition: 0, from: 0, to: Number.MAX_SAFE_INTEGER }
  const stream = new LogStream(range, () => undefined)
  stream.take(encodeBatch({ records, baseOffset }), null)
  stream.next()
  const batch = new DecodedBatch()
  batch.take(stream)
  return records.map((_, i) => batch.keep(i))
}

const kindOf = (source: readonly NewRecord[], target: readonly NewRecord[]) => {
  const { kind, ...rest } = explain(keptOf(source, 100), keptOf(target, 200))
  return [kind, 'count' in rest ? rest.count : undefined]
}

describe('explain', () => {
  const base = recordsFrom(0, 16)
  const other = recordsFrom(500, 16)

  it('tells a change, a loss, an addition and an exchange apart, also at the end of the log', () => {
    for (let length = 3; length <= 16; length++) {
      const source = base.slice(0, length)
      deepStrictEqual(kindOf(source, source.with(0, other[0]!)), ['differs', undefined])
      deepStrictEqual(kindOf(source, source.slice(1)), ['missing', 1])
      deepStrictEqual(kindOf(source, source.slice(2)), ['missing', 2])
      deepStrictEqual(kindOf(source, [other[0]!, ...source]), ['extra', 1])
      deepStrictEqual(kindOf(source, [other[0]!, other[1]!, ...source]), ['extra', 2])
      const swapped = [source[1]!, source[0]!, ...source.slice(2)]
      deepStrictEqual(kindOf(source, swapped), ['swapped', undefined])
    }
  })

  it('does not take a record that became equal to its neighbour for a loss', () => {
    deepStrictEqual(kindOf(base, base.with(0, base[1]!)), ['differs', undefined])
  })

  it('says nothing of the contents', () => {
    const secret = { ...base[0]!, value: Buffer.from('hunter2') }
    const found = explain(keptOf([secret], 0), keptOf([base[0]!], 0))
    deepStrictEqual(
      JSON.stringify(found, (_, v) => (typeof v === 'bigint' ? '' : v)).includes('hunter2'),
      false,
    )
  })
})

describe('sameBytes', () => {
  it('agrees with Buffer.equals at any length and place', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes, bytes, fc.nat(9), fc.nat(9), fc.boolean(), (one, other, i, j, same) => {
        const [left, right] = [Buffer.from(one), Buffer.from(same ? one : other)]
        const [a, b] = [
          Buffer.concat([Buffer.alloc(i), left]),
          Buffer.concat([Buffer.alloc(j), right]),
        ]
        deepStrictEqual(sameBytes(a, i, a.length, b, j, b.length), left.equals(right))
      }),
    )
  })
})

describe('sameContent', () => {
  const table = (bytes: Buffer, start: number): DecodedBatch => {
    const batch = new DecodedBatch()
    batch.bytes = bytes
    batch.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    batch.starts[0] = start
    batch.ends[0] = bytes.length
    return batch
  }

  it('sees any one byte that differs, at any length and place', () => {
    const bytes = fc.uint8Array({ maxLength: 260 })
    fc.assert(
      fc.property(bytes, fc.nat(9), fc.nat(9), fc.nat(), fc.nat(255), (one, i, j, at, change) => {
        const [a, b] = [
          Buffer.concat([Buffer.alloc(i), one]),
          Buffer.concat([Buffer.alloc(j, 1), one]),
        ]
        if (one.length > 0) b[j + (at % one.length)]! ^= change
        const isSame = one.length === 0 || change === 0
        deepStrictEqual(sameContent(table(a, i), 0, table(b, j), 0), isSame)
        const longer = Buffer.concat([b, Buffer.alloc(1)])
        deepStrictEqual(sameContent(table(a, i), 0, table(longer, j), 0), false)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('exact', () => {
  it('refuses to round', () => {
    deepStrictEqual(exact(9007199254740991n), 9007199254740991)
    throws(() => exact(9007199254740993n), RangeError)
  })
})

describe('what cannot be read', () => {
  it('proves nothing, and says on which side', () => {
    const names = { source: 'old', target: 'new', mark: markOf('orders' as never, 3, 0) }
    const finding = { kind: 'unreadable', side: 'target', detail: 'its CRC is wrong' } as const
    const { code, detail } = findingDiagnostic(finding as never, names as never)
    deepStrictEqual(
      [code, detail],
      ['FERRY1808', 'orders:0 on new: its CRC is wrong. Nothing is proved from there on.'],
    )
  })
})
