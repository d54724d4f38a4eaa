import { describe, expect, it } from 'vitest'
import type { Emptied } from '../../src/domain/emptied.ts'
import { withoutMarked } from '../../src/domain/emptied.ts'
import { fullState } from '../state/samples.ts'
import { migration, observed, plan, stateWith, topic, topicSeen, topicSpec } from './_build.ts'

const emptied = (ends: readonly bigint[], targetTopicId = 'id-orders'): readonly Emptied[] => [
  {
    topic: topic('orders'),
    targetTopicId,
    ends: ends.map((end, partition) => ({ partition, end })),
  },
]

type Log = readonly [start: bigint, end: bigint]

/** A migration that was rolled back to prepared, after which the target had emptied both partitions up to 500. */
const planned = (
  target: readonly Log[],
  {
    source = [
      [0n, 500n],
      [0n, 500n],
    ] as readonly Log[],
    offsets = 'auto' as 'auto' | 'identical' | 'dense',
    known = emptied([500n, 500n]),
    to = undefined as 'nothing' | undefined,
  } = {},
) =>
  plan({
    desired: migration({ stage: 'mirrored', topics: [topicSpec('orders', { offsets })] }),
    state: stateWith({
      stage: 'prepared',
      createdTopics: [topic('orders')],
      emptied: known,
    }),
    observed: observed({
      source: { topics: new Map([[topic('orders'), topicSeen('orders', source)]]) },
      target: { topics: new Map([[topic('orders'), topicSeen('orders', target)]]) },
    }),
    ...(to && { purpose: { kind: 'rollback', to } }),
  })

const found = (made: ReturnType<typeof planned>) =>
  made.problems.flatMap(({ code, severity }) =>
    severity === 'error' || code === 'FERRY1339' ? [`${severity} ${code}`] : [],
  )
const modeOf = (made: ReturnType<typeof planned>) =>
  made.steps.flatMap((step) => (step.kind === 'mark-topic' ? [step.mode] : []))

const EMPTY: readonly Log[] = [
  [500n, 500n],
  [500n, 500n],
]
const BACK: readonly Log[] = [
  [0n, 500n],
  [500n, 500n],
]

describe('what was emptied and came back', () => {
  it('counts as empty: the plan is the one that it would be otherwise, and says so', () => {
    expect(planned(BACK).steps).toEqual(planned(EMPTY).steps)
    expect(planned(BACK).fingerprint).toEqual(planned(EMPTY).fingerprint)
    expect(modeOf(planned(BACK))).toEqual(['dense'])
    expect(found(planned(EMPTY))).toEqual([])
    expect(found(planned(BACK))).toEqual(['warning FERRY1339'])
    const said = planned(BACK).problems.find(({ code }) => code === 'FERRY1339')
    expect(said?.detail).toContain('on new again: orders-0 (0 to 499).')
    expect(said?.fix).toContain('until it is emptied again, which the apply does that mirrors it')
  })

  it('is primed up from where it ended, also while a leader announces less than it holds', () => {
    const source: readonly Log[] = [
      [600n, 700n],
      [500n, 700n],
    ]
    expect(modeOf(planned(BACK, { source }))).toEqual(['identical'])
    const low: readonly Log[] = [
      [0n, 0n],
      [0n, 20n],
    ]
    // Filler up to 100 would not be: the log ends at 500.
    expect(modeOf(planned(low, { source: [source[0]!, [100n, 700n]] }))).toEqual(['dense'])
    expect(modeOf(planned(low, { source }))).toEqual(['identical'])
  })

  it('is told apart from what others wrote behind it', () => {
    const made = planned([[0n, 503n], ...EMPTY.slice(1)])
    expect(found(made)).toEqual(['error FERRY1305', 'warning FERRY1339'])
    expect(made.problems[0]?.detail).toContain('orders-0 on new holds offsets 500 to 502, which')
  })

  it('is not believed of another topic of this name, nor where nothing is known', () => {
    expect(found(planned(BACK, { known: emptied([500n, 500n], 'another') }))).toEqual([
      'error FERRY1305',
    ])
    expect(found(planned(BACK, { known: [] }))).toEqual(['error FERRY1305'])
  })

  it('does not keep a topic that Ferry made from being deleted', () => {
    const made = planned(BACK, { to: 'nothing' })
    expect(made.steps.map(({ kind }) => kind)).toEqual(['delete-topic'])
    expect(found(made)).toEqual(['warning FERRY1339'])
    expect(found(planned([[0n, 503n], ...EMPTY.slice(1)], { to: 'nothing' }))).toEqual([
      'error FERRY1331',
      'warning FERRY1339',
    ])
  })
})

it('what was emptied is remembered until it is marked, partition by partition', () => {
  const [mark] = fullState(1).marks
  const known = emptied([500n, 600n])
  const marked = (name: string, partition: number) => [{ ...mark!, topic: topic(name), partition }]
  expect(withoutMarked(known, marked('other', 0))).toEqual(known)
  expect(withoutMarked(known, marked('orders', 0))).toEqual([
    { ...known[0], ends: [{ partition: 1, end: 600n }] },
  ])
  expect(withoutMarked(known, [...marked('orders', 0), ...marked('orders', 1)])).toEqual([])
})
