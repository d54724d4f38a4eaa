import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type SourceOffset,
  type TopicName,
} from '../domain/ids.ts'
import { expectedTargetEnd, type OffsetIndex } from '../domain/offset-index.ts'
import type { SyncedPosition } from '../domain/step.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { codecsReady } from '../records/codecs.ts'
import { ranksBetween, type Side, without } from './compare-records.ts'
import type { KeptRecord } from './decoded-batch.ts'
import { differences, sameRecord } from './finding.ts'
import { inParallel } from './in-parallel.ts'
import { LogReader } from './log-reader.ts'
import { readFirst, readLast, type Some } from './read-some.ts'
import { exact, samePosition, targetOf } from './translator.ts'

/**
 * What a proof rests on.
 * - `record`: the next record of the group is the same on both clusters, and so is the one before, where both still have it.
 * - `boundary`: nothing comes after the position yet; the last record before it is the same on both.
 * - `count`: the source no longer has the records around it, so that only the offset index speaks for it.
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
  /** Topics whose cleaner may have removed records since they were mirrored. */
  readonly compacted?: ReadonlySet<TopicName>
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
  const { clusters, positions, signal, compacted } = options
  if (positions.length === 0) return []
  await codecsReady()
  const partitions = [...new Set(positions.map(({ index }) => keyOf(index)))].map(parsePartitionKey)
  const [sourceStarts, targetStarts] = await Promise.all([
    clusters.source.listOffsets(partitions, 'earliest'),
    clusters.target.listOffsets(partitions, 'earliest'),
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
      const side = (reader: LogReader, start: bigint): Side => ({
        reader,
        logStart: exact(start),
        compacted: compacted?.has(index.mark.topic) ?? false,
      })
      const claim: Claim = {
        index,
        offset,
        // A position ahead of the mirror has no target: refuted before this is looked at.
        at: at ?? -1,
        source: side(source, sourceStarts.ok.get(key)!),
        target: side(target, targetStarts.ok.get(key)!),
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

const keyOf = ({ mark }: OffsetIndex): PartitionKey => partitionKey(mark.topic, mark.partition)

interface Claim {
  readonly index: OffsetIndex
  readonly offset: number
  readonly at: number
  readonly source: Side
  readonly target: Side
}

/** Why it is not proved: what the text says after the position. */
interface Refutation {
  readonly code: 'FERRY1808' | 'FERRY1812'
  readonly because: string
}

const refuted = (because: string): Refutation => ({ code: 'FERRY1812', because })

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
  const [after, before] = await Promise.all([
    readFirst(source.reader, { ...place, from: Math.max(from, lowest), to: end }, 1),
    readLast(source.reader, { ...place, from: lowest, to: from }),
  ])
  const failed = failureOf(after, 'source') ?? failureOf(before, 'source')
  if (failed !== undefined) return failed
  // Retention went on while we looked.
  if (after.stop?.kind === 'out-of-range') return 'count'
  return proveAround(claim, { next: after.records[0], previous: before.records[0] }, start < lowest)
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

/** The target must have the same two records, next to each other, with the position between them. */
const proveAround = async (
  claim: Claim,
  source: { readonly next: KeptRecord | undefined; readonly previous: KeptRecord | undefined },
  someGone: boolean,
): Promise<Proof | Refutation> => {
  const { index, at, target } = claim
  const { topic, partition } = index.mark
  const previousAt = source.previous && targetOf(index, source.previous.offset)
  const withPrevious = previousAt !== undefined && previousAt >= target.logStart
  const range = { topic, partition, from: at, to: exact(expectedTargetEnd(index)) }
  const [before, after] = await Promise.all([
    withPrevious ? readFirst(target.reader, { ...range, from: previousAt, to: at }, 2) : undefined,
    readFirst(target.reader, range, 1),
  ])
  const failed = failureOf(after, 'target') ?? (before && failureOf(before, 'target'))
  if (failed !== undefined) return failed

  const wrongNext = compareNext(claim, source.next, after.records[0])
  if (wrongNext !== undefined) return wrongNext
  if (withPrevious) {
    const wrong = comparePrevious(claim, source.previous!, before!.records, previousAt)
    if (wrong !== undefined) return wrong
  }
  if (source.next !== undefined) return 'record'
  if (withPrevious) return 'boundary'
  return someGone || source.previous !== undefined ? 'count' : 'empty'
}

const compareNext = (
  { index, source }: Claim,
  mine: KeptRecord | undefined,
  theirs: KeptRecord | undefined,
): Refutation | undefined => {
  if (mine === undefined && theirs === undefined) return undefined
  if (mine === undefined) {
    if (source.compacted) return undefined
    return refuted(`the target has a record at offset ${theirs!.offset} that the source has not`)
  }
  const expected = targetOf(index, mine.offset)!
  // What the cleaner of a compacted source removed is still on the target: the group reads it once more there, in order.
  if (theirs !== undefined && theirs.offset < expected && source.compacted) return undefined
  if (theirs === undefined || theirs.offset !== expected) {
    const found = theirs === undefined ? 'nothing' : `the record at ${theirs.offset}`
    return refuted(
      `the next record on the source, offset ${mine.offset}, must be at target offset ${expected}; the next on the target is ${found}`,
    )
  }
  return unequal('next', mine, theirs)
}

const comparePrevious = (
  { source, target }: Claim,
  mine: KeptRecord,
  theirs: readonly KeptRecord[],
  expected: number,
): Refutation | undefined => {
  const first = theirs[0]
  if (first?.offset !== expected) {
    if (target.compacted) return undefined
    return refuted(
      `the record before it on the source, offset ${mine.offset}, is not at target offset ${expected}`,
    )
  }
  if (theirs.length > 1 && !source.compacted) {
    return refuted(
      `the target has a record at offset ${theirs[1]!.offset}, between the record before it and the position, that the source has not`,
    )
  }
  return unequal('previous', mine, first)
}

const unequal = (
  which: 'next' | 'previous',
  mine: KeptRecord,
  theirs: KeptRecord,
): Refutation | undefined => {
  if (sameRecord(mine, theirs)) return undefined
  const parts = differences(mine, theirs).join(', ')
  return refuted(
    `the ${which} record, offset ${mine.offset} on the source and ${theirs.offset} on the target, is not the same: ${parts}`,
  )
}

const failureOf = ({ stop }: Some, side: 'source' | 'target'): Refutation | undefined => {
  if (stop?.kind === 'failed') {
    return { code: 'FERRY1808', because: `the ${side} could not be read: ${stop.detail}` }
  }
  if (stop?.kind === 'out-of-range' && side === 'target') {
    return refuted(`the target's log starts at ${stop.logStart}, above it`)
  }
  return undefined
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
        : 'Do not start consumers there. `ferry verify --full` finds the first record that is wrong; then resync the topic.',
  })
