import * as zlib from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync, uncompressSync } from 'snappy'
import type { Codec } from './batch.ts'
import { MalformedBatch } from './errors.ts'
import { boundLz4, boundZstd, type Frame } from './frames.ts'

/** What one batch may decompress to unless the caller says otherwise, in bytes: far above any broker's message limit. */
export const MAX_DECOMPRESSED = 128 * 1024 * 1024

/** Node has zstd from 22.15 on; the types of Node 20 do not know it. */
interface NodeZstd {
  zstdCompressSync(bytes: Uint8Array): Buffer
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer
}

interface Zstd {
  compress(bytes: Uint8Array): Buffer
  /** One frame, which yields at most `bound` bytes. */
  decompress(frame: Uint8Array, bound: number): Buffer
}

const inNode = (): Zstd | undefined => {
  if (!('zstdDecompressSync' in zlib)) return undefined
  const native = zlib as unknown as NodeZstd
  return {
    compress: (bytes) => native.zstdCompressSync(bytes),
    decompress: (frame, bound) =>
      native.zstdDecompressSync(frame, { maxOutputLength: Math.max(bound, 1) }),
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const inWasm = async (): Promise<Zstd> => {
  const wasm = await import('@bokuweb/zstd-wasm')
  await wasm.init()
  return {
    compress: (bytes) => asBuffer(wasm.compress(bytes)),
    // Frames of streaming writers, such as Kafka's Java clients, do not say how large they get: hence the bound.
    decompress: (frame, bound) => asBuffer(wasm.decompress(frame, { defaultHeapSize: bound })),
  }
}

let zstd: Zstd | undefined = inNode()
let zstdStarting: Promise<void> | undefined

/**
 * Settles once every codec can be used. Only zstd needs it, on Node before 22.15 (a WebAssembly module is loaded); calling it
 * again costs nothing.
 */
export const codecsReady = (): Promise<void> => {
  if (zstd !== undefined) return Promise.resolve()
  zstdStarting ??= inWasm().then((loaded) => {
    zstd = loaded
  })
  return zstdStarting
}

const readyZstd = (): Zstd => {
  if (zstd === undefined) throw new Error('zstd was used before codecsReady() settled')
  return zstd
}

const tooLarge = (maxBytes: number): MalformedBatch =>
  new MalformedBatch('decompressed-too-large', `more than ${maxBytes} bytes`)

const broken = (codec: Codec, detail: string): MalformedBatch =>
  new MalformedBatch('bad-compression', `${codec}: ${detail}`)

/** Runs a library's decoder: what it throws on bad bytes becomes ours. */
const guarded = (codec: Codec, maxBytes: number, decode: () => Buffer): Buffer => {
  try {
    return decode()
  } catch (cause) {
    if (cause instanceof MalformedBatch) throw cause
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(maxBytes)
    }
    throw new MalformedBatch('bad-compression', codec, { cause })
  }
}

/** Frames one after the other, each with its own bound: refuses before anything is allocated for the output. */
const decodeFrames = (
  frames: readonly Frame[],
  bytes: Buffer,
  maxBytes: number,
  decode: (frame: Buffer, bound: number) => Buffer,
): Buffer => {
  if (frames.reduce((sum, frame) => sum + frame.bound, 0) > maxBytes) throw tooLarge(maxBytes)
  const parts = frames.map(({ start, end, bound }) => decode(bytes.subarray(start, end), bound))
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/**
 * Decompresses the records of a batch. `maxBytes` guards against small inputs that grow without end; for lz4 and zstd it is
 * held against what the blocks can yield at most, which is never more than one block above the truth for real writers.
 * Throws MalformedBatch (`bad-compression`, `decompressed-too-large`). zstd needs {@link codecsReady} first.
 */
export const decompress = (
  codec: Codec,
  bytes: Buffer,
  maxBytes: number = MAX_DECOMPRESSED,
): Buffer => {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return guarded(codec, maxBytes, () => zlib.gunzipSync(bytes, { maxOutputLength: maxBytes }))
    case 'snappy':
      return guarded(codec, maxBytes, () => decompressSnappy(bytes, maxBytes))
    case 'lz4':
      return guarded(codec, maxBytes, () =>
        decodeFrames(boundLz4(bytes), bytes, maxBytes, (frame) => decompressFrameSync(frame)),
      )
    case 'zstd': {
      const { decompress: decode } = readyZstd()
      return guarded(codec, maxBytes, () => decodeFrames(boundZstd(bytes), bytes, maxBytes, decode))
    }
  }
}

/**
 * Compresses the records of a batch the way Kafka's Java clients frame it. `level` is gzip's (1 to 9) and ignored by the
 * others. zstd needs {@link codecsReady} first.
 */
export const compress = (codec: Codec, bytes: Buffer, level?: number): Buffer => {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gzipSync(bytes, level === undefined ? {} : { level })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      // The library's default frame is what Kafka demands: independent blocks, an end mark, a header checksum.
      return compressFrameSync(bytes)
    case 'zstd':
      return readyZstd().compress(bytes)
  }
}

/**
 * The framing of snappy-java, which the Java clients write ("xerial"):
 *
 *     Stream => "\x82SNAPPY\0", version int32 (1), compatible int32 (1), [Chunk]
 *     Chunk  => length int32, raw snappy
 *
 * Other clients (librdkafka, Go) write one raw snappy block without it. Source: snappy-java's `SnappyCodec`, `SnappyOutputStream`.
 */
const XERIAL_MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1')
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
/** snappy-java's default block. Its readers allocate what a chunk says, so larger ones cost them memory. */
const XERIAL_CHUNK_BYTES = 32 * 1024

const startsXerial = (bytes: Buffer, at: number): boolean =>
  bytes.length - at >= XERIAL_HEADER.length &&
  bytes.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, at, at + XERIAL_MAGIC.length) === 0

/** Raw snappy begins with the length that it decompresses to, as an unsigned varint of at most 32 bits. */
const rawSnappyLength = (block: Buffer): number => {
  let length = 0
  for (let i = 0, factor = 1; i < 5 && i < block.length; i++, factor *= 128) {
    const byte = block[i]!
    length += (byte & 127) * factor
    if (byte < 128) return length
  }
  throw broken('snappy', 'no length')
}

const decompressRawSnappy = (block: Buffer, maxBytes: number): Buffer => {
  if (rawSnappyLength(block) > maxBytes) throw tooLarge(maxBytes)
  return uncompressSync(block, { asBuffer: true }) as Buffer
}

const decompressSnappy = (bytes: Buffer, maxBytes: number): Buffer => {
  if (!startsXerial(bytes, 0)) return decompressRawSnappy(bytes, maxBytes)
  const parts: Buffer[] = []
  let left = maxBytes
  let at = 0
  while (at < bytes.length) {
    // Streams that were put together repeat the header; snappy-java skips it, and so do we.
    if (startsXerial(bytes, at)) {
      at += XERIAL_HEADER.length
      continue
    }
    // Throws if fewer than 4 bytes are left, which `guarded` turns into ours.
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0 || length > bytes.length - at) {
      throw broken('snappy', `a chunk of ${length} bytes`)
    }
    const part = decompressRawSnappy(bytes.subarray(at, at + length), left)
    parts.push(part)
    left -= part.length
    at += length
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

const compressSnappy = (bytes: Buffer): Buffer => {
  const parts: Buffer[] = [XERIAL_HEADER]
  for (let at = 0; at < bytes.length; at += XERIAL_CHUNK_BYTES) {
    const chunk = compressSync(bytes.subarray(at, at + XERIAL_CHUNK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(chunk.length)
    parts.push(length, chunk)
  }
  return Buffer.concat(parts)
}
