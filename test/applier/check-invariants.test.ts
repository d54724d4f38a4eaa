import { expect, test } from 'vitest'
import { checkInvariants } from '../../src/applier/check-invariants.ts'
import { partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import { fullState } from '../state/samples.ts'

const TOPIC = 'orders.events' as TopicName
const KEY = partitionKey(TOPIC, 0)
const MARK = { ...fullState(1).marks[0]!, sourceStart: 100n, targetStart: 100n } as never

const check = (sourceStart: bigint, targetEnd: bigint, over: Partial<MigrationState> = {}) => {
  const state = { ...fullState(1), marks: [MARK], seals: [], ...over }
  const side = (name: string, ends: Record<string, bigint>) => ({
    name,
    listOffsets: async (partitions: readonly unknown[], at: string) => ({
      ok: new Map(partitions.map(() => [KEY, ends[at]!])),
      failed: new Map(),
    }),
  })
  return checkInvariants([{ says: 's', check: { kind: 'source-holds', topic: TOPIC } }], {
    clusters: {
      source: side('old', { earliest: sourceStart, latest: 900n, stable: 900n }),
      target: side('new', { earliest: 0n, latest: targetEnd, stable: targetEnd }),
    },
    store: { readProgress: async () => new Map() },
    migration: { name: 'orders' },
    state: () => state,
  } as never)
}

test('the source may have dropped what was copied, not what is left to copy', async () => {
  expect(await check(500n, 500n)).toEqual([])
  const [problem] = await check(501n, 500n)
  expect(problem?.code).toBe('FERRY1410')
  expect(problem?.detail).toContain('500 to 500 are gone')
})

test('a partition that was sealed or is not marked has nothing left to copy', async () => {
  const seal = { topic: 'orders.events', partition: 0, sourceEnd: 500n, targetEnd: 500n, at: '' }
  expect(await check(501n, 500n, { seals: [seal as never] })).toEqual([])
  expect(await check(501n, 500n, { marks: [] })).toEqual([])
})
