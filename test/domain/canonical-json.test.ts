import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  canonicalFile,
  canonicalJson,
  canonicalLine,
  digestOf,
  sha256,
} from '../../src/domain/canonical-json.ts'
import { Secret } from '../../src/domain/secret.ts'

test('keys are sorted, whatever their order, digits and __proto__ too', () => {
  const value = JSON.parse('{"b":1,"10":2,"9":3,"__proto__":4,"B":5,"a":{"d":[],"c":{}}}')
  expect(canonicalLine(value)).toBe('{"10":2,"9":3,"B":5,"__proto__":4,"a":{"c":{},"d":[]},"b":1}')
})

test('a pretty text has an indent of two', () => {
  expect(canonicalJson({ b: [1, { c: null }], a: 'x' })).toBe(
    '{\n  "a": "x",\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ]\n}',
  )
})

test('a bigint becomes digits in quotes; an undefined member is left out', () => {
  expect(canonicalLine({ a: 2n ** 64n, b: undefined })).toBe('{"a":"18446744073709551616"}')
})

test('it reads back as what JSON makes of the value, and is the same when written again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const write of [canonicalJson, canonicalLine]) {
        const text = write(value)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(write(JSON.parse(text))).toBe(text)
      }
    }),
  )
})

test.each([
  ['a Map', new Map()],
  ['a Date', new Date(0)],
  ['a Secret', new Secret('x')],
  ['NaN', Number.NaN],
  ['a function', () => {}],
])('%s is refused, with its place', (_, value) => {
  expect(() => canonicalJson({ a: [value] })).toThrow('at /a/0')
})

test('an undefined item and a cycle are refused', () => {
  expect(() => canonicalLine([undefined])).toThrow('undefined at /0')
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  expect(() => canonicalLine(cycle)).toThrow('a cycle')
})

test('a file is that text and a newline, in pieces', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 5 }), (value, depth) => {
      expect([...canonicalFile(value, depth)].join('')).toBe(`${canonicalJson(value)}\n`)
    }),
  )
  const many = { steps: Array.from({ length: 5_000 }, (_, i) => ({ id: `step-${i}`, says: [] })) }
  const pieces = [...canonicalFile(many)]
  expect(pieces.join('')).toBe(`${canonicalJson(many)}\n`)
  expect(pieces.length).toBeGreaterThan(2)
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(70_000)
  // Deeper where that is asked for.
  const deep = [...canonicalFile({ plans: [many, many] }, 4)]
  expect(Math.max(...deep.map((piece) => piece.length))).toBeLessThan(70_000)
})

test('a digest is that of the file', () => {
  expect(digestOf({ a: 1 })).toBe(sha256('{\n  "a": 1\n}\n'))
})
