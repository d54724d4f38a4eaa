import { FerryError } from '../domain/diagnostic.ts'
import {
  type GroupMemberOptions,
  type GroupMemberPort,
  type JoinedGroup,
  LinkLost,
} from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked } from './faults.ts'
import { isConnectionTrouble, type Session } from './session.ts'
import type { Api } from './wire/api.ts'
import { describeGroups } from './wire/describe-groups.ts'
import { heartbeat } from './wire/heartbeat.ts'
import { joinGroup } from './wire/join-group.ts'
import { leaveGroup } from './wire/leave-group.ts'
import { syncGroup } from './wire/sync-group.ts'

/** The coordinator is another, or not yet there. */
const MOVED = new Set<number>([
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
])
/** The membership is over: whoever held a partition by it holds it no longer. */
const LOST = new Set<number>([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_INSTANCE_ID,
])

/**
 * A member of a group of our own protocol type, on its own connection to the coordinator: a JoinGroup waits there for the other members,
 * and a broker handles one request per connection at a time.
 */
export class KafkajsGroupMember implements GroupMemberPort {
  readonly #session: Session
  readonly #options: GroupMemberOptions
  #memberId = ''
  #connection: BrokerConnection | undefined
  #closed = false

  constructor(session: Session, options: GroupMemberOptions) {
    this.#session = session
    this.#options = options
  }

  async join(metadata: Buffer, signal: AbortSignal): Promise<JoinedGroup> {
    const timeoutMs =
      this.#options.rebalanceTimeoutMs + this.#session.brokers.options.requestTimeoutMs
    for (;;) {
      const request = { ...this.#options, memberId: this.#memberId, metadata }
      const answer = await this.#call(joinGroup, request, { signal, timeoutMs })
      if (answer.code === ErrorCode.MEMBER_ID_REQUIRED) {
        this.#memberId = answer.memberId
      } else if (LOST.has(answer.code)) {
        this.#memberId = ''
      } else {
        this.#throwIfRefused(answer.code, 'join')
        this.#memberId = answer.memberId
        return {
          generation: answer.generation,
          memberId: answer.memberId,
          isLeader: answer.leader === answer.memberId,
          members: answer.members,
        }
      }
      signal.throwIfAborted()
    }
  }

  async sync(
    joined: JoinedGroup,
    assignments: ReadonlyMap<string, Buffer>,
    signal: AbortSignal,
  ): Promise<Buffer | 'rejoin'> {
    const timeoutMs =
      this.#options.rebalanceTimeoutMs + this.#session.brokers.options.requestTimeoutMs
    const request = { ...this.#ids(joined), assignments }
    const answer = await this.#call(syncGroup, request, { signal, timeoutMs })
    if (answer.code === ErrorCode.REBALANCE_IN_PROGRESS) return 'rejoin'
    if (LOST.has(answer.code)) {
      this.#forgetUnlessIllegalGeneration(answer.code)
      return 'rejoin'
    }
    this.#throwIfRefused(answer.code, 'get a share of')
    return answer.assignment
  }

  async heartbeat(joined: JoinedGroup): Promise<'ok' | 'rejoin' | 'lost'> {
    const timeoutMs = Math.min(
      this.#session.brokers.options.requestTimeoutMs,
      this.#options.sessionTimeoutMs,
    )
    const code = await this.#call(heartbeat, this.#ids(joined), { timeoutMs })
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) return 'rejoin'
    if (LOST.has(code)) {
      this.#forgetUnlessIllegalGeneration(code)
      return 'lost'
    }
    this.#throwIfRefused(code, 'stay in')
    return 'ok'
  }

  async leave(): Promise<void> {
    if (this.#memberId === '') return
    const memberId = this.#memberId
    this.#memberId = ''
    await this.removeMember(memberId)
  }

  async removeMember(memberId: string): Promise<void> {
    const code = await this.#call(leaveGroup, { group: this.#options.group, memberId }, {})
    if (code !== ErrorCode.UNKNOWN_MEMBER_ID) this.#throwIfRefused(code, 'take a member out of')
  }

  async describe() {
    const { group } = this.#options
    const [described] = await this.#call(describeGroups, [group], {}, (answer) => answer[0]?.code)
    if (described === undefined) {
      throw new FerryError(this.#session.faults.leftOut(this.#asked('describe')).diagnostic)
    }
    if (described.code !== ErrorCode.GROUP_ID_NOT_FOUND) {
      this.#throwIfRefused(described.code, 'describe')
    }
    return described.members.map(({ memberId, clientId, host, metadata }) => ({
      memberId,
      clientId,
      host,
      metadata,
    }))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#connection?.close()
  }

  #ids(joined: JoinedGroup) {
    const { generation, memberId } = joined
    return { group: this.#options.group, generation, memberId }
  }

  /** An old generation of a member that the coordinator still knows: it may join again under its id. */
  #forgetUnlessIllegalGeneration(code: number): void {
    if (code !== ErrorCode.ILLEGAL_GENERATION) this.#memberId = ''
  }

  /** Sends a request to the coordinator, wherever it is; a coordinator that moved is looked for until the patience ends. */
  async #call<Request, Answer>(
    api: Api<Request, Answer>,
    request: Request,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
    codeOf: (answer: Answer) => number | undefined = codeOfAnswer,
  ): Promise<Answer> {
    const timeoutMs = options.timeoutMs ?? this.#session.brokers.options.requestTimeoutMs
    return this.#session.ask(this.#asked('join'), async () => {
      options.signal?.throwIfAborted()
      if (this.#closed) throw new FerryError(this.#closedDiagnostic())
      const connection = await this.#connect()
      const answer = await abortable(connection.call(api, request, timeoutMs), options.signal, () =>
        connection.close('the wait was ended'),
      )
      const code = codeOf(answer) ?? 0
      if (MOVED.has(code)) {
        this.#session.coordinators.forget(this.#options.group)
        connection.close('the coordinator moved')
        this.#throwIfCode(code, 'join')
      }
      return answer
    })
  }

  #closedDiagnostic() {
    const cause = new LinkLost('the member was closed')
    return this.#session.faults.ofError(cause, this.#asked('use'), 'final').diagnostic
  }

  async #connect(): Promise<BrokerConnection> {
    if (this.#connection?.connected) return this.#connection
    const { group } = this.#options
    try {
      const coordinator = (await this.#session.coordinators.of([group])).get(group)
      if (coordinator === undefined) throw this.#session.faults.leftOut(this.#asked('find'))
      this.#throwIfCode(coordinator.code, 'find')
      const connection = await this.#session.brokers.dedicated(coordinator.nodeId)
      if (this.#closed) connection.close()
      this.#connection = connection
      return connection
    } catch (error) {
      if (isConnectionTrouble(error)) this.#session.coordinators.forget(group)
      throw error
    }
  }

  /** Within {@link Session.ask}, which tries again what may pass. */
  #throwIfCode(code: number, verb: string): void {
    if (code === 0) return
    throw this.#session.faults.ofCode(code, this.#asked(verb))
  }

  /** For whoever holds the port. */
  #throwIfRefused(code: number, verb: string): void {
    if (code === 0) return
    const { diagnostic, retriable } = this.#session.faults.ofCode(code, this.#asked(verb))
    throw new FerryError(diagnostic, { retriable })
  }

  #asked(verb: string): Asked {
    const { group } = this.#options
    return {
      what: `${verb} group ${group}`,
      right: { operation: 'READ', resourceType: 'GROUP', resourceName: group },
    }
  }
}

const codeOfAnswer = (answer: unknown): number | undefined =>
  typeof answer === 'number' ? answer : (answer as { readonly code?: number }).code

/** Ends a wait for an answer; what was sent stays sent, so the connection has to go with it. */
const abortable = <T>(
  answer: Promise<T>,
  signal: AbortSignal | undefined,
  end: () => void,
): Promise<T> => {
  if (signal === undefined) return answer
  return new Promise((resolve, reject) => {
    const abort = () => {
      end()
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
