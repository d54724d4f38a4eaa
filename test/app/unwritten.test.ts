import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { consentTo, type Unwritten, unwrittenOf } from '../../src/app/unwritten.ts'
import type { ClusterId } from '../../src/domain/ids.ts'

const clusters = { source: 'a' as ClusterId, target: 'b' as ClusterId }
const done = { clusters, plan: { digest: 'd', status: 'done' } } as const
const there = { from: 'mirrored', to: 'mirrored' } as const
const DRIFTED = [{ what: 'a topic', was: null, is: 'there' }]

describe('unwrittenOf a plan without steps', () => {
  it('is nothing where all is as it was written down, and where nothing was ever applied', () => {
    deepStrictEqual(unwrittenOf(there, done, []), undefined)
    const never = { clusters: null, plan: null }
    deepStrictEqual(unwrittenOf({ from: 'nothing', to: 'nothing' }, never, undefined), undefined)
  })

  const cases: readonly (readonly [string, Parameters<typeof unwrittenOf>, Unwritten])[] = [
    [
      'the stage that is not recorded yet',
      [{ from: 'mirrored', to: 'consumers-moved' }, done, []],
      { stage: true, end: false, drift: [] },
    ],
    [
      'the same on the way back',
      [{ from: 'consumers-moved', to: 'mirrored' }, done, []],
      { stage: true, end: false, drift: [] },
    ],
    [
      'the end of a plan that is open',
      [there, { clusters, plan: { digest: 'd', status: 'open' } }, []],
      { stage: false, end: true, drift: [] },
    ],
    [
      'what the last apply left, if that cannot be compared with',
      [there, done, undefined],
      { stage: false, end: true, drift: [] },
    ],
    ['what changed outside', [there, done, DRIFTED], { stage: false, end: false, drift: DRIFTED }],
  ]
  for (const [name, args, expected] of cases) {
    it(`is ${name}`, () => deepStrictEqual(unwrittenOf(...args), expected))
  }
})

describe('what is written down without a step', () => {
  const consents = (what: Partial<Unwritten>) =>
    [true, false].map((canAgree) =>
      consentTo({ stage: false, end: false, drift: [], ...what }, canAgree),
    )
  it('needs somebody to agree to a stage; drift is left where nobody can, and the end of a killed run needs nobody', () => {
    deepStrictEqual(consents({ stage: true }), ['asked', 'asked'])
    deepStrictEqual(consents({ drift: DRIFTED }), ['asked', 'left'])
    deepStrictEqual(consents({ end: true }), ['unasked', 'unasked'])
    deepStrictEqual(consents({ end: true, drift: DRIFTED }), ['asked', 'asked'])
  })
})
