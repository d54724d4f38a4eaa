import type { Answers } from '../domain/answers.ts'
import {
  type GroupId,
  type PartitionKey,
  partitionKey,
  type TopicName,
  type TopicPartition,
} from '../domain/ids.ts'
import { byTopic, partitionsByTopic } from './by-topic.ts'
import type { CommitsSeen, CommittedOffset } from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import { ErrorCode } from './error-codes.ts'
import { type Asked, Fault } from './faults.ts'
import type { Session } from './session.ts'
import type { Outcomes } from './settle.ts'
import { offsetCommit } from './wire/offset-commit.ts'
import { offsetDelete } from './wire/offset-delete.ts'
import { type FetchedCommits, offsetFetch, offsetFetchBatched } from './wire/offset-fetch.ts'

export const askedGroup = (
  verb: string,
  operation: 'DESCRIBE' | 'READ' | 'DELETE',
  group: string,
): Asked => ({
  what: `${verb} group ${group}`,
  right: { operation, resourceType: 'GROUP', resourceName: group },
})

const askedCommits = (group: string): Asked => askedGroup('read the commits of', 'DESCRIBE', group)

const pendingIn = ({ commits }: FetchedCommits): readonly PartitionKey[] =>
  commits
    .filter(({ code }) => code === ErrorCode.UNSTABLE_OFFSET_COMMIT)
    .map(({ topic, partition }) => partitionKey(topic as TopicName, partition))

/** What groups have committed: that part of the cluster port. */
export class Commits {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  fetch(
    ids: readonly GroupId[],
  ): Promise<Answers<GroupId, ReadonlyMap<PartitionKey, CommittedOffset>>> {
    return this.#session.settlePerCoordinator(ids, askedCommits, async (broker, mine, outcomes) => {
      const asked = { groups: mine, topics: null, requireStable: true }
      for (const answer of await this.#ask(broker, asked)) {
        outcomes.set(answer.group as GroupId, this.#commitsOf(answer))
      }
    })
  }

  /** Who has pending positions is asked twice: where they must be stable, the broker does not say what was committed before. */
  look(
    ids: readonly GroupId[],
    of?: readonly TopicPartition[],
  ): Promise<Answers<GroupId, CommitsSeen>> {
    const topics = of === undefined ? null : partitionsByTopic(of)
    return this.#session.settlePerCoordinator(ids, askedCommits, async (broker, mine, outcomes) => {
      const stable = await this.#ask(broker, { groups: mine, topics, requireStable: true })
      const open = stable.filter((answer) => pendingIn(answer).length > 0)
      const groups = open.map(({ group }) => group)
      const before =
        groups.length === 0 ? [] : await this.#ask(broker, { groups, topics, requireStable: false })
      const now = new Map([...stable, ...before].map((answer) => [answer.group, answer]))
      for (const answer of stable) {
        const read = this.#commitsOf(now.get(answer.group)!, of)
        outcomes.set(
          answer.group as GroupId,
          read instanceof Fault
            ? read
            : { value: { commits: read.value, pending: pendingIn(answer) } },
        )
      }
    })
  }

  async #ask(
    broker: BrokerConnection,
    { groups, ...of }: Parameters<typeof offsetFetchBatched.encode>[1],
  ): Promise<readonly FetchedCommits[]> {
    if (broker.negotiate(offsetFetchBatched) !== undefined) {
      return this.#session.call(broker, offsetFetchBatched, { groups, ...of })
    }
    return Promise.all(
      groups.map(async (group) => ({
        group,
        ...(await this.#session.call(broker, offsetFetch, { group, ...of })),
      })),
    )
  }

  #commitsOf(
    answer: FetchedCommits,
    of?: readonly TopicPartition[],
  ): { readonly value: ReadonlyMap<PartitionKey, CommittedOffset> } | Fault {
    // A coordinator of the new kind says so for a group that it does not know: it has no commits.
    if (answer.code === ErrorCode.GROUP_ID_NOT_FOUND) return { value: new Map() }
    const asked = askedCommits(answer.group)
    const code = answer.code || answer.commits.find((commit) => commit.code !== 0)?.code || 0
    if (code !== 0) return this.#session.faults.ofCode(code, asked)
    const answered = new Map(
      answer.commits.map(({ topic, partition, offset, metadata, leaderEpoch }) => [
        partitionKey(topic as TopicName, partition),
        { offset, metadata, leaderEpoch },
      ]),
    )
    // One that was named is answered with -1 where there is no commit: without an answer it is not known whether there is one.
    if (of?.some(({ topic, partition }) => !answered.has(partitionKey(topic, partition)))) {
      return this.#session.faults.leftOut(asked)
    }
    return { value: new Map([...answered].filter(([, { offset }]) => offset >= 0n)) }
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
      const topics = byTopic(pending, ({ key, partition }) => ({ partition, ...offsets.get(key)! }))
      for (const result of await this.#session.call(broker, offsetCommit, { group: id, topics })) {
        const key = partitionKey(result.topic as TopicName, result.partition)
        const fault = () => this.#session.faults.ofCode(result.code, asked(key))
        outcomes.set(key, result.code === 0 ? { value: undefined } : fault())
      }
    })
  }

  /** The same when done twice, so it is sent again after a lost answer. */
  async delete(
    id: GroupId,
    partitions: readonly PartitionKey[],
  ): Promise<Answers<PartitionKey, void>> {
    const asked = (key: PartitionKey): Asked => ({
      ...askedGroup('', 'DELETE', id),
      what: `delete the commit of ${key} of group ${id}`,
    })
    return this.#atCoordinator(id, partitions, asked, async (broker, pending, outcomes) => {
      const topics = byTopic(pending, ({ partition }) => partition)
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
      if (round > 0) this.#session.coordinators.forget(id)
      const outcomes: Outcomes<PartitionKey, void> = new Map()
      const coordinator = (await this.#session.coordinators.of([id])).get(id)
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
