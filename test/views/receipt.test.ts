import { deepStrictEqual } from 'node:assert/strict'
import { it } from 'vitest'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { closeReceipt } from '../../src/domain/receipt.ts'
import type { ReceiptReport } from '../../src/verify/index.ts'
import {
  receiptProblems,
  renderReceiptCheck,
  renderReceiptMarkdown,
} from '../../src/views/receipt.ts'
import { PLAIN } from '../../src/views/style.ts'

const problem = diagnostic({ code: 'FERRY1821', detail: 'orders:1: is another one.', fix: 'Look.' })

const REPORT: ReceiptReport = {
  formatVersion: '1.0',
  ok: false,
  migration: 'orders',
  retiredAt: '2026-01-02T00:00:00.000Z',
  digest: 'ab'.repeat(32),
  partitions: [
    {
      topic: 'orders',
      partition: 0,
      mirrored: 1200,
      target: { confirmed: 1000, gone: 200 },
      source: { confirmed: 0, gone: 1200 },
      indexConfirmed: true,
      ok: true,
      problems: [],
    },
    {
      topic: 'orders',
      partition: 1,
      mirrored: 5,
      target: { confirmed: 0, gone: 5 },
      source: null,
      indexConfirmed: null,
      ok: false,
      problems: [problem],
    },
  ],
  groups: [
    {
      group: 'api',
      positions: [
        {
          topic: 'orders',
          partition: 0,
          written: 7,
          source: 7,
          target: null,
          ok: true,
          problems: [],
        },
      ],
    },
  ],
  notes: ['the source was not read: old cannot be reached'],
}

it('what a receipt says, beside what is there now', () => {
  deepStrictEqual(
    `\n${renderReceiptCheck(REPORT, PLAIN)}`,
    `
Receipt of orders, retired 2026-01-02T00:00:00.000Z
digest ${'ab'.repeat(32)}

Records
  partition  mirrored  target  only counted  source  index  result
  orders:0      1,200   1,000           200       0  same   ok
  orders:1          5       0             5       -  -      DIFFERS

Groups
  group  partition  written   now  result
  api    orders:0         7  gone  ok

Note: the source was not read: old cannot be reached.
Not confirmed: 1 row not as the receipt says; 1,000 records read again on the target, 205 records only counted: retention or compaction took them.
`,
  )
  deepStrictEqual(receiptProblems(REPORT), [problem])
})

it('late records that were salvaged, and those that are on no cluster, with who accepted that', () => {
  const place = { topic: 'orders', partition: 0, at: '2026-01-01T00:00:00.000Z' }
  const by = { user: 'ines', host: 'laptop' }
  const markdown = renderReceiptMarkdown(
    closeReceipt({
      formatVersion: '1.0',
      kind: 'ferry-receipt',
      migration: 'orders',
      lineage: '',
      plan: '',
      by: { ...by, toolVersion: '0.1.0' },
      at: '2026-01-02T00:00:00.000Z',
      clusters: { source: { name: 'old', id: 'a' }, target: { name: 'new', id: 'b' } },
      partitions: [],
      groups: [],
      salvaged: [{ ...place, from: 10, to: 20 }],
      lost: [
        { ...place, from: 20, to: 25, unseen: false, by },
        { ...place, from: 30, to: 31, unseen: true, by },
        { ...place, from: 31, to: 33, unseen: false, unsure: true, by },
      ],
    }),
  )
  deepStrictEqual(markdown.slice(markdown.indexOf('## Salvaged')).split('\n'), [
    '## Salvaged after the seal',
    '',
    '- `orders:0` offsets 10 to 19 of the source, 2026-01-01T00:00:00.000Z',
    '',
    '## On no cluster, by decision',
    '',
    'They came after the seal, and retention of the source had taken them before they were salvaged.',
    '',
    '- `orders:0` offsets 20 to 24 of the source, 2026-01-01T00:00:00.000Z, accepted by ines@&#8203;laptop',
    '- `orders:0` offsets 30 to 30 of the source, 2026-01-01T00:00:00.000Z, accepted by ines@&#8203;laptop; gone before anybody saw whether they came late',
    '',
    '## On the target or not, by decision',
    '',
    'They came after the seal, and the salvage that sent them broke off. What would tell whether they were appended was gone from the target.',
    '',
    '- `orders:0` offsets 31 to 32 of the source, 2026-01-01T00:00:00.000Z, accepted by ines@&#8203;laptop',
    '',
    'Check it again: `ferry verify orders --receipt`',
    '',
  ])
})
