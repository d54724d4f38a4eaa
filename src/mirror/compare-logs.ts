import type { Diagnostic } from '../domain/diagnostic.ts'
import type { SourceOffset } from '../domain/ids.ts'
import { targetAt } from '../domain/offset-index.ts'
import {
  ATTRIBUTES,
  attributes,
  baseOffset,
  lastOffset,
  nextBatch,
  RecordTable,
  recordSet,
} from '../records/index.ts'
import { firstDifference } from './first-difference.ts'
import type { LogEnds, LogReader } from './log-reader.ts'
import type { MirroredPartition } from './partition.ts'
import { contentDiffers } from './problems.ts'

export interface Logs {
  readonly sourceLog: Pick<LogReader, 'read'>
  readonly targetLog: Pick<LogReader, 'read'>
}

/** Where both logs are now. */
export interface BothEnds {
  readonly source: LogEnds
  readonly targetStart: number
  readonly targetEnd: number
}

/**
 * Compares the last record of the target with that of the source at its place, byte by byte: a source that was cut and grew again is found
 * even without topic ids. Answers what differs.
 */
export const compareLast = async (
  p: MirroredPartition,
  { sourceLog, targetLog }: Logs,
  { source, targetStart, targetEnd }: BothEnds,
): Promise<Diagnostic | undefined> => {
  const isSameBelow = async (below: number): Promise<boolean> => {
    // A marker may stand there: then the record before it is compared.
    const last = p.offsets.lastRecordBelow(below)
    // Nothing to compare with any more.
    if (last === undefined || last.source < source.start || last.target < targetStart) return true
    const [mine, theirs] = await Promise.all([
      targetLog.read(p.key, last.target, 1),
      sourceLog.read(p.key, last.source, 1),
    ])
    const onTarget = recordAt(mine, last.target)
    const onSource = recordAt(theirs, last.source)
    // What was copied back lies in a topic that may be compacted: its cleaner may have taken the last one, too.
    if (onTarget === undefined && p.mark.way !== undefined) return true
    if (onTarget === undefined) throw new Error(`nothing was read at ${last.target}`)
    // Undefined: the source's retention or its cleaner was quicker.
    return onSource === undefined || onSource === onTarget
  }
  if (await isSameBelow(targetEnd)) return undefined
  const both = { from: Math.max(p.offsets.targetStart, targetStart), to: targetEnd }
  const first = await firstDifference(both, (target) => isSameBelow(target + 1))
  return contentDiffers(p, p.offsets.sourceOf(first), first, targetEnd)
}

/**
 * The same of the first record that the source still holds. Only that tells a topic without an id from another one of its name, once records
 * of that one were copied behind those of the former. Answers what differs.
 */
export const compareFirst = async (
  p: MirroredPartition,
  { sourceLog, targetLog }: Logs,
  { source, targetStart, targetEnd }: BothEnds,
): Promise<Diagnostic | undefined> => {
  const { offsets } = p
  const from = offsets.behindAccepted(Math.max(source.start, offsets.sourceStart))
  const copiedTo = offsets.sourceOf(targetEnd)
  if (from >= Math.min(copiedTo, source.end)) return undefined
  const theirs = await sourceLog.read(p.key, from, 1)
  const first = firstRecord(theirs, from, (offset) => offsets.gaps.at(offset) === undefined)
  if (first === undefined || first.offset >= copiedTo) return undefined
  const { mark, gaps, diverged } = offsets
  const index = { mark, gaps, diverged, mirroredTo: BigInt(copiedTo) as SourceOffset }
  const target = Number(targetAt(index, BigInt(first.offset) as SourceOffset))
  if (target < targetStart || target >= targetEnd) return undefined
  const onTarget = recordAt(await targetLog.read(p.key, target, 1), target)
  if (onTarget === undefined) throw new Error(`nothing was read at ${target}`)
  if (onTarget === first.content) return undefined
  return contentDiffers(p, first.offset, target, targetEnd)
}

/** Timestamp, key, value and headers of the record at `offset`, as one comparable string. */
const recordAt = (records: Buffer, offset: number): string | undefined => {
  const cursor = recordSet(records)
  for (let item = nextBatch(cursor); item === 'batch' || item === 'old-format'; ) {
    const last = item === 'batch' ? lastOffset : baseOffset
    if (last(records, cursor.at) >= offset) {
      const table = new RecordTable()
      table.load(records, cursor.at, offset, offset + 1)
      return table.count === 0 ? undefined : contentOf(table, 0)
    }
    item = nextBatch(cursor)
  }
  return undefined
}

/** The first record from `from` on that was copied. */
const firstRecord = (
  records: Buffer,
  from: number,
  isCopied: (offset: number) => boolean,
): { readonly offset: number; readonly content: string } | undefined => {
  const cursor = recordSet(records)
  for (let item = nextBatch(cursor); item === 'batch' || item === 'old-format'; ) {
    const isControl =
      item === 'batch' && (attributes(records, cursor.at) & ATTRIBUTES.control) !== 0
    if (!isControl) {
      const table = new RecordTable()
      table.load(records, cursor.at, from)
      for (let row = 0; row < table.count; row++) {
        const offset = table.offsets[row]!
        if (isCopied(offset)) return { offset, content: contentOf(table, row) }
      }
    }
    item = nextBatch(cursor)
  }
  return undefined
}

const contentOf = (table: RecordTable, row: number): string => {
  const content = table.bytes.toString('latin1', table.starts[row], table.ends[row])
  return `${table.timestamps[row]}/${content}`
}
