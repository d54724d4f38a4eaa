/** The Kafka versions that tests, demo and bench can start. */
export const KAFKA_VERSIONS = ['0.10.2', '0.11', '1.1', '2.8', '3.9', '4.x'] as const
export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

/** A folder of jars that one pom describes: a broker version, or a tool. */
export type JarSet = KafkaVersion | 'mirror-maker' | 'streams'
export const JAR_SETS: readonly JarSet[] = [...KAFKA_VERSIONS, 'mirror-maker', 'streams']

/** Kafka 4 logs through log4j 2, everything older through log4j 1. */
export function usesLog4j2(jars: JarSet): boolean {
  return jars === '4.x' || jars === 'mirror-maker' || jars === 'streams'
}

/** True if the brokers keep their metadata themselves and need no ZooKeeper. */
export function isKraft(version: KafkaVersion): boolean {
  return version === '3.9' || version === '4.x'
}

/** The jars whose client can speak to a broker: Kafka 4 clients refuse brokers older than 2.1. */
export function clientJars(version: KafkaVersion): '2.8' | '4.x' {
  return version === '0.10.2' || version === '0.11' || version === '1.1' ? '2.8' : '4.x'
}
