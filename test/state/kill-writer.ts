import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { StateStore } from '../../src/state/state-store.ts'
import { fullState, holder, sampleProgress } from './samples.ts'

/** What the writer was last told is durable before it was killed. */
interface Durable {
  readonly serial: number
  readonly seq: number
}

/** Runs `write-forever.ts` and kills it so long after its first word. */
const writeAndKill = async (args: readonly string[], afterMs: number): Promise<Durable> => {
  const script = join(import.meta.dirname, 'write-forever.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args])
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

/** Kills writers of `orders` at any moment, and expects each time that all that was durable is there, and that the next one can go on. */
export const killWriters = async (
  open: () => Promise<StateStore>,
  args: readonly string[],
  { kills, withinMs }: { readonly kills: number; readonly withinMs: number },
): Promise<void> => {
  let lastSerial = 0
  for (let kill = 0; kill < kills; kill++) {
    const durable = await writeAndKill(args, Math.random() * withinMs)
    const store = await open()
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
}
