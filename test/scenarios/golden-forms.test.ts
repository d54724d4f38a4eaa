import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, 'golden')
const scenarios = readdirSync(FOLDER)

test('at least 12 scenarios are compared in all three forms', () => {
  const all = ['expected.json', 'expected.md', 'expected.txt']
  const whole = scenarios.filter((name) => {
    const there = readdirSync(join(FOLDER, name))
    return all.every((form) => there.includes(form))
  })
  expect(whole.length, whole.join(' ')).toBeGreaterThanOrEqual(12)
})

test('each is made by a test', () => {
  const tests = ['_golden-project.ts', 'golden.slow.test.ts']
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .join('')
  expect(scenarios.filter((name) => !tests.includes(`'${name}'`))).toEqual([])
})
