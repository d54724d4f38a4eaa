import { deepStrictEqual, rejects } from 'node:assert'
import { describe, it } from 'vitest'
import { keepMirrored } from '../../src/app/keep-mirrored.ts'
import { newProblems } from '../../src/app/new-problems.ts'
import type { Session } from '../../src/app/open-session.ts'
import type { Services } from '../../src/app/services.ts'
import { type Diagnostic, diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type {
  MirroredMigration,
  MirrorFacts,
  MirrorOptions,
  MirrorWithFacts,
  PartitionReport,
} from '../../src/mirror/mirror.ts'
import { DEFAULT_TIMINGS } from '../../src/mirror/mirror.ts'

const marked = (name: string): MigrationState => ({
  ...emptyState(name, 'l'),
  stage: 'mirrored',
  marks: [{ topic: `${name}.events`, partition: 0 } as Mark],
})
const migration = (name: string, throttle?: number): Migration =>
  ({ name, from: 'old', to: 'new', mirror: { throttle } }) as unknown as Migration

const FACTS: MirrorFacts = {
  lock: 'held',
  counters: {
    requests: 0,
    batchesPassedThrough: 0,
    batchesMerged: 0,
    sourceBatchesMerged: 0,
    batchesReEncoded: 0,
  },
}

/** One run of up to `looks` looks over decisions that a test changes. */
const runOf = async (
  migrations: readonly Migration[],
  states: (look: number) => ReadonlyMap<string, MigrationState | FerryError>,
  looks: number,
  reports: readonly PartitionReport[] = [],
  facts: (mirror: number) => MirrorFacts = () => FACTS,
) => {
  const started: MirrorOptions[] = []
  const followed: string[][] = []
  let stopped = 0
  let look = 0
  const mirrorOf = (which: number): MirrorWithFacts => ({
    follow: (list: readonly MirroredMigration[]) =>
      void followed.push(list.map((m) => m.migration)),
    reports: () => reports,
    keep: () => ({ taken: async () => {}, release: () => {} }),
    facts: () => facts(which),
    stop: async () => void stopped++,
  })
  const stopping = new AbortController()
  const session = {
    project: { name: 'shop' },
    migrations,
    store: {
      readDecisions: async (name: string) => {
        const state = states(look).get(name)
        if (state instanceof FerryError) throw state
        return state
      },
    },
    clustersOf: async () => ({ source: {}, target: {} }),
  } as unknown as Session
  const services = {
    startMirror: async (options: MirrorOptions) => {
      started.push(options)
      return mirrorOf(started.length)
    },
  } as unknown as Services
  const result = await keepMirrored(session, {
    services,
    timings: { ...DEFAULT_TIMINGS, followEveryMs: 5 },
    log: () => {},
    look: () => {
      look += 1
      if (look === looks) stopping.abort()
    },
    signal: stopping.signal,
  })
  return { started, followed, stopped, result }
}

const damage = diagnostic({ code: 'FERRY1402', detail: 'orders is damaged', fix: '' })
const damaged = new FerryError([damage])

describe('keepMirrored', () => {
  it('starts one mirror for a pair of clusters, with the throttle of each migration, and stops it', async () => {
    const states = new Map([
      ['orders', marked('orders')],
      ['billing', marked('billing')],
    ])
    const run = await runOf([migration('orders', 10), migration('billing', 5)], () => states, 1)
    deepStrictEqual(
      [
        run.started.map(({ throttle }) => ['orders', 'billing'].map(throttle)),
        run.followed,
        run.stopped,
      ],
      [[[10, 5]], [['orders', 'billing']], 1],
    )
  })

  it('connects to nothing while nothing is marked, and lets go what is retired', async () => {
    const orders = marked('orders')
    const run = await runOf(
      [migration('orders')],
      (look) =>
        new Map(
          look === 0 ? [] : [['orders', look === 1 ? orders : { ...orders, stage: 'retired' }]],
        ),
      3,
    )
    deepStrictEqual([run.started.length, run.followed], [1, [['orders'], []]])
  })

  it('ends with the problems of partitions that stopped', async () => {
    const problem = diagnostic({ code: 'FERRY1604', detail: '', fix: '' })
    const report = { key: 'orders.events:0', state: 'stopped', problem } as PartitionReport
    const run = await runOf(
      [migration('orders')],
      () => new Map([['orders', marked('orders')]]),
      1,
      [report],
    )
    deepStrictEqual(run.result.problems, [problem])
  })

  it('lets go of a migration whose state is damaged, goes on with the others, and ends with its problem', async () => {
    const both = [migration('orders'), migration('billing')]
    const billing = marked('billing')
    const broken = new Map<string, MigrationState | FerryError>([
      ['orders', damaged],
      ['billing', billing],
    ])
    // At the start, and while it runs.
    const atStart = await runOf(both, () => broken, 2)
    deepStrictEqual(
      [atStart.followed, atStart.result.problems],
      [[['billing'], ['billing']], [damage]],
    )
    const fine = new Map([
      ['orders', marked('orders')],
      ['billing', billing],
    ])
    const later = await runOf(both, (look) => (look === 1 ? broken : fine), 2)
    deepStrictEqual(
      [later.followed, later.result.problems],
      [[['orders', 'billing'], ['billing']], [damage]],
    )
    // What was mended meanwhile goes on.
    const mended = await runOf(both, (look) => (look === 1 ? broken : fine), 3)
    deepStrictEqual([mended.followed.at(-1), mended.result.problems], [['orders', 'billing'], []])
  })

  it('ends at once where nothing else is left', async () => {
    await rejects(
      runOf([migration('orders')], () => new Map([['orders', damaged]]), 5),
      damaged,
    )
  })

  it('goes on with the pairs that may join their group, and ends where none may', async () => {
    const other = { ...migration('billing'), to: 'elsewhere' } as Migration
    const states = new Map(['orders', 'billing'].map((name) => [name, marked(name)]))
    const lockProblem = diagnostic({ code: 'FERRY1214', detail: 'READ on the group', fix: '' })
    const denied = { ...FACTS, lockProblem }
    const run = await runOf(
      [migration('orders'), other],
      () => states,
      3,
      [],
      (mirror) => (mirror === 1 ? denied : FACTS),
    )
    deepStrictEqual([run.stopped, run.result.problems], [2, [lockProblem]])
    await rejects(
      runOf(
        [migration('orders'), other],
        () => states,
        3,
        [],
        () => denied,
      ),
      FerryError,
    )
  })
})

describe('keepMirrored ends where what is left of one trouble has another', () => {
  const lockProblem = diagnostic({ code: 'FERRY1214', detail: 'READ on the group', fix: '' })
  const denied = () => ({ ...FACTS, lockProblem })
  const other = { ...migration('billing'), to: 'elsewhere' } as Migration
  const retired: MigrationState = { ...marked('billing'), stage: 'retired' }
  const run = (
    migrations: readonly Migration[],
    states: (look: number) => readonly (readonly [string, MigrationState | FerryError])[],
    facts: (mirror: number) => MirrorFacts = denied,
  ) => runOf(migrations, (look) => new Map(states(look)), 3, [], facts)

  it.each<[string, Parameters<typeof run>]>([
    [
      'a state that is damaged while it runs, and a pair that may not join its group',
      [
        [migration('orders'), other],
        (look) => [
          ['orders', look === 0 ? marked('orders') : damaged],
          ['billing', marked('billing')],
        ],
        // The mirror of the damaged one has nothing to copy any more, and is not denied.
        (mirror) => (mirror === 1 ? FACTS : denied()),
      ],
    ],
    [
      'a state that is damaged, and a migration that is over',
      [
        [migration('orders'), migration('billing')],
        () => [
          ['orders', damaged],
          ['billing', retired],
        ],
        () => FACTS,
      ],
    ],
    [
      'a pair that is denied, and another migration of it that has not begun',
      [[migration('orders'), migration('billing')], () => [['orders', marked('orders')]]],
    ],
  ])('%s', async (_, given) => {
    await rejects(run(...given), FerryError)
  })

  it('but not while a migration of another pair has still to begin, or its store is away', async () => {
    const begun = await run([migration('orders'), other], () => [['orders', marked('orders')]])
    deepStrictEqual(begun.result.problems, [lockProblem])
    const unreachable = diagnostic({ code: 'FERRY1202', detail: '', fix: '' })
    const away = new FerryError([unreachable], { retriable: true })
    const waits = await run(
      [migration('orders'), other],
      (look) => [
        ['orders', marked('orders')],
        ['billing', look === 0 ? marked('billing') : away],
      ],
      (mirror) => (mirror === 1 ? denied() : FACTS),
    )
    deepStrictEqual(waits.stopped, 2)
  })
})

describe('what is told of a look', () => {
  const problem = (detail: string) => diagnostic({ code: 'FERRY1604', detail, fix: '' })
  const report = (way: 'reverse' | undefined, detail: string) =>
    ({ key: 'orders.events:0', way, state: 'stopped', problem: problem(detail) }) as PartitionReport

  it('is each problem once: also of the other way, and at another range', () => {
    const toTell = newProblems()
    const told = (...reports: PartitionReport[]) =>
      toTell({ reports, stopped: [], unread: [] }).map(({ detail }) => detail)
    deepStrictEqual(told(report(undefined, '5 to 7')), ['5 to 7'])
    deepStrictEqual(told(report(undefined, '5 to 7'), report('reverse', '5 to 7')), ['5 to 7'])
    deepStrictEqual(told(report(undefined, '9 to 9'), report('reverse', '5 to 7')), ['9 to 9'])
    const ofStates = { reports: [], unread: [] }
    deepStrictEqual(toTell({ ...ofStates, stopped: [damage] }), [damage])
    deepStrictEqual(toTell({ ...ofStates, stopped: [damage] }), [])
  })

  it('is a problem anew that went away and comes back', () => {
    const toTell = newProblems()
    const at = (state: PartitionReport['state'], ...problems: Diagnostic[]) =>
      toTell({
        reports: [{ key: 'orders.events:0', state, problem: problems[0] } as PartitionReport],
        stopped: [],
        unread: [],
      })
    const gone = problem('5 to 7')
    deepStrictEqual(at('stopped', gone), [gone])
    // Looked at again, here or by another process, it has not got over it.
    deepStrictEqual([at('checking'), at('elsewhere'), at('stopped', gone)], [[], [], []])
    deepStrictEqual([at('mirroring'), at('stopped', gone)], [[], [gone]])

    const of = (stopped: readonly Diagnostic[], unread: readonly Diagnostic[] = []) =>
      toTell({ reports: [], stopped, unread })
    deepStrictEqual(of([damage]), [damage])
    // The store was away: nobody has seen that it was mended.
    deepStrictEqual([of([], [gone]), of([damage])], [[], []])
    deepStrictEqual([of([]), of([damage])], [[], [damage]])
  })
})
