import { expect, test } from 'vitest'
import type { ApplyEvents } from '../../src/applier/apply-options.ts'
import { applyTeller } from '../../src/cli/apply-teller.ts'
import type { Context } from '../../src/cli/context.ts'
import { QUIET } from '../../src/cli/progress.ts'
import { aPlan, WORDS } from '../views/a-plan.ts'

const plan = aPlan({})

/** What a program is told, and a clock that only moves by hand. */
const listening = () => {
  const told: { readonly event: string; readonly gates?: readonly { because: string }[] }[] = []
  let now = Date.parse('2026-11-22T12:00:00Z')
  const context = {
    streams: {
      now: () => new Date(now),
      stdout: { write: (line: string) => void told.push(JSON.parse(line)) },
    },
    progress: QUIET,
    tell: () => {},
  } as unknown as Context
  const on: ApplyEvents = applyTeller(context, WORDS, true).began(plan)
  return {
    on,
    pass: (seconds: number) => {
      now += seconds * 1000
    },
    waits: () =>
      told.flatMap((each) => (each.event === 'waiting' ? [each.gates![0]!.because] : [])),
  }
}

test('a program is told of a wait when it changes, and every 30 seconds where only a number does, or nothing', () => {
  const { on, pass, waits } = listening()
  const wait = (because: string) =>
    on.live({ kind: 'waiting', gates: [{ title: 'the source is quiet', because }] })
  on.started(plan.steps[0]!, 0, 1)
  for (let second = 0; second < 90; second++) {
    wait(`orders-7 was written to ${second} s ago`)
    pass(1)
  }
  expect(waits()).toEqual([0, 30, 60].map((second) => `orders-7 was written to ${second} s ago`))
  // Somebody else, at once; and again the same, though nothing moves.
  for (let second = 0; second < 45; second++) {
    wait('orders-8 was written to 5 s ago')
    pass(1)
  }
  expect(waits().slice(3)).toEqual(Array(2).fill('orders-8 was written to 5 s ago'))
  // A part of a whole is no number that only ticks.
  wait('1 of 2 members have gone')
  wait('2 of 2 members have gone')
  expect(waits().slice(5)).toEqual(['1 of 2 members have gone', '2 of 2 members have gone'])
})
