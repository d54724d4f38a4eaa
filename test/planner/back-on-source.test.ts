import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { GroupReturn } from '../../src/domain/moved-groups.ts'
import type { Stage } from '../../src/domain/stage.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'
import { STATE, seenOnTarget, sync } from './_moved.ts'

/** A group that has moved, and what is said of it once it has been on the source again. It was synced at 600 of orders:0, target 500. */

const MEMBER = { memberId: 'm', clientId: 'cron-9', host: '/10.0.0.7' }
const MOVED = {
  ...STATE,
  stage: 'consumers-moved' as const,
  seals: [],
  grants: [...ACCESS.atOnce, ...ACCESS.afterSync],
}

const told = (
  here: Readonly<Record<string, bigint>>,
  parts: {
    readonly state?: Partial<MigrationState>
    readonly there?: Readonly<Record<string, bigint>>
    readonly runs?: boolean
    readonly stage?: Stage
  } = {},
): string | undefined => {
  const target = seenOnTarget(1000n)
  const { problems } = plan({
    desired: migration({ stage: parts.stage ?? 'consumers-moved' }),
    observed: observed({
      source: {
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [
              [100n, 1100n],
              [0n, 9n],
            ]),
          ],
        ]),
        groups: new Map([
          [group('api'), groupSeen('api', here, parts.runs ? { members: [MEMBER] } : {})],
        ]),
      },
      target: {
        ...target,
        groups: new Map([[group('api'), groupSeen('api', parts.there ?? { 'orders:0': 800n })]]),
      },
    }),
    state: stateWith({ ...MOVED, ...parts.state }),
  })
  const found = problems.filter(({ code }) => code === 'FERRY1343')
  expect(found.length).toBeLessThan(2)
  expect(found.map(({ severity }) => severity)).not.toContain('error')
  return found[0] && `${found[0].detail} | ${found[0].fix}`
}

describe('a group that has moved', () => {
  it('is not told of where it stands on the source as it was left, or has no position there any more', () => {
    expect(told({ 'orders:0': 600n })).toBeUndefined()
    expect(told({})).toBeUndefined()
    expect(told({ 'orders:0': 600n, 'others:0': 3n, 'orders:7': 3n })).toBeUndefined()
  })

  it('is told of with the offsets that it has read on the source since, also once it has stopped there', () => {
    expect(told({ 'orders:0': 650n })).toMatch(
      /^api has moved to new, but has committed on old since: offsets 600 to 649 of orders:0\. What it read there is handled on new, too\. \| .*make good.*FERRY1705/,
    )
    expect(told({ 'orders:0': 601n, 'orders:1': 7n })).toMatch(
      /since: offset 600 of orders:0; orders:1, where it had no position and is at 7 now\./,
    )
    expect(told({ 'orders:0': 300n })).toMatch(/orders:0, where it was set back from 600 to 300\./)
  })

  it('is told of by its members, too, while it runs there', () => {
    expect(told({ 'orders:0': 600n }, { runs: true })).toMatch(
      /^api has moved to new, but runs on old \(again\): cron-9 on \S+\. \| Stop them: /,
    )
    expect(told({ 'orders:0': 650n }, { runs: true })).toMatch(
      /\(again\): cron-9 on \S+, and has committed on old since: offsets 600 to 649 of orders:0\. /,
    )
  })

  it('can be synced again behind what it read there, as long as it has committed nothing on the target', () => {
    const there = { 'orders:0': 500n }
    expect(told({ 'orders:0': 650n }, { there })).toMatch(
      /On new, where it has committed nothing yet, it would read that again\. \| .*Then ferry rollback orders --to mirrored, and apply again/,
    )
    // Once producers have moved that is no small way back any more.
    const { stage, seals } = STATE
    expect(told({ 'orders:0': 650n }, { there, stage, state: { stage, seals } })).toMatch(
      /handled on new/,
    )
  })

  it('is not told of where the plan syncs it again, or says why it cannot, or nobody watches any more', () => {
    const notLetIn = { grants: [...ACCESS.atOnce] }
    const there = { 'orders:0': 500n }
    expect(told({ 'orders:0': 650n }, { there, state: notLetIn })).toBeUndefined()
    expect(told({ 'orders:0': 650n }, { state: { stage: 'mirrored' } })).toBeUndefined()
    expect(told({ 'orders:0': 650n }, { state: { stage: 'retired' } })).toBeUndefined()
    // Where Ferry lets nobody in, and it has been on the target, no plan does.
    expect(told({ 'orders:0': 650n }, { state: notLetIn })).toMatch(/offsets 600 to 649/)
    // On its way back it may be there.
    expect(told({ 'orders:0': 650n }, { stage: 'mirrored' })).toBeUndefined()
  })

  it('is not told of for a partition that came since it was synced', () => {
    const synced = {
      ...sync({ 'orders:0': [600n, 500n] }),
      marked: new Map([['orders' as TopicName, 1]]),
    }
    const here = { 'orders:0': 600n, 'orders:1': 7n }
    expect(told(here, { state: { syncs: [synced] } })).toBeUndefined()
    expect(told(here)).toMatch(/orders:1/)
  })

  describe('and that a rollback puts back', () => {
    const back = (status: GroupReturn['status']): Partial<MigrationState> => ({
      returns: [
        {
          group: group('api'),
          status,
          at: AT,
          of: AT,
          positions: new Map([
            [
              'orders:0' as PartitionKey,
              {
                target: 800n,
                source: 900n as SourceOffset,
                previous: { offset: 600n, metadata: '' },
                metadata: '',
              },
            ],
          ]),
        },
      ],
    })

    it.each(['pending', 'done'] as const)('is where Ferry itself has written it: %s', (status) => {
      expect(told({ 'orders:0': 900n }, { state: back(status) })).toBeUndefined()
      expect(told({ 'orders:0': 600n }, { state: back(status) })).toBeUndefined()
    })

    it('is told of from where it was put, and the rollback is to be carried on', () => {
      expect(told({ 'orders:0': 950n }, { state: back('done') })).toMatch(
        /since: offsets 900 to 949 of orders:0\. A rollback has begun .* \| Carry the rollback on: ferry rollback orders --to mirrored\./,
      )
      expect(told({ 'orders:0': 950n }, { state: back('pending') })).toMatch(/600 to 949/)
    })
  })
})
