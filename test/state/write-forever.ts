/**
 * Writes decisions, journal and progress until it is killed, and says on stdout what it was told is durable. Run by the tests of both
 * stores: with the folder of a file store as its argument, or with the id, the servers and the topic of a kafka store.
 */
import { writeSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ClusterId, TopicName } from '../../src/domain/ids.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { AT, fullState, holder, sampleProgress } from './samples.ts'

const openStore = async (): Promise<StateStore> => {
  const [directory = '', servers, topic] = process.argv.slice(2)
  if (servers === undefined) {
    const { FileStore } = await import('../../src/state/file-store.ts')
    return new FileStore(directory)
  }
  const { KafkaStore } = await import('../../src/state/kafka-store.ts')
  const { connectCluster } = await import('../../src/kafka/kafkajs-cluster.ts')
  const at = { file: 'clusters/new.yaml', line: 1, column: 1, pointer: '' }
  return new KafkaStore({
    project: 'shop',
    clusterName: 'new',
    topic: topic as TopicName,
    connect: () =>
      connectCluster(
        {
          name: 'new',
          file: at.file,
          clusterId: directory as ClusterId,
          clusterIdAt: at,
          bootstrapServers: servers.split(','),
          bootstrapAt: at,
          tls: undefined,
          sasl: undefined,
        },
        { clientId: 'ferry-writer' },
      ),
  })
}

const store = await openStore()
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
