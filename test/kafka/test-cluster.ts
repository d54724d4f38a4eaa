import type { KafkaConfig } from 'kafkajs'
import type { KafkaVersion } from './versions.ts'

/** A user who signs in with SCRAM-SHA-512 or SCRAM-SHA-256. */
export interface TestUser {
  readonly name: string
  readonly password: string
}

/** What to start. Everything but the version has a default fit for tests. */
export interface StartOptions {
  readonly version: KafkaVersion
  readonly brokers?: 1 | 2 | 3
  /** SASL_PLAINTEXT with SCRAM, an authorizer, and the super user `admin`. Default: false. */
  readonly secure?: boolean
  /** Further SCRAM users of a secure cluster. They may do nothing until ACLs say so. */
  readonly users?: readonly TestUser[]
  /** Broker settings, over the defaults of `server-properties.ts`. */
  readonly config?: Readonly<Record<string, string>>
  /** Largest heap of each broker, as after `-Xmx`. Default: 512m. */
  readonly heap?: string
  /** JVM flags instead of those for a fast start (serial collector, first compiler tier only). */
  readonly jvmFlags?: readonly string[]
}

/** One broker process. It keeps its id, port and data over `kill` and `start`. */
export interface TestBroker {
  readonly id: number
  readonly port: number
  /** Of the process that runs now, or of the last one. */
  readonly pid: number
  /** Where its logs are, unless the test has set `log.dirs`. Undefined in a container. */
  readonly dataFolder?: string
  /** The end of the broker's log. */
  log(): string
  /** Sends a signal (default SIGKILL) and waits until the broker is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Changes settings, for its next start. Not in a container. */
  configure?(config: Readonly<Record<string, string>>): Promise<void>
  /** Starts it again on the same port and data, and waits until the cluster has it back. */
  start(): Promise<void>
}

/** A running cluster of real brokers on 127.0.0.1. */
export interface TestCluster {
  readonly version: KafkaVersion
  readonly clusterId: string
  readonly bootstrapServers: readonly string[]
  readonly brokers: readonly TestBroker[]
  /** The super user of a secure cluster. */
  readonly admin?: { readonly username: string; readonly password: string }
  /** Kills all brokers and removes their data. */
  stop(): Promise<void>
  /** Configuration for `new Kafka(...)` of kafkajs, as `admin` when secure. */
  kafka(overrides?: Partial<KafkaConfig>): KafkaConfig
  /** Configuration for Java clients and tools, as `admin` when secure. */
  clientProperties(user?: TestUser): Record<string, string>
}

/** The user for everything that must always be allowed. Its password protects only test data. */
export const ADMIN: TestUser = { name: 'admin', password: 'admin-secret' }
