import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { fullState } from '../state/samples.ts'
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
  directory = await mkdtemp(join(tmpdir(), 'ferry-apply-'))
  store = new FileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

describe('failures', () => {
  test('of a step keep their diagnostics; the steps behind do not start', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async () => {
          throw new FerryError([problem('FERRY1701'), problem('FERRY1301')])
        },
      },
      b: {},
    })
    const result = await apply.run()
    expect([result.status, codes(result), outcomes(result)]).toEqual([
      'failed',
      ['FERRY1701', 'FERRY1301'],
      ['a failed', 'b notStarted'],
    ])
  })

  test('that nobody expected are internal errors, with a stack only for debugging', async () => {
    const steps = {
      a: {
        apply: async () => {
          throw new TypeError('x is not a function')
        },
      },
    }
    const [internal] = (await fakeApply(store, steps).run()).problems
    expect(internal?.code).toBe('FERRY1901')
    expect(internal?.detail).toBe('TypeError: x is not a function')
    const [debugged] = (await fakeApply(store, steps, { debug: true }).run()).problems
    expect(debugged?.detail).toContain('apply-failures.test.ts')
  })

  test('of a step that is only not worth going on with now mean waiting', async () => {
    const apply = async () => ({ done: false, problem: problem('FERRY1502') }) as const
    const result = await fakeApply(store, { a: { apply } }).run()
    expect([result.status, outcomes(result)]).toEqual(['waiting', ['a waiting']])
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a waiting'])
  })

  test('of an invariant stop the step before it begins', async () => {
    let asked = 0
    const checkInvariants = async () => (++asked === 2 ? [problem('FERRY1410')] : [])
    const apply = fakeApply(store, { a: {}, b: {} }, { checkInvariants })
    const result = await apply.run()
    expect([codes(result), outcomes(result)]).toEqual([['FERRY1410'], ['a done', 'b notStarted']])
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a done'])
  })

  test('of an invariant while a gate was waited for stop the step too', async () => {
    let readings = 0
    const slow = gate('g', async () => (++readings > 2 ? holds : closed()))
    const checkInvariants = async () => (readings > 2 ? [problem('FERRY1410')] : [])
    const apply = fakeApply(store, { a: { gates: [slow] } }, { checkInvariants })
    const result = await apply.run()
    expect([codes(result), outcomes(result)]).toEqual([['FERRY1410'], ['a notStarted']])
    expect(result).toMatchObject({ status: 'failed', begun: false })
    expect(apply.log).not.toContain('apply a')
  })

  test('of a gate that cannot be read leave the step not started', async () => {
    const unread = gate('g', async () => {
      throw new FerryError(problem('FERRY1202'))
    })
    const result = await fakeApply(store, { a: { gates: [unread] } }).run()
    expect([result.status, codes(result), outcomes(result)]).toEqual([
      'failed',
      ['FERRY1202'],
      ['a notStarted'],
    ])
  })

  test('while closing are warnings and hide nothing', async () => {
    const startMirror = async () => ({
      follow: () => {},
      reports: () => [],
      keep: () => ({ taken: async () => {}, release: () => {} }),
      stop: async () => {
        throw new FerryError(problem('FERRY1601'))
      },
    })
    const uses = {
      apply: async (run: { mirror(): Promise<unknown> }) => answering(await run.mirror(), done),
    }
    const apply = fakeApply(store, { a: uses }, { startMirror })
    expect((await apply.run()).status).toBe('done')
    expect(apply.log).toContain('warned FERRY1601')
    expect(await store.lockHolder('orders')).toBeUndefined()
  })

  test('of the store end the run without hiding it', async () => {
    const full = Object.assign(new FileStore(directory), {
      appendJournal: async () => {
        throw new FerryError(problem('FERRY1405'))
      },
    })
    const apply = fakeApply(full, { a: {} })
    expect(codes(await apply.run())).toEqual(['FERRY1405'])
    expect(apply.log).toEqual([])
  })
})

describe('the mirror', () => {
  const mark = fullState(1).marks[0]!
  const uses = {
    apply: async (run: { mirror(): Promise<unknown> }) => answering(await run.mirror(), done),
  }

  test('is started once, when first asked for, and stopped at the end, also after a failure', async () => {
    const fails = { apply: async () => ({ done: false, problem: problem('FERRY1701') }) as const }
    const apply = fakeApply(store, { a: {}, b: uses, c: uses, d: fails })
    await apply.run()
    expect(apply.log).toEqual([
      'apply a',
      'a done',
      'apply b',
      'mirror started',
      'follow orders 0',
      'b done',
      'apply c',
      'c done',
      'apply d',
      'd failed',
      'mirror stopped',
    ])
  })

  test('follows marks that are made later', async () => {
    const marks = {
      apply: async (run: Parameters<NonNullable<(typeof uses)['apply']>>[0]) => {
        await (run as unknown as { decide(f: unknown): Promise<void> }).decide((s: object) => ({
          ...s,
          marks: [mark],
        }))
        return done
      },
    }
    const apply = fakeApply(store, { a: uses, b: marks })
    await apply.run()
    expect(apply.log.filter((l) => l.startsWith('follow'))).toEqual([
      'follow orders 0',
      'follow orders 1',
    ])
  })

  test('that does not start is tried again by the next step that asks', async () => {
    let tries = 0
    const startMirror = async () => {
      if (tries++ === 0) throw new FerryError(problem('FERRY1601'))
      return {
        follow: () => {},
        reports: () => [],
        keep: () => ({ taken: async () => {}, release: () => {} }),
        stop: async () => {},
      }
    }
    const apply = fakeApply(store, { a: uses }, { startMirror })
    expect(codes(await apply.run())).toEqual(['FERRY1601'])
    const again = {
      apply: async (run: { mirror(): Promise<unknown> }) => {
        await run.mirror().catch(() => undefined)
        await run.mirror()
        return done
      },
    }
    tries = 0
    expect((await fakeApply(store, { a: again }, { startMirror }).run()).status).toBe('done')
  })
})
