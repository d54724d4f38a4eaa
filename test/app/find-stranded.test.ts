import { expect, it } from 'vitest'
import { strandedNow } from '../../src/app/find-stranded.ts'
import type { Session } from '../../src/app/open-session.ts'
import type { TopicPartition } from '../../src/domain/ids.ts'
import { migration, stateWith } from '../planner/_build.ts'
import { seal } from '../planner/_moved.ts'

/** Which late records a salvage takes. On brokers: test/scenarios/cutover.test.ts. */

const cluster = (ends: readonly bigint[]) => ({
  listOffsets: async (partitions: readonly TopicPartition[], at: string) => ({
    ok: new Map(
      partitions.map(({ topic, partition }) => [
        `${topic}:${partition}`,
        at === 'earliest' ? 0n : ends[partition]!,
      ]),
    ),
    failed: new Map(),
  }),
})
const stranded = async (there: readonly bigint[]) => {
  const session = {
    clustersOf: async () => ({ source: cluster([1103n, 7n]), target: cluster(there) }),
    store: { readProgress: async () => new Map() },
  } as unknown as Session
  const state = stateWith({
    stage: 'consumers-moved',
    seals: [seal(0, 1100n, 1000n), seal(1, 7n, 0n)],
  })
  const signal = new AbortController().signal
  const { held } = await strandedNow(session, migration(), state, signal)
  return held.map(({ partition, from, to }) => `${partition}: ${from} to ${to}`)
}

it('of a topic whose producers may not write to the target: only where somebody has written behind a seal of it', async () => {
  expect(await stranded([1000n, 0n])).toEqual([])
  expect(await stranded([1007n, 0n])).toEqual(['0: 1100 to 1103'])
  // The seals of a topic are opened together.
  expect(await stranded([1000n, 1n])).toEqual(['0: 1100 to 1103'])
})
