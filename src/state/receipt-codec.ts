import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import {
  isUnchanged,
  RECEIPT_FORMAT_VERSION,
  type Receipt,
  type ReceiptBlock,
  type ReceiptGroup,
  type ReceiptLoss,
  type ReceiptPartition,
  type ReceiptPosition,
  type ReceiptRange,
} from '../domain/receipt.ts'
import {
  count,
  type Decoder,
  flag,
  instant,
  integer,
  listOf,
  Malformed,
  nullable,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'

const block = objectOf<ReceiptBlock>({
  sourceFrom: count,
  sourceTo: count,
  targetFrom: count,
  targetTo: count,
  records: count,
  sha256: text,
  source: oneOf('equal', 'gone', 'compacted'),
})

export const receiptPartition: Decoder<ReceiptPartition> = objectOf<ReceiptPartition>({
  topic: text,
  partition: count,
  offsets: oneOf('identical', 'dense'),
  topicIds: objectOf<ReceiptPartition['topicIds']>({
    source: nullable(text<string>),
    target: nullable(text<string>),
  }),
  mark: objectOf<ReceiptPartition['mark']>({ sourceStart: count, targetStart: count, at: instant }),
  seal: objectOf<ReceiptPartition['seal']>({ sourceEnd: count, targetEnd: count, at: instant }),
  index: objectOf<ReceiptPartition['index']>({ runs: count, sha256: text }),
  mirrored: count,
  gone: count,
  acceptedGaps: listOf(
    objectOf<ReceiptPartition['acceptedGaps'][number]>({
      from: count,
      to: count,
      code: text,
      at: instant,
    }),
  ),
  sha256: text,
  blocks: listOf(block),
})

const position = objectOf<ReceiptPosition>({
  topic: text,
  partition: count,
  source: integer,
  targetBefore: nullable(integer),
  skipped: optional(count),
  target: integer,
  proof: oneOf('record', 'boundary', 'cleaned', 'count', 'empty'),
  atRetire: nullable(integer),
})

const cluster = objectOf({ name: text<string>, id: text<string> })

export const receipt: Decoder<Receipt> = objectOf<Receipt>({
  formatVersion: oneOf(RECEIPT_FORMAT_VERSION),
  kind: oneOf('ferry-receipt'),
  migration: text,
  lineage: text,
  plan: text,
  by: objectOf<Receipt['by']>({ user: text, host: text, toolVersion: text }),
  at: instant,
  clusters: objectOf({ source: cluster, target: cluster }),
  partitions: listOf(receiptPartition),
  groups: listOf(objectOf<ReceiptGroup>({ group: text, at: instant, positions: listOf(position) })),
  salvaged: listOf(
    objectOf<ReceiptRange>({ topic: text, partition: count, from: count, to: count, at: instant }),
  ),
  lost: listOf(
    objectOf<ReceiptLoss>({
      topic: text,
      partition: count,
      from: count,
      to: count,
      unseen: flag,
      unsure: optional(flag),
      by: objectOf<ReceiptLoss['by']>({ user: text, host: text }),
      at: instant,
    }),
  ),
  digest: text,
})

/** A receipt of a file: strictly what was written. Throws FERRY1820 naming `where`. */
export const decodeReceipt = (source: string, where: string): Receipt => {
  const found = parsed(source, where)
  if (!isUnchanged(found)) {
    throw notAsWritten(where, 'its digest does not fit what it says: something was changed in it')
  }
  return found
}

const parsed = (source: string, where: string): Receipt => {
  try {
    return receipt(JSON.parse(source), '')
  } catch (error) {
    if (!(error instanceof Malformed || error instanceof SyntaxError)) throw error
    throw notAsWritten(where, `it is no receipt that this version can read (${error.message})`)
  }
}

const notAsWritten = (where: string, why: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1820',
      detail: `${where}: ${why}.`,
      fix: 'Take the file that was written when the migration was retired; `ferry receipt NAME -o FILE` writes it again from the state.',
    }),
  )
