import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { reasonOf, replaceText } from '../../src/app/write-text.ts'

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

test('why something cannot be written is told in words, also where nothing can be taken away there', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(replaceText(join(file, 'below'), 'text')).rejects.toMatchObject({
    diagnostics: [
      { code: 'FERRY1111', detail: expect.stringMatching(/a part of its path is a file/) },
    ],
  })
})

test.each([
  ['EACCES', 'the rights are missing'],
  ['EROFS', 'it is on a file system that is read-only'],
  ['EBUSY', 'it is in use: a mount of its own, as a container has it, cannot be replaced'],
  ['ENOSPC', 'no space is left for it'],
  ['EMFILE', 'EMFILE'],
])('%s is %s', (code, says) => {
  expect(reasonOf(Object.assign(new Error(`${code}: a path`), { code }))).toBe(says)
})
