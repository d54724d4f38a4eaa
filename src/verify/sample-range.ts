import {
  compareRange,
  explainAt,
  type RangeResult,
  type RangeToCompare,
  ranksBetween,
  sourceOf,
  without,
} from './compare-records.ts'
import { type Finding, sameRecord } from './finding.ts'
import { inParallel } from './in-parallel.ts'
import { readFirst, readLast, type Some } from './read-some.ts'
import { exact, targetOf } from './translator.ts'

/**
 * Compares about `count` records: the first, the last, and others spread over the range at places that are the same in every run over the
 * same range. Each is found through the offset index, so a shift anywhere before it shows.
 */
export const sampleRange = async (range: RangeToCompare, count: number): Promise<RangeResult> => {
  const { index, source, target } = range
  const start = exact(index.mark.sourceStart)
  const end = exact(index.mirroredTo)
  let from = Math.max(start, source.logStart)
  if (from < end && target.logStart > targetOf(index, from)!) {
    if (!range.sealed) {
      const finding: Finding = {
        kind: 'target-gone',
        target: targetOf(index, from)!,
        to: target.logStart,
      }
      return { compared: 0, gone: ranksBetween(index, start, from), finding }
    }
    from = sourceOf(index, target.logStart)
  }
  if (end - from <= count) return compareRange(range)
  const gone = ranksBetween(index, start, from)
  const offsets = spread(from, end, count, `${index.mark.topic}:${index.mark.partition}`)
  const seen = new Set<number>()
  const findings = await inParallel([...offsets, undefined], 16, (offset) =>
    sampleAt(
      range,
      offset === undefined ? { last: true, from } : { last: false, from: offset },
      seen,
    ),
  )
  const finding = findings.find((found) => found !== undefined)
  return { compared: finding === undefined ? seen.size : 0, gone, finding }
}

const sampleAt = async (
  range: RangeToCompare,
  place: { readonly last: boolean; readonly from: number },
  seen: Set<number>,
): Promise<Finding | undefined> => {
  const { index, source, target } = range
  const { topic, partition } = index.mark
  const around = {
    topic,
    partition,
    from: place.from,
    to: exact(index.mirroredTo),
    ...without(index),
  }
  const mine = place.last
    ? await readLast(source.reader, around)
    : await readFirst(source.reader, around, 1)
  const record = mine.records[0]
  if (record === undefined) return unreadable('source', mine)
  const at = targetOf(index, record.offset)!
  const theirs = await readFirst(target.reader, { topic, partition, from: at, to: at + 1 }, 1)
  const copy = theirs.records[0]
  if (copy === undefined) {
    if (theirs.stop?.kind !== 'end') return unreadable('target', theirs)
    if (target.compacted) return undefined
    return { kind: 'missing', source: record.offset, target: at, count: 1 }
  }
  if (!sameRecord(record, copy)) return explainAt(range, record.offset, at)
  seen.add(record.offset)
  return undefined
}

/** Retention that overtakes a sample is no difference. */
const unreadable = (side: 'source' | 'target', { stop }: Some): Finding | undefined =>
  stop?.kind === 'failed' ? { kind: 'unreadable', side, detail: stop.detail } : undefined

/** The first offset, and one at a random place in each of `count - 2` equal parts of the rest. */
const spread = (from: number, to: number, count: number, seed: string): readonly number[] => {
  const random = randomFrom(seed)
  const parts = Math.max(0, count - 2)
  const offsets = [from]
  for (let part = 0; part < parts; part++) {
    offsets.push(from + Math.floor(((part + random()) * (to - from)) / parts))
  }
  return offsets
}

/** Numbers in [0, 1) that look random and are always the same for a seed (mulberry32 over an FNV-1a hash). */
const randomFrom = (seed: string): (() => number) => {
  let state = 0x811c9dc5
  for (const char of seed) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
