import { afterAll, beforeAll, describe } from 'vitest'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { describeStateStore } from './contract.ts'
import { KafkaPlaces } from './kafka-place.ts'

const START_MS = 180_000

/** The oldest target, and the last one that still has ZooKeeper's protocol versions: their transactions are others than those of 4.x. */
describe.each(['2.8', '3.9'] as const)('a target of %s', (version) => {
  let broker: TestCluster
  let places: KafkaPlaces

  beforeAll(async () => {
    broker = await startKafka({ version })
    places = await KafkaPlaces.on(broker)
  }, START_MS)
  afterAll(async () => {
    await places?.close()
    await broker?.stop()
  }, START_MS)

  describeStateStore('the kafka store', async () => places.place())
})
