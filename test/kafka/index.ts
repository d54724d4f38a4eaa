export { oracle } from './oracle.ts'
export { startKafka } from './start-kafka.ts'
export type { StartOptions, TestBroker, TestCluster, TestUser } from './test-cluster.ts'
export { KAFKA_VERSIONS, type KafkaVersion } from './versions.ts'
