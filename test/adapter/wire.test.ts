import { describe, expect, test } from 'vitest'
import { errorName, isRetriable } from '../../src/kafka/error-codes.ts'
import { Fault } from '../../src/kafka/faults.ts'
import { FrameReader, NotKafka } from '../../src/kafka/frame-reader.ts'
import { settle } from '../../src/kafka/settle.ts'
import { Decoder, MalformedAnswer } from '../../src/kafka/wire/decoder.ts'
import { Encoder } from '../../src/kafka/wire/encoder.ts'

describe.each([true, false])('encoder and decoder, flexible %s', (flexible) => {
  test('read back what was written', () => {
    const to = new Encoder(flexible)
    to.int8(-3)
      .int16(-300)
      .int32(70_000)
      .int64(-(2n ** 62n))
      .float64(1.5)
      .boolean(true)
    to.uvarint(0).uvarint(127).uvarint(128).uvarint(4_294_967_295)
    to.string('grün').nullableString(null).bytes(Buffer.alloc(2_000, 7))
    to.array(['a', 'b'], (value) => to.string(value).tags())
      .array(null, () => undefined)
      .tags()
    const from = new Decoder(to.finish(), flexible)
    expect([from.int8(), from.int16(), from.int32(), from.int64()]).toEqual([
      -3,
      -300,
      70_000,
      -(2n ** 62n),
    ])
    expect([from.float64(), from.boolean()]).toEqual([1.5, true])
    expect([from.uvarint(), from.uvarint(), from.uvarint(), from.uvarint()]).toEqual([
      0, 127, 128, 4_294_967_295,
    ])
    expect([from.string(), from.nullableString()]).toEqual(['grün', null])
    expect(from.bytes()).toEqual(Buffer.alloc(2_000, 7))
    const strings = from.array(() => {
      const value = from.string()
      from.tags()
      return value
    })
    expect(strings).toEqual(['a', 'b'])
    expect(from.nullableArray(() => 1)).toBeNull()
    from.tags()
  })

  test('refuse what is cut off', () => {
    const to = new Encoder(flexible)
    to.bytes(Buffer.alloc(10))
    const from = new Decoder(to.finish().subarray(0, 8), flexible)
    expect(() => from.bytes()).toThrow(MalformedAnswer)
  })

  test('refuse an int64 above 2^53', () => {
    const to = new Encoder(flexible)
      .int64(2n ** 53n)
      .int64(2n ** 53n - 1n)
      .int64(-5n)
    expect(() => new Decoder(to.finish(), flexible).safeInt64()).toThrow(MalformedAnswer)
    const from = new Decoder(to.finish(), flexible, 8)
    expect([from.safeInt64(), from.safeInt64()]).toEqual([2 ** 53 - 1, -5])
  })
})

test('frames are the same however the stream is cut', () => {
  const frames = [4, 5, 100, 70_000, 4].map((size, i) => Buffer.alloc(size, i + 1))
  const stream = Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return [size, frame]
    }),
  )
  for (const chunk of [1, 3, 7, 64, 65_536, stream.length]) {
    const read: Buffer[] = []
    const reader = new FrameReader((frame) => read.push(frame))
    for (let at = 0; at < stream.length; at += chunk) reader.push(stream.subarray(at, at + chunk))
    expect(read.every((frame, i) => frame.equals(frames[i]!))).toBe(true)
    expect(read).toHaveLength(frames.length)

    const direct: Buffer[] = []
    const reading = new FrameReader(
      (frame) => direct.push(frame),
      (bytes) => Buffer.alloc(bytes + 13, 255),
    )
    for (let at = 0; at < stream.length; ) {
      const copied = stream.copy(reading.space(), 0, at, at + chunk)
      reading.filled(copied)
      at += copied
    }
    expect(direct.every((frame, i) => frame.equals(frames[i]!))).toBe(true)
    expect(direct).toHaveLength(frames.length)
  }
})

test('a TLS alert is not a frame', () => {
  const reader = new FrameReader(() => undefined)
  expect(() => reader.push(Buffer.from([0x15, 3, 3, 0, 2, 2, 80]))).toThrow(NotKafka)
})

test('error codes have names', () => {
  expect([errorName(-1), errorName(0), errorName(45), errorName(999)]).toEqual([
    'UNKNOWN_SERVER_ERROR',
    'error 0',
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'error 999',
  ])
  expect([isRetriable(6), isRetriable(45), isRetriable(999)]).toEqual([true, false, false])
})

describe('settle', () => {
  const fault = (retriable: boolean) =>
    new Fault({
      diagnostic: {
        code: 'FERRY1210',
        severity: 'error',
        summary: 'Cluster not ready',
        detail: 'It is not ready.',
        fix: 'Wait.',
      },
      retriable,
    })

  test('asks again for what failed for now, and only for that', async () => {
    const asked: (readonly string[])[] = []
    const answers = await settle(
      ['a', 'b', 'c'],
      async (pending, round) => {
        asked.push(pending)
        return new Map(
          pending.map((thing) => {
            if (thing === 'b' && round < 2) return [thing, fault(true)] as const
            return [thing, thing === 'c' ? fault(false) : { value: thing }] as const
          }),
        )
      },
      () => fault(true),
      { retryMs: 5_000, signal: undefined },
    )
    expect(asked).toEqual([['a', 'b', 'c'], ['b'], ['b']])
    expect([...answers.ok.keys()]).toEqual(['a', 'b'])
    expect([...answers.failed.keys()]).toEqual(['c'])
  })

  test('what an answer leaves out fails, and says how long was waited', async () => {
    const answers = await settle<string, number>(
      ['a', 'b'],
      async () => new Map([['a', { value: 1 }]]),
      () => fault(true),
      { retryMs: 100, signal: undefined },
    )
    expect(answers.ok).toEqual(new Map([['a', 1]]))
    expect(answers.failed.get('b')?.detail).toMatch(/tried again for \d+\.\d s\.$/)
  })
})
