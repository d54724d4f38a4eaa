import { describe, expect, test } from 'vitest'
import type { SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { Cleaners } from '../../src/mirror/cleaners.ts'
import { Hearing } from '../../src/mirror/hearing.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { fullState } from '../state/samples.ts'

const BEGAN = Date.parse('2026-11-25T12:00:00.000Z')
const at = (minutes: number): number => BEGAN + minutes * 60_000
const HOUR = { isCompacted: true, keptMs: 3_600_000 }
const DAY = { ...HOUR, keptMs: 24 * 3_600_000 }

const hearing = (since: string | undefined = new Date(BEGAN).toISOString()) =>
  new Hearing({ sourceStart: 1000n as SourceOffset, ...(since && { since }) })

/** The mirror looks where the log ends, and has copied so far, at a minute. */
const look = (
  h: Hearing,
  minute: number,
  {
    end = 1000,
    copied = end,
    facts = HOUR,
  }: { end?: number; copied?: number; facts?: typeof HOUR },
) => {
  h.looked(end, at(minute))
  return h.judge(copied, facts, at(minute))
}
const since = (h: Hearing) => ({ at: (Date.parse(h.heard!.at) - BEGAN) / 60_000, to: h.heard!.to })

describe('what a mirror that copies back has heard of deletions', () => {
  test('is complete where nothing was written, however long nobody looked', () => {
    const h = hearing()
    expect(look(h, 500, {})).toBeUndefined()
    expect(since(h)).toEqual({ at: 500, to: 1000n })
  })

  test('is complete at each end that it comes to in time, counted from the last one', () => {
    const h = hearing()
    expect(look(h, 50, { end: 1010 })).toBeUndefined()
    expect(look(h, 100, { end: 1020 })).toBeUndefined()
    expect(since(h)).toEqual({ at: 100, to: 1020n })
  })

  test('has ended where it comes too late, though it copied all of it, and stays so whatever comes then', () => {
    const h = hearing()
    expect(look(h, 10, { end: 1010 })).toBeUndefined()
    // A mirror that was away; a tenth of the hour, or five minutes, are for clocks.
    expect(look(h, 66, { end: 1020 })).toMatchObject({ from: 1010, to: 1020 })
    for (const facts of [HOUR, DAY, { ...DAY, isCompacted: false }]) {
      const next = hearing()
      next.resume(h.heard)
      expect(look(next, 67, { end: 1020, facts })).toMatchObject({ from: 1010, to: 1020 })
      expect(next.heard).toMatchObject({ to: 1010n, isForgotten: true })
    }
  })

  test('has ended, whatever the clock of the next mirror says, and whether more was written', () => {
    const h = hearing()
    expect(look(h, 66, { end: 1020 })).toMatchObject({ from: 1000, to: 1020 })
    for (const end of [1000, 1020, 1030]) {
      const behind = hearing()
      behind.resume(h.heard)
      expect(look(behind, 20, { end, copied: 1020 })).toMatchObject({ from: 1000 })
      expect(behind.heard).toEqual(h.heard)
    }
  })

  test('does not move on while the copy lags, but to where the log ended once it has come there', () => {
    const h = hearing()
    expect(look(h, 20, { end: 2000, copied: 1500 })).toBeUndefined()
    expect(since(h)).toEqual({ at: 0, to: 1000n })
    expect(look(h, 40, { end: 3000, copied: 2500 })).toBeUndefined()
    expect(since(h)).toEqual({ at: 20, to: 2000n })
    expect(look(h, 76, { end: 4000, copied: 2900 })).toMatchObject({ from: 2000, to: 4000 })
  })

  test('counts by the shortest time that was in force since, until it is complete again', () => {
    const h = hearing()
    expect(look(h, 10, { end: 1010, copied: 1000 })).toBeUndefined()
    expect(look(h, 40, { end: 1010, copied: 1000, facts: DAY })).toBeUndefined()
    const late = hearing()
    late.resume(h.heard)
    expect(look(late, 56, { end: 1010, facts: DAY })).toMatchObject({ from: 1000, to: 1010 })
    expect(look(h, 54, { end: 1010, facts: DAY })).toBeUndefined()
    expect(look(h, 500, { end: 1020, facts: DAY })).toBeUndefined()
  })

  const PLAIN = { ...HOUR, isCompacted: false }

  test('where no cleaner was seen is complete however late it was copied, and counts from there once one comes', () => {
    const h = hearing()
    expect(look(h, 90, { end: 1010, copied: 1005, facts: PLAIN })).toBeUndefined()
    // What is still to be copied the cleaner of a broker before 3.1 may take at once.
    const early = hearing()
    early.resume(h.heard)
    expect(look(early, 91, { end: 1010 })).toMatchObject({ from: 1000, to: 1010 })
    expect(look(h, 91, { end: 1010, facts: PLAIN })).toBeUndefined()
    expect(since(h)).toEqual({ at: 90, to: 1010n })
    expect(look(h, 140, { end: 1020 })).toBeUndefined()
    expect(look(h, 200, { end: 1030 })).toMatchObject({ from: 1020, to: 1030 })
  })

  test('where a cleaner was, by the decisions or by a look, neither stops while there is none now, nor moves on after the time', () => {
    const ours = hearing()
    ours.knowCleaned({ keptMs: HOUR.keptMs })
    const seen = hearing()
    expect(look(seen, 0, { facts: HOUR })).toBeUndefined()
    const next = hearing()
    next.resume(seen.heard)
    for (const h of [ours, next]) {
      expect(look(h, 90, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(h)).toEqual({ at: 0, to: 1000n })
      expect(look(h, 91, { end: 1010 })).toMatchObject({ from: 1000, to: 1010 })
    }
    // One that came and went while a mirror looked, and read all in time, is past.
    const past = hearing()
    expect(look(past, 10, { end: 1010 })).toBeUndefined()
    expect(look(past, 20, { end: 1020, facts: PLAIN })).toBeUndefined()
    expect(look(past, 500, { end: 1030, facts: PLAIN })).toBeUndefined()
    expect(since(past)).toEqual({ at: 500, to: 1030n })
  })

  describe('where a rollback has protected the topic', () => {
    const knowing = ({
      heard,
      ...cleaned
    }: Parameters<Hearing['knowCleaned']>[0] & { heard?: Hearing['heard'] }) => {
      const h = hearing()
      h.resume(heard)
      h.knowCleaned(cleaned)
      return h
    }
    const minute = (m: number) => new Date(at(m)).toISOString()
    const HOUR_MS = HOUR.keptMs

    test('in time is complete however late it was copied, and counts from there once it is compacted again', () => {
      const h = knowing({ keptMs: HOUR_MS, protectedAt: minute(50) })
      expect(look(h, 90, { end: 1010, copied: 1005, facts: PLAIN })).toBeUndefined()
      expect(look(h, 95, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(h)).toEqual({ at: 90, to: 1010n })
      // The rollback could not end: forwards again, and the protection is taken away.
      h.knowCleaned({ keptMs: HOUR_MS })
      expect(look(h, 140, { end: 1020 })).toBeUndefined()
      expect(since(h)).toEqual({ at: 140, to: 1020n })
      expect(look(h, 200, { end: 1030 })).toMatchObject({ from: 1020, to: 1030 })
    })

    test.each([
      ['too late', { keptMs: HOUR_MS, protectedAt: minute(56) }],
      ['by another time than that was in force', { keptMs: HOUR_MS / 2, protectedAt: minute(50) }],
      ['of a time that nobody has written down', { protectedAt: minute(50) }],
      ['and not since it is compacted again', { keptMs: HOUR_MS }],
    ])('%s does not move on', (_, cleaned) => {
      const h = knowing(cleaned)
      expect(look(h, 90, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(h)).toEqual({ at: 0, to: 1000n })
      expect(look(h, 91, { end: 1010 })).toMatchObject({ from: 1000, to: 1010 })
    })

    test('counts also behind a cleaner that mirrors saw before, if one looked in time, and not behind one that came since', () => {
      const seen = hearing()
      expect(look(seen, 0, {})).toBeUndefined()
      expect(seen.heard).toMatchObject({ isCompacted: true })
      const protectedBy = { keptMs: HOUR_MS, protectedAt: minute(50), heard: seen.heard }
      const looked = knowing(protectedBy)
      expect(look(looked, 51, { end: 1010, copied: 1005, facts: PLAIN })).toBeUndefined()
      const next = knowing({ ...protectedBy, heard: looked.heard })
      expect(look(next, 90, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(next)).toEqual({ at: 90, to: 1010n })

      const notLooked = knowing(protectedBy)
      expect(look(notLooked, 90, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(notLooked)).toEqual({ at: 0, to: 1000n })

      expect(look(looked, 54, { end: 1010, copied: 1005 })).toBeUndefined()
      expect(look(looked, 90, { end: 1010, facts: PLAIN })).toBeUndefined()
      expect(since(looked)).toEqual({ at: 0, to: 1000n })
    })
  })

  test('is not known of a mark that does not say since when', () => {
    const h = new Hearing({ sourceStart: 1000n as SourceOffset })
    expect(look(h, 10, { end: 1010 })).toBeUndefined()
    expect(h.heard).toBeUndefined()
  })
})

describe('a partition that is mirrored back', () => {
  const cleaners = (keptMs: string | undefined) =>
    new Cleaners({
      describeTopicConfigs: async (names: readonly TopicName[]) => {
        if (keptMs === undefined) throw new Error('not authorized')
        const configs = new Map([
          ['cleanup.policy', { value: 'compact' }],
          ['delete.retention.ms', { value: keptMs }],
        ])
        return { ok: new Map(names.map((name) => [name, configs])), failed: new Map() }
      },
    } as unknown as Cluster)
  const flowing = () => {
    const mark = {
      ...fullState(1).marks[0]!,
      sourceStart: 1000n as SourceOffset,
      targetStart: 0n as TargetOffset,
      mode: 'dense' as const,
      since: new Date(BEGAN).toISOString(),
      way: 'reverse' as const,
    }
    const p = new MirroredPartition('orders', mark)
    const position = { targetEnd: 0, sourceNext: 1000, sourceEnd: 1010, maxBytes: 1_000_000 }
    return { p, ended: p.flow({ ...position, tailIsFresh: false }) }
  }

  test('stops while it flows once it comes too late, with the range, and not before or where nobody may read the settings', async () => {
    const { p, ended } = flowing()
    p.hearing!.looked(1010, at(10))
    await cleaners(undefined).look([p], () => at(100))
    await cleaners('3600000').look([p], () => at(54))
    expect(p.flowing).toBe(true)
    await cleaners('3600000').look([p], () => at(56))
    expect((await ended).problem).toMatchObject({
      code: 'FERRY1615',
      detail: expect.stringContaining('offsets 1000 to 1009'),
    })
  })

  test('is judged before anything is sent, by where its log ends then', async () => {
    const look = { end: 1010, at: at(56), copiedTo: 1000 }
    const { p } = flowing()
    expect(await cleaners('3600000').check(p, look, () => at(56))).toMatchObject({
      from: 1000,
      to: 1010,
    })
    expect(await cleaners('86400000').check(flowing().p, look, () => at(56))).toBeUndefined()
  })
})
