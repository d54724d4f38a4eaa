import type { Answers } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { Brokers } from './brokers.ts'
import { LinkLost } from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import { Coordinators } from './coordinators.ts'
import { ErrorCode } from './error-codes.ts'
import { type Asked, Fault, type FaultReporter } from './faults.ts'
import { ConnectFailure } from './open-connection.ts'
import { type Outcomes, type Patience, pause, settle } from './settle.ts'
import { type Leader, TopicMetadata } from './topic-metadata.ts'
import type { Api, CodeAndMessage } from './wire/api.ts'

/** How long {@link Session.untilSeen} waits. */
const LONGEST_UNTIL_SEEN_MS = 15_000

/**
 * How questions reach the brokers they belong to: leaders, coordinators, the controller; with retries and what to say when they run out.
 * The halves of the port (topics, groups, access) are written on it.
 */
export class Session {
  readonly brokers: Brokers
  readonly faults: FaultReporter
  readonly patience: Patience
  readonly topics: TopicMetadata
  readonly coordinators: Coordinators

  constructor(brokers: Brokers, faults: FaultReporter, patience: Patience) {
    this.brokers = brokers
    this.faults = faults
    this.patience = patience
    this.topics = new TopicMetadata(brokers)
    this.coordinators = new Coordinators(brokers)
  }

  call<Request, Answer>(
    broker: BrokerConnection,
    api: Api<Request, Answer>,
    request: Request,
  ): Promise<Answer> {
    return broker.call(api, request, this.brokers.options.requestTimeoutMs)
  }

  /** One question with one answer, tried again while the connection is at fault. Throws FerryError. */
  async ask<T>(
    asked: Asked,
    attempt: () => Promise<T>,
    lostIs: 'retriable' | 'final' = 'retriable',
  ): Promise<T> {
    const started = performance.now()
    for (let round = 0; ; round++) {
      this.patience.signal?.throwIfAborted()
      try {
        return await attempt()
      } catch (error) {
        const fault = error instanceof Fault ? error : this.faults.ofError(error, asked, lostIs)
        if (!fault.retriable || performance.now() - started > this.patience.retryMs) {
          throw new FerryError(fault.diagnostic, { retriable: fault.retriable, cause: error })
        }
        await pause(round, this.patience.signal)
      }
    }
  }

  /** For use within {@link ask}: an error code becomes a fault, which is tried again if it is retriable. */
  throwIfCode(answer: CodeAndMessage, asked: Asked): void {
    if (answer.code === 0) return
    throw this.faults.ofCode(answer.code, asked, { message: answer.message })
  }

  /** Many things, one outcome each; see {@link settle}. An attempt that throws stands for all that it was asked. */
  settle<K, V>(
    things: Iterable<K>,
    asked: (thing: K) => Asked,
    attempt: (pending: readonly K[], round: number) => Promise<Outcomes<K, V>>,
    lostIs: 'retriable' | 'final' = 'retriable',
  ): Promise<Answers<K, V>> {
    return settle(
      things,
      async (pending, round) => {
        try {
          return await attempt(pending, round)
        } catch (error) {
          return this.#faultForAll(pending, asked, error, lostIs)
        }
      },
      (thing) => this.faults.leftOut(asked(thing)),
      this.patience,
    )
  }

  /** Partitions, each asked of its leader: one request for each broker. */
  settlePerLeader<V>(
    keys: readonly PartitionKey[],
    asked: (key: PartitionKey) => Asked,
    request: (
      broker: BrokerConnection,
      mine: readonly PartitionKey[],
      outcomes: Outcomes<PartitionKey, V>,
      round: number,
      leaders: ReadonlyMap<PartitionKey, Leader>,
    ) => Promise<void>,
  ): Promise<Answers<PartitionKey, V>> {
    return this.settle(keys, asked, async (pending, round) => {
      const topics = [...new Set(pending.map((key) => parsePartitionKey(key).topic))]
      const leaders = await this.topics.leaders(topics, round === 0 ? 30_000 : 0)
      const outcomes: Outcomes<PartitionKey, V> = new Map()
      const perBroker = new Map<number, PartitionKey[]>()
      for (const key of pending) {
        const leader = leaders.get(key)?.leader
        if (leader === undefined) {
          const code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          outcomes.set(key, this.faults.ofCode(code, asked(key), { retriable: round < 6 }))
        } else if (leader < 0) {
          outcomes.set(key, this.faults.ofCode(ErrorCode.LEADER_NOT_AVAILABLE, asked(key)))
        } else append(perBroker, leader, key)
      }
      await this.#perBroker(perBroker, asked, outcomes, (broker, mine) =>
        request(broker, mine, outcomes, round, leaders),
      )
      return outcomes
    })
  }

  /** Groups, each asked of its coordinator. */
  settlePerCoordinator<K extends string, V>(
    groups: readonly K[],
    asked: (group: K) => Asked,
    request: (
      broker: BrokerConnection,
      mine: readonly K[],
      outcomes: Outcomes<K, V>,
    ) => Promise<void>,
  ): Promise<Answers<K, V>> {
    return this.settle(groups, asked, async (pending, round) => {
      if (round > 0) {
        for (const group of pending) this.coordinators.forget(group)
        await this.brokers.refresh()
      }
      const outcomes: Outcomes<K, V> = new Map()
      const found = await this.coordinators.of(pending)
      const perBroker = new Map<number, K[]>()
      for (const group of pending) {
        const coordinator = found.get(group)
        if (coordinator === undefined) continue
        if (coordinator.code === 0) append(perBroker, coordinator.nodeId, group)
        else outcomes.set(group, this.faults.ofCode(coordinator.code, asked(group), coordinator))
      }
      await this.#perBroker(perBroker, asked, outcomes, (broker, mine) =>
        request(broker, mine, outcomes),
      )
      return outcomes
    })
  }

  async #perBroker<K, V>(
    perBroker: ReadonlyMap<number, readonly K[]>,
    asked: (thing: K) => Asked,
    outcomes: Outcomes<K, V>,
    request: (broker: BrokerConnection, mine: readonly K[]) => Promise<void>,
  ): Promise<void> {
    const requests = [...perBroker].map(async ([nodeId, mine]) => {
      try {
        await request(await this.brokers.node(nodeId), mine)
      } catch (error) {
        const faults = this.#faultForAll<K, V>(mine, asked, error, 'retriable')
        for (const [thing, fault] of faults) outcomes.set(thing, fault)
      }
    })
    await Promise.all(requests)
  }

  #faultForAll<K, V>(
    things: readonly K[],
    asked: (thing: K) => Asked,
    error: unknown,
    lostIs: 'retriable' | 'final',
  ): Outcomes<K, V> {
    return new Map(
      things.map((thing) => {
        const fault =
          error instanceof Fault ? error : this.faults.ofError(error, asked(thing), lostIs)
        return [thing, fault]
      }),
    )
  }

  /**
   * The broker for changes. Only ZooKeeper clusters insist (NOT_CONTROLLER); KRaft brokers pass on. Always asked anew: it moves.
   * Nothing was changed yet when this throws, so the fault may be tried again.
   */
  async controller(asked: Asked): Promise<BrokerConnection> {
    try {
      await this.brokers.refresh()
      return await this.brokers.any(this.brokers.controllerId)
    } catch (error) {
      throw this.faults.ofError(error, asked, 'retriable')
    }
  }

  /**
   * Waits until every broker shows a change that the controller has made. In KRaft each broker follows the metadata log at its own pace
   * (measured: a user that was just set was missing from the next answer), and the next question may go to any of them. The change is
   * made in any case, so this gives up silently; a broker that does not say counts as one that has seen it.
   */
  async untilSeen(isSeenBy: (broker: BrokerConnection) => Promise<boolean>): Promise<void> {
    const end = performance.now() + LONGEST_UNTIL_SEEN_MS
    let waiting = this.brokers.live()
    for (let round = 0; waiting.length > 0 && performance.now() < end; round++) {
      if (round > 0) await pause(round, this.patience.signal)
      const seen = await Promise.all(waiting.map((broker) => isSeenBy(broker).catch(() => true)))
      waiting = waiting.filter((_, i) => !seen[i])
    }
  }
}

const append = <K, V>(lists: Map<K, V[]>, key: K, value: V): void => {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** True for what only says that a connection is gone. */
export const isConnectionTrouble = (error: unknown): boolean =>
  error instanceof LinkLost || error instanceof ConnectFailure
