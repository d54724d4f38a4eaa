import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROJECT_FOLDER } from '../kafka/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'ferry-counts-'))

/** A report with a file for each entry: how each of its tests ended. A file without tests is one that could not begin. */
const report = (name: string, files: Readonly<Record<string, readonly string[]>>): string => {
  const path = join(folder, name)
  const testResults = Object.entries(files).map(([file, statuses]) => ({
    name: file,
    status: statuses.every((status) => status === 'passed') && statuses[0] ? 'passed' : 'failed',
    assertionResults: statuses.map((status, i) => ({ status, fullName: `test ${i}` })),
  }))
  writeFileSync(path, JSON.stringify({ testResults }))
  return path
}

const counts = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(PROJECT_FOLDER, '.ci/counts.mjs'), ...args],
    { encoding: 'utf8' },
  )
  return { status, stdout: stdout.trim(), stderr }
}

test('what failed, was skipped or could not begin is counted as failed', () => {
  const all = report('all', { a: ['passed', 'passed'], b: ['passed'] })
  expect(counts('close', all)).toMatchObject({ status: 0, stdout: '3 passed, 0 failed' })
  const some = report('some', { a: ['passed', 'failed'], b: ['passed'], c: [], d: ['skipped'] })
  expect(counts('close', some)).toMatchObject({ status: 1, stdout: '2 passed, 3 failed' })
  expect(counts('close', report('none', {}))).toMatchObject({ status: 1 })
})

test('up to two files are run again; what passes only then is named', () => {
  const first = report('first', { a: ['passed', 'failed'], b: ['passed'], c: [] })
  expect(counts('failed', first).stdout).toBe('a\nc')
  const second = report('second', { a: ['passed', 'passed'], c: ['passed'] })
  const closed = counts('close', first, second)
  expect(closed).toMatchObject({ status: 0, stdout: '4 passed, 0 failed' })
  expect(closed.stderr).toMatch(/UNSTABLE: a > test 1: .*\n.*UNSTABLE: c > the whole file/)
  const twice = report('twice', { a: ['passed', 'failed'], c: ['passed'] })
  expect(counts('close', first, twice)).toMatchObject({ status: 1, stdout: '3 passed, 1 failed' })
})

test('where more files failed none is run again', () => {
  const many = report('many', { a: ['failed'], b: ['failed'], c: ['failed'] })
  expect(counts('failed', many).stdout).toBe('')
})
