/**
 * Writes decisions, journal and progress until it is killed, and says on stdout what it was told is durable. Run by
 * `file-store-crash.test.ts` with the store's folder as its argument.
 */
import { writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { FileStore } from '../../src/state/file-store.ts'
import { AT, fullState, holder, sampleProgress } from './samples.ts'

const store = new FileStore(process.argv[2] ?? '')
await store.lock('orders', holder({ host: hostname() }))
for (;;) {
  const serial = (await store.readDecisions('orders'))?.serial ?? 0
  await store.writeDecisions(fullState(serial + 1), serial)
  const entry = await store.appendJournal('orders', {
    at: AT,
    plan: 'd'.repeat(64),
    what: { kind: 'intent', step: `mirror-topic/${'x'.repeat(serial % 3000)}` },
  })
  await store.writeProgress('orders', [sampleProgress('orders.events', serial % 3)])
  writeSync(1, `${serial + 1} ${entry.seq}\n`)
}
