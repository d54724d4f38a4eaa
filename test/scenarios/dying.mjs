/**
 * Loaded before the built ferry (NODE_OPTIONS=--import): makes it die, or stand still, at points around its writes to the state, each point
 * once over all runs that share FERRY_DIE_LOG. FERRY_DIE_AT is what the point's name must match: `before result mirror/orders`.
 */
import { appendFileSync, readFileSync } from 'node:fs'

const { FERRY_DIE_LOG: log, FERRY_DIE_AT: wanted = '', FERRY_DIE_BY = 'SIGKILL' } = process.env

const point = (name) => {
  if (!new RegExp(wanted).test(name)) return
  if (readFileSync(log, 'utf8').split('\n').includes(name)) return
  appendFileSync(log, `${name}\n`)
  process.kill(process.pid, FERRY_DIE_BY)
}

const around = (type, method, nameOf) => {
  const real = type.prototype[method]
  type.prototype[method] = async function (...args) {
    const name = nameOf(...args)
    point(`before ${name}`)
    const result = await real.apply(this, args)
    point(`after ${name}`)
    return result
  }
}

if (log) {
  const { FileStore } = await import('../../dist/state/file-store.js')
  const { KafkaStore } = await import('../../dist/state/kafka-store.js')
  // Not by their serial: that is another at every attempt, and a run would die at each.
  let last = 'start'
  let decisions = 0
  for (const store of [FileStore, KafkaStore]) {
    around(store, 'appendJournal', (_, { what }) => {
      last = [what.kind, what.step, what.outcome].filter(Boolean).join(' ')
      decisions = 0
      return last
    })
    around(store, 'writeDecisions', () => `decisions ${++decisions} behind ${last}`)
  }
}
