import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { Step } from '../../src/domain/step.ts'
import { renderPlan, renderSummary } from '../../src/views/plan.ts'
import { PLAIN, styleFor } from '../../src/views/style.ts'
import { aPlan, WORDS } from './a-plan.ts'

describe('renderPlan', () => {
  it('shows steps by stage, gates, the point of no return, the summary and the first deadline', () => {
    deepStrictEqual(`\n${renderPlan(aPlan(), WORDS, PLAIN)}`, GOLDEN)
  })

  it('says which side should move first, beside what the file says', () => {
    const because = 'api is 5 records behind'
    const lineOf = (file: 'consumers-first' | 'producers-first') =>
      renderPlan(
        aPlan({ order: { file, advised: 'consumers-first', because } }),
        WORDS,
        PLAIN,
      ).match(/^Plan: .*\n(Order: .*)\nValid until/m)?.[1]
    deepStrictEqual(
      [lineOf('consumers-first'), lineOf('producers-first')],
      [
        `Order: consumers-first (as the plan file says): ${because}.`,
        `Order: consumers-first (the plan file says producers-first): ${because}.`,
      ],
    )
  })

  it('says so where everything can be undone', () => {
    const steps = aPlan().steps.slice(0, 1)
    deepStrictEqual(
      `\n${renderPlan(aPlan({ steps, to: 'prepared', deadlines: [] }), WORDS, PLAIN)}`,
      NONE,
    )
  })

  it('draws the line behind a seal that nothing follows but the producers', () => {
    const steps = aPlan().steps.map(
      (step): Step =>
        step.kind === 'seal-topic'
          ? { ...step, undo: { cost: 'free', says: 'open it' }, noWayBack: true }
          : step,
    )
    const line =
      '  ------------------ point of no return: once producers write on new-idc -------------------'
    const lines = renderPlan(aPlan({ steps }), WORDS, PLAIN).split('\n')
    deepStrictEqual(
      lines.map((each) => each.replaceAll(/-{5,}/g, '--')).indexOf(line.replaceAll(/-{5,}/g, '--')),
      lines.findIndex((each) => each.startsWith('Plan: ')) - 2,
    )
  })

  it('says that there is nothing to do', () => {
    const plan = aPlan({ steps: [], from: 'mirrored', to: 'mirrored' })
    deepStrictEqual(
      renderPlan(plan, WORDS, PLAIN),
      'No changes. orders is at stage mirrored, as the plan file asks.\n',
    )
  })

  it('is never wider than 100 columns, but for names that are', () => {
    const wide = renderPlan(aPlan(), WORDS, PLAIN)
      .split('\n')
      .filter((line) => line.length > 100)
    deepStrictEqual(wide, [])
  })

  it('is the same text with colour, once the colour is taken out', () => {
    const coloured = renderPlan(aPlan(), WORDS, styleFor(true))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    deepStrictEqual(coloured.replace(/\u001b\[\d+m/g, ''), renderPlan(aPlan(), WORDS, PLAIN))
    deepStrictEqual(coloured === renderPlan(aPlan(), WORDS, PLAIN), false)
  })
})

describe('renderSummary', () => {
  const counted = (ids: readonly string[]): string =>
    renderSummary(
      aPlan().steps.filter((step) => ids.includes(step.kind)),
      WORDS,
    )
  for (const [name, kinds, expected] of [
    ['only additions', ['create-topic'], 'Plan: 2 to add, 0 to change, 0 to destroy.'],
    ['a group', ['sync-group'], 'Plan: 0 to add, 0 to change, 0 to destroy; 1 group to sync.'],
    [
      'a topic to mirror',
      ['mark-topic', 'mirror-topic'],
      'Plan: 0 to add, 0 to change, 0 to destroy; 1 to mirror.',
    ],
  ] as const) {
    it(name, () => deepStrictEqual(counted(kinds), expected))
  }
})

const GOLDEN = `
orders: nothing -> producers-moved, old-cloud -> new-idc

prepared
  + topic   orders.events     12 partitions, rf 3, retention 8d until the   undo: delete (empty)
                              seal (source: 7d)
  + topic   orders.events.dead-letters.of-the-audit
                              a sentence                                    undo: delete (empty)
  + access  User:orders-api   consume orders.events as orders-api (1 ACL)   undo: remove 1 ACL

mirrored
  * mark    orders.events     12 partitions, identical offsets, prime       undo: forget the mark
                              1.2e6 (1 s)
  > mirror  orders.events     41 GiB, about 9 min at 80 MiB/s               undo: stop

consumers-moved
  = sync    group orders-api  12 partitions, 0 skipped, 0 re-read           undo: restore 12 commits
                              ! waits until orders-api is empty on old-cloud
                              ! waits until orders-api is empty or absent on new-idc, and stays so
                                until its positions are written

producers-moved
  --------------------------------------- point of no return ---------------------------------------
  ! seal    orders.events     12 partitions, once the source is quiet for   undo: what producers
                              5m                                                  then write on
                                                                                  new-idc is not on
                                                                                  old-cloud

Plan: 3 to add, 0 to change, 0 to destroy; 1 to mirror, 1 group to sync, 1 topic to seal.
Valid until Tue 18:20 UTC: retention of orders.events-7 on old-cloud is the first deadline.
`

const NONE = `
orders: nothing -> prepared, old-cloud -> new-idc

prepared
  + topic  orders.events  12 partitions, rf 3, retention 8d until the seal      undo: delete (empty)
                          (source: 7d)
  ----------------------------- point of no return: none in this plan ------------------------------

Plan: 1 to add, 0 to change, 0 to destroy.
`
