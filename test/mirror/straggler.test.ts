import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { BrokerLink, Cluster, ProduceRequest } from '../../src/kafka/cluster.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  contentOf,
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  type Pair,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

const TIMINGS = { sessionTimeoutMs: 6_000, requestTimeoutMs: 4_000 }

/**
 * The target as a process sees it that dies with a request on its way (in a network or a broker that is slow to hand it on).
 */
class DyingCluster {
  readonly held: ProduceRequest[] = []
  #isHolding = false
  #isDead = false
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** What is produced from now on is kept on its way. */
  hold(): void {
    this.#isHolding = true
  }

  die(): void {
    this.#isDead = true
  }

  get port(): Cluster {
    return new Proxy(this.#cluster, {
      get: (cluster, name) => {
        if (name === 'connectBroker') return (id: number) => this.#connect(id)
        if (name === 'openGroupMember') return this.#openMember.bind(this)
        const value = Reflect.get(cluster, name) as unknown
        return typeof value === 'function' ? value.bind(cluster) : value
      },
    })
  }

  async #connect(nodeId: number): Promise<BrokerLink> {
    const link = await this.#cluster.connectBroker(nodeId)
    return {
      nodeId,
      get connected() {
        return link.connected
      },
      produce: (request) => {
        if (!this.#isHolding) return link.produce(request)
        this.held.push(copyOf(request))
        return new Promise(() => {})
      },
      fetch: (request) => link.fetch(request),
      writeMarkers: (request) => link.writeMarkers(request),
      logStarts: (partitions) => link.logStarts(partitions),
      close: () => link.close(),
    }
  }

  async #openMember(options: Parameters<Cluster['openGroupMember']>[0]) {
    const member = await this.#cluster.openGroupMember(options)
    return new Proxy(member, {
      get: (port, name) => {
        if (this.#isDead && name !== 'close') return () => new Promise(() => {})
        const value = Reflect.get(port, name) as unknown
        return typeof value === 'function' ? value.bind(port) : value
      },
    })
  }
}

const copyOf = (request: ProduceRequest): ProduceRequest => ({
  ...request,
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, batch }) => ({
      partition,
      batch: batch.map((piece) => Buffer.from(piece)),
    })),
  })),
})

describe('a request of a dead holder that arrives late', () => {
  let pair: Pair
  beforeAll(async () => {
    // Old records, and a broker that forgets their producers within a second: its sequence check does not help.
    const config = { 'producer.id.expiration.check.interval.ms': '500' }
    pair = await startPair({ target: { config } })
  })
  afterAll(() => pair?.stop())

  it('is waited for by the next one, and counted', async () => {
    const { from, to, source, target } = pair
    const topic = topicName('late')
    await createTopic(from, topic, 1)
    await createTopic(to, topic, 1)
    const timestamp = Date.now() - 172_800_000
    await oracle.produce(source, topic, { count: 1_000, timestamp })
    const marks = await markTopic(from, to, topic, { mode: 'dense' })
    const place = [{ topic, partition: 0 }]
    await withFolder(async (folder) => {
      const store = new FileProgress(`${folder}/progress`)
      const dying = new DyingCluster(to)
      const first = startMirror(mirrorOptions(from, dying.port, store, { timings: TIMINGS }))
      const second = startMirror(mirrorOptions(from, to, store, { timings: TIMINGS }))
      const link = await to.connectBroker(1)
      try {
        first.follow([{ migration: 'm', marks, seals: [] }])
        await untilCopied(first, await endsOf(from, place))
        dying.hold()
        await oracle.produce(source, topic, { count: 500, timestamp, firstId: 1_000 })
        await waitFor(
          'the request',
          { timeoutMs: 20_000 },
          () => dying.held.length > 0 || undefined,
        )
        dying.die()
        second.follow([{ migration: 'm', marks, seals: [] }])
        const took = () => {
          const [report] = second.reports()
          return (
            report!.state === 'mirroring' || report!.waitsFor?.startsWith('requests') || undefined
          )
        }
        await waitFor('the second to hold it', { timeoutMs: 40_000, everyMs: 5 }, took)
        // The broker hands it on within the request timeout, and long after one that would not wait had sent its own.
        await pause(1_500)
        for (const request of dying.held) await link.produce(request)
        await untilCopied(second, await endsOf(from, place))
        await oracle.produce(source, topic, { count: 100, timestamp, firstId: 1_500 })
        const [report] = await untilCopied(second, await endsOf(from, place))
        strictEqual(report!.problem, undefined)
      } finally {
        await link.close()
        await second.stop()
        void first.stop()
      }
    })
    const [before, after] = await Promise.all([
      oracle.read(source, topic),
      oracle.read(target, topic),
    ])
    deepStrictEqual(contentOf(after), contentOf(before))
  })
})
