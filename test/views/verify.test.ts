import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { VerifyReport } from '../../src/verify/index.ts'
import { PLAIN } from '../../src/views/style.ts'
import { renderVerify, renderVerifyJson } from '../../src/views/verify.ts'

const REPORT: VerifyReport = {
  formatVersion: '1.0',
  ok: false,
  topics: [
    {
      name: 'orders.events',
      mode: 'identical',
      partitions: [
        {
          partition: 0,
          sourceStart: 1200,
          sourceEnd: 41200,
          targetStart: 1200,
          targetEnd: 41200,
          mirrored: 40000,
          compared: 40000,
          gone: 0,
          ok: true,
          acceptedGaps: [],
          problems: [],
        },
        {
          partition: 1,
          sourceStart: 0,
          sourceEnd: 5,
          targetStart: 0,
          targetEnd: 4,
          mirrored: 4,
          compared: 4,
          gone: 0,
          ok: false,
          acceptedGaps: [],
          problems: [],
        },
      ],
    },
  ],
  groups: [
    {
      id: 'orders-api',
      partitions: [
        {
          topic: 'orders.events',
          partition: 0,
          source: 41000,
          target: 41000,
          expected: 41000,
          ok: true,
          proof: 'record',
        },
        {
          topic: 'orders.events',
          partition: 1,
          source: null,
          target: null,
          expected: null,
          ok: true,
        },
      ],
    },
  ],
}

describe('renderVerify', () => {
  it('shows records, positions and a verdict', () => {
    deepStrictEqual(
      `\n${renderVerify(REPORT, PLAIN)}`,
      `
Records
  partition        offsets           source         target  mirrored  compared  result
  orders.events:0  identical  1,200..41,200  1,200..41,200    40,000    40,000  ok
  orders.events:1  identical           0..5           0..4         4         4  DIFFERS

Groups
  group       partition        source  target  expected  proof   result
  orders-api  orders.events:0  41,000  41,000    41,000  record  ok
  orders-api  orders.events:1       -       -         -  -       ok

Not verified: 1 of 4 rows differ; 40,004 records compared in 2 partitions, 2 group positions checked.
`,
    )
  })

  it('says what was only counted', () => {
    const [topic] = REPORT.topics
    const [first] = topic!.partitions
    const partitions = [{ ...first!, compared: 39_000, gone: 1000 }]
    const lines = renderVerify({ ...REPORT, topics: [{ ...topic!, partitions }] }, PLAIN).split(
      '\n',
    )
    deepStrictEqual(lines[1]?.endsWith('mirrored  compared  only counted  result'), true)
    deepStrictEqual(lines[2]?.endsWith('40,000    39,000         1,000  ok'), true)
    deepStrictEqual(
      lines.at(-3),
      '1,000 records only counted, by the offset index: retention or compaction took them.',
    )
  })

  it('does not call nothing verified', () => {
    const nothing = { ...REPORT, ok: true, topics: [], groups: [] }
    deepStrictEqual(
      renderVerify(nothing, PLAIN),
      'Nothing to verify: nothing is marked or synced yet.\n',
    )
  })

  it('gives the report as JSON, with integers and null', () => {
    deepStrictEqual(JSON.parse(renderVerifyJson(REPORT)), REPORT)
  })
})
