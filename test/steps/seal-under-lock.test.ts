import { expect, it } from 'vitest'
import type { Seal } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { PartitionNow } from '../../src/steps/partitions-now.ts'
import { unprovedAmong } from '../../src/steps/seal-topic.ts'
import { sealUnderLock } from '../../src/steps/seal-under-lock.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { plan, stateWith, topic } from '../planner/_build.ts'
import { mark, STATE, seal } from '../planner/_moved.ts'

/** What sealing decides by itself; what comes from brokers and other mirrors: `test/scenarios/seal-lock.test.ts`. */

it('lets go of the lock also where the seal cannot be taken back', async () => {
  const did: string[] = []
  const lock = {
    taken: () => Promise.reject(new Error('the session is over')),
    release: () => did.push('released'),
  }
  const sealing = sealUnderLock({
    topic: topic('orders'),
    seals: [seal(0, 1100n, 1000n)],
    view: {
      mirror: async () => ({ keep: () => lock }),
      report: () => undefined,
      signal: AbortSignal.timeout(60_000),
      gateTimeoutMs: 0,
      timings: { sessionTimeoutMs: 100, requestTimeoutMs: 100 },
    } as unknown as Run,
    decide: async () => {
      did.push('decided')
      if (did.length > 1) throw new Error('the store is away')
    },
  })
  await expect(sealing).rejects.toThrow('the store is away')
  expect(did).toEqual(['decided', 'decided', 'released'])
})

it('is for what the mirror has checked, not for a log end that somebody else may have moved', () => {
  const partition = (mirroredTo: bigint, sourceEnd: bigint, targetEnd: bigint) =>
    [
      {
        key: 'orders:0',
        sourceEnd,
        targetEnd,
        proven: { mark: mark(0, 100n, 0n), gaps: new GapList(), diverged: null, mirroredTo },
      },
    ] as unknown as readonly PartitionNow[]
  expect(unprovedAmong(partition(1100n, 1100n, 1000n))).toBeUndefined()
  // One new record on the source, and one of somebody else on the target: by the log ends nothing is left to copy.
  expect(unprovedAmong(partition(1100n, 1101n, 1001n))).toMatch(/to 1101 .* checked up to 1100/)
  expect(unprovedAmong(partition(1100n, 1100n, 1001n))).toMatch(/ends at 1001 .* copy at 1000/)
  expect(unprovedAmong(partition(1100n, 1100n, 999n))).toMatch(/ends at 999 .* copy at 1000/)
})

it('is told by every plan where a killed run has left it unconfirmed', () => {
  const warned = (state: Parameters<typeof stateWith>[0]) =>
    plan({ state: stateWith({ ...STATE, seals: [], ...state }) })
      .problems.filter(({ code }) => code === 'FERRY1706')
      .map(({ severity, detail, fix }) => `${severity}: ${detail} ${fix}`)
  const left: readonly Seal[] = [seal(0, 1100n, 1000n), seal(1, 0n, 0n)]
  expect(warned({})).toEqual([])
  const told = [
    expect.stringMatching(
      /^warning: orders is being sealed.*nothing .* mirrored.*ferry apply orders/,
    ),
  ]
  expect(warned({ sealing: left })).toEqual(told)
  expect(warned({ reverse: { marks: [], seals: [], sealing: left } })).toEqual(told)
})
