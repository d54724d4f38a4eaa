import { crc32c } from '@node-rs/crc32'

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}

/** A record batch of format v2 with values only, without producer id. */
export const batchOf = (values: readonly string[], timestamp = Date.now()): Buffer => {
  const records = values.map((text, i) => {
    const value = Buffer.from(text)
    const body = Buffer.concat([
      Buffer.from([0]),
      varint(0),
      varint(i),
      varint(-1),
      varint(value.length),
      value,
      varint(0),
    ])
    return Buffer.concat([varint(body.length), body])
  })
  const payload = Buffer.concat(records)
  const batch = Buffer.alloc(61 + payload.length)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt32BE(values.length - 1, 23)
  batch.writeBigInt64BE(BigInt(timestamp), 27)
  batch.writeBigInt64BE(BigInt(timestamp), 35)
  batch.writeBigInt64BE(-1n, 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(values.length, 57)
  payload.copy(batch, 61)
  batch.writeInt32BE(crc32c(batch.subarray(21)) | 0, 17)
  return batch
}
