import { complete } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type SourceOffset } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { PartitionProgress, Reverse } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { StrandedRange } from '../domain/stranded.ts'
import type { Cluster, OffsetAt } from '../kafka/cluster.ts'
import { baseOffset, lastOffset, nextBatch, producerId, recordSet } from '../records/index.ts'
import { LogReader } from './log-reader.ts'

const READ_BYTES = 1024 * 1024

/**
 * What somebody else than the mirror wrote to the source since the way back began, batch by batch: the ranges between what was mirrored
 * back. Only what no mirror has seen to be its own is read, so that it costs nothing where nobody wrote. Up to the last stable offset: what an open
 * transaction will have been nobody knows yet.
 */
export const lateOnWayBack = async (
  source: Cluster,
  reverse: Pick<Reverse, 'marks' | 'seals'>,
  progress: ReadonlyMap<PartitionKey, PartitionProgress>,
  signal: AbortSignal,
): Promise<readonly StrandedRange[]> => {
  // Behind the seal of the way back the source counts: what comes then is nobody's mistake.
  const { seals } = placesOf(reverse)
  const marks = reverse.marks.filter((mark) => !seals.has(partitionKey(mark.topic, mark.partition)))
  if (marks.length === 0) return []
  const [ends, starts] = [
    await offsets(source, marks, 'stable'),
    await offsets(source, marks, 'earliest'),
  ]
  const reader = new LogReader(source)
  const found: StrandedRange[] = []
  try {
    for (const mark of marks) {
      const key = partitionKey(mark.topic, mark.partition)
      const stored = progress.get(key)
      const checked = stored?.producerId === mark.producerId ? stored.checkedTo : mark.targetStart
      const start = starts.get(key)!
      const from = checked > start ? checked : start
      const end = ends.get(key)!
      if (end > from)
        found.push(...(await foreignIn(reader, mark, Number(from), Number(end), signal)))
    }
  } finally {
    await reader.close()
  }
  return found
}

const offsets = async (
  source: Cluster,
  marks: readonly Mark[],
  at: OffsetAt,
): Promise<ReadonlyMap<PartitionKey, bigint>> => {
  const answers = complete(await source.listOffsets(marks, at))
  if ('problems' in answers) throw new FerryError(answers.problems)
  return answers.all
}

/** Ranges that touch are one. */
const foreignIn = async (
  reader: Pick<LogReader, 'read'>,
  { topic, partition, producerId: records, fillerProducerId: markers }: Mark,
  from: number,
  end: number,
  signal: AbortSignal,
): Promise<readonly StrandedRange[]> => {
  const key = partitionKey(topic, partition)
  const found: { from: number; to: number }[] = []
  for (let next = from; next < end; ) {
    signal.throwIfAborted()
    const cursor = recordSet(await reader.read(key, next, READ_BYTES))
    const before = next
    for (
      let item = nextBatch(cursor);
      item !== 'end' && item !== 'partial';
      item = nextBatch(cursor)
    ) {
      if (item === 'bad-length') throw new Error(`${key} cannot be read at ${next}`)
      const isBatch = item === 'batch'
      const first = Math.max(next, baseOffset(cursor.buf, cursor.at))
      const to = (isBatch ? lastOffset(cursor.buf, cursor.at) : first) + 1
      if (to <= next) continue
      next = to
      const who = isBatch ? producerId(cursor.buf, cursor.at) : -1n
      if (who === records || who === markers) continue
      const last = found.at(-1)
      if (last?.to === first) last.to = to
      else found.push({ from: first, to })
    }
    // A cleaner may have left nothing up to the end.
    if (next === before) break
  }
  return found.map((range) => ({
    topic,
    partition,
    from: BigInt(range.from) as SourceOffset,
    to: BigInt(Math.min(range.to, end)) as SourceOffset,
  }))
}
