import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf } from '../../src/app/state-changes.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { Cluster, TransactionalProducer } from '../../src/kafka/cluster.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import type { StateContent, StateStore } from '../../src/state/state-store.ts'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { KafkaPlaces } from './kafka-place.ts'
import { AT, codesOf, fullState, holder, sampleChunk, sampleProgress } from './samples.ts'

let broker: TestCluster
let places: KafkaPlaces

beforeAll(async () => {
  broker = await startKafka({ version: '4.x' })
  places = await KafkaPlaces.on(broker)
})
afterAll(async () => {
  await places?.close()
  await broker?.stop()
})

/** A place between two requests that write, or behind the last one. */
type Interrupt = (moment: 'before' | 'after', request: number) => Promise<void>

/** The cluster, with something happening around each request that writes. */
const interrupted = (cluster: Cluster, at: { happens?: Interrupt }): Cluster => {
  let requests = 0
  const around = async <T>(request: () => Promise<T>): Promise<T> => {
    if (at.happens === undefined) return request()
    const mine = ++requests
    await at.happens('before', mine)
    const answer = await request()
    await at.happens('after', mine)
    return answer
  }
  const changed = <T extends object>(of: T, methods: Partial<T>): T =>
    new Proxy(of, {
      get: (_, name) => {
        const own = methods[name as keyof T]
        if (own !== undefined) return own
        const value = of[name as keyof T]
        return typeof value === 'function' ? value.bind(of) : value
      },
    })
  const producer = (of: TransactionalProducer): TransactionalProducer =>
    changed(of, {
      add: (partitions) => around(() => of.add(partitions)),
      end: (committed) => around(() => of.end(committed)),
    })
  return changed(cluster, {
    initProducerId: () => around(() => cluster.initProducerId()),
    takeTransactionalId: async (id, timeoutMs) =>
      producer(await around(() => cluster.takeTransactionalId(id, timeoutMs))),
    connectBroker: async (nodeId) => {
      const link = await cluster.connectBroker(nodeId)
      return changed(link, { produce: (request) => around(() => link.produce(request)) })
    },
  })
}

const exported = async (store: StateStore): Promise<string> => {
  const content = await contentOf(store, 'orders')
  return content === undefined ? 'nothing' : encodeContent(content)
}

const intent = { at: AT, plan: 'd'.repeat(64), what: { kind: 'intent', step: 'a' } as const }

/** A filled state, and a store that holds its lock and that something will happen to. */
const begun = async (at: { happens?: Interrupt }) => {
  const topic = places.newTopic()
  const [cluster, other] = places.clusters as [Cluster, Cluster]
  const store = places.open(topic, { connect: async () => interrupted(cluster, at) })
  await store.lock('orders', holder())
  await store.writeDecisions(fullState(1), 0)
  await store.appendJournal('orders', intent)
  await store.writeProgress('orders', [sampleProgress('a', 0), sampleProgress('b', 0)])
  await store.appendGaps('orders', [sampleChunk('a', 0)])
  return {
    topic,
    other,
    store,
    was: await exported(store),
    /** As another process sees it, once the cluster has given up what is open. */
    seen: async () => {
      await other.takeTransactionalId(`ferry-${topic}-shop-orders`, 10_000)
      return places.open(topic)
    },
  }
}

const NEXT: StateContent = {
  decisions: { ...fullState(7), lineage: 'another', plan: null },
  journal: [],
  progress: [sampleProgress('b', 0, { gaps: GapList.of([{ from: 3, to: 4 }]) })],
}

describe.each<[string, StateContent | undefined]>([
  ['pushed', NEXT],
  ['forgotten', undefined],
])('a state that is %s', (_, next) => {
  const shall = next === undefined ? 'nothing' : encodeContent(next)

  test.each(['before', 'after'] as const)(
    'and whose writer dies right %s any of its requests is as it was or as it shall be, whole; what was overwritten is kept, and a second run ends it',
    async (when) => {
      const found: string[] = []
      for (let fatal = 1; ; fatal++) {
        const at: { happens?: Interrupt } = {}
        const { store, was, seen } = await begun(at)
        at.happens = async (moment, request) => {
          if (moment === when && request >= fatal) throw new Error('killed')
        }
        const died = await store.replace('orders', next).then(
          () => false,
          (error: Error) => error.message === 'killed',
        )
        delete at.happens
        const now = await seen()
        const is = await exported(now)
        expect([was, shall]).toContain(is)
        found.push(is === was ? 'was' : 'shall')
        if (is !== was) expect(await backups(now)).toEqual([was])
        await store.replace('orders', next)
        const then = await seen()
        expect(await exported(then)).toBe(shall)
        expect(await backups(then)).toContain(was)
        if (!died) break
      }
      expect(found.length).toBeGreaterThan(6)
      expect(new Set(found).size).toBe(2)
    },
    240_000,
  )

  test('and whose writer loses the lock at any of its requests is replaced whole, or stays as it was', async () => {
    const found = new Set<string>()
    for (let fatal = 1; ; fatal++) {
      const at: { happens?: Interrupt } = {}
      const { topic, other, store, was, seen } = await begun(at)
      let happened = false
      at.happens = async (moment, request) => {
        if (moment !== 'before' || request !== fatal) return
        happened = true
        // Whoever reads waits for the end of what is open: who takes the id ends it.
        await other.takeTransactionalId(`ferry-${topic}-shop-orders`, 10_000)
        await places.open(topic).breakLock('orders')
      }
      const codes = await codesOf(store.replace('orders', next))
      if (!happened) break
      expect([[], ['FERRY1407']]).toContainEqual(codes)
      expect(await exported(await seen())).toBe(codes.length === 0 ? shall : was)
      found.add(codes[0] ?? 'done')
    }
    expect(found).toContain('FERRY1407')
  }, 240_000)
})

const backups = async (store: StateStore): Promise<readonly string[]> => {
  const kept = await store.backups('orders')
  const texts = await Promise.all(kept.map((each) => store.backup('orders', each)))
  return texts.map((text = '') => encodeContent(decodeContent(text, 'a backup')))
}
