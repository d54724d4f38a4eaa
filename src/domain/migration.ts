import { type AclBinding, aclKey } from './access.ts'
import type { Diagnostic, Place } from './diagnostic.ts'
import type { ClusterId, GroupId, TopicName } from './ids.ts'
import type { Secret } from './secret.ts'
import type { Order, Stage } from './stage.ts'

/** What users wrote, after every check that needs no broker. Only the parsers in `src/config/` make these. */

export interface Project {
  readonly name: string
  /** Absolute path of ferry.yaml; relative paths in it are relative to its folder. */
  readonly file: string
  readonly state:
    | { readonly store: 'file'; readonly directory: string }
    | { readonly store: 'kafka'; readonly cluster: string; readonly topic: string }
  readonly policy: {
    readonly maxDestroy: number
    readonly allowedHosts: readonly string[] | undefined
  }
  readonly clusters: ReadonlyMap<string, ClusterSpec>
  readonly migrations: ReadonlyMap<string, Migration>
  /** By file: references that lead nowhere, in what was not to be asked. Nothing connects to such a cluster. Absent: none. */
  readonly unresolved?: ReadonlyMap<string, readonly Diagnostic[]>
}

export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
export type SaslMechanism = (typeof SASL_MECHANISMS)[number]

export interface ClusterSpec {
  readonly name: string
  readonly file: string
  /** Pinned; compared at every connect. */
  readonly clusterId: ClusterId
  readonly clusterIdAt: Place
  /** `host:port` */
  readonly bootstrapServers: readonly string[]
  readonly bootstrapAt: Place
  readonly tls:
    | {
        readonly ca?: string
        readonly cert?: string
        readonly key?: Secret
        readonly serverName?: string
      }
    | undefined
  readonly sasl:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: Secret }
    | undefined
}

export const OFFSET_MODES = ['auto', 'identical', 'dense'] as const
export type OffsetMode = (typeof OFFSET_MODES)[number]

export interface TopicSpec {
  readonly name: TopicName
  readonly at: Place
  /** Absent: like the source. Given: must equal the source's. */
  readonly partitions: number | undefined
  /** Absent: the target's default. */
  readonly replicationFactor: number | undefined
  /** Absent: the source's overrides. Given: these are the final values, on top of the source's overrides. Normalised to what a broker stores (`7d` is `604800000`). */
  readonly configs: ReadonlyMap<string, string> | undefined
  readonly offsets: OffsetMode
  /** `lifecycle.preventDelete`; absent: the file does not say, and what was applied last holds. */
  readonly preventDelete?: boolean | undefined
}

export interface GroupSpec {
  readonly id: GroupId
  readonly at: Place
  /** What becomes of partitions without a commit. */
  readonly uncommitted: 'absent' | 'start' | 'end'
  /** True if the file says it; a source before 2.1 wants it said, because a commit may have expired there. */
  readonly uncommittedSaid: boolean
  readonly preventDelete?: boolean | undefined
  /** Not of the file: given on the command line. Sync may take the group back behind where it is on the target, or past a seal. */
  readonly allowRewind?: boolean
}

export const SCRAM_MECHANISMS = ['scram-sha-256', 'scram-sha-512'] as const
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number]

export interface UserSpec {
  readonly name: string
  readonly at: Place
  readonly mechanism: ScramMechanism
  readonly password: Secret
  /** Raise it to set the password again; a stored password cannot be read back. */
  readonly passwordVersion: number
  readonly preventDelete?: boolean | undefined
}

/** One `access` entry, expanded to the ACLs it stands for, apart by when they may be granted (design section 4). */
export interface AccessSpec {
  readonly principal: string
  readonly at: Place
  /** In stage prepared. */
  readonly atOnce: readonly AclBinding[]
  /** READ on groups: only after the groups were synced. */
  readonly afterSync: readonly AclBinding[]
  /** WRITE on topics: only after the topics were sealed. */
  readonly afterSeal: readonly AclBinding[]
  /** For the plan's line: `consume orders.events as orders-api`. */
  readonly says: string
}

export interface QuotaSpec {
  readonly user: string
  readonly at: Place
  /** Bytes per second. */
  readonly producerByteRate: number | undefined
  readonly consumerByteRate: number | undefined
}

/** What `removed` names: a thing of one cluster. */
export type RemovedObject =
  | { readonly kind: 'topic'; readonly topic: TopicName }
  /** Its positions: a group without any is gone. */
  | { readonly kind: 'group'; readonly group: GroupId }
  /** Its SCRAM credentials, of whatever mechanism. */
  | { readonly kind: 'user'; readonly user: string }
  /** Both byte rates of a user. */
  | { readonly kind: 'quota'; readonly user: string }
  | { readonly kind: 'acl'; readonly acl: AclBinding }

/** One entry of `removed`: the only way to delete anything. */
export interface RemovedSpec {
  readonly object: RemovedObject
  readonly on: 'source' | 'target'
  readonly reason: string
  readonly at: Place
}

/** The name of what is removed, as it stands in the file; of an ACL its {@link aclKey}. */
export const removedName = (object: RemovedObject): string => {
  switch (object.kind) {
    case 'topic':
      return object.topic
    case 'group':
      return object.group
    case 'acl':
      return aclKey(object.acl)
    default:
      return object.user
  }
}

/** `topic "orders"`: a thing that is removed, in a sentence. */
export const removedInWords = (object: RemovedObject): string =>
  `${object.kind === 'acl' ? 'ACL' : object.kind} ${JSON.stringify(removedName(object))}`

/** One for each thing of a cluster: `target/topic/orders`. */
export const removedKey = ({ on, object }: Pick<RemovedSpec, 'on' | 'object'>): string =>
  `${on}/${object.kind}/${removedName(object)}`

export interface Migration {
  readonly name: string
  readonly owner: string | undefined
  readonly file: string
  /** SHA-256 of the file's bytes, hex. */
  readonly digest: string
  readonly from: string
  readonly to: string
  readonly stage: Stage
  readonly stageAt: Place
  readonly order: Order
  readonly topics: readonly TopicSpec[]
  /** Absent key = unmanaged; empty list = nothing of this kind is managed. Both give no steps, so one empty list stands for both. */
  readonly groups: readonly GroupSpec[]
  readonly users: readonly UserSpec[]
  readonly access: readonly AccessSpec[]
  readonly quotas: readonly QuotaSpec[]
  readonly removed: readonly RemovedSpec[]
  readonly mirror: {
    /** Bytes per second over all partitions; absent: as fast as the brokers go. */
    readonly throttle: number | undefined
    readonly startFrom: 'earliest' | 'committed' | 'latest' | Date
  }
  readonly gates: {
    /** Records. */
    readonly mirrorLag: number
    readonly sourceQuietMs: number
    readonly timeoutMs: number
  }
  readonly rollback: {
    /** From the WRITE grant on, what producers write to the target is mirrored back to the source. */
    readonly keepSourceWarm: boolean
  }
  /** Parts of the file that are valid but that this version cannot carry out; the planner blocks on them, each with its place. */
  readonly unsupported: readonly { readonly what: string; readonly at: Place }[]
}
