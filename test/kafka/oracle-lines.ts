/** A field of bytes: null is not the same as empty. */
export type Text = string | null

/** A record as the oracle saw it. Hashes are the first 64 bits of SHA-256 in hex. */
export interface OracleRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly timestampType: 'NO_TIMESTAMP_TYPE' | 'CREATE_TIME' | 'LOG_APPEND_TIME'
  readonly keyHash: string | null
  readonly valueHash: string | null
  /** Over all headers in order: duplicates and null values count. */
  readonly headersHash: string
}

/** A record with its contents as UTF-8. */
export interface OracleTextRecord extends OracleRecord {
  readonly key: Text
  readonly value: Text
  readonly headers: readonly (readonly [name: string, value: Text])[]
}

/** All records of a partition in one hash; two partitions are equal if their digests are. */
export interface PartitionDigest {
  readonly partition: number
  readonly count: bigint
  /** -1 if there is no record. */
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly sha256: string
}

/** Where the log of a partition starts and ends. */
export interface PartitionOffsets {
  readonly partition: number
  readonly start: bigint
  /** The high watermark. */
  readonly end: bigint
  /** Where a read_committed consumer must stop: before the first open transaction. */
  readonly stable: bigint
}

/** A committed position of a group. */
export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** -1 if none was committed. */
  readonly leaderEpoch: number
  readonly metadata: string
}

/** What a write did to one partition. */
export interface PartitionWritten {
  readonly partition: number
  readonly count: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
}

type Fields = readonly string[]

/** The lines of one kind, split into fields. Other lines are a bug of the oracle. */
export function fieldsOf(output: string, kind: string): Fields[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [found, ...fields] = line.split('\t')
      if (found !== kind) throw new Error(`Unexpected line of the oracle: ${line}`)
      return fields
    })
}

export function parseRecord(fields: Fields): OracleRecord {
  const [partition, offset, timestamp, type, key, value, headers] = fields
  return {
    partition: Number(partition),
    offset: BigInt(offset!),
    timestamp: BigInt(timestamp!),
    timestampType: type as OracleRecord['timestampType'],
    keyHash: key === '-1' ? null : key!,
    valueHash: value === '-1' ? null : value!,
    headersHash: headers!,
  }
}

export function parseTextRecord(fields: Fields): OracleTextRecord {
  const parts = fields[9] ? fields[9].split(',') : []
  const headers: [string, Text][] = []
  for (let i = 0; i < parts.length; i += 2) {
    headers.push([decodeText(parts[i]!) ?? '', decodeText(parts[i + 1]!)])
  }
  return {
    ...parseRecord(fields),
    key: decodeText(fields[7]!),
    value: decodeText(fields[8]!),
    headers,
  }
}

/** Partition by partition, in the order of the log. */
export function byPosition(left: OracleRecord, right: OracleRecord): number {
  return left.partition - right.partition || Number(left.offset - right.offset)
}

export function parseDigest(fields: Fields): PartitionDigest {
  return { ...parseWritten(fields), sha256: fields[4]! }
}

export function parseWritten(fields: Fields): PartitionWritten {
  const [partition, count, first, last] = fields
  return {
    partition: Number(partition),
    count: BigInt(count!),
    firstOffset: BigInt(first!),
    lastOffset: BigInt(last!),
  }
}

export function parseOffsets(fields: Fields): PartitionOffsets {
  const [partition, start, end, stable] = fields
  return {
    partition: Number(partition),
    start: BigInt(start!),
    end: BigInt(end!),
    stable: BigInt(stable!),
  }
}

export function parseCommitted(fields: Fields): CommittedOffset {
  const [topic, partition, offset, epoch, metadata] = fields
  return {
    topic: topic!,
    partition: Number(partition),
    offset: BigInt(offset!),
    leaderEpoch: Number(epoch),
    metadata: decodeText(metadata!) ?? '',
  }
}

export function parseText([text]: Fields): string {
  return decodeText(text!) ?? ''
}

/** Text for the oracle's input: base64, or a dash for null. */
export function encodeText(text: Text): string {
  return text === null ? '-' : Buffer.from(text).toString('base64')
}

function decodeText(field: string): Text {
  return field === '-' ? null : Buffer.from(field, 'base64').toString()
}
