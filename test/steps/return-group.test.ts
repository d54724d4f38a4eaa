import { expect, test } from 'vitest'
import type { PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { GroupSync } from '../../src/domain/state.ts'
import { toReturn } from '../../src/steps/return-group.ts'
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
