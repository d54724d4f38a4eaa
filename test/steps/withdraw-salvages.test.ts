import { describe, expect, it } from 'vitest'
import type { SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import type { MigrationState, Salvage } from '../../src/domain/state.ts'
import { reopenTopic } from '../../src/steps/reopen-topic.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { AT, plan, stateWith, topic } from '../planner/_build.ts'
import { STATE, seal } from '../planner/_moved.ts'

/** A seal is opened behind which a salvage was begun. What that has left on brokers: test/scenarios/late-records.test.ts. */

const salvage = (parts: Partial<Salvage> = {}): Salvage => ({
  topic: topic('orders'),
  partition: 0,
  from: 1100n as SourceOffset,
  to: 1103n as SourceOffset,
  status: 'pending',
  producerId: 77n,
  producerEpoch: 0,
  targetFrom: 1000n as TargetOffset,
  at: AT,
  ...parts,
})
const sent: Partial<Salvage> = {
  sent: { place: 0, records: 3, from: 1100n as SourceOffset, to: 1103n as SourceOffset },
}

/** `ends`: where partition 0 ends on the target, each time that its leader is asked. */
const reopened = async (salvages: readonly Salvage[], end: (waited: boolean) => bigint) => {
  let state: MigrationState = stateWith({ ...STATE, salvages, seals: [seal(0, 1100n, 1000n)] })
  const reported: string[] = []
  const run = {
    migration: { name: 'orders' },
    clusters: {
      target: {
        name: 'new',
        leaderEnds: async () => ({
          ok: new Map([['orders:0', { end: end(reported.length > 0), epoch: 0 }]]),
          failed: new Map(),
        }),
      },
    },
    state: () => state,
    decide: async (change: (state: MigrationState) => MigrationState) => {
      state = change(state)
    },
    report: (line: string) => reported.push(line),
    timings: { requestTimeoutMs: 5 },
    signal: AbortSignal.timeout(60_000),
  } as unknown as Run
  const step = { topic: topic('orders'), late: '0' } as Parameters<typeof reopenTopic.apply>[0]
  const outcome = await reopenTopic.apply(step, run)
  return { outcome, state, reported }
}

describe('a seal that is opened again', () => {
  it('withdraws what was begun behind it in the same write, where nothing of that is on the target', async () => {
    for (const begun of [salvage(), salvage(sent)]) {
      const others = salvage({ topic: topic('others') })
      const { outcome, state, reported } = await reopened([begun, others], () => 1000n)
      expect(outcome).toEqual({
        done: true,
        facts: { late: '0', withdrawn: ['orders-0 offsets 1100 to 1102'] },
      })
      expect(state).toMatchObject({ seals: [], salvages: [others] })
      // Only what was sent can still arrive.
      expect(reported).toHaveLength(begun.sent === undefined ? 0 : 1)
    }
  })

  it('is not, where what a salvage has sent arrives while that is waited out', async () => {
    const { outcome, state, reported } = await reopened([salvage(sent)], (waited) =>
      waited ? 1003n : 1000n,
    )
    expect(reported).toEqual([
      'waits until nothing that was sent of late records of orders can still arrive',
    ])
    expect(outcome).toMatchObject({
      done: false,
      problem: {
        code: 'FERRY1330',
        detail: expect.stringContaining('orders:0 ends at 1003 on new, behind its seal at 1000'),
        fix: 'Carry the salvage to its end (ferry salvage orders --confirm orders), and stay on new.',
      },
    })
    expect(state).toMatchObject({ seals: [{ partition: 0 }], salvages: [{ producerId: 77n }] })
  })

  it('leaves nothing of salvages that turned out to be of no record, or whose records the target has lost', async () => {
    const { outcome, state } = await reopened([salvage({ status: 'done' })], () => 1000n)
    expect(outcome).toEqual({ done: true, facts: { late: '0' } })
    expect(state.salvages).toEqual([])
  })

  it('is planned with the word that a salvage is withdrawn', () => {
    const reasons = (salvages: readonly Salvage[]) =>
      plan({
        state: stateWith({ ...STATE, salvages }),
        purpose: { kind: 'rollback', to: 'mirrored' },
      }).steps.flatMap((step) => (step.kind === 'reopen-topic' ? [step.reason] : []))
    expect(reasons([])).toEqual(['producers stay on the source: mirroring goes on'])
    expect(reasons([salvage()])[0]).toMatch(
      /; the salvage of orders-0 offsets 1100 to 1102 that was begun is withdrawn, unless it has appended something$/,
    )
  })
})
