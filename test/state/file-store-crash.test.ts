import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'vitest'
import { FileStore } from '../../src/state/file-store.ts'
import { killWriters } from './kill-writer.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('whenever its writer is killed, the state can be read and holds all that was durable', {
  timeout: 300_000,
}, async () => {
  await killWriters(async () => new FileStore(directory), [directory], { kills: 15, withinMs: 60 })
})
