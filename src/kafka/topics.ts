import type { Answers } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import { askedTopic, unlessNew } from './asked-topic.ts'
import type { ConfigEntry, TopicCreation, TopicDescription } from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import { ErrorCode } from './error-codes.ts'
import type { Asked, Fault } from './faults.ts'
import type { Session } from './session.ts'
import type { Outcomes } from './settle.ts'
import { operationsOfBits } from './wire/acls.ts'
import type { CodeAndMessage } from './wire/api.ts'
import { createPartitions } from './wire/create-partitions.ts'
import { createTopics } from './wire/create-topics.ts'
import { deleteTopics } from './wire/delete-topics.ts'
import { CONFIG_RESOURCE, type DescribedConfigs, describeConfigs } from './wire/describe-configs.ts'
import { incrementalAlterConfigs } from './wire/incremental-alter-configs.ts'
import { type MetadataTopic, metadata } from './wire/metadata.ts'

/** Topics and configs: that part of the cluster port. */
export class Topics {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async list(): Promise<readonly TopicName[]> {
    const asked: Asked = {
      what: 'list topics',
      right: { operation: 'DESCRIBE', resourceType: 'TOPIC', resourceName: '*' },
    }
    const answer = await this.#session.ask(asked, () =>
      this.#session.brokers.metadata({ topics: null, withAuthorized: false }),
    )
    return answer.topics.map((topic) => topic.name as TopicName).sort()
  }

  describe(names: readonly TopicName[]): Promise<Answers<TopicName, TopicDescription | 'absent'>> {
    const asked = (name: TopicName) => askedTopic('describe', 'DESCRIBE', name)
    return this.#session.settle(names, asked, async (pending) => {
      const outcomes: Outcomes<TopicName, TopicDescription | 'absent'> = new Map()
      const topics = await this.#session.topics.of(pending)
      for (const name of pending) {
        const topic = topics.get(name)
        if (topic === undefined) continue
        outcomes.set(name, this.#describe(topic, asked(name)))
      }
      return outcomes
    })
  }

  #describe(
    topic: MetadataTopic | 'absent',
    asked: Asked,
  ): { readonly value: TopicDescription | 'absent' } | Fault {
    if (topic === 'absent' || topic.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      return { value: 'absent' }
    }
    if (topic.code !== 0) return this.#session.faults.ofCode(topic.code, asked)
    const partitions = topic.partitions
      .map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
        partition,
        leader,
        leaderEpoch,
        replicas,
        isr,
      }))
      .sort((left, right) => left.partition - right.partition)
    if (partitions.some(({ partition }, i) => partition !== i)) {
      return this.#session.faults.leftOut(asked)
    }
    const authorized = operationsOfBits(topic.authorized)
    return {
      value: {
        name: topic.name as TopicName,
        ...(topic.topicId !== undefined && { topicId: topic.topicId }),
        isInternal: topic.isInternal,
        partitions,
        ...(authorized !== undefined && { authorized }),
      },
    }
  }

  configs(
    names: readonly TopicName[],
  ): Promise<Answers<TopicName, ReadonlyMap<string, ConfigEntry>>> {
    const asked = (name: TopicName) => askedTopic('read the configs of', 'DESCRIBE_CONFIGS', name)
    return this.#session.settle(names, asked, async (pending, round) => {
      const broker = await this.#session.brokers.any()
      const answers = await this.#session.call(broker, describeConfigs, {
        type: CONFIG_RESOURCE.topic,
        names: pending,
      })
      const outcomes: Outcomes<TopicName, ReadonlyMap<string, ConfigEntry>> = new Map()
      for (const answer of answers) {
        const name = answer.name as TopicName
        const fault = () => unlessNew(this.#session.faults, answer, asked(name), round)
        outcomes.set(name, answer.code === 0 ? { value: entriesOf(answer) } : fault())
      }
      return outcomes
    })
  }

  async brokerConfigs(nodeId: number): Promise<ReadonlyMap<string, ConfigEntry>> {
    const asked: Asked = {
      what: `read the configs of broker ${nodeId}`,
      right: {
        operation: 'DESCRIBE_CONFIGS',
        resourceType: 'CLUSTER',
        resourceName: 'kafka-cluster',
      },
    }
    const answer = await this.#session.ask(asked, async () => {
      await this.#session.brokers.refresh()
      const broker = await this.#session.brokers.node(nodeId)
      const request = { type: CONFIG_RESOURCE.broker, names: [String(nodeId)] }
      const [found] = await this.#session.call(broker, describeConfigs, request)
      if (found !== undefined) this.#session.throwIfCode(found, asked)
      return found
    })
    if (answer === undefined) throw new FerryError(this.#session.faults.leftOut(asked).diagnostic)
    return entriesOf(answer)
  }

  async create(
    topics: readonly TopicCreation[],
    options: { readonly validateOnly?: boolean },
  ): Promise<Answers<TopicName, void>> {
    const byName = new Map(topics.map((topic) => [topic.name, topic]))
    const validateOnly = options.validateOnly ?? false
    const asked = (name: TopicName) => askedTopic('create', 'CREATE', name)
    const answers = await this.#change(
      [...byName.keys()],
      asked,
      async (controller, names) => {
        const wanted = names.map((name) => byName.get(name)!)
        const timeoutMs = this.#session.brokers.options.requestTimeoutMs / 2
        return this.#session.call(controller, createTopics, {
          topics: wanted,
          timeoutMs,
          validateOnly,
        })
      },
      // A creation that was left out of an answer, or that a broker has passed on twice, comes to stand before its own topic.
      validateOnly ? OPEN : [...OPEN, ErrorCode.TOPIC_ALREADY_EXISTS],
    )
    if (!validateOnly) await this.#untilSeen([...answers.ok.keys()], true)
    return answers
  }

  async delete(names: readonly TopicName[]): Promise<Answers<TopicName, void>> {
    const asked = (name: TopicName) => askedTopic('delete', 'DELETE', name)
    const answers = await this.#change(names, asked, async (controller, pending) => {
      const timeoutMs = this.#session.brokers.options.requestTimeoutMs / 2
      const codes = await this.#session.call(controller, deleteTopics, {
        names: pending,
        timeoutMs,
      })
      return new Map([...codes].map(([name, code]) => [name, { code, message: null }]))
    })
    await this.#untilSeen([...answers.ok.keys()], false)
    return answers
  }

  async addPartitions(counts: ReadonlyMap<TopicName, number>): Promise<Answers<TopicName, void>> {
    const asked = (name: TopicName) => askedTopic('add partitions to', 'ALTER', name)
    const answers = await this.#change([...counts.keys()], asked, (controller, pending) =>
      this.#session.call(controller, createPartitions, {
        counts: new Map(pending.map((name) => [name, counts.get(name)!])),
        timeoutMs: this.#session.brokers.options.requestTimeoutMs / 2,
      }),
    )
    await this.#untilSeen([...answers.ok.keys()], true, counts)
    return answers
  }

  async alterConfigs(
    changes: ReadonlyMap<TopicName, ReadonlyMap<string, string | null>>,
  ): Promise<Answers<TopicName, void>> {
    const asked = (name: TopicName) => askedTopic('change the configs of', 'ALTER_CONFIGS', name)
    const answers = await this.#change([...changes.keys()], asked, (controller, names) => {
      const wanted = new Map(names.map((name) => [name, changes.get(name)!]))
      return this.#session.call(controller, incrementalAlterConfigs, wanted)
    })
    const names = [...answers.ok.keys()]
    await this.#session.untilSeen(async (broker) => {
      const request = { type: CONFIG_RESOURCE.topic, names }
      const described = await this.#session.call(broker, describeConfigs, request)
      return described.every((topic) => {
        if (topic.code !== 0) return topic.code !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        const entries = entriesOf(topic)
        const wanted = changes.get(topic.name as TopicName) ?? []
        return [...wanted].every(([key, value]) => {
          const entry = entries.get(key)
          return value === null ? entry?.isOverride !== true : entry?.value === value
        })
      })
    })
    return answers
  }

  /** A change at the controller, with one result for each topic. What was sent is never sent again after its answer was lost. */
  #change(
    names: readonly TopicName[],
    asked: (name: TopicName) => Asked,
    send: (
      controller: BrokerConnection,
      names: readonly TopicName[],
    ) => Promise<ReadonlyMap<string, CodeAndMessage>>,
    open: readonly number[] = OPEN,
  ): Promise<Answers<TopicName, void>> {
    return this.#session.settle(
      names,
      asked,
      async (pending) => {
        const results = await send(await this.#session.controller(asked(pending[0]!)), pending)
        const outcomes: Outcomes<TopicName, void> = new Map()
        for (const name of pending) {
          const result = results.get(name)
          if (result === undefined) continue
          if (result.code === 0) outcomes.set(name, { value: undefined })
          else outcomes.set(name, this.#refused(result, asked(name), open))
        }
        return outcomes
      },
      'final',
    )
  }

  /** True for existing: all are there with a leader, and as many partitions as `counts` says; false: none is. Before v4 naming a topic might create it: not looked at. */
  async #untilSeen(
    names: readonly TopicName[],
    isThere: boolean,
    counts?: ReadonlyMap<TopicName, number>,
  ): Promise<void> {
    if (names.length === 0) return
    await this.#session.untilSeen(async (broker) => {
      if ((broker.negotiate(metadata) ?? 0) < 4) return true
      const { topics } = await this.#session.call(broker, metadata, {
        topics: names,
        withAuthorized: false,
      })
      return topics.every(({ name, code, partitions }) => {
        // It need not say what nobody has granted DESCRIBE on.
        if (code === ErrorCode.TOPIC_AUTHORIZATION_FAILED) return true
        if (!isThere) return code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if (partitions.length < (counts?.get(name as TopicName) ?? 0)) return false
        return code === 0 && partitions.every(({ leader }) => leader >= 0)
      })
    })
  }

  #refused(result: CodeAndMessage, asked: Asked, open: readonly number[]): Fault {
    const isUnknown = result.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return this.#session.faults.ofCode(result.code, asked, {
      message: result.message,
      ...(isUnknown && { retriable: false }),
      ...(open.includes(result.code) && { outcome: 'unknown' }),
    })
  }
}

/** A creation or deletion that timed out goes on in the controller; what went wrong in another way may have done so behind the change. */
const OPEN: readonly number[] = [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.UNKNOWN_SERVER_ERROR]

const entriesOf = (answer: DescribedConfigs): ReadonlyMap<string, ConfigEntry> =>
  new Map(answer.entries.map(({ name, value, isOverride }) => [name, { value, isOverride }]))
