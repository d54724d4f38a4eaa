import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { MirrorLook } from '../../src/app/keep-mirrored.ts'
import { mirrorHealth } from '../../src/app/mirror-health.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { MirrorFacts, PartitionReport } from '../../src/mirror/mirror.ts'

const counters = {
  requests: 0,
  batchesPassedThrough: 0,
  batchesMerged: 0,
  sourceBatchesMerged: 0,
  batchesReEncoded: 0,
}
const withLock = (lock: MirrorFacts['lock'], lockWaitsFor?: string): MirrorLook => ({
  reports: [],
  mirrors: [
    {
      source: 'old',
      target: 'new',
      facts: { lock, counters, ...(lockWaitsFor !== undefined && { lockWaitsFor }) },
    },
  ],
  unread: [],
  stopped: [],
})
const at = (seconds: number): Date => new Date(seconds * 1000)

describe('mirrorHealth', () => {
  it('is patient with a change of members, and counts anew after each', () => {
    const health = mirrorHealth(60_000)
    const looks = [
      [0, 'waiting'],
      [59, 'waiting'],
      [60, 'waiting'],
      [61, 'held'],
      [62, 'waiting'],
      [121, 'waiting'],
    ] as const
    const reasons = looks.map(([second, lock]) => health(withLock(lock, 'no answer'), at(second)))
    deepStrictEqual(reasons, [
      [],
      [],
      ["no member of the mirror's group on new for 60 s: no answer"],
      [],
      [],
      [],
    ])
  })

  it('does not expect a member where there is nothing to share', () => {
    const health = mirrorHealth(0)
    deepStrictEqual(
      [0, 100].flatMap((second) => health(withLock('none'), at(second))),
      [],
    )
  })

  it('names stopped partitions, and counts those beyond the first twenty', () => {
    const problem = diagnostic({ code: 'FERRY1604', detail: '', fix: '' })
    const reports = Array.from(
      { length: 23 },
      (_, n) =>
        ({ migration: 'orders', key: `a:${n}`, state: 'stopped', problem }) as PartitionReport,
    )
    const look = { ...withLock('held'), reports }
    const reasons = mirrorHealth(0)(look, at(0))
    deepStrictEqual(
      [reasons.length, reasons[0], reasons.at(-1)],
      [21, 'orders: a:0 stopped: FERRY1604 Foreign write on target', '3 more partitions stopped'],
    )
  })

  it('says why the state is not followed', () => {
    const unread = [diagnostic({ code: 'FERRY1407', detail: 'the store is away', fix: '' })]
    deepStrictEqual(mirrorHealth(0)({ ...withLock('held'), unread }, at(0)), [
      'the state cannot be read: the store is away',
    ])
  })

  it('says what stops a whole migration while the others go on', () => {
    const stopped = [diagnostic({ code: 'FERRY1402', detail: 'orders is damaged', fix: '' })]
    deepStrictEqual(mirrorHealth(0)({ ...withLock('held'), stopped }, at(0)), [
      'FERRY1402 orders is damaged',
    ])
  })
})
