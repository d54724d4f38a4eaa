import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type SourceOffset,
} from '../domain/ids.ts'
import { expectedTargetEnd, type OffsetIndex } from '../domain/offset-index.ts'
import type { SyncedPosition } from '../domain/step.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { codecsReady } from '../records/codecs.ts'
import {
  compareNext,
  comparePrevious,
  failureOf,
  type Next,
  type Refutation,
  refuted,
} from './around-position.ts'
import { type CleanedTopics, cleanedTopics, type KnownCleaned } from './cleaned-topics.ts'
import { ranksBetween, type Side, without } from './compare-records.ts'
import type { KeptRecord } from './decoded-batch.ts'
import { inParallel } from './in-parallel.ts'
import { LogReader } from './log-reader.ts'
import { readFirst, readLast } from './read-some.ts'
import { exact, samePosition, targetOf } from './translator.ts'

/**
 * What a proof rests on.
 * - `record`: the next record of the group is the same on both clusters, and so is the one before, where both still have it.
 * - `boundary`: nothing comes after the position yet; the last record before it is the same on both.
 * - `cleaned`: a cleaner removed the next record on one of the clusters; the nearest one that both still have is the same, and the offset
 *   index speaks for what is between.
 * - `count`: the source no longer has the records around it, or a cleaner left none that both have: only the offset index speaks for it.
 * - `empty`: nothing was mirrored.
 */
export type Proof = SyncedPosition['proof']

export interface PositionToProve {
  readonly index: OffsetIndex
  readonly source: SourceOffset
  /** Absent: what the offset index gives. */
  readonly target?: bigint
}

/** The proof, or why there is none. */
export type PositionProof = { readonly proof: Proof } | { readonly problem: Diagnostic }

export interface ProveOptions {
  readonly clusters: { readonly source: Cluster; readonly target: Cluster }
  readonly positions: readonly PositionToProve[]
  /** Topics whose cleaner there may have removed records since they were mirrored; or the decisions, and the clusters are asked. */
  readonly cleaned: CleanedTopics | { readonly known: KnownCleaned }
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

/** Enough to share requests; each holds a batch or two. */
const AT_ONCE = 128

/** {@link proveEach} for positions of one group: an answer for each partition. */
export const provePositions = async (
  options: ProveOptions,
): Promise<ReadonlyMap<PartitionKey, PositionProof>> => {
  const proofs = await proveEach(options)
  return new Map(options.positions.map(({ index }, i) => [keyOf(index), proofs[i]!]))
}

/**
 * Proves group positions by the records around them, an answer for each in the given order. Positions share fetches: a few rounds per
 * broker and side, however many groups and partitions.
 */
export const proveEach = async (options: ProveOptions): Promise<readonly PositionProof[]> => {
  const { clusters, positions, signal } = options
  if (positions.length === 0) return []
  await codecsReady()
  const partitions = [...new Set(positions.map(({ index }) => keyOf(index)))].map(parsePartitionKey)
  const [sourceStarts, targetStarts, cleaned] = await Promise.all([
    clusters.source.listOffsets(partitions, 'earliest'),
    clusters.target.listOffsets(partitions, 'earliest'),
    'known' in options.cleaned
      ? cleanedOf(options.cleaned.known, clusters, positions)
      : options.cleaned,
  ])
  const patience = options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }
  const source = new LogReader(clusters.source, patience, signal)
  const target = new LogReader(clusters.target, patience, signal)
  try {
    return await inParallel(positions, AT_ONCE, async (position) => {
      signal.throwIfAborted()
      const { index } = position
      const key = keyOf(index)
      const failed = sourceStarts.failed.get(key) ?? targetStarts.failed.get(key)
      if (failed !== undefined) return { problem: failed }
      const offset = exact(position.source)
      const at = position.target === undefined ? targetOf(index, offset) : exact(position.target)
      const side = (name: 'source' | 'target', reader: LogReader, start: bigint): Side => ({
        reader,
        logStart: exact(start),
        compacted: cleaned[name].has(index.mark.topic),
      })
      const claim: Claim = {
        index,
        offset,
        // A position ahead of the mirror has no target: refuted before this is looked at.
        at: at ?? -1,
        source: side('source', source, sourceStarts.ok.get(key)!),
        target: side('target', target, targetStarts.ok.get(key)!),
      }
      const answer = await prove(claim)
      return typeof answer === 'string'
        ? { proof: answer }
        : { problem: problemOf(claim, clusters, answer) }
    })
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}

const cleanedOf = (
  known: KnownCleaned,
  clusters: ProveOptions['clusters'],
  positions: readonly PositionToProve[],
): Promise<CleanedTopics> =>
  cleanedTopics(clusters, [...new Set(positions.map(({ index }) => index.mark.topic))], known)

const keyOf = ({ mark }: OffsetIndex): PartitionKey => partitionKey(mark.topic, mark.partition)

interface Claim {
  readonly index: OffsetIndex
  readonly offset: number
  readonly at: number
  readonly source: Side
  readonly target: Side
}

const prove = async (claim: Claim): Promise<Proof | Refutation> => {
  const { index, offset, at, source, target } = claim
  const { topic, partition, sourceStart } = index.mark
  const misplaced = checkTranslation(index, offset, at)
  if (misplaced !== undefined) return misplaced
  if (at < target.logStart) {
    return refuted(
      `the target's log starts at ${target.logStart}: the group's next record is gone there`,
    )
  }

  const start = exact(sourceStart)
  const end = exact(index.mirroredTo)
  const from = Math.max(offset, start)
  const lowest = Math.max(start, source.logStart)
  if (ranksBetween(index, start, end) === 0) return 'empty'
  if (from < lowest && ranksBetween(index, from, lowest) > 0) return 'count'
  const place = { topic, partition, ...without(index) }
  const onSource = (first: number) => ({ ...place, from: first, to: end })
  const sides = {
    source: { ...source, first: (o: number) => readFirst(source.reader, onSource(o), 1) },
    target: { ...target, first: (o: number) => readFirst(target.reader, onTarget(index, o), 1) },
  }
  const [before, next] = await Promise.all([
    readLast(source.reader, { ...place, from: lowest, to: from }),
    compareNext(index, sides, { source: Math.max(from, lowest), target: at }),
  ])
  const failed = failureOf(before, 'source')
  if (failed !== undefined) return failed
  if (typeof next === 'object') return next
  // Retention went on while we looked.
  if (next === 'gone') return 'count'
  const previous = await previousOf(claim, before.records[0])
  if (typeof previous === 'object') return previous
  return proofOf(claim, next, previous, start < lowest)
}

const onTarget = (index: OffsetIndex, from: number) => {
  const { topic, partition } = index.mark
  return { topic, partition, from, to: exact(expectedTargetEnd(index)) }
}

/** The target must have the record before the position right before it. Undefined: there is none that could be compared. */
const previousOf = async (claim: Claim, mine: KeptRecord | undefined) => {
  const { index, at, target } = claim
  const from = mine && targetOf(index, mine.offset)
  if (mine === undefined || from === undefined || from < target.logStart) return undefined
  const theirs = await readFirst(target.reader, { ...onTarget(index, from), to: at }, 2)
  return failureOf(theirs, 'target') ?? comparePrevious(index, claim, mine, theirs.records)
}

const proofOf = (
  { source, target }: Claim,
  next: Exclude<Next, 'gone'>,
  previous: 'same' | 'cleaned' | 'apart' | undefined,
  someGone: boolean,
): Proof => {
  const isSame = previous === 'same' || previous === 'cleaned'
  switch (next) {
    case 'same':
      return 'record'
    case 'cleaned':
      return 'cleaned'
    case 'apart':
      return isSame ? 'cleaned' : 'count'
    case 'none':
      if (isSame) return previous === 'same' ? 'boundary' : 'cleaned'
      return someGone || previous !== undefined || source.compacted || target.compacted
        ? 'count'
        : 'empty'
  }
}

const checkTranslation = (
  index: OffsetIndex,
  offset: number,
  at: number,
): Refutation | undefined => {
  const expected = translateOffset(index, BigInt(offset) as SourceOffset)
  if (expected.kind === 'ahead') {
    return refuted(`the mirror is ${expected.missing} offsets behind it`)
  }
  if (samePosition(index, at, exact(expected.target))) return undefined
  return refuted(`the offset index puts it at target offset ${expected.target}`)
}

const problemOf = (
  { index, offset, at }: Claim,
  clusters: ProveOptions['clusters'],
  { code, because }: Refutation,
): Diagnostic =>
  diagnostic({
    code,
    detail: `${index.mark.topic}:${index.mark.partition}: offset ${offset} on ${clusters.source.name} is to be ${at < 0 ? 'mirrored' : `offset ${at}`} on ${clusters.target.name}, but ${because}.`,
    fix:
      code === 'FERRY1808'
        ? 'Run it again once the cause is gone.'
        : `Do not start consumers there. \`ferry verify --full\` finds the first record that is wrong, and says how to make the copy of ${index.mark.topic} anew.`,
  })
