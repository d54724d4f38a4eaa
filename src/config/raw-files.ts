import type { Operation, PatternType, ResourceType } from '../domain/access.ts'
import type { OffsetMode, SaslMechanism, ScramMechanism } from '../domain/migration.ts'
import type { Order, Stage } from '../domain/stage.ts'

/**
 * The files as they are written, after the schema took out what does not fit: types hold, but anything may be missing.
 * The parsers make domain types of them.
 */

type List<T> = readonly (T | undefined)[]

export interface ProjectFile {
  readonly metadata?: { readonly name?: string }
  readonly spec?: {
    readonly state?: {
      readonly store?: 'file' | 'kafka'
      readonly directory?: string
      readonly cluster?: string
      readonly topic?: string
    }
    readonly clusters?: string | List<string>
    readonly migrations?: string | List<string>
    readonly policy?: { readonly maxDestroy?: number; readonly allowedHosts?: List<string> }
  }
}

export interface ClusterFile {
  readonly metadata?: { readonly name?: string }
  readonly spec?: {
    readonly clusterId?: string
    readonly bootstrapServers?: string | List<string>
    readonly tls?: {
      readonly ca?: string
      readonly cert?: string
      readonly key?: string
      readonly serverName?: string
    }
    readonly sasl?: {
      readonly mechanism?: SaslMechanism
      readonly username?: string
      readonly password?: string
    }
  }
}

export interface RawAcl {
  readonly resourceType?: ResourceType
  readonly resourceName?: string
  readonly patternType?: PatternType
  readonly operation?: Operation
  readonly permission?: 'ALLOW' | 'DENY'
  readonly host?: string
}

export interface RawAccess {
  readonly principal?: string
  readonly host?: string
  readonly produce?: List<string>
  readonly consume?: { readonly topics?: List<string>; readonly groups?: List<string> }
  readonly transactionalIds?: List<string>
  readonly prefix?: boolean
  readonly raw?: List<RawAcl>
}

export interface RawTopic {
  readonly name?: string
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly offsets?: OffsetMode
  readonly lifecycle?: RawLifecycle
}

export interface RawLifecycle {
  readonly preventDelete?: boolean
}

export interface RawRemoved {
  readonly reason?: string
  readonly on?: 'source' | 'target'
  readonly topic?: string
  readonly group?: string
  readonly user?: string
  readonly quota?: string
  readonly acl?: RawAcl & { readonly principal?: string }
}

export interface MigrationFile {
  readonly metadata?: { readonly name?: string; readonly owner?: string }
  readonly spec?: {
    readonly from?: string
    readonly to?: string
    readonly stage?: Stage
    readonly order?: Order
    readonly topics?: List<RawTopic>
    readonly groups?: List<{
      readonly id?: string
      readonly uncommitted?: 'absent' | 'start' | 'end'
      readonly lifecycle?: RawLifecycle
    }>
    readonly users?: List<{
      readonly name?: string
      readonly mechanism?: ScramMechanism
      readonly password?: string
      readonly passwordVersion?: number
      readonly lifecycle?: RawLifecycle
    }>
    readonly access?: List<RawAccess>
    readonly quotas?: List<{
      readonly user?: string
      readonly producerByteRate?: string | number
      readonly consumerByteRate?: string | number
    }>
    readonly mirror?: {
      readonly engine?: 'ferry' | 'connect'
      readonly throttle?: string | number
      readonly startFrom?: string
    }
    readonly gates?: {
      readonly mirrorLag?: number
      readonly sourceQuiet?: string
      readonly timeout?: string
    }
    readonly rollback?: { readonly keepSourceWarm?: boolean }
    readonly removed?: List<RawRemoved>
  }
}
