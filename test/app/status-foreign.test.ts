import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { LookParts } from '../../src/app/places.ts'
import { unexplainedOf, withForeign } from '../../src/app/status-foreign.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import type { PartitionKey } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import type { Observed } from '../../src/planner/observed.ts'
import { migration, stateWith } from '../planner/_build.ts'
import { mark } from '../planner/_moved.ts'

/** What of a target log no mirror can have written, by numbers alone. On brokers: test/scenarios/status-foreign.test.ts. */

const KEY = 'orders:0' as PartitionKey
const MARK: Mark = { ...mark(0, 100n, 0n), targetTopicId: 'id' }
const SEAL = { topic: MARK.topic, partition: 0 } as Seal

const progress = (change: Partial<PartitionProgress> = {}) =>
  ({
    producerId: MARK.producerId,
    checkedTo: 40n,
    mayBeInFlight: false,
    problem: null,
    ...change,
  }) as PartitionProgress

const look = ({
  end = 43n,
  topicId = 'id',
  state = {},
  stored = progress(),
}: {
  readonly end?: bigint
  readonly topicId?: string
  readonly state?: Parameters<typeof stateWith>[0]
  readonly stored?: PartitionProgress | undefined
}): LookParts => {
  const description = { topicId }
  const seen = { description, partitions: [{ partition: 0, highWatermark: end }] }
  const target = { topics: new Map([[MARK.topic, seen]]) }
  return {
    migration: migration({}),
    state: stateWith({ marks: [MARK], ...state }),
    observed: { target, problems: [] } as unknown as Observed,
    progress: new Map([[KEY, stored]]),
  }
}

describe('what stands behind what was checked', () => {
  it('is told, with its range', () => {
    deepStrictEqual(unexplainedOf(look({})), [{ mark: MARK, from: 40n, to: 43n }])
  })

  it.each<[string, Parameters<typeof look>[0]]>([
    ['there is nothing', { end: 40n }],
    ['the target has lost something', { end: 30n }],
    ['a mirror may have something on its way', { stored: progress({ mayBeInFlight: true }) }],
    [
      'the mirror has stopped',
      { stored: progress({ problem: diagnostic({ code: 'FERRY1604', detail: '', fix: '' }) }) },
    ],
    ['the progress is of an older mark', { stored: progress({ producerId: 999n }) }],
    ['producers may write, behind the seal', { state: { seals: [SEAL] } }],
    ['it is being sealed', { state: { sealing: [SEAL] } }],
    ['somebody made the topic anew', { topicId: 'another' }],
  ])('is nobody’s where %s', (_, change) => {
    deepStrictEqual(unexplainedOf(look(change)), [])
  })

  it('nor where no mirror has told anything yet', () => {
    deepStrictEqual(unexplainedOf({ ...look({}), progress: new Map() }), [])
  })
})

it('stops the partitions in which it was found, and no other', () => {
  const problem = diagnostic({ code: 'FERRY1604', detail: '', fix: '' })
  const stored = new Map([
    [KEY, progress()],
    ['orders:1' as PartitionKey, progress()],
  ])
  const found = withForeign(stored, { found: new Map([[KEY, problem]]) })
  deepStrictEqual(
    [...found.values()].map((each) => each.problem),
    [problem, null],
  )
})
