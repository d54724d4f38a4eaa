import type { Answers } from '../domain/answers.ts'
import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import type { CommitsOptions, CommittedOffset, GroupDescription } from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked, Fault } from './faults.ts'
import type { Session } from './session.ts'
import type { Outcomes } from './settle.ts'
import { consumerGroupDescribe } from './wire/consumer-group-describe.ts'
import { type DescribedGroup, describeGroups } from './wire/describe-groups.ts'
import { type ListedGroup, listGroups } from './wire/list-groups.ts'
import { offsetCommit } from './wire/offset-commit.ts'
import { offsetDelete } from './wire/offset-delete.ts'
import { type FetchedCommits, offsetFetch, offsetFetchBatched } from './wire/offset-fetch.ts'

/** Kafka's names of group states, as brokers write them, to ours. */
const STATES: Readonly<Record<string, GroupDescription['state']>> = {
  Empty: 'empty',
  Stable: 'stable',
  PreparingRebalance: 'preparing-rebalance',
  AwaitingSync: 'completing-rebalance',
  CompletingRebalance: 'completing-rebalance',
  Assigning: 'assigning',
  Reconciling: 'reconciling',
  Dead: 'dead',
}

const stateOf = (state: string): GroupDescription['state'] => STATES[state] ?? 'unknown'

const TYPES: Readonly<Record<string, GroupDescription['type']>> = {
  classic: 'classic',
  consumer: 'consumer',
  share: 'share',
  streams: 'streams',
}

const askedGroup = (
  verb: string,
  operation: 'DESCRIBE' | 'READ' | 'DELETE',
  group: string,
): Asked => ({
  what: `${verb} group ${group}`,
  right: { operation, resourceType: 'GROUP', resourceName: group },
})

export const partitionsByTopic = (
  partitions: readonly TopicPartition[],
): ReadonlyMap<string, readonly number[]> => {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = topics.get(topic)
    if (list) list.push(partition)
    else topics.set(topic, [partition])
  }
  return topics
}

/** Consumer groups and their commits: that part of the cluster port. */
export class Groups {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async list(): Promise<readonly { readonly id: GroupId; readonly protocolType: string }[]> {
    const groups = await this.#listed()
    return [...groups.values()]
      .map(({ id, protocolType }) => ({ id: id as GroupId, protocolType }))
      .sort((left, right) => (left.id < right.id ? -1 : 1))
  }

  /** Every broker is asked for the groups that it coordinates. */
  #listed(): Promise<ReadonlyMap<string, ListedGroup>> {
    const asked: Asked = {
      what: 'list groups',
      right: { operation: 'DESCRIBE', resourceType: 'CLUSTER', resourceName: 'kafka-cluster' },
    }
    return this.#session.ask(asked, async () => {
      const brokers = await this.#session.brokers.all()
      const answers = await Promise.all(
        brokers.map((broker) => this.#session.call(broker, listGroups, undefined)),
      )
      for (const { code } of answers) this.#session.throwIfCode({ code, message: null }, asked)
      return new Map(answers.flatMap(({ groups }) => groups.map((group) => [group.id, group])))
    })
  }

  /**
   * 1. Asks the coordinators in the classic way.
   * 2. Asks those that are Dead there again as groups of the new protocol (KIP-848), which classic describe does not know.
   * 3. Looks for the rest in the lists of groups: share and streams groups are there. Who is not is absent.
   */
  async describe(ids: readonly GroupId[]): Promise<Answers<GroupId, GroupDescription>> {
    const classic = await this.#describeClassic(ids)
    const dead = [...classic.ok].filter(([, group]) => group.state === 'dead').map(([id]) => id)
    if (dead.length === 0) return classic
    const newer = await this.#describeNewer(dead)
    const ok = new Map([...classic.ok, ...newer.ok])
    const failed = new Map([...classic.failed, ...newer.failed])
    for (const id of newer.failed.keys()) ok.delete(id)
    const missing = dead.filter((id) => ok.get(id)?.state === 'dead')
    if (missing.length > 0) {
      const listed = await this.#listed()
      for (const id of missing) ok.set(id, describeListed(id, listed.get(id)))
    }
    return { ok, failed }
  }

  #describeClassic(ids: readonly GroupId[]): Promise<Answers<GroupId, GroupDescription>> {
    const asked = (id: GroupId) => askedGroup('describe', 'DESCRIBE', id)
    return this.#session.settlePerCoordinator(ids, asked, async (broker, mine, outcomes) => {
      const answers = await this.#session.call(broker, describeGroups, mine)
      for (const group of answers) {
        const id = group.id as GroupId
        const isKnown = group.code === 0 || group.code === ErrorCode.GROUP_ID_NOT_FOUND
        const fault = () => this.#session.faults.ofCode(group.code, asked(id))
        outcomes.set(id, isKnown ? { value: classicGroup(id, group) } : fault())
      }
    })
  }

  async #describeNewer(ids: readonly GroupId[]): Promise<Answers<GroupId, GroupDescription>> {
    const asked = (id: GroupId) => askedGroup('describe', 'DESCRIBE', id)
    if (this.#session.brokers.supports(consumerGroupDescribe) === undefined) {
      return { ok: new Map(), failed: new Map() }
    }
    return this.#session.settlePerCoordinator(ids, asked, async (broker, mine, outcomes) => {
      const answers = await this.#session.call(broker, consumerGroupDescribe, mine)
      for (const { code, id: name, state, members, message } of answers) {
        const id = name as GroupId
        if (code === ErrorCode.GROUP_ID_NOT_FOUND) {
          outcomes.set(id, { value: deadGroup(id) })
        } else if (code !== 0) {
          outcomes.set(id, this.#session.faults.ofCode(code, asked(id), { message }))
        } else {
          const described: GroupDescription = {
            id,
            state: stateOf(state),
            type: 'consumer',
            protocolType: 'consumer',
            members: members.map(memberOf),
          }
          outcomes.set(id, { value: described })
        }
      }
    })
  }

  commits(
    ids: readonly GroupId[],
    { once = false, of }: CommitsOptions = {},
  ): Promise<Answers<GroupId, ReadonlyMap<PartitionKey, CommittedOffset>>> {
    const asked = (id: GroupId) => askedGroup('read the commits of', 'DESCRIBE', id)
    const topics = of === undefined ? null : partitionsByTopic(of)
    return this.#session.settlePerCoordinator(ids, asked, async (broker, mine, outcomes) => {
      const note = (answer: FetchedCommits) => {
        const id = answer.group as GroupId
        outcomes.set(id, this.#commitsOf(answer, asked(id), once))
      }
      if (broker.negotiate(offsetFetchBatched) !== undefined) {
        for (const answer of await this.#session.call(broker, offsetFetchBatched, {
          groups: mine,
          topics,
        })) {
          note(answer)
        }
        return
      }
      const asking = mine.map(async (group) => {
        note({ group, ...(await this.#session.call(broker, offsetFetch, { group, topics })) })
      })
      await Promise.all(asking)
    })
  }

  #commitsOf(
    answer: FetchedCommits,
    asked: Asked,
    once: boolean,
  ): { readonly value: ReadonlyMap<PartitionKey, CommittedOffset> } | Fault {
    // A coordinator of the new kind says so for a group that it does not know: it has no commits.
    if (answer.code === ErrorCode.GROUP_ID_NOT_FOUND) return { value: new Map() }
    const code = answer.code || answer.commits.find((commit) => commit.code !== 0)?.code || 0
    if (code !== 0) {
      const isUnstable = code === ErrorCode.UNSTABLE_OFFSET_COMMIT
      return this.#session.faults.ofCode(
        code,
        asked,
        once && isUnstable ? { retriable: false } : {},
      )
    }
    return {
      value: new Map(
        answer.commits
          .filter(({ offset }) => offset >= 0n)
          .map(({ topic, partition, offset, metadata, leaderEpoch }) => [
            partitionKey(topic as TopicName, partition),
            { offset, metadata, leaderEpoch },
          ]),
      ),
    }
  }

  /** One request for all offsets: either the group had no members when it came, or nothing was written. */
  async commit(
    id: GroupId,
    offsets: ReadonlyMap<PartitionKey, { readonly offset: bigint; readonly metadata: string }>,
  ): Promise<Answers<PartitionKey, void>> {
    const asked = (key: PartitionKey): Asked => ({
      ...askedGroup('', 'READ', id),
      what: `commit offset ${offsets.get(key)?.offset} of ${key} for group ${id}`,
    })
    return this.#atCoordinator(id, offsets.keys(), asked, async (broker, pending, outcomes) => {
      const topics = new Map<string, { partition: number; offset: bigint; metadata: string }[]>()
      for (const key of pending) {
        const { topic, partition } = parsePartitionKey(key)
        const list = topics.get(topic) ?? []
        list.push({ partition, ...offsets.get(key)! })
        topics.set(topic, list)
      }
      for (const result of await this.#session.call(broker, offsetCommit, { group: id, topics })) {
        const key = partitionKey(result.topic as TopicName, result.partition)
        const fault = () => this.#session.faults.ofCode(result.code, asked(key))
        outcomes.set(key, result.code === 0 ? { value: undefined } : fault())
      }
    })
  }

  /** The same when done twice, so it is sent again after a lost answer. */
  async deleteCommits(
    id: GroupId,
    partitions: readonly PartitionKey[],
  ): Promise<Answers<PartitionKey, void>> {
    const asked = (key: PartitionKey): Asked => ({
      ...askedGroup('', 'DELETE', id),
      what: `delete the commit of ${key} of group ${id}`,
    })
    return this.#atCoordinator(id, partitions, asked, async (broker, pending, outcomes) => {
      const topics = new Map<string, number[]>()
      for (const key of pending) {
        const { topic, partition } = parsePartitionKey(key)
        topics.set(topic, [...(topics.get(topic) ?? []), partition])
      }
      const answer = await this.#session.call(broker, offsetDelete, { group: id, topics })
      // A group that is unknown has no commits.
      const code = answer.code === ErrorCode.GROUP_ID_NOT_FOUND ? 0 : answer.code
      if (answer.code !== 0) {
        for (const key of pending) {
          const fault = () => this.#session.faults.ofCode(code, asked(key))
          outcomes.set(key, code === 0 ? { value: undefined } : fault())
        }
        return
      }
      for (const result of answer.results) {
        const key = partitionKey(result.topic as TopicName, result.partition)
        const fault = () => this.#session.faults.ofCode(result.code, asked(key))
        outcomes.set(key, result.code === 0 ? { value: undefined } : fault())
      }
    })
  }

  /** A change of one group's commits, with one outcome for each partition. */
  #atCoordinator(
    id: GroupId,
    keys: Iterable<PartitionKey>,
    asked: (key: PartitionKey) => Asked,
    request: (
      broker: BrokerConnection,
      pending: readonly PartitionKey[],
      outcomes: Outcomes<PartitionKey, void>,
    ) => Promise<void>,
  ): Promise<Answers<PartitionKey, void>> {
    return this.#session.settle(keys, asked, async (pending, round) => {
      if (round > 0) this.#session.forgetCoordinator(id)
      const outcomes: Outcomes<PartitionKey, void> = new Map()
      const coordinator = (await this.#session.coordinators([id])).get(id)
      const code = coordinator?.code ?? ErrorCode.COORDINATOR_NOT_AVAILABLE
      if (coordinator === undefined || code !== 0) {
        for (const key of pending) outcomes.set(key, this.#session.faults.ofCode(code, asked(key)))
        return outcomes
      }
      await request(await this.#session.brokers.node(coordinator.nodeId), pending, outcomes)
      return outcomes
    })
  }
}

const classicGroup = (id: GroupId, group: DescribedGroup): GroupDescription =>
  group.code === 0
    ? {
        id,
        state: stateOf(group.state),
        type: 'classic',
        protocolType: group.protocolType,
        members: group.members.map(memberOf),
      }
    : deadGroup(id)

const deadGroup = (id: GroupId): GroupDescription => ({
  id,
  state: 'dead',
  type: 'unknown',
  protocolType: '',
  members: [],
})

const describeListed = (id: GroupId, listed: ListedGroup | undefined): GroupDescription =>
  listed === undefined
    ? { id, state: 'absent', type: 'unknown', protocolType: '', members: [] }
    : {
        id,
        state: stateOf(listed.state),
        type: TYPES[listed.type.toLowerCase()] ?? 'unknown',
        protocolType: listed.protocolType,
        members: [],
      }

const memberOf = (member: {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
}) => ({
  memberId: member.memberId,
  ...(member.instanceId !== null && { instanceId: member.instanceId }),
  clientId: member.clientId,
  host: member.host,
})
