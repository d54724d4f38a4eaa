import fc from 'fast-check'
import { compressSync } from 'snappy'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  CODECS,
  codecsReady,
  compress,
  decompress,
  MalformedBatch,
} from '../../src/records/index.ts'

beforeAll(codecsReady)

const COMPRESSED = CODECS.filter((codec) => codec !== 'none')
const tooLarge = expect.objectContaining({ reason: 'decompressed-too-large' })
const broken = expect.objectContaining({ reason: 'bad-compression' })

describe.each(COMPRESSED)('%s', (codec) => {
  it('gives back what went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(60), (bytes, times) => {
        const plain = Buffer.concat(Array.from({ length: times }, () => bytes))
        const back = decompress(codec, compress(codec, plain))
        expect(back.equals(plain)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('obeys its limit, to the block', () => {
    const plain = Buffer.alloc(600_000, 'abc')
    const packed = compress(codec, plain)
    expect(packed.length).toBeLessThan(40_000)
    expect(() => decompress(codec, packed, 500_000)).toThrow(tooLarge)
    expect(decompress(codec, packed, 1_200_000).equals(plain)).toBe(true)
  })

  it('refuses a cut-off stream', () => {
    const packed = compress(codec, Buffer.from('ferry '.repeat(50_000)))
    for (const length of [0, 1, 5, 9, 17, packed.length >> 1, packed.length - 1]) {
      // An empty input is an empty snappy stream to nobody but us: it has no length either.
      expect(() => decompress(codec, packed.subarray(0, length))).toThrow(broken)
    }
  })

  it('answers damage with a typed error, and never with more than its limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const packed = Buffer.from(compress(codec, Buffer.from('ferry '.repeat(20_000))))
          for (const [at, byte] of changes) packed[at % packed.length] = byte
          try {
            expect(decompress(codec, packed, 1 << 20).length).toBeLessThanOrEqual(1 << 20)
          } catch (error) {
            if (!(error instanceof MalformedBatch)) throw error
          }
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('snappy framings', () => {
  const plain = Buffer.from('ferry '.repeat(20_000))

  it('raw, as librdkafka and Go write it', () => {
    expect(decompress('snappy', compressSync(plain)).equals(plain)).toBe(true)
  })

  it('xerial, as Java writes it: header, chunks of 32 KiB', () => {
    const packed = compress('snappy', plain)
    expect(packed.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001')
    const chunk = packed.readInt32BE(16)
    expect(decompress('snappy', packed.subarray(20, 20 + chunk)).length).toBe(32 * 1024)
  })

  it('xerial streams one after the other', () => {
    const packed = compress('snappy', plain)
    const twice = decompress('snappy', Buffer.concat([packed, packed]))
    expect(twice.equals(Buffer.concat([plain, plain]))).toBe(true)
  })

  it('a length that lies about what follows, in either framing', () => {
    const bomb = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])
    expect(() => decompress('snappy', bomb)).toThrow(tooLarge)
    const xerial = Buffer.concat([
      compress('snappy', plain).subarray(0, 16),
      Buffer.from([0, 0, 0, 6]),
      bomb,
    ])
    expect(() => decompress('snappy', xerial)).toThrow(tooLarge)
    xerial[19] = 7
    expect(() => decompress('snappy', xerial)).toThrow(broken)
    xerial[16] = 0x80
    expect(() => decompress('snappy', xerial)).toThrow('a chunk of -')
    expect(() => decompress('snappy', xerial.subarray(0, 18))).toThrow(broken)
  })

  it('the limit is that of all chunks together, before the next is looked at', () => {
    const packed = compress('snappy', plain)
    const cut = packed.subarray(0, packed.length - 1)
    expect(() => decompress('snappy', cut)).toThrow(broken)
    expect(() => decompress('snappy', cut, 40_000)).toThrow(tooLarge)
  })
})

describe('frames', () => {
  const skippable = Buffer.from('5a2a4d180200000099990000', 'hex').subarray(0, 10)

  it.each(['lz4', 'zstd'] as const)('%s: several, and skippable ones between', (codec) => {
    const one = compress(codec, Buffer.from('one '.repeat(1000)))
    const two = compress(codec, Buffer.from('two'))
    const both = decompress(codec, Buffer.concat([skippable, one, skippable, two]))
    expect(both.toString()).toBe(`${'one '.repeat(1000)}two`)
    expect(() => decompress(codec, skippable)).toThrow(broken)
    expect(() => decompress(codec, one.subarray(0, one.length - 1))).toThrow('a frame is cut off')
    expect(() => decompress(codec, Buffer.alloc(20, 1))).toThrow(`not a frame of ${codec}`)
  })

  it('lz4 is framed as Kafka demands: version 1, independent blocks, end mark', () => {
    const packed = compress('lz4', Buffer.alloc(300_000, 'abc'))
    expect(packed.readUInt32LE(0)).toBe(0x184d2204)
    expect(packed[4]! & 0xe0).toBe(0x60)
    expect(packed.readUInt32LE(packed.length - 4)).toBe(0)
  })

  /** A zstd frame without content size, as streaming writers (the Java clients) make it. */
  const streamed = (...blocks: Buffer[]): Buffer =>
    Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...blocks])
  const block = (last: boolean, type: number, size: number, ...bytes: number[]): Buffer => {
    const header = Buffer.alloc(3)
    header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3)
    return Buffer.concat([header, Buffer.from(bytes)])
  }

  it('zstd without a content size, beyond any default buffer', () => {
    const repeats = Array.from({ length: 40 }, () => block(false, 1, 131_072, 120))
    const packed = streamed(...repeats, block(true, 0, 2, 1, 2))
    expect(decompress('zstd', packed).length).toBe(40 * 131_072 + 2)
    expect(() => decompress('zstd', packed, 40 * 131_072)).toThrow(tooLarge)
  })

  it('zstd: a size above what its blocks can yield is not believed', () => {
    const lie = Buffer.concat([Buffer.from('28b52ffda0ffffff7f', 'hex'), block(true, 0, 1, 7)])
    expect(() => decompress('zstd', lie)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('frame of') }),
    )
    expect(() => decompress('zstd', streamed(block(true, 3, 1, 7)))).toThrow(
      expect.objectContaining({ message: expect.stringContaining('unknown type') }),
    )
  })
})
