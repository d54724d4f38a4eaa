import type { Answers } from '../domain/answers.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../domain/ids.ts'
import type { ReceiptBlock, ReceiptPartition } from '../domain/receipt.ts'
import type { TopicDescription } from '../kafka/cluster.ts'
import { type BlockDigest, digestBlocks } from './digest-blocks.ts'
import type { LogReader } from './log-reader.ts'
import { notConfirmed } from './receipt-words.ts'
import { exact } from './translator.ts'

/** One cluster, as far as a receipt asks about it. */
export interface SideOfReceipt {
  readonly side: 'source' | 'target'
  readonly name: string
  readonly reader: LogReader
  readonly topics: Answers<TopicName, TopicDescription | 'absent'>
  readonly starts: Answers<PartitionKey, bigint>
  readonly ends: Answers<PartitionKey, bigint>
  /** Topics whose cleaner may have removed single records. */
  readonly compacted: ReadonlySet<TopicName>
}

export interface CheckedBlocks {
  /** Records of blocks whose digest is the same. */
  readonly confirmed: number
  readonly problems: readonly Diagnostic[]
}

const WINDOW_BYTES = 1024 * 1024

/** Reads the blocks of a partition again, on one side. On the source nothing need be there any more; on the target only retention may take. */
export const checkBlocks = async (
  part: ReceiptPartition,
  side: SideOfReceipt,
  count: (records: number) => void,
): Promise<CheckedBlocks> => {
  const topic = part.topic as TopicName
  const key = partitionKey(topic, part.partition)
  const failure =
    side.topics.failed.get(topic) ?? side.starts.failed.get(key) ?? side.ends.failed.get(key)
  if (failure !== undefined) return { confirmed: 0, problems: [failure] }
  const found = side.topics.ok.get(topic)
  const other = anotherTopic(part, side, found)
  if (other !== undefined) {
    // The old cluster is shut down one day, and its topics with it.
    return { confirmed: 0, problems: side.side === 'source' ? [] : [notConfirmed(part, other)] }
  }
  const [start, end] = [exact(side.starts.ok.get(key)!), exact(side.ends.ok.get(key)!)]
  const wanted = side.side === 'source' ? part.seal.sourceEnd : part.seal.targetEnd
  if (end < wanted) {
    const lost = `the log on ${side.name} ends at ${end}, below the seal at ${wanted}: its end was lost`
    return { confirmed: 0, problems: [notConfirmed(part, lost)] }
  }
  const blocks = part.blocks.filter((block) => side.side === 'target' || block.source === 'equal')
  const digests = await digestBlocks({
    reader: side.reader,
    topic,
    partition: part.partition,
    blocks: blocks.map((block) => offsetsOf(block, side)),
    ...(side.side === 'source' && { without: part.acceptedGaps }),
    logStart: start,
    windowBytes: WINDOW_BYTES,
    count,
  })
  if ('kind' in digests) return { confirmed: 0, problems: [notConfirmed(part, digests.detail)] }
  return judge(part, side, blocks, digests)
}

const judge = (
  part: ReceiptPartition,
  side: SideOfReceipt,
  blocks: readonly ReceiptBlock[],
  digests: readonly BlockDigest[],
): CheckedBlocks => {
  let confirmed = 0
  const problems: Diagnostic[] = []
  for (const [i, block] of blocks.entries()) {
    const now = digests[i]!
    if (now === 'gone') continue
    if (now.sha256 === block.sha256 && now.records === block.records) {
      confirmed += block.records
      continue
    }
    if (side.compacted.has(part.topic as TopicName) && now.records < block.records) continue
    const { from, to } = offsetsOf(block, side)
    const count =
      now.records === block.records
        ? `its ${block.records} records are not those of the receipt`
        : `it holds ${now.records} records there, the receipt says ${block.records}`
    problems.push(notConfirmed(part, `offsets ${from} to ${to - 1} on ${side.name}: ${count}`))
  }
  return { confirmed, problems }
}

const offsetsOf = (block: ReceiptBlock, { side }: SideOfReceipt) =>
  side === 'source'
    ? { from: block.sourceFrom, to: block.sourceTo }
    : { from: block.targetFrom, to: block.targetTo }

const anotherTopic = (
  { topicIds }: ReceiptPartition,
  { side, name }: SideOfReceipt,
  found: TopicDescription | 'absent' | undefined,
): string | undefined => {
  if (found === undefined || found === 'absent') return `the topic is not on ${name} any more`
  const was = topicIds[side]
  return was !== null && found.topicId !== undefined && found.topicId !== was
    ? `the topic on ${name} has id ${found.topicId}, but had ${was}: it was made anew`
    : undefined
}
