import type { Answers } from '../domain/answers.ts'
import type { GroupId } from '../domain/ids.ts'
import type { GroupDescription } from './cluster.ts'
import { askedGroup } from './commits.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked } from './faults.ts'
import type { Session } from './session.ts'
import { consumerGroupDescribe } from './wire/consumer-group-describe.ts'
import { type DescribedGroup, describeGroups } from './wire/describe-groups.ts'
import { type ListedGroup, listGroups } from './wire/list-groups.ts'

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

const asked = (group: string): Asked => askedGroup('describe', 'DESCRIBE', group)

/** Consumer groups: that part of the cluster port. */
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
    if (this.#session.brokers.supports(consumerGroupDescribe) === undefined) {
      return { ok: new Map(), failed: new Map() }
    }
    return this.#session.settlePerCoordinator(ids, asked, async (broker, mine, outcomes) => {
      const answers = await this.#session.call(broker, consumerGroupDescribe, mine)
      for (const { code, id: name, state, members, message } of answers) {
        const id = name as GroupId
        // 3.7 to 3.9 know the request, and refuse it where the new protocol is switched off, as it is by default: they have no such groups
        // (`KafkaApis.handleConsumerGroupDescribe`).
        const isNone =
          code === ErrorCode.GROUP_ID_NOT_FOUND || code === ErrorCode.UNSUPPORTED_VERSION
        if (isNone) {
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
