import type { AclBinding } from '../domain/access.ts'
import type { GroupId, PartitionKey, TopicName, TopicPartition } from '../domain/ids.ts'
import type { ClusterSpec, ScramMechanism } from '../domain/migration.ts'
import type { Secret } from '../domain/secret.ts'
import { Acls } from './acls.ts'
import { API_TABLE } from './api-table.ts'
import { Brokers } from './brokers.ts'
import type {
  ApiName,
  BrokerLink,
  Cluster,
  ClusterDescription,
  GroupMemberOptions,
  GroupMemberPort,
  OffsetAt,
  ProducerIdentity,
  TopicCreation,
  TransactionalProducer,
} from './cluster.ts'
import { Commits } from './commits.ts'
import { type Asked, FaultReporter } from './faults.ts'
import { KafkajsGroupMember } from './group-member.ts'
import { Groups } from './groups.ts'
import { Inquiries } from './inquiries.ts'
import type { KafkaLogger } from './kafkajs.ts'
import { KafkajsLink } from './kafkajs-link.ts'
import { LogOffsets } from './log-offsets.ts'
import { Session } from './session.ts'
import { Topics } from './topics.ts'
import { TransactionalIds } from './transactional-ids.ts'
import { Transactions } from './transactions.ts'
import { Users } from './users.ts'
import { operationsOfBits } from './wire/acls.ts'
import { initProducerId } from './wire/init-producer-id.ts'

export interface ConnectOptions {
  /** `ferry-<host>-<pid>`: other members of a group read it. */
  readonly clientId: string
  /** How long one answer may take. */
  readonly requestTimeoutMs?: number
  readonly connectTimeoutMs?: number
  /** How long what is retriable is tried again before it is a failure. */
  readonly retryMs?: number
  readonly logger?: KafkaLogger
  /** Ends every wait of this cluster, connecting too. */
  readonly signal?: AbortSignal
}

const REQUEST_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const RETRY_MS = 15_000

/** Connects to a cluster and compares its id with the pinned one. Throws FerryError; nothing stays open then. */
export const connectCluster = async (
  spec: ClusterSpec,
  options: ConnectOptions,
): Promise<Cluster> => {
  const brokers = new Brokers(spec, {
    clientId: options.clientId,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    log: options.logger,
  })
  try {
    await brokers.connect(options.signal)
  } catch (error) {
    await brokers.close()
    throw error
  }
  const session = new Session(brokers, new FaultReporter(spec), {
    retryMs: options.retryMs ?? RETRY_MS,
    signal: options.signal,
  })
  return new KafkajsCluster(spec, session)
}

/** The cluster port on kafkajs connections. */
class KafkajsCluster implements Cluster {
  readonly name: string
  readonly id: Cluster['id']
  readonly #session: Session
  readonly #topics: Topics
  readonly #offsets: LogOffsets
  readonly #groups: Groups
  readonly #commits: Commits
  readonly #transactions: Transactions
  readonly #acls: Acls
  readonly #users: Users
  readonly #inquiries: Inquiries
  readonly #transactionalIds: TransactionalIds

  constructor(spec: ClusterSpec, session: Session) {
    this.name = spec.name
    this.id = session.brokers.clusterId
    this.#session = session
    this.#topics = new Topics(session)
    this.#offsets = new LogOffsets(session)
    this.#groups = new Groups(session)
    this.#commits = new Commits(session)
    this.#transactions = new Transactions(session)
    this.#acls = new Acls(session)
    this.#users = new Users(session)
    this.#inquiries = new Inquiries(session)
    this.#transactionalIds = new TransactionalIds(session)
  }

  async describeCluster(): Promise<ClusterDescription> {
    const asked: Asked = {
      what: 'describe the cluster',
      right: { operation: 'DESCRIBE', resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
    }
    const answer = await this.#session.ask(asked, () =>
      this.#session.brokers.metadata({ topics: [], withAuthorized: true }),
    )
    const authorized = operationsOfBits(answer.clusterAuthorized)
    return {
      id: this.id,
      brokers: [...this.#session.brokers.addresses.values()].sort((l, r) => l.nodeId - r.nodeId),
      controllerId: answer.controllerId,
      ...(authorized !== undefined && { authorized }),
    }
  }

  supports(api: ApiName): number | undefined {
    return this.#session.brokers.supports(API_TABLE[api])
  }

  describeTopics(names: readonly TopicName[]) {
    return this.#topics.describe(names)
  }

  listTopics() {
    return this.#topics.list()
  }

  describeTopicConfigs(names: readonly TopicName[]) {
    return this.#topics.configs(names)
  }

  describeBrokerConfigs(nodeId: number) {
    return this.#topics.brokerConfigs(nodeId)
  }

  listOffsets(partitions: readonly TopicPartition[], at: OffsetAt) {
    return this.#offsets.list(partitions, at)
  }

  leaderEnds(partitions: readonly TopicPartition[]) {
    return this.#offsets.leaderEnds(partitions)
  }

  createTopics(topics: readonly TopicCreation[], options = {}) {
    return this.#topics.create(topics, options)
  }

  addPartitions(counts: ReadonlyMap<TopicName, number>) {
    return this.#topics.addPartitions(counts)
  }

  deleteTopics(names: readonly TopicName[]) {
    return this.#topics.delete(names)
  }

  alterTopicConfigs(changes: Parameters<Cluster['alterTopicConfigs']>[0]) {
    return this.#topics.alterConfigs(changes)
  }

  deleteRecords(before: ReadonlyMap<PartitionKey, bigint>) {
    return this.#offsets.deleteRecords(before)
  }

  listGroups() {
    return this.#groups.list()
  }

  describeGroups(ids: readonly GroupId[]) {
    return this.#groups.describe(ids)
  }

  fetchCommits(ids: readonly GroupId[]) {
    return this.#commits.fetch(ids)
  }

  lookAtCommits(ids: readonly GroupId[], of?: readonly TopicPartition[]) {
    return this.#commits.look(ids, of)
  }

  commitOffsets(id: GroupId, offsets: Parameters<Cluster['commitOffsets']>[1]) {
    return this.#commits.commit(id, offsets)
  }

  deleteCommits(id: GroupId, partitions: readonly PartitionKey[]) {
    return this.#commits.delete(id, partitions)
  }

  describeProducers(partitions: readonly TopicPartition[]) {
    return this.#transactions.producers(partitions)
  }

  listTransactions() {
    return this.#transactions.list()
  }

  describeAcls() {
    return this.#acls.describe()
  }

  createAcls(acls: readonly AclBinding[]) {
    return this.#acls.create(acls)
  }

  deleteAcls(acls: readonly AclBinding[]) {
    return this.#acls.delete(acls)
  }

  describeUsers(names: readonly string[]) {
    return this.#users.describe(names)
  }

  setUser(user: {
    readonly name: string
    readonly mechanism: ScramMechanism
    readonly password: Secret
  }) {
    return this.#users.set(user)
  }

  deleteUser(name: string, mechanism: ScramMechanism) {
    return this.#users.delete(name, mechanism)
  }

  describeQuotas(users: readonly string[]) {
    return this.#users.quotas(users)
  }

  setQuota(user: string, quota: Parameters<Cluster['setQuota']>[1]) {
    return this.#users.setQuota(user, quota)
  }

  async initProducerId(): Promise<ProducerIdentity> {
    const asked: Asked = {
      what: 'get a producer id',
      right: {
        operation: 'IDEMPOTENT_WRITE',
        resourceType: 'CLUSTER',
        resourceName: 'kafka-cluster',
      },
    }
    const { producerId, epoch } = await this.#session.ask(asked, async () => {
      const broker = await this.#session.brokers.any()
      const answer = await this.#session.call(broker, initProducerId, undefined)
      this.#session.throwIfCode({ code: answer.code, message: null }, asked)
      return answer
    })
    return { producerId, epoch }
  }

  describeDisks(partitions: readonly TopicPartition[]) {
    return this.#inquiries.disks(partitions)
  }

  readClock(now: () => Date) {
    return this.#inquiries.clock(now)
  }

  takeTransactionalId(id: string, timeoutMs: number): Promise<TransactionalProducer> {
    return this.#transactionalIds.take(id, timeoutMs)
  }

  leaders(topics: readonly TopicName[], maxAgeMs: number) {
    const asked: Asked = {
      what: `find the leaders of ${topics.length} topics`,
      right: { operation: 'DESCRIBE', resourceType: 'TOPIC', resourceName: '*' },
    }
    return this.#session.ask(asked, () => this.#session.topics.leaders(topics, maxAgeMs))
  }

  async connectBroker(nodeId: number): Promise<BrokerLink> {
    const asked: Asked = {
      what: `connect to broker ${nodeId}`,
      right: { operation: 'DESCRIBE', resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
    }
    const connection = await this.#session.ask(asked, async () => {
      await this.#session.brokers.refresh()
      return this.#session.brokers.dedicated(nodeId)
    })
    return new KafkajsLink(nodeId, connection, this.#session.brokers.options.requestTimeoutMs)
  }

  async openGroupMember(options: GroupMemberOptions): Promise<GroupMemberPort> {
    return new KafkajsGroupMember(this.#session, options)
  }

  close(): Promise<void> {
    return this.#session.brokers.close()
  }
}
