/**
 * What Ferry asks of a cluster, in Kafka's own words. This is the only border to a Kafka client: `src/kafka/` implements it on kafkajs
 * connections, planner tests in memory. Plural on purpose: requests grow with brokers, not with topics or partitions.
 *
 * Three ports: {@link Cluster} for what is asked now and then (all answers are complete or say what is missing), {@link BrokerLink} for the
 * mirror's hot path, and {@link GroupMemberPort} for its lock.
 */
import type { AclBinding } from '../domain/access.ts'
import type { Answers } from '../domain/answers.ts'
import type { ClusterId, GroupId, PartitionKey, TopicName, TopicPartition } from '../domain/ids.ts'
import type { QuotaSpec, ScramMechanism } from '../domain/migration.ts'
import type { Secret } from '../domain/secret.ts'
import type { ApiName } from './api-name.ts'
import type { BrokerLink } from './broker-link.ts'
import type { GroupMemberOptions, GroupMemberPort } from './group-member-port.ts'
import type { Inquiry } from './inquiry.ts'

export type { ApiName } from './api-name.ts'
export type * from './broker-link.ts'
export { LinkLost } from './broker-link.ts'
export type * from './group-member-port.ts'

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack?: string
}

/** Rights of the connected user. Absent where the broker cannot tell (before 2.3): nothing may be concluded then. */
export type AuthorizedOperations = ReadonlySet<AclBinding['operation']>

export interface ClusterDescription {
  readonly id: ClusterId
  readonly brokers: readonly BrokerAddress[]
  readonly controllerId: number
  /** On the cluster resource. */
  readonly authorized?: AuthorizedOperations
}

export interface PartitionDescription {
  readonly partition: number
  /** -1: no leader now. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicDescription {
  readonly name: TopicName
  /** Brokers before 2.8 have none. */
  readonly topicId?: string
  readonly isInternal: boolean
  /** Sorted by partition number, complete from 0. */
  readonly partitions: readonly PartitionDescription[]
  readonly authorized?: AuthorizedOperations
}

export interface ConfigEntry {
  /** Null where the broker hides it (sensitive). */
  readonly value: string | null
  /** True if set on the topic itself; false if it is the broker's value or default. */
  readonly isOverride: boolean
}

export interface GroupMember {
  readonly memberId: string
  readonly instanceId?: string
  readonly clientId: string
  readonly host: string
}

export interface GroupDescription {
  readonly id: GroupId
  /** `absent`: the cluster knows no such group (old brokers say Dead). Others as Kafka names them, lower case. */
  readonly state:
    | 'absent'
    | 'empty'
    | 'stable'
    | 'preparing-rebalance'
    | 'completing-rebalance'
    | 'assigning'
    | 'reconciling'
    | 'dead'
    | 'unknown'
  /** `consumer` is the KIP-848 protocol. */
  readonly type: 'classic' | 'consumer' | 'share' | 'streams' | 'unknown'
  /** Of classic groups: `consumer`, `connect`, `ferry` ...; empty for a simple group (commits only). */
  readonly protocolType: string
  readonly members: readonly GroupMember[]
}

export interface CommittedOffset {
  readonly offset: bigint
  readonly metadata: string
  /** -1 where there is none. */
  readonly leaderEpoch: number
}

/** Where a group stands at one moment. Good to be shown, and to be waited for; nothing is written by it. */
export interface CommitsSeen {
  /** All that holds now; of a pending partition what was committed before. */
  readonly commits: ReadonlyMap<PartitionKey, CommittedOffset>
  /** Partitions whose position a transaction that is still open is about to change. None before 2.5, which does not tell. */
  readonly pending: readonly PartitionKey[]
}

export interface TopicCreation {
  readonly name: TopicName
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

/**
 * `earliest` is the log start, `latest` the high watermark, `stable` the last stable offset. A time: the first record that is not older,
 * -1 where there is none.
 */
export type OffsetAt = 'earliest' | 'latest' | 'stable' | Date

/** A producer that the leader of a partition remembers. */
export interface ActiveProducer {
  readonly producerId: bigint
  readonly epoch: number
  /** Of its last record; -1: none. */
  readonly lastSequence: number
  /** Of its last batch, milliseconds since 1970; -1: none. */
  readonly lastTimestamp: number
  /** First offset of the transaction that it has open in this partition; null: none. */
  readonly transactionStart: bigint | null
}

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  /** In Kafka's words: `Ongoing`, `PrepareCommit`, `CompleteAbort` ... */
  readonly state: string
}

/** Where the log of a leader ends by its own word. */
export interface LeaderEnd {
  readonly leader: number
  /** -1: a broker before 2.1, which does not say. */
  readonly leaderEpoch: number
  /** Its log end, the part too that is not replicated yet. */
  readonly end: bigint
}

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly epoch: number
}

/**
 * A transactional id of which this process holds the newest epoch. One transaction at a time: `add`, produce with its id, epoch and
 * transactional id, `end`. `fenced`: somebody took the id since; nothing of what was not committed before is ever visible. A lost
 * answer to `end` is asked for again, so that `fenced` there may also mean that it was committed just before: read and see.
 */
export interface TransactionalProducer extends ProducerIdentity {
  readonly transactionalId: string
  add(partitions: readonly TopicPartition[]): Promise<'ok' | 'fenced'>
  end(committed: boolean): Promise<'ok' | 'fenced'>
}

export interface Cluster extends Inquiry {
  /** As in the user's files. */
  readonly name: string
  /** As answered by the cluster, compared with the pinned one at every connect. */
  readonly id: ClusterId

  describeCluster(): Promise<ClusterDescription>
  /** The highest version of an API that every broker and this client speak; undefined if one lacks it. */
  supports(api: ApiName): number | undefined

  describeTopics(
    names: readonly TopicName[],
  ): Promise<Answers<TopicName, TopicDescription | 'absent'>>
  /** All topics, internal ones too. */
  listTopics(): Promise<readonly TopicName[]>
  /** Effective configs, broker defaults included. */
  describeTopicConfigs(
    names: readonly TopicName[],
  ): Promise<Answers<TopicName, ReadonlyMap<string, ConfigEntry>>>
  /** Of one broker: offsets.retention.minutes, transaction.max.timeout.ms, default.replication.factor ... */
  describeBrokerConfigs(nodeId: number): Promise<ReadonlyMap<string, ConfigEntry>>
  listOffsets(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
  ): Promise<Answers<PartitionKey, bigint>>

  /**
   * ListOffsets as a follower asks: log ends, where `latest` of {@link listOffsets} answers high watermarks. A leader of before, or one
   * that is not in office any more, fails; before 2.1 one of before may answer for a moment.
   */
  leaderEnds(partitions: readonly TopicPartition[]): Promise<Answers<PartitionKey, LeaderEnd>>

  createTopics(
    topics: readonly TopicCreation[],
    options?: { readonly validateOnly?: boolean },
  ): Promise<Answers<TopicName, void>>
  deleteTopics(names: readonly TopicName[]): Promise<Answers<TopicName, void>>
  /** How many partitions each is to have; fewer than it has, or as many, is refused by the broker. */
  addPartitions(counts: ReadonlyMap<TopicName, number>): Promise<Answers<TopicName, void>>
  /** IncrementalAlterConfigs: only the named keys; null removes the override. */
  alterTopicConfigs(
    changes: ReadonlyMap<TopicName, ReadonlyMap<string, string | null>>,
  ): Promise<Answers<TopicName, void>>
  /** Moves the log start up to the given offsets; answers the new log starts. */
  deleteRecords(before: ReadonlyMap<PartitionKey, bigint>): Promise<Answers<PartitionKey, bigint>>

  listGroups(): Promise<readonly { readonly id: GroupId; readonly protocolType: string }[]>
  /** Classic and KIP-848 groups; a group that the cluster does not know is `absent`, which is an answer. */
  describeGroups(ids: readonly GroupId[]): Promise<Answers<GroupId, GroupDescription>>
  /**
   * Every commit of a group, also on topics outside the migration, and only final ones: RequireStable where the broker has it (2.5). A group
   * with a position in an open transaction is asked for again for a while, then fails (FERRY1214).
   */
  fetchCommits(
    ids: readonly GroupId[],
  ): Promise<Answers<GroupId, ReadonlyMap<PartitionKey, CommittedOffset>>>
  /**
   * The same without waiting for transactions: which positions are pending is a part of the answer. `of`: only these partitions. A first
   * commit that is pending is found only where it is asked for: else a broker says nothing of partitions that had none before.
   */
  lookAtCommits(
    ids: readonly GroupId[],
    of?: readonly TopicPartition[],
  ): Promise<Answers<GroupId, CommitsSeen>>
  /** One request, generation -1: accepted only while the group has no members. Leader epoch -1, always. */
  commitOffsets(
    id: GroupId,
    offsets: ReadonlyMap<PartitionKey, { readonly offset: bigint; readonly metadata: string }>,
  ): Promise<Answers<PartitionKey, void>>
  /** OffsetDelete: takes these commits out of a group without members. A commit that is not there is deleted already. */
  deleteCommits(
    id: GroupId,
    partitions: readonly PartitionKey[],
  ): Promise<Answers<PartitionKey, void>>

  /** The producers that each partition's leader remembers; brokers before 2.8 cannot tell (see {@link supports}). */
  describeProducers(
    partitions: readonly TopicPartition[],
  ): Promise<Answers<PartitionKey, readonly ActiveProducer[]>>
  /** All transactional ids that the user may see; brokers before 3.0 cannot tell. */
  listTransactions(): Promise<readonly ListedTransaction[]>

  /** `no-authorizer`: the cluster has none (SECURITY_DISABLED), or is too old for the API. */
  describeAcls(): Promise<readonly AclBinding[] | 'no-authorizer'>
  /** Answers by aclKey. */
  createAcls(acls: readonly AclBinding[]): Promise<Answers<string, void>>
  deleteAcls(acls: readonly AclBinding[]): Promise<Answers<string, void>>
  /** The mechanisms each user has credentials for; empty if it has none. */
  describeUsers(names: readonly string[]): Promise<Answers<string, ReadonlySet<ScramMechanism>>>
  setUser(user: {
    readonly name: string
    readonly mechanism: ScramMechanism
    readonly password: Secret
  }): Promise<void>
  deleteUser(name: string, mechanism: ScramMechanism): Promise<void>
  describeQuotas(
    users: readonly string[],
  ): Promise<ReadonlyMap<string, Pick<QuotaSpec, 'producerByteRate' | 'consumerByteRate'>>>
  /** Null removes. */
  setQuota(
    user: string,
    quota: { readonly producerByteRate?: number | null; readonly consumerByteRate?: number | null },
  ): Promise<void>

  /** A new idempotent producer id (no transactional id). */
  initProducerId(): Promise<ProducerIdentity>
  /**
   * Takes a transactional id: whoever had it is fenced. When this answers, their open transaction is over, aborted or committed.
   * After `timeoutMs` the cluster aborts an open transaction by itself.
   */
  takeTransactionalId(id: string, timeoutMs: number): Promise<TransactionalProducer>

  /** Partition -> leader node, from metadata no older than `maxAgeMs` (0: asks now). */
  leaders(
    topics: readonly TopicName[],
    maxAgeMs: number,
  ): Promise<ReadonlyMap<PartitionKey, { readonly leader: number; readonly leaderEpoch: number }>>
  /** A connection of its own to one broker: requests on it are answered in order. The caller closes it. */
  connectBroker(nodeId: number): Promise<BrokerLink>
  /** A member of a group of our own protocol type, on a connection of its own. */
  openGroupMember(options: GroupMemberOptions): Promise<GroupMemberPort>

  close(): Promise<void>
}
