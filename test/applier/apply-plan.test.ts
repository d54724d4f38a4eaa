import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { contentOf, pushState } from '../../src/app/state-changes.ts'
import type { ApplyOptions } from '../../src/applier/apply-options.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { Secret } from '../../src/domain/secret.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { fullState, holder } from '../state/samples.ts'
import {
  answering,
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

const state = () => store.readDecisions('orders')

describe('a step that took back what it was about to do', () => {
  test('waits for its gates anew, with an intent for each attempt, and is done once it could be done', async () => {
    let looks = 0
    let attempts = 0
    const apply = fakeApply(store, {
      a: {
        gates: [gate('it is quiet', async () => answering(looks++, holds))],
        apply: async () =>
          ++attempts < 3 ? { done: false, again: `attempt ${attempts} was taken back` } : done,
      },
    })
    expect(await apply.run()).toMatchObject({ status: 'done', problems: [] })
    expect([attempts, looks]).toEqual([3, 3])
    expect(await journalWords(store)).toEqual([
      'plan-started',
      'intent a',
      'intent a',
      'intent a',
      'a done',
      'plan-finished',
    ])
    expect(apply.log).toContain('attempt 2 was taken back')
  })
})

describe('seals that nobody confirmed', () => {
  test('are taken back before anything else, by the plan that stored them and by every other', async () => {
    const { sealing = [], reverse } = fullState(1)
    const left = () =>
      state().then((now) => [now?.sealing ?? [], now?.reverse.sealing ?? []].flat().length)
    for (const isOwn of [true, false]) {
      const seen: number[] = []
      const steps = { a: { apply: async () => answering(seen.push(await left()), done) } }
      const apply = fakeApply(store, steps, {}, { toolVersion: String(isOwn) })
      const { serial = 0, lineage = 'l' } = (await state()) ?? {}
      const { digest, clusters } = apply.options
      const crashed = {
        ...fullState(serial + 1),
        lineage,
        clusters: { source: clusters.source.id, target: clusters.target.id },
        plan: { digest: isOwn ? digest : 'another', status: 'open' as const },
        // As an open plan has it: that seals are left is the only reason to write anything.
        seen: null,
        sealing,
        reverse,
      }
      const lock = await store.lock('orders', holder())
      await store.writeDecisions(crashed, serial)
      await lock.release()
      expect(await left()).toBe(2)
      expect(await apply.run()).toMatchObject({ status: 'done' })
      expect(seen).toEqual([0])
      expect((await state())?.seals).toEqual(crashed.seals)
    }
  })
})

describe('a plan that runs through', () => {
  test('runs its steps in order, each between intent and result, and ends done', async () => {
    const apply = fakeApply(store, { a: {}, b: { stage: 'mirrored' } })
    const result = await apply.run()
    expect(result).toEqual({
      status: 'done',
      problems: [],
      begun: true,
      stage: 'mirrored',
      takenOverFrom: undefined,
      steps: [
        { id: 'a', outcome: 'done', earlier: false },
        { id: 'b', outcome: 'done', earlier: false },
      ],
    })
    expect(await journalWords(store)).toEqual([
      'plan-started',
      'intent a',
      'a done',
      'intent b',
      'b done',
      'plan-finished',
    ])
    expect(apply.log).toEqual(['apply a', 'a done', 'apply b', 'b done'])
    expect(await state()).toMatchObject({
      stage: 'mirrored',
      plan: { digest: apply.options.digest, status: 'done' },
      clusters: { source: 'id-old', target: 'id-new' },
    })
    expect(await store.lockHolder('orders')).toBeUndefined()
  })

  test('has its intent in the store before the step begins', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async () => {
          expect(await journalWords(new FileStore(directory))).toEqual(['plan-started', 'intent a'])
          return done
        },
      },
    })
    expect((await apply.run()).status).toBe('done')
  })

  test('without steps only moves the stage', async () => {
    expect(await fakeApply(store, {}).run()).toMatchObject({
      status: 'done',
      stage: 'mirrored',
      begun: false,
    })
  })

  test('writes each stage when its last step is done', async () => {
    const seen: unknown[] = []
    const look = { apply: async () => answering(seen.push((await state())?.stage), done) }
    const steps = { a: look, b: look, c: { ...look, stage: 'consumers-moved' as const } }
    await fakeApply(store, steps, {}, { to: 'producers-moved' }).run()
    // No step leads to mirrored: it is reached with prepared.
    expect(seen).toEqual(['nothing', 'nothing', 'mirrored'])
    expect((await state())?.stage).toBe('producers-moved')
  })

  test('that goes back writes the earlier stages', async () => {
    await store.writeDecisions({ ...fullState(1), clusters: null, stage: 'producers-moved' }, 0)
    const seen: unknown[] = []
    const look = { apply: async () => answering(seen.push((await state())?.stage), done) }
    const steps = {
      a: { ...look, stage: 'consumers-moved' as const },
      b: { ...look, stage: 'mirrored' as const },
    }
    await fakeApply(store, steps, {}, { from: 'producers-moved', to: 'mirrored' }).run()
    expect(seen).toEqual(['producers-moved', 'consumers-moved'])
    expect((await state())?.stage).toBe('mirrored')
  })

  test('that adds a topic to a later stage leaves the stage where it is until the end', async () => {
    await store.writeDecisions({ ...fullState(1), clusters: null, stage: 'consumers-moved' }, 0)
    const seen: unknown[] = []
    const look = { apply: async () => answering(seen.push((await state())?.stage), done) }
    const steps = { a: look, b: { ...look, stage: 'producers-moved' as const } }
    await fakeApply(store, steps, {}, { from: 'consumers-moved', to: 'producers-moved' }).run()
    expect(seen).toEqual(['consumers-moved', 'consumers-moved'])
    expect((await state())?.stage).toBe('producers-moved')
  })

  test('writes facts of any shape, and no secret', async () => {
    const facts = {
      map: new Map([['k', 5n]]),
      date: new Date(0),
      secret: new Secret('hunter2'),
      no: undefined,
      nan: Number.NaN,
    }
    const result = await fakeApply(store, {
      a: { apply: async () => ({ done: true, facts }) },
    }).run()
    expect(result.status).toBe('done')
    const what = (await store.readJournal('orders'))[2]?.what
    expect(what?.kind === 'result' && what.facts).toEqual({
      map: { k: '5' },
      date: '1970-01-01T00:00:00.000Z',
      secret: '(sensitive)',
      no: null,
      nan: 'NaN',
    })
  })
})

describe('decisions of steps', () => {
  test('are written one after the other, each on top of the one before', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async (run) => {
          const add = (name: string) =>
            run.decide((s) => ({
              ...s,
              createdTopics: [...s.createdTopics, name as never],
              serial: 99,
            }))
          await Promise.all(['x', 'y', 'z'].map(add))
          expect(run.state().createdTopics).toEqual(['x', 'y', 'z'])
          return done
        },
      },
    })
    expect((await apply.run()).status).toBe('done')
    // Opened, three decisions, finished with the stage; prepared and mirrored were reached at once.
    expect((await state())?.serial).toBe(6)
    expect((await state())?.createdTopics).toEqual(['x', 'y', 'z'])
  })

  test('that another writer overtook fail the step and change nothing', async () => {
    const apply = fakeApply(store, {
      a: {
        apply: async (run) => {
          const now = await state()
          await new FileStore(directory).writeDecisions(
            { ...now!, serial: now!.serial + 1 },
            now!.serial,
          )
          await run.decide((s) => ({ ...s, stage: 'retired' }))
          return done
        },
      },
    })
    expect(codes(await apply.run())).toEqual(['FERRY1404'])
    expect((await state())?.stage).toBe('nothing')
  })
})

describe('what may not run', () => {
  test('a plan while somebody has the lock', async () => {
    const lock = await store.lock('orders', holder())
    const result = await fakeApply(new FileStore(directory), { a: {} }).run()
    expect([result.status, codes(result), outcomes(result), result.begun]).toEqual([
      'failed',
      ['FERRY1406'],
      ['a notStarted'],
      false,
    ])
    await lock.release()
  })

  test('a plan that is stale; nothing is written', async () => {
    const apply = fakeApply(store, { a: {} }, { recheck: async () => [problem('FERRY1401')] })
    const result = await apply.run()
    expect([result.status, codes(result), apply.log]).toEqual(['failed', ['FERRY1401'], []])
    expect(await state()).toBeUndefined()
    expect(await store.lockHolder('orders')).toBeUndefined()
  })

  test('a plan that has run to its end, also after another one has run', async () => {
    const first = fakeApply(store, { a: {} })
    await first.run()
    expect(codes(await first.run())).toEqual(['FERRY1408'])
    await fakeApply(store, { b: {} }, {}, { from: 'mirrored' }).run()
    expect(codes(await first.run())).toEqual(['FERRY1408'])
    expect(first.log).toEqual(['apply a', 'a done'])
  })

  test('a plan with blocking problems, which are told', async () => {
    const apply = fakeApply(store, { a: {} }, {}, { problems: [problem('FERRY1301')] })
    expect(codes(await apply.run())).toEqual(['FERRY1409', 'FERRY1301'])
    const warned = { problems: [{ ...problem('FERRY1301'), severity: 'warning' as const }] }
    expect((await fakeApply(store, { a: {} }, {}, warned).run()).status).toBe('done')
  })

  test('a plan for other clusters, or a state begun with others', async () => {
    const clusters = { source: { name: 'old', id: 'x' }, target: { name: 'new', id: 'id-new' } }
    expect(codes(await fakeApply(store, {}, {}, { clusters }).run())).toEqual(['FERRY1201'])
    await store.writeDecisions(fullState(1), 0)
    expect(codes(await fakeApply(store, {}).run())).toEqual(['FERRY1201', 'FERRY1201'])
  })

  test('a plan of another migration', async () => {
    expect(codes(await fakeApply(store, {}, {}, { migration: 'payments' }).run())).toEqual([
      'FERRY1401',
    ])
  })

  test('a step that cannot be undone, unless it is confirmed or not reached', async () => {
    const steps = { a: {}, b: { undo: 'impossible', stage: 'mirrored' } } as const
    const refused = await fakeApply(store, steps).run()
    expect(codes(refused)).toEqual(['FERRY1411'])
    expect(refused.problems[0]?.detail).toBe('This cannot be undone: b (impossible).')
    const prepared = fakeApply(store, steps, { until: 'prepared' })
    expect(outcomes(await prepared.run())).toEqual(['a done', 'b notStarted'])
    expect(codes(await fakeApply(store, steps).run())).toEqual(['FERRY1411'])
    expect((await fakeApply(store, steps, { confirmed: true }).run()).status).toBe('done')
  })

  test('a step that gives up a rollback, unless that is confirmed, whatever undoing it costs', async () => {
    const steps = { a: { givesUpRollback: true }, b: {} } as const
    const refused = await fakeApply(store, steps).run()
    expect(codes(refused)).toEqual(['FERRY1411'])
    expect(refused.problems[0]?.detail).toMatch(/^This gives up a rollback, .* started there: a\.$/)
    expect(outcomes(refused)).toEqual(['a notStarted', 'b notStarted'])
    expect((await fakeApply(store, steps, { confirmed: true }).run()).status).toBe('done')
  })

  test('damaged state, which is told and not overwritten', async () => {
    await store.writeDecisions(fullState(1), 0)
    const broken = Object.assign(new FileStore(directory), {
      readJournal: async () => {
        throw new FerryError(problem('FERRY1402'))
      },
    })
    expect(codes(await fakeApply(broken, { a: {} }).run())).toEqual(['FERRY1402'])
    expect((await state())?.serial).toBe(1)
  })
})

describe('a plan whose run is open', () => {
  const failsOnce = () => {
    let failed = false
    return {
      apply: async () => {
        if (failed) return done
        failed = true
        return { done: false, problem: problem('FERRY1701') } as const
      },
    }
  }

  test('goes on behind what is done, and is asked for what others than its own steps have changed', async () => {
    const asked: (readonly string[] | undefined)[] = []
    const recheck: ApplyOptions['recheck'] = async (own) => {
      asked.push(own && [`begun ${[...own.begun]}`, `done ${[...own.done]}`])
      return []
    }
    const apply = fakeApply(store, { a: {}, b: failsOnce(), c: {} }, { recheck })
    const first = await apply.run()
    expect([first.status, codes(first), first.begun]).toEqual(['failed', ['FERRY1701'], true])
    expect(outcomes(first)).toEqual(['a done', 'b failed', 'c notStarted'])
    expect(first.steps[1]?.problem).toEqual(problem('FERRY1701'))
    expect((await state())?.plan?.status).toBe('open')

    const second = await apply.run()
    expect([second.status, outcomes(second)]).toEqual(['done', ['a done', 'b done', 'c done']])
    expect(second.steps.map((s) => s.earlier)).toEqual([true, false, false])
    expect(asked).toEqual([undefined, ['begun a,b', 'done a']])
    expect(apply.log.filter((l) => l.startsWith('apply'))).toEqual([
      'apply a',
      'apply b',
      'apply b',
      'apply c',
    ])
    expect(await journalWords(store)).toEqual([
      'plan-started',
      'intent a',
      'a done',
      'intent b',
      'b failed',
      'intent b',
      'b done',
      'intent c',
      'c done',
      'plan-finished',
    ])
  })

  test('is stale by what others changed meanwhile, and nothing is written', async () => {
    const steps = { a: {}, b: failsOnce() }
    let isStale = false
    const recheck = async () => (isStale ? [problem('FERRY1401')] : [])
    const apply = fakeApply(store, steps, { recheck })
    await apply.run()
    const before = [await state(), await store.readJournal('orders')]
    isStale = true
    const refused = await apply.run()
    expect([refused.status, codes(refused)]).toEqual(['failed', ['FERRY1401']])
    expect(outcomes(refused)).toEqual(['a done', 'b notStarted'])
    expect([await state(), await store.readJournal('orders')]).toEqual(before)
    isStale = false
    expect((await apply.run()).status).toBe('done')
  })

  test('is not asked once all of it is done: only its end is still to be written', async () => {
    const apply = fakeApply(
      store,
      { a: {} },
      { recheck: async (own) => (own ? [problem('FERRY1401')] : []) },
    )
    await apply.run()
    const finished = await state()
    const lock = await store.lock('orders', holder())
    const open = {
      ...finished!,
      serial: finished!.serial + 1,
      plan: { digest: apply.options.digest, status: 'open' as const },
    }
    await store.writeDecisions(open, finished!.serial)
    await lock.release()
    expect((await apply.run()).status).toBe('done')
    expect((await state())?.plan?.status).toBe('done')
  })

  test('does not go on from a backup that was pushed: what its journal calls done may be taken back', async () => {
    const asked: unknown[] = []
    const recheck: ApplyOptions['recheck'] = async (own) =>
      answering(asked.push(own), [problem('FERRY1401')])
    const old = fakeApply(store, { a: {}, b: failsOnce() })
    await old.run()
    const backup = await contentOf(store, 'orders')
    await fakeApply(store, { 'undo a': {} }).run()
    const pushed = { force: true, now: old.clock.now(), warn: () => {} }
    expect(await pushState(store, 'orders', backup!, pushed)).toMatchObject({ changed: true })
    expect(
      await pushState(store, 'orders', (await contentOf(store, 'orders'))!, pushed),
    ).toMatchObject({ changed: false })
    const { digest } = old.options
    const refused = await fakeApply(store, { a: {}, b: {} }, { digest, recheck }).run()
    expect([codes(refused), asked]).toEqual([['FERRY1401'], [undefined]])
  })

  test('is replaced by a newer plan, and stale from then on', async () => {
    const old = fakeApply(store, { a: {}, b: failsOnce() }, { recheck: async () => [] })
    await old.run()
    await fakeApply(store, { b: {} }).run()
    const stale = fakeApply(
      store,
      { a: {}, b: {} },
      { digest: old.options.digest, recheck: async () => [problem('FERRY1401')] },
    )
    expect(codes(await stale.run())).toEqual(['FERRY1401'])
  })

  test('says that it has begun even where this run does nothing', async () => {
    const apply = fakeApply(store, { a: {}, b: failsOnce() })
    await apply.run()
    const again = await fakeApply(
      store,
      { a: {}, b: {} },
      { digest: apply.options.digest, checkInvariants: async () => [problem('FERRY1410')] },
    ).run()
    expect([again.status, codes(again), again.begun]).toEqual(['failed', ['FERRY1410'], true])
  })
})

describe('until', () => {
  test('stops behind the stage, leaves the plan open, and the next apply goes on', async () => {
    const steps = { a: {}, b: { stage: 'mirrored' }, c: { stage: 'consumers-moved' } } as const
    const plan = { to: 'consumers-moved' } as const
    const first = await fakeApply(store, steps, { until: 'mirrored' }, plan).run()
    expect([first.status, first.stage, outcomes(first)]).toEqual([
      'done',
      'mirrored',
      ['a done', 'b done', 'c notStarted'],
    ])
    expect((await state())?.plan?.status).toBe('open')
    const second = await fakeApply(store, steps, {}, plan).run()
    expect([second.status, second.stage]).toEqual(['done', 'consumers-moved'])
  })

  test('follows the order of the migration', async () => {
    const steps = { a: { stage: 'consumers-moved' }, b: { stage: 'producers-moved' } } as const
    const migration = { name: 'orders', order: 'producers-first' } as never
    const result = await fakeApply(
      store,
      steps,
      { migration, until: 'producers-moved' },
      { to: 'consumers-moved' },
    ).run()
    expect(outcomes(result)).toEqual(['a notStarted', 'b done'])
  })
})

describe('a lock that is taken over', () => {
  test('is told, with the step that its holder had begun', async () => {
    const dead = { host: hostname(), pid: 2 ** 30, user: 'gone' }
    const old = new FileStore(directory)
    await old.lock('orders', holder(dead))
    await old.writeDecisions({ ...fullState(1), clusters: null }, 0)
    await old.appendJournal('orders', {
      at: '2025-01-01',
      plan: 'p',
      what: { kind: 'intent', step: 'sync-group/x' },
    })
    const apply = fakeApply(store, { a: {} })
    const result = await apply.run()
    expect([result.status, result.takenOverFrom?.user]).toEqual(['done', 'gone'])
    expect(apply.log[0]).toMatch(/took over the lock of gone@.*It had begun sync-group\/x/)
  })
})
