import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, 'golden')
const scenarios = readdirSync(FOLDER)

/** Those need brokers for minutes; all others are made by `golden.test.ts` too, which CI runs. */
const SLOW_ONLY = [
  'drift',
  'gate-waiting',
  'locked',
  'partly-applied',
  'rollback-plan',
  'status-consumers',
  'status-moved',
  'verify-failing',
]

test(`each is made by a test; by the slow suite alone: ${SLOW_ONLY.join(', ')}`, () => {
  const notIn = (file: string) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    return scenarios.filter((name) => !text.includes(`'${name}'`))
  }
  expect(notIn('_golden-project.ts')).toEqual(SLOW_ONLY)
  const slow = new Set(notIn('golden.slow.test.ts'))
  expect(SLOW_ONLY.filter((name) => slow.has(name))).toEqual([])
})

test('at least 12 scenarios are compared in all three forms, each of them also by the short suite', () => {
  const all = ['expected.json', 'expected.md', 'expected.txt']
  const whole = scenarios.filter((name) => {
    const there = readdirSync(join(FOLDER, name))
    return all.every((form) => there.includes(form))
  })
  expect(whole.length, whole.join(' ')).toBeGreaterThanOrEqual(12)
  expect(whole.filter((name) => SLOW_ONLY.includes(name))).toEqual([])
})

test('the short suite runs every part that both have', () => {
  const parts = (file: string) =>
    new Set(readFileSync(join(import.meta.dirname, file), 'utf8').match(/(?<=gold\.)\w+(?=\(\))/g))
  const short = parts('golden.test.ts')
  const both = [...parts('golden.slow.test.ts')].filter((part) => part !== 'apply')
  expect(both.filter((part) => !short.has(part))).toEqual([])
  expect(both.length).toBeGreaterThan(6)
})
