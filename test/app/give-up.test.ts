import { describe, expect, it } from 'vitest'
import { unconfirmedSalvage } from '../../src/app/find-stranded.ts'
import {
  finishGivingUp,
  type GivingUp,
  giveUp,
  giveUpSent,
  onTargetAfterAll,
  requireSentNamed,
} from '../../src/app/give-up.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { JournalEntry } from '../../src/domain/journal.ts'
import { endedWaysBack } from '../../src/domain/reverse.ts'
import type { MigrationState, Salvage, SourceRange } from '../../src/domain/state.ts'
import { lostNote } from '../../src/domain/stranded.ts'
import { AT, migration, stateWith, topic } from '../planner/_build.ts'
import { mark } from '../planner/_moved.ts'

/** Giving up what ends a way back, and a run that dies at any of its writes. On brokers: test/scenarios/seal-lock.test.ts. */

const range = (from: bigint, to: bigint) =>
  ({ topic: topic('orders'), partition: 0, from, to }) as unknown as SourceRange
const GONE = [{ ...range(21n, 23n), unseen: true }]
const BY = { user: 'ines', host: 'here' }

class Died extends Error {}

const world = () => {
  let state: MigrationState = stateWith({ reverse: { marks: [mark(0, 0n, 20n)], seals: [] } })
  const journal: JournalEntry['what'][] = []
  let left = Number.POSITIVE_INFINITY
  const write = () => {
    if (left-- <= 0) throw new Died()
  }
  const parts: GivingUp = {
    migration: migration(),
    accept: ['orders:0:21-22'],
    by: BY,
    now: () => new Date(AT),
    report: () => {},
    decide: async (next) => {
      write()
      state = next
      return next
    },
    journal: async (what) => {
      write()
      journal.push(what)
    },
    // A mirror lets go of what the decisions say has ended, and of nothing else.
    ownOnWayBack: async (now) => (endedWaysBack(now).has(topic('orders')) ? [range(23n, 30n)] : []),
  }
  return {
    state: () => state,
    journal,
    parts,
    run: async (writes = Number.POSITIVE_INFINITY, accept = parts.accept) => {
      left = writes
      try {
        const first = await finishGivingUp(state, parts)
        const given = await giveUp(first.state, GONE, { ...parts, accept })
        return [...first.lost, ...(await finishGivingUp(given, parts)).lost]
      } catch (error) {
        if (error instanceof Died) return 'died'
        throw error
      }
    },
  }
}

const refusalOf = (act: () => void): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

const LOST = { ...GONE[0]!, by: BY, at: AT }
const RESULT = {
  ...{ kind: 'result', step: 'accept-gap/orders:0:21-22', outcome: 'done' },
  facts: { lost: 'orders-0 offsets 21 to 22', ...BY },
}

describe('giving up what is gone of a way back', () => {
  it.each([1, 2])(
    'is finished by the next run, whatever that names, where one died behind write %s',
    async (n) => {
      const { state, journal, run } = world()
      expect(await run(n)).toBe('died')
      expect(state().lost).toEqual([{ ...LOST, pending: true }])
      const broke = unconfirmedSalvage(migration(), { held: [], gone: [] }, state().lost)
      expect(broke.diagnostics[0]!.detail).toMatch(/^orders-0 offsets 21 to 22 on .* broke off/)
      expect(lostNote(state().lost[0]!).fix).toMatch(/run the same `ferry salvage` again/)
      expect(await run(Number.POSITIVE_INFINITY, [])).toEqual([LOST])
      expect(state().reverse.own).toEqual([range(23n, 30n)])
      expect(state().lost).toEqual([LOST])
      expect(journal.at(-1)).toEqual(RESULT)
      // Once, and for all.
      const before = { serial: state(), entries: journal.length }
      expect(await run()).toEqual([])
      expect({ serial: state(), entries: journal.length }).toEqual(before)
    },
  )

  it('leaves nothing of it where a run died before', async () => {
    const { state, journal, run } = world()
    const before = state()
    expect(await run(0)).toBe('died')
    expect(state()).toBe(before)
    expect(await run()).toHaveLength(1)
    expect(state().lost).toEqual([LOST])
    expect(journal).toEqual([RESULT])
  })
})

describe('the batch of a salvage that is on the target or not', () => {
  const sent = { ...range(23n, 27n), place: 2, records: 4 }
  const salvage = {
    ...range(21n, 40n),
    status: 'pending',
    producerId: 7n,
    producerEpoch: 0,
    targetFrom: 50n,
    sent,
    at: AT,
  } as unknown as Salvage
  const unsure = { unsure: sent, why: 'offsets 50 to 59 of orders:0 are gone from new since' }

  it('is named, and given up by that name alone', async () => {
    const { parts, state, run, journal } = world()
    for (const accept of [[], ['orders:0:23-39'], ['orders:0:21-26']]) {
      const earlier = { ...salvage, ...range(9n, 12n), status: 'done' } as Salvage
      const refused = () => requireSentNamed(salvage, unsure, { ...parts, accept }, [earlier])
      expect(refused).toThrow(FerryError)
      expect(refusalOf(refused)).toMatchObject({
        diagnostics: [
          {
            code: 'FERRY1711',
            detail: expect.stringMatching(
              /^orders-0 offsets 23 to 26 of the source .* is there or not: offsets 50 to 59 of orders:0 are gone from new since\. .*\. Salvaged, and on \S+ for certain: orders-0 offsets 9 to 11, orders-0 offsets 21 to 22\. Not sent yet: orders-0 offsets 27 to 39, and whatever else came late\.$/,
            ),
            fix: expect.stringMatching(/ferry salvage \S+ --accept-gap orders:0:23-26 --confirm/),
          },
        ],
      })
    }
    const before = state()
    const accept = ['orders:0:23-26']
    requireSentNamed(salvage, unsure, { ...parts, accept }, [])
    const after = await giveUpSent(before, salvage, unsure, { ...parts, accept })
    const { sent: _, ...whole } = salvage
    expect(after.salvages).toEqual([{ ...whole, to: 23n, status: 'done' }])
    const given = { ...range(23n, 27n), unseen: false, unsure: true, by: BY, at: AT }
    expect(after.lost).toEqual([...before.lost, { ...given, pending: true }])
    expect(lostNote(after.lost.at(-1)!).detail).toContain('they are on the target or not')
    // What is left of giving up is finished as any other, and the name is known from then on.
    expect(await run(Number.POSITIVE_INFINITY, accept)).toMatchObject([given])
    expect(journal).toMatchObject([{ step: 'accept-gap/orders:0:23-26', outcome: 'done' }])
  })

  it('is not given up where it is on the target after all, which any number of runs say', async () => {
    const { parts, journal } = world()
    const done = stateWith({ salvages: [{ ...salvage, status: 'done' }] })
    const accept = ['orders:0:23-26']
    expect(await giveUp(done, [], { ...parts, accept })).toBe(done)
    expect(onTargetAfterAll(done, accept)).toEqual([range(23n, 27n)])
    expect(journal).toEqual([])
    // Anything but what was named, however little is missing, and what is still being salvaged, is told as ever.
    const open = stateWith({ salvages: [salvage] })
    const { sent: _, ...unbroken } = salvage
    const short = { ...salvage, to: 25n as SourceRange['to'] }
    for (const [state, name] of [
      [done, 'orders:0:23-40'],
      [done, 'orders:1:23-26'],
      [done, 'orders:0:23-25'],
      [done, 'orders:0:24-26'],
      [done, 'orders:0:21-39'],
      [open, 'orders:0:23-26'],
      [stateWith({ salvages: [{ ...unbroken, status: 'done' }] }), 'orders:0:23-26'],
      [stateWith({ salvages: [{ ...short, status: 'done' }] }), 'orders:0:23-26'],
    ] as const) {
      expect(onTargetAfterAll(state, [name])).toEqual([])
      await expect(giveUp(state, [], { ...parts, accept: [name] })).rejects.toMatchObject({
        diagnostics: [{ code: 'FERRY1351' }],
      })
    }
  })

  it('leaves nothing before it, if it was the first', async () => {
    const { parts, state } = world()
    const first = { ...unsure, unsure: { ...sent, ...range(21n, 27n), place: 0 } }
    const accept = ['orders:0:21-26']
    const after = await giveUpSent(state(), salvage, first, { ...parts, accept })
    expect(after.salvages).toEqual([])
  })
})
