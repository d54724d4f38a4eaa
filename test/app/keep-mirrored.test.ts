import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { keepMirrored } from '../../src/app/keep-mirrored.ts'
import type { Session } from '../../src/app/open-session.ts'
import type { Services } from '../../src/app/services.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
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
  states: (look: number) => ReadonlyMap<string, MigrationState>,
  looks: number,
  reports: readonly PartitionReport[] = [],
) => {
  const started: MirrorOptions[] = []
  const followed: string[][] = []
  let stopped = 0
  let look = 0
  const mirror: MirrorWithFacts = {
    follow: (list: readonly MirroredMigration[]) =>
      void followed.push(list.map((m) => m.migration)),
    reports: () => reports,
    keep: () => ({ taken: async () => {}, release: () => {} }),
    facts: () => FACTS,
    stop: async () => void stopped++,
  }
  const stopping = new AbortController()
  const session = {
    project: { name: 'shop' },
    migrations,
    store: { readDecisions: async (name: string) => states(look).get(name) },
    clustersOf: async () => ({ source: {}, target: {} }),
  } as unknown as Session
  const services = {
    startMirror: async (options: MirrorOptions) => {
      started.push(options)
      return mirror
    },
  } as unknown as Services
  const result = await keepMirrored(session, {
    services,
    timings: DEFAULT_TIMINGS,
    log: () => {},
    look: () => {
      look += 1
      if (look === looks) stopping.abort()
    },
    signal: stopping.signal,
  })
  return { started, followed, stopped, result }
}

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
})
