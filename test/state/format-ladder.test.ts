import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TargetOffset } from '../../src/domain/ids.ts'
import { STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import { decodeDecisions, encodeDecisions } from '../../src/state/decisions-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { climb, type Rung } from '../../src/state/format-ladder.ts'
import { encodeRecord } from '../../src/state/records.ts'
import { codesOf, fullState, holder } from './samples.ts'

const GOLDEN = join(import.meta.dirname, '../fixtures/state/format-1')

/** A file store's folder that holds the files which the first version wrote. */
const withGolden = async (use: (store: FileStore, folder: string) => Promise<void>) => {
  const directory = await mkdtemp(join(tmpdir(), 'ferry-format-'))
  const folder = join(directory, 'orders')
  try {
    await cp(GOLDEN, folder, { recursive: true })
    await cp(join(GOLDEN, 'progress.json'), join(folder, 'progress', 'orders.events-0.json'))
    await cp(join(GOLDEN, 'lock.json'), join(folder, 'lock', '1.json'))
    await use(new FileStore(directory), folder)
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('what the first version wrote is read, and gets what was added since', async () => {
  await withGolden(async (store) => {
    const state = await store.readDecisions('orders')
    expect(state).toMatchObject({
      formatVersion: STATE_FORMAT_VERSION,
      serial: 3,
      stage: 'consumers-moved',
      users: [{ name: 'orders-api', made: false }],
      quotasBefore: [],
      configsBefore: [],
      purges: [],
      salvages: [],
      protected: [],
      removals: [],
      acceptedGaps: [],
      returns: [],
      seen: null,
    })
    expect(state?.marks[0]?.sourceStart).toBe(9_007_199_254_740_993n)
    expect((await store.readJournal('orders')).map(({ what }) => what.kind)).toEqual([
      'plan-started',
      'intent',
    ])
    const progress = await store.readProgress('orders')
    expect(progress.get('orders.events:0' as never)).toMatchObject({
      checkedTo: 1200n,
      diverged: null,
    })
    expect(await store.lockHolder('orders')).toEqual(holder({ pid: 4711, host: 'elsewhere' }))
  })
})

test('a mark of the way back of which an older version did not say since when counts from the seal that it begins at', () => {
  const { seals, marks, ...state } = fullState(1)
  const { since: _, ...mark } = { ...marks[0]!, way: 'reverse' as const }
  const seal = { ...seals[0]!, topic: mark.topic, partition: mark.partition }
  const decoded = (targetEnd: bigint) =>
    decodeDecisions(
      encodeDecisions({
        ...state,
        marks,
        seals: [{ ...seal, targetEnd: targetEnd as TargetOffset }],
        reverse: { marks: [mark], seals: [] },
      }),
      'here',
    ).reverse.marks[0]
  expect(decoded(mark.sourceStart)).toEqual({ ...mark, since: seal.at })
  // Of another seal nothing follows.
  expect(decoded(mark.sourceStart + 1n)).toEqual(mark)
})

test('a format that is newer is refused, whatever else is in it', async () => {
  await withGolden(async (store, folder) => {
    const { checksum: _, ...content } = JSON.parse(
      await readFile(join(folder, 'decisions.json'), 'utf8'),
    )
    const newer = encodeRecord({ ...content, formatVersion: STATE_FORMAT_VERSION + 1, hats: [] })
    await writeFile(join(folder, 'decisions.json'), newer)
    expect(await codesOf(store.readDecisions('orders'))).toEqual(['FERRY1403'])
  })
})

test('a record climbs one rung for each format, in their order', () => {
  const rungs = new Map<number, Rung>([
    [1, ({ owner, ...rest }) => ({ ...rest, owners: [owner] })],
    [2, (record) => ({ ...record, count: (record.owners as []).length })],
  ])
  const old = { formatVersion: 1, owner: 'ines' }
  expect(climb(old, 1, rungs, 3)).toEqual({ formatVersion: 3, owners: ['ines'], count: 1 })
  expect(climb({ formatVersion: 2, owners: [] }, 2, rungs, 3)).toEqual({
    formatVersion: 3,
    owners: [],
    count: 0,
  })
  // A format that nobody ever wrote stays what it is, and is refused by who reads it.
  expect(climb({ formatVersion: 0 }, 0, rungs, 3)).toEqual({ formatVersion: 0 })
})
