import { expect, test } from 'vitest'
import type { PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { GroupReturn, GroupSync } from '../../src/domain/moved-groups.ts'
import { beforeReturn, toReturn } from '../../src/steps/return-positions.ts'
import { group } from '../planner/_build.ts'

const KEY = 'orders:0' as PartitionKey
const at = (offset: bigint) => ({ offset, metadata: '', leaderEpoch: -1 })
const SYNC: GroupSync = {
  group: group('api'),
  status: 'done',
  at: '',
  positions: new Map([
    [
      KEY,
      {
        source: 600n as SourceOffset,
        target: 500n,
        previous: null,
        metadata: '',
        proof: 'record',
      },
    ],
  ]),
}

test.each([
  ['what moved goes back', 501n, 600n, 501n],
  ["what did not move keeps the source's own commit", 500n, 600n, undefined],
  ['but not where that has expired meanwhile', 500n, undefined, 500n],
  ['no commit on the target is none to return', undefined, 600n, undefined],
])('%s', (_, there, here, wanted) => {
  const commit = (offset: bigint | undefined) => (offset === undefined ? undefined : at(offset))
  expect(toReturn(KEY, commit(there), commit(here), SYNC)?.offset).toBe(wanted)
})

test.each([
  ['nobody has tried yet: what is there', undefined, '600'],
  ['a run that died before its answer', { status: 'pending', at: '1' }, '550'],
  ['a run that died behind its answer', { status: 'done', at: '3' }, '550'],
  ['an earlier move of the group, which is over', { status: 'done', at: '1' }, '600'],
  ['a run on a host whose clock is behind', { status: 'done', at: '1', of: '2' }, '550'],
  ['an earlier move, on a host whose clock is ahead', { status: 'done', at: '3', of: '0' }, '600'],
] as const)('what the source had before it is put back: %s', (_, returned, wanted) => {
  const positions = new Map([
    [
      KEY,
      {
        ...{ target: 501n, source: 600n as SourceOffset, metadata: '' },
        previous: { offset: 550n, metadata: '' },
      },
    ],
  ])
  const returns: readonly GroupReturn[] = returned
    ? [{ group: group('api'), ...returned, positions }]
    : []
  const state = { syncs: [{ ...SYNC, at: '2' }], returns }
  expect(String(beforeReturn(state, group('api'), KEY, at(600n))?.offset)).toBe(wanted)
  // A partition that was not part of it.
  expect(beforeReturn(state, group('api'), 'orders:1' as PartitionKey, undefined)).toBe(null)
})
