import { valuesOf } from '../domain/answers.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type SourceOffset } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Reverse, SourceRange } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { ofPartition, outside, type StrandedRange } from '../domain/stranded.ts'
import type { Cluster } from '../kafka/cluster.ts'
import {
  baseOffset,
  baseSequence,
  lastOffset,
  nextBatch,
  producerId,
  recordSet,
} from '../records/index.ts'
import { LogReader } from './log-reader.ts'
import { MarkedOffsets } from './marked-offsets.ts'

const READ_BYTES = 1024 * 1024
/** So many answers without a batch, from a log that goes on further, mean that a cleaner left nothing there. */
const EMPTY_ANSWERS = 3

/** What stands on the source behind what the mirror itself has looked at on its way back. */
export interface OnWayBack {
  /** Of somebody else, or of nobody knows whom. */
  readonly late: readonly StrandedRange[]
  /** The mirror's own. */
  readonly own: readonly SourceRange[]
}

/**
 * What somebody else than the mirror wrote to the source since the way back began, batch by batch: the ranges between what was mirrored
 * back. Only what no mirror has seen to be its own is read, so that it costs nothing where nobody wrote. Up to the last stable offset: what an open
 * transaction will have been nobody knows yet. What retention took before it was looked at is `unseen`, unless a batch of the mirror behind it
 * has the sequence of its place, when all before it was the mirror's too, or it was seen to be the mirror's own when the way back ended.
 */
export const lateOnWayBack = async (
  ...args: Parameters<typeof lookAtWayBack>
): Promise<readonly StrandedRange[]> => (await lookAtWayBack(...args)).late

/** The same with what is the mirror's own. */
export const lookAtWayBack = async (
  source: Cluster,
  reverse: Pick<Reverse, 'marks' | 'seals' | 'own'>,
  progress: ReadonlyMap<PartitionKey, PartitionProgress>,
  signal: AbortSignal,
): Promise<OnWayBack> => {
  // Behind the seal of the way back the source counts: what comes then is nobody's mistake.
  const { seals } = placesOf(reverse)
  const marks = reverse.marks.filter((mark) => !seals.has(partitionKey(mark.topic, mark.partition)))
  if (marks.length === 0) return { late: [], own: [] }
  const [ends, starts] = await Promise.all([
    source.listOffsets(marks, 'stable').then((answers) => valuesOf(answers)),
    source.listOffsets(marks, 'earliest').then((answers) => valuesOf(answers)),
  ])
  const reader = new LogReader(source)
  const found: StrandedRange[] = []
  const own: SourceRange[] = []
  try {
    for (const mark of marks) {
      const key = partitionKey(mark.topic, mark.partition)
      const stored = progress.get(key)
      const ours = stored?.producerId === mark.producerId ? stored : undefined
      const checked = ours?.checkedTo ?? mark.targetStart
      const start = starts.get(key)!
      const from = checked > start ? checked : start
      const end = ends.get(key)!
      const { topic, partition } = mark
      const seen =
        end > from
          ? await foreignIn(source, reader, mark, Number(from), Number(end), signal)
          : NOTHING_SEEN
      if (start > checked && !(seen.first && fits(mark, ours, seen.first))) {
        const unseen = { from: checked as bigint as SourceOffset, to: start as SourceOffset }
        const range = { topic, partition, ...unseen, unseen: true }
        found.push(...outside(range, ofPartition(reverse.own ?? [], mark)))
      }
      found.push(...seen.foreign)
      own.push(...seen.own)
    }
  } finally {
    await reader.close()
  }
  return { late: found, own }
}

/** The first batch of records of the mirror that was read. */
interface OwnBatch {
  readonly base: number
  readonly sequence: number
}

interface Seen {
  readonly foreign: readonly StrandedRange[]
  readonly own: readonly SourceRange[]
  readonly first?: OwnBatch
}

const NOTHING_SEEN: Seen = { foreign: [], own: [] }

/** Whether it stands where the mirror's own records, and nothing else, would have brought it. */
const fits = (mark: Mark, progress: PartitionProgress | undefined, first: OwnBatch): boolean => {
  const offsets = new MarkedOffsets(mark)
  if (progress !== undefined) offsets.resume(progress)
  return offsets.sequenceOf(first.base) === first.sequence
}

const readAt = async (
  source: Cluster,
  reader: Pick<LogReader, 'read'>,
  mark: Mark,
  at: number,
): Promise<Buffer> => {
  try {
    return await reader.read(partitionKey(mark.topic, mark.partition), at, READ_BYTES)
  } catch (error) {
    // What a broker answers while leaders change, or a connection that is lost: the next look may be better.
    if (error instanceof FerryError) throw error
    throw unread(source, mark, at, error instanceof Error ? error.message : String(error), error)
  }
}

const unread = (
  { name }: Cluster,
  { topic, partition }: Mark,
  at: number,
  why: string,
  cause?: unknown,
): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1210',
      detail: `${partitionKey(topic, partition)} on ${name} cannot be read at ${at} (${why}), so that it is not known whether somebody else than the mirror wrote there.`,
      fix: 'Look at the state of the brokers, then run the same command again.',
    }),
    { retriable: true, cause },
  )

/** Ranges that touch are one. */
const foreignIn = async (
  source: Cluster,
  reader: Pick<LogReader, 'read'>,
  mark: Mark,
  from: number,
  end: number,
  signal: AbortSignal,
): Promise<Seen> => {
  const { topic, partition, producerId: records, fillerProducerId: markers } = mark
  const key = partitionKey(topic, partition)
  const found: { from: number; to: number }[] = []
  const own: { from: number; to: number }[] = []
  let firstOwn: OwnBatch | undefined
  let empty = 0
  for (let next = from; next < end; ) {
    signal.throwIfAborted()
    const cursor = recordSet(await readAt(source, reader, mark, next))
    const before = next
    for (
      let item = nextBatch(cursor);
      item !== 'end' && item !== 'partial';
      item = nextBatch(cursor)
    ) {
      if (item === 'bad-length') throw unread(source, mark, next, 'a batch has no whole length')
      const isBatch = item === 'batch'
      const first = Math.max(next, baseOffset(cursor.buf, cursor.at))
      const to = (isBatch ? lastOffset(cursor.buf, cursor.at) : first) + 1
      if (to <= next) continue
      next = to
      const who = isBatch ? producerId(cursor.buf, cursor.at) : -1n
      if (who === records) {
        firstOwn ??= {
          base: baseOffset(cursor.buf, cursor.at),
          sequence: baseSequence(cursor.buf, cursor.at),
        }
      }
      const kind = who === records || who === markers ? own : found
      const last = kind.at(-1)
      if (last?.to === first) last.to = to
      else kind.push({ from: first, to })
    }
    if (next > before) {
      empty = 0
      continue
    }
    // A leader that was just elected may not know how far its log is replicated, and answers nothing: that says nothing of what is there.
    const now = valuesOf(await source.listOffsets([mark], 'stable')).get(key)!
    if (now < end) throw unread(source, mark, next, `its log ends at ${now} now, below ${end}`)
    // A cleaner may have left nothing up to the end; believed only of one that knew the end between its answers.
    if (++empty === EMPTY_ANSWERS) break
  }
  const ranges = (list: typeof found) =>
    list.map((range) => ({
      topic,
      partition,
      from: BigInt(range.from) as SourceOffset,
      to: BigInt(Math.min(range.to, end)) as SourceOffset,
    }))
  return {
    foreign: ranges(found),
    own: ranges(own),
    ...(firstOwn !== undefined && { first: firstOwn }),
  }
}
