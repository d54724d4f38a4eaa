import { expect, test } from 'vitest'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import type { Gate, GateReading, Outcome, Run } from '../../src/steps/step-kind.ts'
import { onceHidden } from '../../src/steps/verify-topic.ts'

/** When a copy counts as verified below whose mark something can be read. On brokers: `test/faults/emptied.test.ts`. */

const DONE: Outcome = { done: true, facts: { compared: 100 } }
const failed = (code: 'FERRY1814' | 'FERRY1801'): Outcome => ({
  done: false,
  problem: diagnostic({ code, detail: '', fix: '' }),
})
const HOLDS: GateReading = { holds: true }
const back = (worthWaiting: boolean): GateReading => ({
  holds: false,
  because: 'it begins at 0',
  worthWaiting,
})

/** Each answer is given once, the last one again and again; `took` says who was asked. */
const verified = async (
  outcomes: readonly Outcome[],
  readings: readonly (GateReading | Error)[],
  gateTimeoutMs = 60_000,
) => {
  const took: string[] = []
  const next = <T>(all: readonly T[], who: string): T => {
    const at = took.filter((each) => each === who).length
    took.push(who)
    return all[Math.min(at, all.length - 1)]!
  }
  const hidden: Gate = {
    title: 'nothing below the marks can be read',
    after: true,
    check: async () => {
      const reading = next(readings, 'gate')
      if (reading instanceof Error) throw reading
      return reading
    },
  }
  const run = {
    now: () => new Date(0),
    gateTimeoutMs,
    report: () => took.push('waits'),
    signal: new AbortController().signal,
  } as unknown as Run
  return { outcome: await onceHidden(async () => next(outcomes, 'verify'), hidden, run), took }
}

test('what is verified at once asks nobody, and starts no mirror', async () => {
  expect(await verified([DONE], [])).toEqual({ outcome: DONE, took: ['verify'] })
})

test('what can be read below the mark is waited for, and all is compared once more', async () => {
  const found = await verified([failed('FERRY1814'), DONE], [back(true), HOLDS])
  expect(found).toEqual({ outcome: DONE, took: ['verify', 'gate', 'waits', 'gate', 'verify'] })
})

test('a broker that is not ready for a moment is asked again, and no other error is', async () => {
  const error = (isRetriable: boolean) =>
    new FerryError(diagnostic({ code: 'FERRY1701', detail: 'not ready', fix: '' }), {
      retriable: isRetriable,
    })
  const below = failed('FERRY1814')
  expect(await verified([below, DONE], [error(true), HOLDS])).toEqual({
    outcome: DONE,
    took: ['verify', 'gate', 'waits', 'gate', 'verify'],
  })
  await expect(verified([below, DONE], [error(false), HOLDS])).rejects.toThrow('not ready')
})

test('no wait hides another difference, or what is not deleted again', async () => {
  const other = failed('FERRY1801')
  expect(await verified([other], [])).toEqual({ outcome: other, took: ['verify'] })
  const below = failed('FERRY1814')
  const late = { outcome: below, took: ['verify', 'gate'] }
  expect(await verified([below], [back(true)], 0)).toEqual(late)
  // Why the mirror has stopped there, which the first comparison did not know.
  const stop = failed('FERRY1801')
  const kept = { outcome: stop, took: ['verify', 'gate', 'verify'] }
  expect(await verified([below, stop], [back(false)])).toEqual(kept)
})
