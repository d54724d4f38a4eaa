import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import type { Stored } from './content-codec.ts'
import { decodeChunk, encodeChunk, GapsReader, lateGaps, unfoundedGaps } from './gaps-codec.ts'
import { decodeProgress, encodeProgress, isOfOther } from './progress-codec.ts'
import { damaged } from './records.ts'
import { keyText, type StateKey, StateTable, type StateWrite } from './state-table.ts'

/**
 * Progress in a state topic: a record for each partition, and one for each chunk of its gaps. Chunks are numbered in the order in which
 * they are stored, over all tenures; the tenure is part of the key, so that a holder whose time was over never overwrites a chunk of the
 * next one, and its generation tells that what it writes late does not count. A whole chunk deletes those before it, after it was written:
 * every end of the log holds a whole index.
 */
export const progressWrites = (
  project: string,
  migration: string,
  next: readonly PartitionProgress[],
  table: StateTable,
): readonly StateWrite[] =>
  next.map((each) => {
    const key = keyOf('progress', project, migration, each)
    return { key, text: encodeProgress(each), after: table.nextOf(key) }
  })

/** Where another process speaks for a partition under the generation of what was written: that stands, and this does not. */
export const spokenFor = (
  project: string,
  migration: string,
  written: readonly PartitionProgress[],
  table: StateTable,
): readonly PartitionProgress[] =>
  written.flatMap((each) => {
    const key = keyOf('progress', project, migration, each)
    const text = table.get(key)?.text
    const stands = text === undefined ? undefined : decodeProgress(text, keyText(key))
    if (stands?.holder.generation !== each.holder.generation) return []
    return isOfOther(stands.holder, each.holder) ? [stands] : []
  })

/**
 * The changes that append chunks of gaps, in their order. Throws where a later generation of holders has begun already, and where the whole
 * chunk that another one adds to is not there any more.
 */
export const gapsWrites = (
  project: string,
  migration: string,
  chunks: readonly GapChunk[],
  table: StateTable,
): readonly StateWrite[] => {
  const stored = new Map<string, StateKey[]>()
  return chunks.flatMap((chunk): readonly StateWrite[] => {
    const start = keyOf('gaps', project, migration, chunk)
    const before = stored.get(keyText(start)) ?? chunkKeys(table, start)
    const key: StateKey = [...start, numberOf(before.at(-1)) + 1, chunk.tenure]
    const write = { key, text: encodeChunk(chunk) }
    if (!chunk.isWhole) {
      if (!stored.has(keyText(start))) refuseUnfounded(chunk, before, table)
      stored.set(keyText(start), [...before, key])
      return [write]
    }
    refuseLate(chunk, before, table)
    stored.set(keyText(start), [key])
    const old = before.filter((each) => isEarlier(each, chunk, table))
    return [
      { ...write, after: Math.max(0, chunk.generation) },
      ...old.map((each) => ({ key: each, text: null })),
    ]
  })
}

/** The progress of all partitions of a migration, both ways. Throws FERRY1402 where a part of it is damaged. */
export const progressIn = (
  project: string,
  migration: string,
  table: StateTable,
): readonly Stored<PartitionProgress>[] => {
  const found: Stored<PartitionProgress>[] = []
  const keys = (['progress', 'reverse-progress'] as const).flatMap((kind) =>
    table.keys(kind, project, migration),
  )
  for (const key of keys) {
    const where = keyText(key)
    const text = table.get(key)?.text ?? ''
    const progress = decodeProgress(text, where)
    if (keyText(keyOf('progress', project, migration, progress)) !== where) {
      throw damaged(where, `holds the progress of ${progress.topic}:${progress.partition}`)
    }
    const reader = new GapsReader(progress.gaps, progress.producerId)
    for (const key of chunkKeys(table, keyOf('gaps', project, migration, progress))) {
      const chunk = chunkAt(table, key)
      if (chunk !== undefined) reader.take(chunk, keyText(key))
    }
    found.push({ value: progress, text })
  }
  return found
}

/** These instead of all that is there. */
export const progressReplacing = (
  project: string,
  migration: string,
  next: readonly PartitionProgress[],
  chunks: readonly GapChunk[],
  table: StateTable,
): readonly StateWrite[] => {
  const writes = [
    ...progressWrites(project, migration, next, table),
    // Whatever generation is there: nothing of it stays.
    ...gapsWrites(project, migration, chunks, new StateTable()),
  ]
  const written = new Set(writes.map(({ key }) => keyText(key)))
  const old = (['progress', 'gaps', 'reverse-progress', 'reverse-gaps'] as const).flatMap((kind) =>
    table.keys(kind, project, migration),
  )
  const gone = (key: StateKey): StateWrite => ({ key, text: null })
  const isWritten = (key: StateKey) => written.has(keyText(key))
  // What is there may be of a later holder than what replaces it, and would stand.
  return [
    ...old.filter((key) => isWritten(key)).map(gone),
    ...writes,
    ...old.filter((key) => !isWritten(key)).map(gone),
  ]
}

const refuseLate = (chunk: GapChunk, before: readonly StateKey[], table: StateTable): void => {
  for (const key of before) {
    // What is still being written says it with its first part.
    const generation = chunkAt(table, key)?.generation ?? table.afterOf(key)
    if (generation > chunk.generation) throw lateGaps(chunk, generation)
  }
}

/** What is not there as a whole may be of the next holder, who writes it now: it is left alone, unless it says that it is not. */
const isEarlier = (key: StateKey, { generation }: GapChunk, table: StateTable): boolean => {
  const after = table.afterOf(key)
  return table.isWhole(key) || (after > 0 && after <= generation)
}

/** Every whole chunk deletes those of tenures before it, and `ferry state push` all of them. */
const refuseUnfounded = (chunk: GapChunk, before: readonly StateKey[], table: StateTable): void => {
  const isFounded = before.some(
    (key) =>
      key.at(-1) === chunk.tenure && table.isWhole(key) && table.afterOf(key) === chunk.generation,
  )
  if (!isFounded) throw unfoundedGaps(chunk)
}

/** Undefined: it is being written, or its writer died in the middle, and nobody was told that it is stored. */
const chunkAt = (table: StateTable, key: StateKey): GapChunk | undefined =>
  table.isWhole(key) ? decodeChunk(table.get(key)?.text ?? '', keyText(key)) : undefined

const keyOf = (
  kind: 'progress' | 'gaps',
  project: string,
  migration: string,
  { topic, partition, way }: Pick<PartitionProgress, 'topic' | 'partition' | 'way'>,
): StateKey => [kindOf(kind, way), project, migration, topic, partition]

const kindOf = <K extends 'progress' | 'gaps'>(kind: K, way: 'reverse' | undefined) =>
  way === undefined ? kind : (`${way}-${kind}` as const)

/** In the order in which they were stored. */
const chunkKeys = (table: StateTable, start: StateKey): StateKey[] =>
  [...table.keys(...start)].sort((left, right) => numberOf(left) - numberOf(right))

const numberOf = (chunk: StateKey | undefined): number => Number(chunk?.at(-2) ?? 0)
