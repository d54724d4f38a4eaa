import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileStore } from '../../src/state/file-store.ts'
import { fullState, holder, sampleProgress } from './samples.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-crash-'))
})
afterEach(() => rm(directory, { recursive: true }))

const KILLS = 15

/** Answers the last serial and journal entry that the writer was told are durable when it was killed. */
const writeAndKill = async (afterMs: number): Promise<{ serial: number; seq: number }> => {
  const script = join(import.meta.dirname, 'write-forever.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, directory])
  let said = ''
  let errors = ''
  child.stderr.on('data', (data) => (errors += data))
  child.stdout.on('data', (data) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
    said += data
  })
  await once(child, 'close')
  const [serial, seq] = said.split('\n').at(-2)?.split(' ') ?? []
  if (!serial || !seq) throw new Error(`the writer said nothing: ${errors}`)
  return { serial: Number(serial), seq: Number(seq) }
}

test('whenever its writer is killed, the state can be read and holds all that was durable', {
  timeout: 300_000,
}, async () => {
  let lastSerial = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const durable = await writeAndKill(Math.random() * 60)
    const store = new FileStore(directory)
    const state = await store.readDecisions('orders')
    const journal = await store.readJournal('orders')
    const progress = await store.readProgress('orders')

    expect(durable.serial).toBeGreaterThan(lastSerial)
    expect(state).toEqual(fullState(state?.serial ?? -1))
    expect([durable.serial, durable.serial + 1]).toContain(state?.serial)
    expect([durable.seq, durable.seq + 1]).toContain(journal.length)
    for (const one of progress.values())
      expect(one).toEqual(sampleProgress(one.topic, one.partition))

    const lock = await store.lock('orders', holder({ host: hostname() }))
    expect(lock.takenOverFrom?.operation).toBe('apply orders')
    lastSerial = (state?.serial ?? 0) + 1
    await store.writeDecisions(fullState(lastSerial), lastSerial - 1)
    await lock.release()
  }
})
