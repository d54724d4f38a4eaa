import kafkajs, { type KafkaConfig } from 'kafkajs'
import type { TestUser } from './test-cluster.ts'

/** Configuration for kafkajs that is silent, and patient enough for a broker that just started. */
export function kafkajsConfig(
  servers: readonly string[],
  user: TestUser | undefined,
  overrides: Partial<KafkaConfig> = {},
): KafkaConfig {
  return {
    clientId: 'ferry-test',
    brokers: [...servers],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 10 },
    ...(user && {
      sasl: { mechanism: 'scram-sha-512', username: user.name, password: user.password },
    }),
    ...overrides,
  }
}

/** Configuration for Java clients. */
export function javaClientProperties(
  servers: readonly string[],
  user: TestUser | undefined,
): Record<string, string> {
  return {
    'bootstrap.servers': servers.join(','),
    ...(user && {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': `${scramLogin(user)};`,
    }),
  }
}

/** The JAAS login of one SCRAM user, without the closing semicolon. */
export function scramLogin(user: TestUser): string {
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  return `${module} required username="${user.name}" password="${user.password}"`
}
