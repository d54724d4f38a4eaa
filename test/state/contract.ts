import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digestOf } from '../../src/domain/canonical-json.ts'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import {
  type GapChunk,
  type PartitionProgress,
  SpokenFor,
} from '../../src/domain/partition-progress.ts'
import { STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import { decodeContent } from '../../src/state/content-codec.ts'
import { encodeDecisions } from '../../src/state/decisions-codec.ts'
import type { NewEntry } from '../../src/state/journal-chain.ts'
import { encodeProgress } from '../../src/state/progress-codec.ts'
import { encodeRecord } from '../../src/state/records.ts'
import {
  allProgress,
  type LockHolder,
  type StateContent,
  type StateStore,
} from '../../src/state/state-store.ts'
import {
  codes,
  done,
  fakeApply,
  fakePlan,
  journalWords,
  outcomes,
} from '../applier/fake-migration.ts'
import { AT, codesOf, fullState, holder, sampleChunk, sampleProgress } from './samples.ts'

/** A place for state that several stores can be opened on, as several processes would. */
export interface StorePlace {
  open(): Promise<StateStore>
  /** Puts there what another version wrote, byte for byte. */
  putWritten(records: WrittenRecords): Promise<void>
  /** A store of a process that may still run as far as anybody can tell, and does nothing by itself. */
  openSleeper(): Promise<Sleeper>
  remove(): Promise<void>
}

export interface Sleeper {
  readonly store: StateStore
  /** As whom it takes locks. */
  readonly holder: LockHolder
  /** From now on it counts as gone (its process has ended, or its lease); answers a store that knows. */
  ends(): Promise<StateStore>
}

/** Texts of the migration `orders`, as files of `test/fixtures/state/` hold them. */
export interface WrittenRecords {
  readonly decisions: string
  readonly journal: readonly string[]
  /** Of `orders.events:0`. */
  readonly progress: string
  readonly gaps: string | undefined
}

export const OLDER_FORMATS = ['format-1', 'format-1-later'] as const

const olderRecords = async (format: (typeof OLDER_FORMATS)[number]): Promise<WrittenRecords> => {
  const folder = join(import.meta.dirname, '../fixtures/state', format)
  const text = (name: string) => readFile(join(folder, name), 'utf8')
  return {
    decisions: await text('decisions.json'),
    journal: (await text('journal.jsonl')).trim().split('\n'),
    progress: await text('progress.json'),
    gaps: (await text('gaps.jsonl').catch(() => undefined))?.trim(),
  }
}

const gapsOf = (progress: PartitionProgress | undefined) =>
  [...(progress?.gaps ?? [])].map(({ from, to }) => [Number(from), Number(to)])

/** What a holder adds to the chunk that its tenure began with. */
const added = (
  topic: string,
  partition: number,
  from: number,
  ...gaps: readonly (readonly [number, number])[]
): GapChunk =>
  sampleChunk(topic, partition, {
    isWhole: false,
    from: BigInt(from) as never,
    gaps: GapList.of(gaps.map(([start, end]) => ({ from: start, to: end }))).bytesFrom(from),
  })

/** Of all backups, as text. */
const backupTexts = async (store: StateStore): Promise<readonly string[]> =>
  Promise.all(
    (await store.backups('orders')).map(async (each) => (await store.backup('orders', each))!),
  )

/** The only one of this serial. */
const backupText = async (store: StateStore, serial: number): Promise<string> => {
  const found = (await store.backups('orders')).filter((each) => each.serial === serial)
  expect(found).toHaveLength(1)
  return (await store.backup('orders', found[0]!)) ?? ''
}

const backupOf = async (store: StateStore, serial: number): Promise<StateContent> =>
  decodeContent(await backupText(store, serial), `backup ${serial}`)

const serials = async (store: StateStore): Promise<readonly number[]> =>
  (await store.backups('orders')).map(({ serial }) => serial)

const PLAN = 'd'.repeat(64)
const intent = (step: string) => ({ at: AT, plan: PLAN, what: { kind: 'intent', step } as const })

/** What every state store promises. */
export const describeStateStore = (name: string, makePlace: () => Promise<StorePlace>) => {
  describe(`${name} keeps the contract of a state store`, () => {
    let place: StorePlace
    let store: StateStore
    beforeEach(async () => {
      place = await makePlace()
      store = await place.open()
    })
    afterEach(() => place.remove())

    describe('decisions', () => {
      test('of a migration that was never applied are undefined', async () => {
        expect(await store.readDecisions('orders')).toBeUndefined()
      })

      test('come back as they were written, also in another process', async () => {
        await store.writeDecisions(fullState(1), 0)
        expect(await store.readDecisions('orders')).toEqual(fullState(1))
        expect(await (await place.open()).readDecisions('orders')).toEqual(fullState(1))
      })

      test('of one migration are not those of another', async () => {
        await store.writeDecisions(fullState(1), 0)
        await store.writeDecisions(fullState(1, 'Orders'), 0)
        await store.writeDecisions({ ...fullState(2, 'Orders'), stage: 'retired' }, 1)
        expect((await store.readDecisions('orders'))?.serial).toBe(1)
        expect((await store.readDecisions('Orders'))?.stage).toBe('retired')
      })

      test('are refused where the stored serial is another', async () => {
        await store.writeDecisions(fullState(1), 0)
        await store.writeDecisions(fullState(2), 1)
        expect(await codesOf(store.writeDecisions(fullState(2), 1))).toEqual(['FERRY1404'])
        expect(await codesOf(store.writeDecisions(fullState(1), 0))).toEqual(['FERRY1404'])
        expect(await codesOf(store.writeDecisions(fullState(8), 7))).toEqual(['FERRY1404'])
        expect((await store.readDecisions('orders'))?.serial).toBe(2)
      })

      test('of another lineage are refused', async () => {
        await store.writeDecisions(fullState(1), 0)
        const stranger = { ...fullState(2), lineage: 'another' }
        expect(await codesOf(store.writeDecisions(stranger, 1))).toEqual(['FERRY1404'])
      })

      test('must raise the serial by one', async () => {
        await expect(store.writeDecisions(fullState(2), 0)).rejects.toThrow('does not follow')
      })

      test('of two concurrent writers, one is refused, each time', async () => {
        const other = await place.open()
        await store.writeDecisions(fullState(1), 0)
        for (let serial = 2; serial < 12; serial++) {
          const codes = await Promise.all([
            codesOf(store.writeDecisions({ ...fullState(serial), stage: 'retired' }, serial - 1)),
            codesOf(other.writeDecisions({ ...fullState(serial), stage: 'mirrored' }, serial - 1)),
          ])
          expect(codes.flat()).toEqual(['FERRY1404'])
          const winner = codes[0]?.length === 0 ? 'retired' : 'mirrored'
          expect(await store.readDecisions('orders')).toEqual({
            ...fullState(serial),
            stage: winner,
          })
          expect(await other.readDecisions('orders')).toEqual({
            ...fullState(serial),
            stage: winner,
          })
        }
      })
    })

    describe('journal', () => {
      test('is empty before anything was appended', async () => {
        expect(await store.readJournal('orders')).toEqual([])
      })

      test('numbers and chains what is appended, also over several processes', async () => {
        await store.writeDecisions(fullState(1), 0)
        const first = await store.appendJournal('orders', intent('create-topic/a'))
        const second = await (await place.open()).appendJournal('orders', {
          at: AT,
          plan: PLAN,
          what: {
            kind: 'result',
            step: 'create-topic/a',
            outcome: 'done',
            facts: { a: ['ä\n', 1] },
          },
        })
        const third = await store.appendJournal('orders', {
          at: AT,
          plan: PLAN,
          what: { kind: 'plan-finished' },
        })
        expect([first.seq, second.seq, third.seq]).toEqual([1, 2, 3])
        expect([second.previous, third.previous]).toEqual([first.hash, second.hash])
        expect(await store.readJournal('orders')).toEqual([first, second, third])
        expect(await (await place.open()).readJournal('orders')).toEqual([first, second, third])
      })

      test.each<[string, (first: string, second: string) => readonly string[]]>([
        ['has lost its first entry', (_, second) => [second]],
        ['has an entry twice', (first, second) => [first, second, second]],
        ['has changed its order', (first, second) => [second, first]],
        ['has another word', (first, second) => [first, second.replace('orders.events', 'x')]],
        ['has another moment', (first, second) => [first.replace('18:20', '18:21'), second]],
      ])('that %s is an error for whoever reads or goes on', async (_, change) => {
        const older = await olderRecords('format-1')
        const [first = '', second = ''] = older.journal
        await place.putWritten({ ...older, journal: change(first, second) })
        expect(await codesOf(store.readJournal('orders'))).toEqual(['FERRY1402'])
        const next = await place.open()
        expect(await codesOf(next.appendJournal('orders', intent('a')))).toEqual(['FERRY1402'])
      })

      test('of one migration is not that of another', async () => {
        await store.appendJournal('orders', intent('a'))
        await store.appendJournal('payments', intent('b'))
        const steps = (await store.readJournal('payments')).map((e) => e.what)
        expect(steps).toEqual([{ kind: 'intent', step: 'b' }])
      })
    })

    describe('progress', () => {
      test('of a migration that was never mirrored is empty', async () => {
        expect((await store.readProgress('orders')).size).toBe(0)
      })

      test('comes back as it was written; a later one replaces it', async () => {
        const stopped = sampleProgress('orders.events', 1, {
          diverged: { source: 7n as never, target: 9n as never },
          problem: {
            code: 'FERRY1601',
            severity: 'error',
            summary: 'Cannot carry records',
            detail: 'why',
            fix: 'what',
            at: { file: 'plans/orders.yaml', line: 3, column: 1, pointer: '/spec' },
          },
        })
        const long = sampleProgress('x'.repeat(249), 12_345)
        await store.writeProgress('orders', [
          sampleProgress('orders.events', 0, { checkedTo: 1n as never }),
          stopped,
        ])
        await store.writeProgress('orders', [sampleProgress('orders.events', 0), long])
        const expected = new Map([
          ['orders.events:0', sampleProgress('orders.events', 0)],
          ['orders.events:1', stopped],
          [`${'x'.repeat(249)}:12345`, long],
        ])
        expect(await (await place.open()).readProgress('orders')).toEqual(expected)
      })

      test('that an earlier holder said at its end, and that comes after the word of the next one, is not the last word', async () => {
        const word = (generation: number, mayBeInFlight: boolean) =>
          sampleProgress('orders.events', 0, {
            mayBeInFlight,
            holder: { host: 'laptop', pid: generation, generation },
          })
        const [earlier, next] = [await place.open(), await place.open()]
        await earlier.writeProgress('orders', [word(3, true)])
        await next.writeProgress('orders', [word(4, true)])
        await earlier.writeProgress('orders', [word(3, false)])
        for (const store of [earlier, next, await place.open()]) {
          const found = await store.readProgress('orders')
          expect(found.get('orders.events:0' as PartitionKey)).toEqual(word(4, true))
        }
        await next.writeProgress('orders', [word(4, false)])
        const found = await (await place.open()).readProgress('orders')
        expect(found.get('orders.events:0' as PartitionKey)).toEqual(word(4, false))
      })

      test('has the gaps that were appended, also in another process', async () => {
        await store.writeProgress('orders', [sampleProgress('a', 0), sampleProgress('a', 1)])
        await store.appendGaps('orders', [
          sampleChunk('a', 0),
          sampleChunk('a', 1, { gaps: GapList.of([{ from: 5n, to: 6n }]).bytesFrom(0) }),
        ])
        // Everything from 101 on is replaced, by what touches what stays.
        await store.appendGaps('orders', [added('a', 0, 101, [101, 200], [300, 301])])
        await store.appendGaps('orders', [added('a', 0, 400, [450, 451])])
        const stored = await (await place.open()).readProgress('orders')
        expect(gapsOf(stored.get('a:0' as never))).toEqual([
          [0, 1],
          [100, 200],
          [300, 301],
          [450, 451],
        ])
        expect(gapsOf(stored.get('a:1' as never))).toEqual([[5, 6]])
        await store.writeProgress('orders', [sampleProgress('a', 1)])
        expect(gapsOf((await store.readProgress('orders')).get('a:1' as never))).toEqual([[5, 6]])
      })

      test('has no gaps of an older mark, nor those of a holder whose time was over', async () => {
        await store.writeProgress('orders', [sampleProgress('a', 0)])
        await store.appendGaps('orders', [sampleChunk('a', 0)])
        const second = { ...added('a', 0, 0, [7, 8]), tenure: 'second', isWhole: true }
        await store.appendGaps('orders', [second])
        await expect(store.appendGaps('orders', [added('a', 0, 1, [20, 30])])).rejects.toThrow(
          'what holder 3 stored of the gaps of a:0 is not there any more',
        )
        await store.appendGaps('orders', [{ ...added('a', 0, 9, [10, 11]), tenure: 'second' }])
        expect(gapsOf((await store.readProgress('orders')).get('a:0' as never))).toEqual([
          [7, 8],
          [10, 11],
        ])
        await store.writeProgress('orders', [sampleProgress('a', 0, { producerId: 5n })])
        expect(gapsOf((await store.readProgress('orders')).get('a:0' as never))).toEqual([])
      })

      test('that two processes say under one generation, as their group counts anew, is that of the first; the other one is refused and goes on with a higher one', async () => {
        const word = (pid: number, generation: number) =>
          sampleProgress('a', 0, { holder: { host: 'laptop', pid, generation } })
        const [first, second] = [await place.open(), await place.open()]
        const stands = async () =>
          (await (await place.open()).readProgress('orders')).get('a:0' as never)
        await first.writeProgress('orders', [word(11, 58)])
        await expect(second.writeProgress('orders', [word(12, 58)])).rejects.toThrow(
          'a:0 is held by process 11 on laptop under the same generation 58',
        )
        expect(await stands()).toEqual(word(11, 58))
        await first.writeProgress('orders', [{ ...word(11, 58), mayBeInFlight: true }])
        expect(await stands()).toEqual({ ...word(11, 58), mayBeInFlight: true })
        // What is said with it of other partitions is told.
        const other = { ...word(12, 58), partition: 1 }
        const refused = second.writeProgress('orders', [other, word(12, 58)])
        const error = await refused.then(undefined, (thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(SpokenFor)
        expect([word(12, 58), other].map((each) => (error as SpokenFor).isOf(each))).toEqual([
          true,
          false,
        ])
        const found = await (await place.open()).readProgress('orders')
        expect(found.get('a:1' as never)).toEqual(other)
        await second.writeProgress('orders', [word(12, 59)])
        expect(await stands()).toEqual(word(12, 59))
      })

      test('has no gaps that an earlier holder stores late, were they all that it knew', async () => {
        const [earlier, next] = [await place.open(), await place.open()]
        const late = sampleChunk('a', 0)
        await earlier.writeProgress('orders', [sampleProgress('a', 0)])
        await earlier.appendGaps('orders', [late])
        const holder = { host: 'laptop', pid: 13, generation: 4 }
        const own = { generation: 4, tenure: 'second' }
        await next.writeProgress('orders', [sampleProgress('a', 0, { holder })])
        await next.appendGaps('orders', [{ ...added('a', 0, 0, [7, 8]), ...own, isWhole: true }])
        await expect(earlier.appendGaps('orders', [late])).rejects.toThrow(
          'gaps of a:0 are stored by holder 4 already; holder 3 comes too late',
        )
        await expect(earlier.appendGaps('orders', [added('a', 0, 5, [20, 30])])).rejects.toThrow(
          'what holder 3 stored of the gaps of a:0 is not there any more',
        )
        await next.appendGaps('orders', [{ ...added('a', 0, 9, [10, 11]), ...own }])
        for (const each of [earlier, next, await place.open()]) {
          expect(gapsOf((await each.readProgress('orders')).get('a:0' as never))).toEqual([
            [7, 8],
            [10, 11],
          ])
        }
      })

      test('of the way back is kept apart from that of the way there, gaps and all', async () => {
        const back = { way: 'reverse', producerId: 77n } as const
        await store.writeProgress('orders', [sampleProgress('a', 0)])
        await store.appendGaps('orders', [sampleChunk('a', 0)])
        await store.writeProgress('orders', [sampleProgress('a', 0, back)])
        await store.appendGaps('orders', [
          {
            ...sampleChunk('a', 0),
            ...back,
            gaps: GapList.of([{ from: 5n, to: 6n }]).bytesFrom(0),
          },
        ])
        const [there, returned] = [
          await store.readProgress('orders'),
          await (await place.open()).readProgress('orders', 'reverse'),
        ]
        expect(gapsOf(there.get('a:0' as never))).toEqual([
          [0, 1],
          [100, 103],
          [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER],
        ])
        expect(gapsOf(returned.get('a:0' as never))).toEqual([[5, 6]])
        expect([there.get('a:0' as never), returned.get('a:0' as never)]).toMatchObject([
          { producerId: sampleProgress('a', 0).producerId },
          back,
        ])
        const content = { decisions: fullState(3), journal: [] }
        await store.replace('orders', { ...content, progress: await allProgress(store, 'orders') })
        expect(gapsOf((await store.readProgress('orders', 'reverse')).get('a:0' as never))).toEqual(
          [[5, 6]],
        )
        await store.replace('orders', undefined)
        expect(await allProgress(store, 'orders')).toEqual([])
      })

      test('of topics whose names look alike is kept apart', async () => {
        const names = [
          'a.b',
          'a_b',
          'A.b',
          'a-1',
          'a',
          '.a',
          '%2ea',
          '~a',
          'x'.repeat(249),
          `${'x'.repeat(248)}y`,
        ]
        const all = names.map((topic, i) =>
          sampleProgress(topic, 1, { topic: topic as TopicName, producerId: BigInt(i) }),
        )
        await store.writeProgress('orders', all)
        const found = await store.readProgress('orders')
        expect(names.map((n) => found.get(`${n}:1` as never)?.producerId)).toEqual(
          names.map((_, i) => BigInt(i)),
        )
      })

      test('does not change the decisions', async () => {
        await store.writeDecisions(fullState(1), 0)
        await store.writeProgress('orders', [sampleProgress('orders.events', 0)])
        expect((await store.readDecisions('orders'))?.serial).toBe(1)
      })
    })

    describe('lock', () => {
      test('is refused while somebody has it, and the refusal says who', async () => {
        const lock = await store.lock('orders', holder())
        const attempt = (await place.open()).lock('orders', holder({ user: 'omar' }))
        await expect(attempt).rejects.toThrow(/ines@laptop \(pid \d+, apply orders, since 2025/)
        expect(await codesOf((await place.open()).lock('orders', holder()))).toEqual(['FERRY1406'])
        expect(await store.lockHolder('orders')).toMatchObject(holder())
        expect(lock.takenOverFrom).toBeUndefined()
      })

      test('of one migration does not lock another', async () => {
        await store.lock('orders', holder())
        expect(await codesOf(store.lock('payments', holder()))).toEqual([])
      })

      test('can be taken again once it was released', async () => {
        for (let round = 0; round < 3; round++) {
          const lock = await store.lock('orders', holder())
          await lock.release()
          await lock.release()
          expect(await store.lockHolder('orders')).toBeUndefined()
        }
      })

      test('goes to exactly one of many who ask at once', async () => {
        const stores = await Promise.all(Array.from({ length: 8 }, () => place.open()))
        for (let round = 0; round < 5; round++) {
          const got = await Promise.allSettled(stores.map((s) => s.lock('orders', holder())))
          const locks = got.flatMap((g) => (g.status === 'fulfilled' ? [g.value] : []))
          expect(locks.length).toBe(1)
          await locks[0]?.release()
        }
      })

      test('once broken is free, and its old holder can neither write nor release the next one', async () => {
        const lock = await store.lock('orders', holder())
        const other = await place.open()
        expect(await other.breakLock('orders')).toEqual(holder())
        expect(await other.breakLock('orders')).toBeUndefined()
        expect(await codesOf(store.writeDecisions(fullState(1), 0))).toEqual(['FERRY1407'])
        expect(await codesOf(store.appendJournal('orders', intent('a')))).toEqual(['FERRY1407'])
        const next = await other.lock('orders', holder({ user: 'omar' }))
        await lock.release()
        expect(await other.lockHolder('orders')).toMatchObject(holder({ user: 'omar' }))
        await other.writeDecisions(fullState(1), 0)
        await next.release()
      })

      test('of who is gone is taken over, and says from whom; who only slept is refused then', async () => {
        const sleeper = await place.openSleeper()
        const lock = await sleeper.store.lock('orders', sleeper.holder)
        await sleeper.store.writeDecisions(fullState(1), 0)
        expect(await codesOf(store.lock('orders', holder()))).toEqual(['FERRY1406'])
        const next = await sleeper.ends()
        const taken = await next.lock('orders', holder({ user: 'omar' }))
        expect(taken.takenOverFrom).toEqual(sleeper.holder)
        expect(await codesOf(sleeper.store.writeDecisions(fullState(2), 1))).toEqual(['FERRY1407'])
        expect(await codesOf(sleeper.store.appendJournal('orders', intent('a')))).toEqual([
          'FERRY1407',
        ])
        await lock.release()
        expect((await next.lockHolder('orders'))?.user).toBe('omar')
        expect((await next.readDecisions('orders'))?.serial).toBe(1)
        expect(await next.readJournal('orders')).toEqual([])
        await taken.release()
        expect((await next.lock('orders', holder())).takenOverFrom).toBeUndefined()
      })

      test('is what a second apply is refused by, with the name of the first; once that one is gone the second looks at what was begun before it acts', async () => {
        const sleeper = await place.openSleeper()
        const steps = {
          a: {},
          b: {
            apply: async () => {
              // The one of before begins nothing more, whenever it wakes.
              expect(await codesOf(sleeper.store.appendJournal('orders', intent('c')))).toEqual([
                'FERRY1407',
              ])
              return done
            },
          },
        }
        const digest = digestOf(fakePlan(steps))
        await sleeper.store.lock('orders', sleeper.holder)
        const begun = { ...fullState(1), plan: { digest, status: 'open' }, seals: [] } as const
        await sleeper.store.writeDecisions({ ...begun, clusters: null }, 0)
        const write = (what: NewEntry['what']) =>
          sleeper.store.appendJournal('orders', { at: AT, plan: digest, what })
        await write({ kind: 'plan-started' })
        await write({ kind: 'intent', step: 'a' })
        await write({ kind: 'result', step: 'a', outcome: 'done', facts: {} })
        await write({ kind: 'intent', step: 'b' })

        const { user, host, pid } = sleeper.holder
        const early = fakeApply(await place.open(), steps)
        const refused = await early.run()
        expect(codes(refused)).toEqual(['FERRY1406'])
        expect(refused.problems[0]?.detail).toContain(`${user}@${host} (pid ${pid}, `)
        expect(early.log).toEqual([])
        const late = fakeApply(await sleeper.ends(), steps)
        const result = await late.run()
        expect([result.status, result.takenOverFrom, outcomes(result)]).toEqual([
          'done',
          sleeper.holder,
          ['a done', 'b done'],
        ])
        expect(late.log[0]).toContain(`took over the lock of ${user}@${host} `)
        expect(late.log[0]).toContain('It had begun b,')
        expect(late.log.filter((line) => line.startsWith('apply'))).toEqual(['apply b'])
        expect(await journalWords(await place.open())).toEqual([
          ...['plan-started', 'intent a', 'a done', 'intent b'],
          ...['intent b', 'b done', 'plan-finished'],
        ])
      })
    })

    describe('as a whole', () => {
      const content = async (of: StateStore) => ({
        decisions: await of.readDecisions('orders'),
        journal: await of.readJournal('orders'),
        progress: [...(await of.readProgress('orders')).values()],
      })
      /** A list of gaps keeps its content private. */
      const plain = (all: Pick<StateContent, 'progress'>) => ({
        ...all,
        progress: all.progress.map((each) => ({ ...each, gaps: gapsOf(each) })),
      })
      const fill = async () => {
        await store.writeDecisions(fullState(1), 0)
        await store.writeDecisions(fullState(2), 1)
        await store.appendJournal('orders', intent('a'))
        await store.appendJournal('orders', intent('b'))
        await store.writeProgress('orders', [
          sampleProgress('orders.events', 0),
          sampleProgress('orders.dlq', 0),
        ])
        await store.appendGaps('orders', [sampleChunk('orders.events', 0)])
        return content(store) as Promise<StateContent>
      }

      test('is listed by the migrations that have decisions', async () => {
        expect(await store.list()).toEqual([])
        await store.writeDecisions(fullState(1, 'payments'), 0)
        await store.writeDecisions(fullState(1), 0)
        await store.lock('shipping', holder())
        expect(await store.list()).toEqual(['orders', 'payments'])
      })

      test('is replaced, whatever its serial, and what was there is a backup', async () => {
        const before = await fill()
        const after: StateContent = {
          decisions: { ...fullState(1), lineage: 'another', stage: 'retired' },
          journal: before.journal.slice(0, 1),
          progress: [
            sampleProgress('orders.dlq', 0, {
              checkedTo: 7n as never,
              gaps: GapList.of([{ from: 3, to: 4 }]),
            }),
          ],
        }
        const lock = await store.lock('orders', holder())
        await store.replace('orders', after)
        expect(plain(await content(await place.open()))).toEqual(plain(after))
        const next = await place.open()
        expect(await serials(next)).toEqual([2])
        expect(plain(await backupOf(next, 2))).toEqual(plain(before))
        // It goes on from there.
        await store.writeDecisions({ ...fullState(2), lineage: 'another' }, 1)
        expect((await store.appendJournal('orders', intent('c'))).seq).toBe(2)
        await lock.release()
        expect((await (await place.open()).readDecisions('orders'))?.serial).toBe(2)
      })

      test('is replaced while a mirror goes on, by what an earlier holder knew: nothing is added to what is gone, all is stored anew', async () => {
        const before = await fill()
        const [progress] = before.progress.filter(({ topic }) => topic === 'orders.events')
        const of = (generation: number) => ({
          ...progress!,
          holder: { ...progress!.holder, generation },
          gaps: GapList.of([{ from: 5, to: 5 + generation }]),
        })
        const topic = 'orders.events'
        const known = async () =>
          gapsOf((await (await place.open()).readProgress('orders')).get(`${topic}:0` as never))
        const replacing = await place.open()
        for (const generation of [9, 3, 2]) {
          const next = generation === 2 ? [] : [of(generation)]
          await replacing.replace('orders', { ...before, progress: next })
          expect(await known()).toEqual(generation === 2 ? [] : [[5, 5 + generation]])
          // As its holder was the same, its file may have the same name.
          await expect(
            store.appendGaps('orders', [added(topic, 0, 200, [200, 201])]),
          ).rejects.toThrow(
            'what holder 3 stored of the gaps of orders.events:0 is not there any more',
          )
        }
        await store.writeProgress('orders', [of(3)])
        expect(await known()).toEqual([])
        await store.appendGaps('orders', [sampleChunk(topic, 0), added(topic, 0, 200, [200, 201])])
        expect(await known()).toEqual([
          [0, 1],
          [100, 103],
          [200, 201],
        ])
      })

      test('is kept before every overwrite: each of the last serials can be had whole, as it was, and put back', async () => {
        const lock = await store.lock('orders', holder())
        const progress = [sampleProgress('orders.events', 0)]
        await store.writeProgress('orders', progress)
        const was: StateContent[] = []
        const stages = ['prepared', 'mirrored', 'retired'] as const
        for (let serial = 1; serial <= 24; serial++) {
          const decisions = { ...fullState(serial), stage: stages[serial % 3] ?? 'prepared' }
          await store.writeDecisions(decisions, serial - 1)
          was.push({ decisions, journal: await store.readJournal('orders'), progress })
          if (serial % 2 === 0) await store.appendJournal('orders', intent(`step ${serial}`))
        }
        const next = await place.open()
        const kept = await serials(next)
        // Many, and not without end; what is there now is no backup.
        expect(kept).toEqual(expect.arrayContaining([15, 16, 17, 18, 19, 20, 21, 22, 23]))
        expect(kept).not.toContain(24)
        expect(kept).not.toContain(3)
        for (const serial of kept) {
          expect(plain(await backupOf(next, serial))).toEqual(plain(was[serial - 1]!))
        }
        for (const [i, { at }] of (await next.backups('orders')).entries()) {
          expect(at).toBe(kept[i]! > 2 ? AT : null)
        }
        const [some] = await next.backups('orders')
        for (const other of [{ serial: 3 }, { lineage: 'another' }, { digest: '0' }]) {
          expect(await next.backup('orders', { ...some!, ...other })).toBeUndefined()
        }

        const back = await backupOf(store, 20)
        await store.replace('orders', { ...back, decisions: { ...back.decisions, serial: 25 } })
        expect((await store.appendJournal('orders', intent('again'))).seq).toBe(10)
        expect(await serials(store)).toEqual([24])
        expect((await backupOf(store, 24)).journal).toHaveLength(12)
        await lock.release()
      })

      test('is forgotten but for a backup, which brings it back', async () => {
        const before = await fill()
        await store.lock('orders', holder())
        await store.replace('orders', undefined)
        expect(await content(store)).toEqual({ decisions: undefined, journal: [], progress: [] })
        expect(await store.list()).toEqual([])
        await store.replace('orders', await backupOf(store, 2))
        expect(plain(await content(await place.open()))).toEqual(plain(before))
      })

      test('that is a backup is never overwritten by another one, of whatever lineage, serial or content', async () => {
        const write = async (lineage: string, from: number, to: number) => {
          for (let serial = from; serial <= to; serial++) {
            await store.writeDecisions({ ...fullState(serial), lineage }, serial - 1)
          }
        }
        await store.lock('orders', holder())
        await write('a', 1, 3)
        await store.replace('orders', undefined)
        await write('b', 1, 5)
        const listed = async () =>
          (await (await place.open()).backups('orders')).map(
            ({ lineage, serial }) => `${lineage}:${serial}`,
          )
        expect(await listed()).toEqual(['a:3', 'b:1', 'b:2', 'b:3', 'b:4'])
        expect((await backupTexts(store)).map((text) => decodeContent(text, '').decisions)).toEqual(
          [
            { ...fullState(3), lineage: 'a' },
            ...[1, 2, 3, 4].map((serial) => ({ ...fullState(serial), lineage: 'b' })),
          ],
        )
        await store.replace('orders', undefined)
        await write('c', 1, 3)
        await store.replace('orders', undefined)
        expect(await listed()).toEqual(['a:3', 'b:5', 'c:3'])

        // Put back and forgotten as it was, it is the same one; gone on otherwise, it is not.
        const [a = ''] = await backupTexts(store)
        for (const stage of [undefined, 'retired'] as const) {
          const { decisions, ...rest } = decodeContent(a, 'a')
          await store.replace('orders', {
            ...rest,
            decisions: { ...decisions, ...(stage && { stage }) },
          })
          await store.replace('orders', undefined)
        }
        expect(await listed()).toEqual(['a:3', 'a:3', 'b:5', 'c:3'])
        const stages = (await backupTexts(store)).map(
          (text) => decodeContent(text, '').decisions.stage,
        )
        expect(stages.slice(0, 2).sort()).toEqual([fullState(3).stage, 'retired'].sort())
      })

      test('that is a backup has no progress of a mark that it does not have, or that was given up since', async () => {
        const marks = (producerId: bigint) =>
          fullState(1).marks.map((mark) => ({ ...mark, producerId }))
        const first = marks(4000n)
        const [mark] = first
        const progressOf = (producerId: bigint) =>
          sampleProgress(mark!.topic, mark!.partition, { producerId })
        await store.writeProgress('orders', [progressOf(4000n)])
        for (const [i, each] of [first, first, marks(5000n), first].entries()) {
          await store.writeDecisions({ ...fullState(i + 1), marks: each }, i)
        }
        const producers = async (serial: number) =>
          (await backupOf(store, serial)).progress.map(({ producerId }) => producerId)
        expect([await producers(1), await producers(2), await producers(3)]).toEqual([
          [4000n],
          [4000n],
          [],
        ])
        // Marked anew: what the mirror says from now on is void for the marks before, and the other way round.
        await store.writeDecisions({ ...fullState(5), marks: marks(5000n) }, 4)
        expect([await producers(1), await producers(3), await producers(4)]).toEqual([[], [], []])
        await store.writeProgress('orders', [progressOf(5000n)])
        expect([await producers(1), await producers(3), await producers(4)]).toEqual([
          [],
          [5000n],
          [],
        ])
      })

      test.each(OLDER_FORMATS)(
        'in %s is read, and kept as it was before the first write',
        async (format) => {
          const older = await olderRecords(format)
          await place.putWritten(older)
          const before = (await content(store)) as StateContent
          expect(before.decisions).toMatchObject({ formatVersion: STATE_FORMAT_VERSION, serial: 3 })
          expect(await store.backups('orders')).toEqual([])
          await store.lock('orders', holder())
          await store.writeDecisions({ ...before.decisions, serial: 4 }, 3)
          const next = await place.open()
          await store.writeDecisions({ ...before.decisions, serial: 5 }, 4)
          expect(await serials(next)).toEqual([3, 4])
          const text = await backupText(next, 3)
          const backup = JSON.parse(text)
          expect(backup).toMatchObject({ formatVersion: 1, kind: 'ferry-state' })
          expect(backup.decisions).toEqual(JSON.parse(older.decisions))
          expect(backup.progress).toEqual([JSON.parse(older.progress)])
          expect(plain(decodeContent(text, 'backup'))).toEqual(plain(before))
          expect((await next.readDecisions('orders'))?.serial).toBe(5)
        },
      )

      test('whose decisions, or progress, are of a newer format is refused as such', async () => {
        const written = {
          decisions: encodeDecisions(fullState(3)),
          journal: [],
          progress: encodeProgress(sampleProgress('orders.events', 0)),
          gaps: undefined,
        }
        // What else is in it says nothing to a version that does not know it.
        const newer = (text: string): string => {
          const { checksum: _, ...rest } = JSON.parse(text)
          return encodeRecord({ ...rest, formatVersion: STATE_FORMAT_VERSION + 1, hats: [] })
        }
        await place.putWritten({ ...written, progress: newer(written.progress) })
        expect(await codesOf(store.readProgress('orders'))).toEqual(['FERRY1403'])
        expect(await codesOf(store.readDecisions('orders'))).toEqual([])
        await place.putWritten({ ...written, decisions: newer(written.decisions) })
        const next = await place.open()
        for (const attempt of [
          () => next.readDecisions('orders'),
          () => next.writeDecisions(fullState(4), 3),
          () => next.readDecisions('orders'),
        ]) {
          expect(await codesOf(attempt())).toEqual(['FERRY1403'])
        }
      })

      test('in an older format is a backup in that format when it is replaced', async () => {
        const older = await olderRecords('format-1')
        await place.putWritten(older)
        const before = (await content(store)) as StateContent
        await store.lock('orders', holder())
        await store.replace('orders', undefined)
        const text = await backupText(store, 3)
        expect(JSON.parse(text).decisions).toEqual(JSON.parse(older.decisions))
        await store.replace('orders', decodeContent(text, 'backup'))
        expect(plain(await content(await place.open()))).toEqual(plain(before))
      })

      test('is not replaced by who lost the lock', async () => {
        const before = await fill()
        await store.lock('orders', holder())
        await (await place.open()).breakLock('orders')
        expect(await codesOf(store.replace('orders', undefined))).toEqual(['FERRY1407'])
        expect(plain(await content(await place.open()))).toEqual(plain(before))
      })
    })
  })
}
