import fc from 'fast-check'
import { expect, test } from 'vitest'
import { safeName } from '../../src/state/safe-name.ts'

test('plain names stay as they are', () => {
  expect(safeName('orders.events_v2-x')).toBe('orders.events_v2-x')
})

test('no name holds an upper-case letter, a separator or begins with a dot', () => {
  const names = ['Orders', '../x', 'a/b', '.', '..', '.hidden', 'ä', 'A'.repeat(300), 'con:1']
  expect(names.map(safeName).filter((name) => !/^[a-z0-9_~%-][a-z0-9._~%-]*$/.test(name))).toEqual(
    [],
  )
  expect(names.map(safeName).filter((name) => name.length > 170)).toEqual([])
})

test('different names stay different', () => {
  const pair = fc.tuple(
    fc.string({ unit: fc.constantFrom(...'aA~%.2e_') }),
    fc.string({ unit: fc.constantFrom(...'aA~%.2e_') }),
  )
  fc.assert(fc.property(pair, ([one, other]) => one === other || safeName(one) !== safeName(other)))
})
