import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exitCodeFor } from '../../src/cli/exit-codes.ts'
import type { Diagnostic } from '../../src/domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { Migration } from '../../src/domain/migration.ts'
import type { Stage } from '../../src/domain/stage.ts'
import type { Mirror, PartitionReport } from '../../src/mirror/mirror.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { fullState, holder, sampleProgress } from '../state/samples.ts'
import { codes, type FakeStep, fakeApply, problem } from './fake-migration.ts'

let directory: string
let store: FileStore
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-stages-'))
  store = new FileStore(directory)
})
afterEach(() => rm(directory, { recursive: true }))

const TOPIC = 'orders.events' as TopicName
const KEY = partitionKey(TOPIC, 0)
const STOPPED = problem('FERRY1604', 'somebody else wrote offset 7')

/** Mirrored and caught up; what the store says of the partition, and what the embedded mirror does when it is asked. */
const mirrored = async ({
  stage = 'mirrored' as Stage,
  isSealed = false,
  stored = null as Diagnostic | null,
}) => {
  const full = fullState(1)
  const mark = { ...full.marks[0]!, sourceStart: 100n as never, targetStart: 100n as never }
  const clusters = { source: 'id-old' as never, target: 'id-new' as never }
  const lock = await store.lock('orders', holder())
  await store.writeDecisions(
    { ...full, clusters, stage, marks: [mark], seals: isSealed ? full.seals : [], sealing: [] },
    0,
  )
  await store.writeProgress('orders', [
    sampleProgress(TOPIC, 0, { problem: stored, mirroredTo: 500n as never }),
  ])
  await lock.release()
}

const moving = (
  reports: readonly (readonly Partial<PartitionReport>[])[],
  {
    from = 'mirrored' as Stage,
    to = 'consumers-moved' as Stage,
    toolVersion = '0.0.0',
    gateTimeoutMs = undefined as number | undefined,
  } = {},
  steps: Readonly<Record<string, FakeStep>> = {},
) => {
  let asked = 0
  const side = (name: string, id: string) => ({
    name,
    id,
    listOffsets: async (partitions: readonly unknown[], at: string) => ({
      ok: new Map(partitions.map(() => [KEY, at === 'earliest' ? 100n : 500n])),
      failed: new Map(),
    }),
  })
  const mirror = {
    follow: () => {},
    stop: async () => {},
    reports: () =>
      (reports[Math.min(asked++, reports.length - 1)] ?? []).map((report) => ({
        key: KEY,
        topic: TOPIC,
        ...report,
      })),
  } as unknown as Mirror
  const apply = fakeApply(
    store,
    steps,
    {
      clusters: { source: side('old', 'id-old'), target: side('new', 'id-new') } as never,
      migration: {
        name: 'orders',
        order: 'consumers-first',
        topics: [{ name: TOPIC }],
      } as unknown as Migration,
      startMirror: async () => mirror,
      ...(gateTimeoutMs !== undefined && { gateTimeoutMs }),
    },
    { from, to, toolVersion },
  )
  const stageNow = async () => (await store.readDecisions('orders'))?.stage
  return { ...apply, stageNow, asked: () => asked }
}

test.each([
  ['the store says so', STOPPED, [{ state: 'mirroring' }]],
  ['the embedded mirror finds it', null, [{ state: 'stopped', problem: STOPPED }]],
] as const)(
  'a stage that no step leads to is not passed while a partition is stopped: %s',
  async (_, stored, report) => {
    await mirrored({ stored })
    const apply = moving([report as never])
    const result = await apply.run()
    expect([result.status, codes(result), await apply.stageNow()]).toEqual([
      'failed',
      ['FERRY1504'],
      'mirrored',
    ])
    expect(exitCodeFor(result.problems)).toBe(8)
    expect(result.problems[0]?.detail).toBe(
      `The stage consumers-moved was not reached: the mirror has checked what it goes on from, and has stopped nowhere (the mirror stopped ${KEY}: ${STOPPED.detail}).`,
    )
    // The way on leads through the same plan.
    await store.writeProgress('orders', [sampleProgress(TOPIC, 0, { mirroredTo: 500n as never })])
    const again = moving([[{ state: 'mirroring' }] as never])
    expect(await again.run()).toMatchObject({ status: 'done', stage: 'consumers-moved' })
  },
)

test('nor before the mirror has looked at all partitions', async () => {
  await mirrored({})
  const apply = moving([[{ state: 'checking' }], [{ state: 'waiting' }], [{ state: 'mirroring' }]])
  expect(await apply.run()).toMatchObject({ status: 'done', stage: 'consumers-moved' })
  expect([apply.asked(), apply.clock.pauses]).toEqual([3, [250, 500]])
})

test('which no wait is too short for: a mirror that has just begun has looked at nothing', async () => {
  await mirrored({})
  const reports = [[{ state: 'waiting' }], [{ state: 'mirroring' }]] as const
  const apply = moving(reports, { gateTimeoutMs: 0 })
  expect(await apply.run()).toMatchObject({ status: 'done', stage: 'consumers-moved' })
})

test('nor after a step, where a partition has stopped while it ran; that one is looked at again stops nothing', async () => {
  await mirrored({})
  const to = 'producers-moved' as const
  const steps = { a: { stage: 'consumers-moved' }, b: { stage: to } } as const
  const stopped = moving([[{ state: 'stopped', problem: STOPPED }]], { to }, steps)
  const result = await stopped.run()
  expect([codes(result), await stopped.stageNow()]).toEqual([['FERRY1504'], 'mirrored'])
  expect(stopped.log).not.toContain('apply b')
  // Another plan: this one has begun.
  const other = { to, toolVersion: '0.0.1' }
  const checking = moving([[{ state: 'checking' }]], other, steps)
  expect(await checking.run()).toMatchObject({ status: 'done', stage: to })
})

test('a stage is passed back, and where nothing is mirrored any more, whatever had stopped', async () => {
  await mirrored({ stored: STOPPED, stage: 'consumers-moved' })
  const back = moving([[]], { from: 'consumers-moved', to: 'mirrored' })
  expect(await back.run()).toMatchObject({ status: 'done', stage: 'mirrored' })
  const other = await mkdtemp(join(tmpdir(), 'ferry-stages-'))
  store = new FileStore(other)
  await mirrored({ stored: STOPPED, stage: 'producers-moved', isSealed: true })
  const sealed = moving([[]], { from: 'producers-moved', to: 'retired' })
  expect(await sealed.run()).toMatchObject({ status: 'done', stage: 'retired' })
  expect(sealed.asked()).toBe(0)
  await rm(other, { recursive: true })
})
