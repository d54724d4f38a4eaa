import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { keyOf, type PartitionKey } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { writerOf } from '../mirror/check-tail.ts'
import { LogReader } from '../mirror/log-reader.ts'
import { range } from '../mirror/problems.ts'
import { lostCopy } from '../planner/observed.ts'
import { lastOffset, nextBatch, producerId, recordSet } from '../records/index.ts'
import { makeAnew } from '../verify/make-anew.ts'
import { type LookParts, partitionOf } from './places.ts'

/** Target offsets behind what the mirror has checked, although it has nothing on its way. */
export interface Unexplained {
  readonly mark: Mark
  readonly from: bigint
  /** Exclusive. */
  readonly to: bigint
}

/**
 * Where the target's log goes on behind all that any mirror can have sent: the saved progress says that nothing may be in flight, and
 * the log ends past what was checked. Holds only if `progress` was read after the log ends in `observed`: a mirror says that something may be
 * in flight before it sends, and what it has checked before it takes that back. Not behind a seal, where producers may write. Pure.
 */
export const unexplainedOf = ({ state, observed, progress }: LookParts): readonly Unexplained[] => {
  const { marks, seals, sealing = [] } = state
  const ended = new Set([...seals, ...sealing].map(keyOf))
  return marks.flatMap((mark): readonly Unexplained[] => {
    const key = keyOf(mark)
    const ours = progress.get(key)
    if (ours?.producerId !== mark.producerId || ours.mayBeInFlight || ours.problem) return []
    if (ended.has(key) || lostCopy(mark, observed) !== undefined) return []
    const to = partitionOf(observed.target, mark)?.highWatermark
    return to !== undefined && to > ours.checkedTo ? [{ mark, from: ours.checkedTo, to }] : []
  })
}

/** What others wrote to the target, by partition, and what could not be looked at. */
export interface ForeignOnTarget {
  readonly found: ReadonlyMap<PartitionKey, Diagnostic>
  readonly problems: readonly Diagnostic[]
}

const NOTHING: ForeignOnTarget = { found: new Map(), problems: [] }

/**
 * What somebody else wrote to mirrored partitions while no mirror runs that would see it: the next one stops there. Progress may be that of
 * another store, as where a mirror on another machine keeps its own, so the first batch of each must be another producer's; and decisions may
 * have changed since they were read, as where producers were let in meanwhile, so they are read again: if they have, nothing is said.
 */
export const foreignOnTarget = async (
  parts: LookParts,
  target: Cluster,
  decisionsNow: () => Promise<MigrationState | undefined>,
): Promise<ForeignOnTarget> => {
  const unexplained = unexplainedOf(parts)
  if (unexplained.length === 0) return NOTHING
  const reader = new LogReader(target)
  const found = new Map<PartitionKey, Diagnostic>()
  const problems: Diagnostic[] = []
  try {
    for (const each of unexplained) {
      try {
        const who = await strangerAt(each, reader)
        if (who !== undefined) found.set(keyOf(each.mark), foreignWrite(each, who, parts))
      } catch (error) {
        problems.push(
          ...(error instanceof FerryError ? error.diagnostics : [unread(each, target, error)]),
        )
      }
    }
  } finally {
    await reader.close()
  }
  const now = await decisionsNow()
  const isSame = now?.lineage === parts.state.lineage && now.serial === parts.state.serial
  return isSame ? { found, problems } : NOTHING
}

/** Progress as the next mirror will write it: these partitions are stopped, if nobody has told it so yet. */
export const withForeign = (
  progress: LookParts['progress'],
  { found }: Pick<ForeignOnTarget, 'found'>,
): LookParts['progress'] =>
  found.size === 0
    ? progress
    : new Map(
        [...progress].map(([key, each]) => {
          const problem = found.get(key)
          return [key, problem === undefined ? each : { ...each, problem }]
        }),
      )

/** Who wrote the first batch that is still there, for people; undefined: Ferry, or nothing is there any more. */
const strangerAt = async (
  { mark, from, to }: Unexplained,
  reader: Pick<LogReader, 'ends' | 'read'>,
): Promise<string | undefined> => {
  const { start } = await reader.ends(keyOf(mark))
  const at = Math.max(Number(from), start)
  if (at >= Number(to)) return undefined
  const { buf, at: found } = firstBatch(await reader.read(keyOf(mark), at, 1), at)
  const id = producerId(buf, found)
  const isOurs = id === mark.producerId || id === mark.fillerProducerId
  return isOurs ? undefined : writerOf(buf, found)
}

const firstBatch = (records: Buffer, at: number) => {
  const cursor = recordSet(records)
  if (nextBatch(cursor) === 'batch' && lastOffset(records, cursor.at) >= at) return cursor
  throw new Error(`the broker sent no batch at ${at}`)
}

const foreignWrite = (
  { mark, from, to }: Unexplained,
  who: string,
  { migration, observed }: LookParts,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1604',
    detail: `${keyOf(mark)}: the records at target ${range(from, to)} on ${observed.target.name} were not written by the mirror (${who}), which had nothing on its way when it last ended. What was copied before them is right; the next mirror stops there.`,
    fix: `Find the writer and take its WRITE right. Then ${makeAnew(migration.name, mark)}.`,
  })

const unread = ({ mark, from }: Unexplained, { name }: Cluster, error: unknown): Diagnostic =>
  diagnostic({
    code: 'FERRY1210',
    detail: `${keyOf(mark)} on ${name} cannot be read at ${from} (${error instanceof Error ? error.message : String(error)}), so that it is not known whether somebody else than the mirror wrote there.`,
    fix: 'Look at the state of the brokers, then run the same command again.',
  })
