import { createHash, type Hash } from 'node:crypto'
import type { Timestamp } from '../records/int64.ts'
import type { RecordTable } from '../records/record-table.ts'

/** Hashing is by the piece: a call for each small record would cost more than the hash. */
const PIECE_BYTES = 64 * 1024
/** Timestamp, attributes, length of the content. */
const HEAD_BYTES = 13

/** SHA-256 over what consumers see of records, in the form that `ReceiptBlock` describes. Used again for the next block. */
export class ContentDigest {
  records = 0
  #hash: Hash = createHash('sha256')
  readonly #piece = Buffer.allocUnsafe(PIECE_BYTES)
  #at = 0

  add(table: RecordTable, row: number): void {
    const [start, end] = [table.starts[row]!, table.ends[row]!]
    const length = end - start
    if (this.#at + HEAD_BYTES + length > PIECE_BYTES) this.#flush()
    const piece = this.#piece
    this.#at = writeHead(piece, this.#at, table.timestamps[row]!, table.attributes[row]!, length)
    if (this.#at + length <= PIECE_BYTES) {
      table.bytes.copy(piece, this.#at, start, end)
      this.#at += length
    } else {
      this.#flush()
      this.#hash.update(table.bytes.subarray(start, end))
    }
    this.records++
  }

  /** The digest in hex and the count; begins anew. */
  close(): { readonly records: number; readonly sha256: string } {
    this.#flush()
    const closed = { records: this.records, sha256: this.#hash.digest('hex') }
    this.#hash = createHash('sha256')
    this.records = 0
    return closed
  }

  #flush(): void {
    if (this.#at === 0) return
    // Copied by `update` before it returns.
    this.#hash.update(this.#piece.subarray(0, this.#at))
    this.#at = 0
  }
}

const writeHead = (
  piece: Buffer,
  at: number,
  timestamp: Timestamp,
  attributes: number,
  length: number,
): number => {
  if (typeof timestamp === 'bigint') piece.writeBigInt64BE(timestamp, at)
  else {
    piece.writeInt32BE(Math.floor(timestamp / 4294967296), at)
    piece.writeUInt32BE(((timestamp % 4294967296) + 4294967296) % 4294967296, at + 4)
  }
  piece[at + 8] = attributes
  return piece.writeInt32BE(length, at + 9)
}
