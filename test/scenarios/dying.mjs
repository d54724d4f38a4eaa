/**
 * Loaded before the built ferry (NODE_OPTIONS=--import): makes it die, or stand still, at points around its writes to the state and before
 * each request that changes something on a cluster, each point once over all runs that share FERRY_DIE_LOG. FERRY_DIE_AT is what the
 * point's name must match: `before result mirror-topic/orders done`, `before write 2 of forget-mark/orders`. Writes of a step are counted
 * over all its attempts, so that one that goes on where the last died comes to the next.
 * FERRY_DIE_SHARE `1/3/orders`: of those only the second of three shares, the same whatever the service is called that they name.
 */
import { appendFileSync, readFileSync } from 'node:fs'

const { FERRY_DIE_LOG: log, FERRY_DIE_AT: wanted = '', FERRY_DIE_BY = 'SIGKILL' } = process.env
/** What requests of the state store name: its topic. */
const { FERRY_DIE_BESIDE = 'none' } = process.env
const [share, shares, service] = (process.env.FERRY_DIE_SHARE ?? '0/1/').split('/')

const shareOf = (name) =>
  [...name.replaceAll(service, '')].reduce((sum, c) => (31 * sum + c.charCodeAt(0)) % 65_521, 0) %
  Number(shares)

const point = (name) => {
  if (!new RegExp(wanted).test(name) || shareOf(name) !== Number(share)) return
  if (readFileSync(log, 'utf8').split('\n').includes(name)) return
  appendFileSync(log, `${name}\n`)
  process.kill(process.pid, FERRY_DIE_BY)
}

/** What leaves something behind on a cluster. A producer id that nobody uses does not. */
const WRITES = new Set([
  'Produce',
  'WriteTxnMarkers',
  'DeleteRecords',
  'CreateTopics',
  'CreatePartitions',
  'DeleteTopics',
  'IncrementalAlterConfigs',
  'OffsetCommit',
  'OffsetDelete',
  'CreateAcls',
  'DeleteAcls',
  'AlterUserScramCredentials',
  'AlterClientQuotas',
])

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
  const { BrokerConnection } = await import('../../dist/kafka/connection.js')
  const { send } = BrokerConnection.prototype
  BrokerConnection.prototype.send = function (api, version, pieces, ...rest) {
    const isState = pieces.some((piece) => piece.includes(FERRY_DIE_BESIDE))
    if (last.startsWith('intent ') && WRITES.has(api.name) && !isState) {
      const step = last.replace('intent ', '')
      const sent = readFileSync(`${log}.sent`, { encoding: 'utf8', flag: 'a+' }).split('\n')
      point(`before write ${sent.filter((each) => each === step).length + 1} of ${step}`)
      appendFileSync(`${log}.sent`, `${step}\n`)
    }
    return send.call(this, api, version, pieces, ...rest)
  }
}
