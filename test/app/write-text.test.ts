import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { replaceText } from '../../src/app/write-text.ts'

const folder = mkdtempSync(join(tmpdir(), 'ferry-write-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a pipe is written to and stays one: a device that is replaced is none any more, for everybody', async () => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const reader = spawn('cat', [pipe])
  const [read] = await Promise.all([text(reader.stdout), replaceText(pipe, ['a ', 'plan'], 0o600)])
  expect(read).toBe('a plan')
  expect(statSync(pipe).isFIFO()).toBe(true)
  expect(readdirSync(folder)).toEqual(['pipe'])
})
