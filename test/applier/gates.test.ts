import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { exitCodeFor } from '../../src/cli/exit-codes.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { only } from '../../src/steps/gates/index.ts'
import type { Gate } from '../../src/steps/step-kind.ts'
import {
  answering,
  closed,
  codes,
  done,
  fakeApply,
  gate,
  holds,
  journalWords,
  outcomes,
  problem,
} from './fake-migration.ts'

let directory: string
let store: FileStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-gates-'))
  store = new FileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

/** Answers one reading after the other, then the last one for ever. */
const readings = (
  title: string,
  ...answers: readonly (Awaited<ReturnType<Gate['check']>> | Error)[]
): Gate => {
  let i = 0
  return gate(title, async () => {
    const answer = answers[Math.min(i++, answers.length - 1)]!
    if (answer instanceof Error) throw answer
    return answer
  })
}

describe('gates before a step', () => {
  test('are waited for with a live line, ever longer pauses, and hold in the end', async () => {
    const g = readings('the group is empty', ...Array(6).fill(closed('2 members')), holds)
    const apply = fakeApply(store, { a: { gates: [g] } })
    expect((await apply.run()).status).toBe('done')
    expect(apply.log.slice(0, 6)).toEqual(
      Array(6).fill('waits for: the group is empty — 2 members'),
    )
    expect(apply.clock.pauses).toEqual([250, 500, 1000, 2000, 2000, 2000])
  })

  test('must hold in one and the same reading', async () => {
    const apply = fakeApply(store, {
      a: { gates: [readings('x', holds, closed(), holds), readings('y', closed(), holds, holds)] },
    })
    expect((await apply.run()).status).toBe('done')
    expect(apply.log.slice(0, 2)).toEqual(['waits for: y — not yet', 'waits for: x — not yet'])
  })

  test('that do not come true in time stop the plan, and the next apply goes on', async () => {
    const open = fakeApply(store, { a: {}, b: { gates: [readings('x', closed('stop it'))] } })
    const first = await open.run()
    expect([first.status, codes(first), outcomes(first)]).toEqual([
      'waiting',
      ['FERRY1501'],
      ['a done', 'b waiting'],
    ])
    expect(first.problems[0]?.detail).toBe('b waits for: x (stop it).')
    expect(open.clock.pauses.reduce((a, b) => a + b)).toBe(60_000)
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a done', 'b waiting'])
    const second = await fakeApply(store, { a: {}, b: { gates: [readings('x', holds)] } }).run()
    expect(outcomes(second)).toEqual(['a done', 'b done'])
  })

  test('are waited for beyond the time for gates where they hold by themselves, and only then', async () => {
    const counts = (holdsInMs: number) => ({ ...closed(`${holdsInMs} ms`), holdsInMs })
    const alone = fakeApply(
      store,
      { a: { gates: [readings('x', counts(70_000), counts(400), counts(150), holds)] } },
      { gateTimeoutMs: 0 },
    )
    expect((await alone.run()).status).toBe('done')
    expect(alone.clock.pauses).toEqual([250, 400, 150])
  })

  test('that hold by themselves do not keep others waiting', async () => {
    const counts = { ...closed('400 ms'), holdsInMs: 400 }
    const both = { gates: [readings('x', counts), readings('y', closed('stop it'))] }
    const apply = fakeApply(store, { a: both }, { gateTimeoutMs: 0 })
    expect(codes(await apply.run())).toEqual(['FERRY1501'])
    expect(apply.clock.pauses).toEqual([])
  })

  test('are read once where nothing may be waited for', async () => {
    const apply = fakeApply(
      store,
      { a: { gates: [readings('x', closed(), holds)] } },
      { gateTimeoutMs: 0 },
    )
    expect([(await apply.run()).status, apply.clock.pauses]).toEqual(['waiting', []])
  })

  test('that waiting does not help stop the plan at once', async () => {
    const apply = fakeApply(store, {
      a: { gates: [readings('x', closed()), readings('y', closed('somebody wrote there', false))] },
    })
    const result = await apply.run()
    expect([result.status, codes(result), apply.clock.pauses]).toEqual([
      'waiting',
      ['FERRY1502'],
      [],
    ])
    expect(result.problems[0]?.detail).toBe('a waits for: y (somebody wrote there).')
  })

  test('that a stopped partition closes fail the plan at once, before the step, and the next apply goes on', async () => {
    const stopped = { ...closed('the mirror stopped orders:0', false), hasStopped: true } as const
    const apply = fakeApply(store, {
      a: {},
      b: {
        gates: [readings('x', closed('somebody wrote there', false)), readings('y', stopped)],
      },
    })
    const result = await apply.run()
    expect([result.status, codes(result), outcomes(result), apply.clock.pauses]).toEqual([
      'failed',
      ['FERRY1504'],
      ['a done', 'b failed'],
      [],
    ])
    expect(result.problems[0]?.detail).toBe('b was not begun: y (the mirror stopped orders:0).')
    expect(exitCodeFor(result.problems)).toBe(8)
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a done', 'b failed'])
    const second = await fakeApply(store, { a: {}, b: { gates: [readings('y', holds)] } }).run()
    expect(outcomes(second)).toEqual(['a done', 'b done'])
  })

  test('that cannot be read for a moment are waited for; those that never can fail the step', async () => {
    const away = new FerryError(problem('FERRY1201', 'no answer'), { retriable: true })
    const apply = fakeApply(store, { a: { gates: [readings('x', away, holds)] } })
    expect((await apply.run()).status).toBe('done')
    expect(apply.log[0]).toBe('waits for: x — it cannot be read: no answer')
    const denied = fakeApply(store, {
      b: { gates: [readings('x', new FerryError(problem('FERRY1201')))] },
    })
    expect(codes(await denied.run())).toEqual(['FERRY1201'])
  })

  test.each([
    ['FERRY1210', 'done'],
    ['FERRY1214', 'done'],
    ['FERRY1207', 'failed'],
  ] as const)('whose answer is missing with %s: %s', async (code, status) => {
    const failed = new Map([['g', problem(code)]])
    const answers = [
      { ok: new Map(), failed },
      { ok: new Map([['g', holds]]), failed: new Map() },
    ]
    const g = gate('empty', async () => only(answers.shift()!, 'g'))
    expect((await fakeApply(store, { a: { gates: [g] } }).run()).status).toBe(status)
  })

  test('of a step that an earlier run has done are not asked', async () => {
    const fails = { apply: async () => ({ done: false, problem: problem('FERRY1701') }) as const }
    await fakeApply(store, { a: {}, b: fails }).run()
    const again = await fakeApply(store, { a: { gates: [readings('x', closed())] }, b: {} }).run()
    expect(again.status).toBe('done')
  })
})

describe('gates after a step', () => {
  test('that no longer hold fail it, though it was carried out', async () => {
    const answers = [holds, closed('a consumer came back')]
    const g = gate('empty', async () => answers.shift()!, true)
    const result = await fakeApply(store, { a: { gates: [g] }, b: {} }).run()
    expect([result.status, codes(result), outcomes(result)]).toEqual([
      'failed',
      ['FERRY1503'],
      ['a failed', 'b notStarted'],
    ])
    expect(result.problems[0]?.detail).toBe(
      'While a ran, this stopped to hold: empty (a consumer came back).',
    )
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a failed'])
  })

  test('are only those that ask for it', async () => {
    const answers = [holds, closed()]
    const once = gate('x', async () => answers.shift()!)
    expect((await fakeApply(store, { a: { gates: [once] } }).run()).status).toBe('done')
  })
})

describe('the first interrupt', () => {
  test('lets the running step end and starts no other', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async (run) => {
          apply.stopping.abort()
          expect(run.signal.aborted).toBe(false)
          return done
        },
      },
      b: {},
    })
    const result = await apply.run()
    expect([result.status, outcomes(result), result.problems]).toEqual([
      'interrupted',
      ['a done', 'b notStarted'],
      [],
    ])
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a done'])
    expect(await store.lockHolder('orders')).toBeUndefined()
  })

  test('after the last step changes nothing: the plan is done', async () => {
    const apply = fakeApply(store, {
      a: { apply: async () => answering(apply.stopping.abort(), done) },
    })
    expect((await apply.run()).status).toBe('done')
  })

  test('ends a wait at a gate at once, without an intent', async () => {
    const apply = fakeApply(store, {
      a: { gates: [gate('x', async () => answering(apply.stopping.abort(), closed()))] },
    })
    expect([(await apply.run()).status, await journalWords(store)]).toEqual([
      'interrupted',
      ['plan-started'],
    ])
    expect(apply.clock.pauses).toEqual([])
  })

  test('that comes while the last gate is read starts no step', async () => {
    const apply = fakeApply(store, {
      a: { gates: [gate('x', async () => answering(apply.stopping.abort(), holds))] },
    })
    expect((await apply.run()).status).toBe('interrupted')
    expect(apply.log).not.toContain('apply a')
  })

  test('ends a step that only waits; its intent stays open and the next apply does it again', async () => {
    const copies = {
      interruptible: true,
      apply: async (run: { signal: AbortSignal }) => {
        apply.stopping.abort()
        run.signal.throwIfAborted()
        return done
      },
    }
    const apply = fakeApply(store, { a: copies })
    const result = await apply.run()
    expect([result.status, outcomes(result)]).toEqual(['interrupted', ['a waiting']])
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a'])
    expect((await fakeApply(store, { a: {} }).run()).status).toBe('done')
  })

  test('does not hide that the step failed', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async () =>
          answering(apply.stopping.abort(), { done: false, problem: problem('FERRY1701') }),
      },
    })
    expect((await apply.run()).status).toBe('failed')
  })
})

describe('the second interrupt', () => {
  test('leaves the running step; its intent stays open, mirror and lock are closed', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async (run) => {
          await run.mirror()
          apply.stopping.abort()
          apply.aborting.abort()
          throw new Error('connection closed', { cause: run.signal.reason })
        },
      },
      b: {},
    })
    const result = await apply.run()
    expect([result.status, result.begun, outcomes(result)]).toEqual([
      'interrupted',
      true,
      ['a waiting', 'b notStarted'],
    ])
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a'])
    expect(apply.log.at(-1)).toBe('mirror stopped')
    expect(await store.lockHolder('orders')).toBeUndefined()
  })
})
