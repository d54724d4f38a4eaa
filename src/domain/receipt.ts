import { canonicalJson, digestOf, sha256 } from './canonical-json.ts'
import { runsOf } from './index-runs.ts'
import type { OffsetIndex } from './offset-index.ts'
import type { SyncedPosition } from './step.ts'

export const RECEIPT_FORMAT_VERSION = '1.0'

/**
 * What a migration was when it was retired, in figures that anybody can take again: `ferry verify NAME --receipt` does. Canonical JSON
 * without secrets. Offsets and counts are integers; times are ISO 8601 in UTC.
 */
export interface Receipt {
  readonly formatVersion: typeof RECEIPT_FORMAT_VERSION
  readonly kind: 'ferry-receipt'
  readonly migration: string
  /** Of the state: tells two migrations of one name apart. */
  readonly lineage: string
  /** The plan that retired it: SHA-256 of the plan file. */
  readonly plan: string
  readonly by: { readonly user: string; readonly host: string; readonly toolVersion: string }
  readonly at: string
  readonly clusters: {
    readonly source: { readonly name: string; readonly id: string }
    readonly target: { readonly name: string; readonly id: string }
  }
  /** By topic and partition. */
  readonly partitions: readonly ReceiptPartition[]
  readonly groups: readonly ReceiptGroup[]
  /** Source records that came after the seal and were appended by `ferry salvage`; `to` is exclusive. */
  readonly salvaged: readonly ReceiptRange[]
  /**
   * Source records that came after the seal and were gone by retention before they were salvaged: on no cluster, which somebody accepted. Or of
   * which nobody can tell whether they were.
   */
  readonly lost: readonly ReceiptLoss[]
  /** SHA-256 of the canonical JSON of everything else, and a newline: an edit is found. */
  readonly digest: string
}
export type ReceiptBody = Omit<Receipt, 'digest'>

export interface ReceiptPartition {
  readonly topic: string
  readonly partition: number
  readonly offsets: 'identical' | 'dense'
  /** Null: brokers before 2.8 have no topic ids. */
  readonly topicIds: { readonly source: string | null; readonly target: string | null }
  readonly mark: {
    readonly sourceStart: number
    readonly targetStart: number
    readonly at: string
  }
  readonly seal: { readonly sourceEnd: number; readonly targetEnd: number; readonly at: string }
  /** Runs of records without a hole, and the SHA-256 of their lines as `ferry index export --format csv` writes them. */
  readonly index: { readonly runs: number; readonly sha256: string }
  /** Records between mark and seal. */
  readonly mirrored: number
  /** Those of them that the target held no more: retention or its cleaner took them. */
  readonly gone: number
  /** Source offsets `from` to `to` (exclusive) that were not mirrored, by decision; `code` is why mirroring had stopped there. */
  readonly acceptedGaps: readonly {
    readonly from: number
    readonly to: number
    readonly code: string
    readonly at: string
  }[]
  /** SHA-256 over a line `<records> <sha256>` for each block. */
  readonly sha256: string
  readonly blocks: readonly ReceiptBlock[]
}

/**
 * Records that follow each other; `to` is exclusive. The digest is SHA-256 over what a consumer sees of each record, in order: timestamp
 * (8 bytes, big endian), the record's attributes (1 byte), length of the content (4 bytes), and the content as record format 2 lays it
 * out: key length, key, value length, value, number of headers, each header. Offsets and batches are not in it, so both sides give the same.
 */
export interface ReceiptBlock {
  readonly sourceFrom: number
  readonly sourceTo: number
  readonly targetFrom: number
  readonly targetTo: number
  /** Of the offsets of this block, those that still had a record on the target. */
  readonly records: number
  readonly sha256: string
  /**
   * What the source held of it when the receipt was written: the same records; less, by retention; not the same, since each side's cleaner works
   * by itself: of those records both still had the same.
   */
  readonly source: 'equal' | 'gone' | 'compacted'
}

export interface ReceiptGroup {
  readonly group: string
  readonly at: string
  readonly positions: readonly ReceiptPosition[]
}

/** Null: no position. */
export interface ReceiptPosition {
  readonly topic: string
  readonly partition: number
  /** Before: where the group was on the source, and what it had on the target. */
  readonly source: number
  readonly targetBefore: number | null
  /** Offsets from there to the mark, where mirroring began: the group had not read them, and they are not on the target. Absent: none. */
  readonly skipped?: number
  /** After: what was written on the target, how it was proved, and where the group was when the migration was retired. */
  readonly target: number
  readonly proof: SyncedPosition['proof']
  readonly atRetire: number | null
}

export interface ReceiptRange {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly at: string
}

export interface ReceiptLoss extends ReceiptRange {
  /** True: gone before anybody saw whether a record of it came late. */
  readonly unseen: boolean
  /** True: a salvage sent it and broke off; whether it is on the target is not known. Absent: it is not. */
  readonly unsure?: boolean
  readonly by: { readonly user: string; readonly host: string }
}

/** Adds the digest. */
export const closeReceipt = (body: ReceiptBody): Receipt => ({ ...body, digest: digestOf(body) })

/** The file. */
export const receiptText = (receipt: Receipt): string => `${canonicalJson(receipt)}\n`

/** False if anything in it is not what it was when the digest was made. */
export const isUnchanged = ({ digest, ...body }: Receipt): boolean => digestOf(body) === digest

/** Of a whole partition. */
export const digestOfBlocks = (
  blocks: readonly Pick<ReceiptBlock, 'records' | 'sha256'>[],
): string => sha256(blocks.map((block) => `${block.records} ${block.sha256}\n`).join(''))

/** The offset index of a partition as a digest: of the lines that `ferry index export --format csv` writes of it. */
export const indexFigures = (index: OffsetIndex): ReceiptPartition['index'] => {
  const { topic, partition } = index.mark
  const lines: string[] = []
  for (const { from, to, target } of runsOf(index)) {
    lines.push(`${topic},${partition},${from},${to},${target}\n`)
  }
  return { runs: lines.length, sha256: sha256(lines.join('')) }
}
