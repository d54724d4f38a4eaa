import type { TopicName } from '../domain/ids.ts'
import { ContentDigest } from './content-digest.ts'
import { DecodedBatch, decode } from './decoded-batch.ts'
import { type LogReader, nextBatchOf } from './log-reader.ts'
import type { ReadRange, ReadStop } from './log-stream.ts'

/** Offsets of one side, `to` exclusive. Blocks of a partition follow each other. */
export interface OffsetBlock {
  readonly from: number
  readonly to: number
}

/** `gone`: the log began above the block's first offset when it was to be read. */
export type BlockDigest = { readonly records: number; readonly sha256: string } | 'gone'

export interface BlocksToDigest {
  readonly reader: LogReader
  readonly topic: TopicName
  readonly partition: number
  readonly blocks: readonly OffsetBlock[]
  /** Ranges that are passed over unread. */
  readonly without?: ReadRange['without']
  readonly logStart: number
  readonly windowBytes: number
  /** Called now and then with how many records were read since the last call. */
  readonly count: (records: number) => void
}

/** Cannot be read on: why, and where. */
export interface Unreadable {
  readonly kind: 'unreadable'
  readonly detail: string
}

/** One digest for each block, in their order. Blocks that retention has reached, before or while it is read, are gone. */
export const digestBlocks = async (
  what: BlocksToDigest,
): Promise<readonly BlockDigest[] | Unreadable> => {
  const { blocks } = what
  const digests: BlockDigest[] = []
  let logStart = what.logStart
  for (;;) {
    while (digests.length < blocks.length && blocks[digests.length]!.from < logStart) {
      digests.push('gone')
    }
    if (digests.length === blocks.length) return digests
    const stop = await readOn(what, digests)
    if (stop.kind === 'failed') return { kind: 'unreadable', detail: stop.detail }
    // Retention was faster than we are: the block that was being read is gone, the others are read from there on.
    if (stop.kind === 'out-of-range') logStart = stop.logStart
  }
}

/** Reads from the first block that has no digest yet. */
const readOn = async (
  { reader, topic, partition, blocks, without, windowBytes, count }: BlocksToDigest,
  digests: BlockDigest[],
): Promise<ReadStop> => {
  const range = {
    topic,
    partition,
    from: blocks[digests.length]!.from,
    to: blocks.at(-1)!.to,
    ...(without !== undefined && { without }),
  }
  const stream = reader.read(range, windowBytes)
  const batch = new DecodedBatch()
  const digest = new ContentDigest()
  let end = blocks[digests.length]!.to
  const closeBlock = (): void => {
    digests.push(digest.close())
    end = blocks[digests.length]?.to ?? Number.POSITIVE_INFINITY
  }
  try {
    while ((await nextBatchOf(stream)) === 'batch') {
      const malformed = decode(batch, stream)
      if (malformed !== undefined) return malformed
      for (let row = 0; row < batch.count; row++) {
        while (batch.offsets[row]! >= end) closeBlock()
        digest.add(batch, row)
      }
      count(batch.count)
    }
    const stop = stream.stopped as ReadStop
    if (stop.kind === 'end') while (digests.length < blocks.length) closeBlock()
    return stop
  } finally {
    stream.close()
  }
}
