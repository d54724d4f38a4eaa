import type { PartitionKey } from '../domain/ids.ts'
import {
  baseOffset,
  codecsReady,
  lastOffset,
  magic,
  nextBatch,
  type RecordSetCursor,
  RecordTable,
  recordSet,
} from '../records/index.ts'
import { type Block, takeIn } from './intake.ts'
import type { LogReader } from './log-reader.ts'

/** Read at first behind what cannot be carried, and at most, to find the next batch that can. */
const FIRST_BYTES = 1024 * 1024
const MOST_BYTES = 16 * FIRST_BYTES

/** Why a partition does not go on from a source offset, seen now. */
export type StopNow =
  /** The source's log begins at `to`. */
  | { readonly kind: 'gone'; readonly to: number }
  | { readonly kind: 'blocked'; readonly block: Block }
  /** It could go on. */
  | { readonly kind: 'nothing' }

/** Nothing of what is read here is sent. */
const LOOKING = {
  aborted: null,
  splitAtHoles: false,
  counters: { batchesReEncoded: 0, recordsReEncoded: 0 },
}

type ReadLog = Pick<LogReader, 'ends' | 'read'>

/** Looks at the source as the mirror would from `next` on; writes nothing. `maxBytes`: the largest batch that the target takes. */
export const stopNow = async (
  log: ReadLog,
  key: PartitionKey,
  next: number,
  maxBytes: number,
): Promise<StopNow> => {
  await codecsReady()
  const { start, end } = await log.ends(key)
  if (start > next) return { kind: 'gone', to: start }
  if (next >= end) return { kind: 'nothing' }
  const records = await log.read(key, next, 1)
  const { block } = takeIn({ ...LOOKING, records, next, maxBytes })
  if (block === undefined) return { kind: 'nothing' }
  return { kind: 'blocked', block: await wholeBlock(log, key, block) }
}

/**
 * How far what cannot be carried reaches. Of a damaged batch no field is to be believed: it ends where the next sound one begins. Where
 * none follows in its segment, its own word counts if the log goes on right there; else its end is unknown, and left as it is.
 */
export const wholeBlock = async (log: ReadLog, key: PartitionKey, block: Block): Promise<Block> => {
  if (block.reason === 'too-large') return { ...block, isWhole: true }
  for (let bytes = FIRST_BYTES; bytes <= MOST_BYTES; bytes *= 4) {
    const records = await log.read(key, block.from, bytes)
    const { sound, claimed } = behindDamage(records, block.from)
    if (sound !== undefined) return { ...block, to: sound, isWhole: true }
    if (claimed === undefined) break
    if (await goesOnAt(log, key, block.from, claimed)) {
      return { ...block, to: claimed, isWhole: true }
    }
  }
  return block
}

interface Behind {
  /** The first offset of the first sound batch. */
  readonly sound?: number
  /** Without one: where the last that is there says that it ends. */
  readonly claimed?: number
}

const behindDamage = (records: Buffer, from: number): Behind => {
  const cursor = recordSet(records)
  let claimed: number | undefined
  for (;;) {
    const item = nextBatch(cursor)
    if (item === 'bad-length') return {}
    if (item === 'end' || item === 'partial') {
      return claimed === undefined || claimed <= from ? {} : { claimed }
    }
    const first = firstOfSound(cursor)
    if (first !== undefined && first > from) return { sound: first }
    if (item === 'batch') claimed = lastOffset(records, cursor.at) + 1
    else if (item === 'old-format') claimed = baseOffset(records, cursor.at) + 1
    else claimed = undefined
  }
}

/** The first offset of the batch or message at the cursor; undefined if it cannot be carried for anything but its size. */
const firstOfSound = ({ buf, at, length }: Readonly<RecordSetCursor>): number | undefined => {
  const records = buf.subarray(at, at + length)
  const { block } = takeIn({ ...LOOKING, records, next: 0, maxBytes: Number.POSITIVE_INFINITY })
  if (block !== undefined) return undefined
  if (magic(buf, at) === 2) return baseOffset(buf, at)
  // A compressed set carries the offset of its last message.
  const table = new RecordTable()
  table.load(buf, at, 0)
  return table.offsets[0]
}

/** Whether the log holds nothing between the damage and `end`: what is asked for right below is still the damage, and behind it is sound. */
const goesOnAt = async (
  log: ReadLog,
  key: PartitionKey,
  from: number,
  end: number,
): Promise<boolean> => {
  const { end: logEnd } = await log.ends(key)
  if (end > logEnd) return false
  const below = recordSet(await log.read(key, end - 1, 1))
  const isDamage = nextBatch(below) !== 'end' && firstOfSound(below) === undefined
  if (!isDamage || baseOffset(below.buf, below.at) > from) return false
  if (end === logEnd) return true
  const behind = recordSet(await log.read(key, end, 1))
  const item = nextBatch(behind)
  if (item !== 'batch' && item !== 'old-format') return false
  const first = firstOfSound(behind)
  return first !== undefined && first >= end
}
