import { ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { topicName } from '../mirror/_support.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  keyOf,
  migrationFile,
  partitionsOf,
  planTo,
  startFaultWorld,
  succeeded,
} from './_world.ts'

const TOPIC = 'rolled'
const PARTITIONS = [0, 1, 2, 3, 4, 5]
/** Of each half, one copied while the target's brokers restart, the other while the source's do: about a minute by the throttle. */
const RECORDS = 120_000

/** Each broker of both clusters is stopped in order and started again while records of three days ago are copied. */
describe('a rolling restart', () => {
  let world: FaultWorld
  beforeAll(async () => {
    const config = { ...FORGETFUL, 'min.insync.replicas': '2' }
    world = await startFaultWorld({ source: { brokers: 3 }, target: { brokers: 3, config } })
  }, 180_000)
  afterAll(() => world?.stop())

  const lag = async (): Promise<number> => {
    const all = partitionsOf(TOPIC, PARTITIONS.length)
    const [here, there] = await Promise.all([
      world.from.listOffsets(all, 'latest'),
      world.to.listOffsets(all, 'latest'),
    ])
    return PARTITIONS.reduce((sum, partition) => {
      const key = keyOf(TOPIC, partition)
      return sum + Number(here.ok.get(key)) - Number(there.ok.get(key))
    }, 0)
  }

  const restartAll = async (cluster: TestCluster, side: FaultWorld['from']): Promise<void> => {
    for (const broker of cluster.brokers) {
      ok((await lag()) > 0, 'all was copied before the restart: it shows nothing')
      await broker.kill('SIGTERM')
      await broker.start()
      await waitFor('every replica to be in sync', { timeoutMs: 60_000 }, async () => {
        const found = (await side.describeTopics([topicName(TOPIC)])).ok.get(topicName(TOPIC))
        if (found === undefined || found === 'absent') return undefined
        const isWhole = found.partitions.every(({ isr, leader }) => isr.length === 3 && leader >= 0)
        return isWhole || undefined
      })
    }
  }

  it('of the target, then of the source: the copy goes on, and is exact', {
    timeout: 480_000,
  }, async () => {
    const configs = new Map([['retention.ms', '-1']])
    const partitions = PARTITIONS.length
    const { failed } = await world.from.createTopics([
      { name: topicName(TOPIC), partitions, replicationFactor: 3, configs },
    ])
    strictEqual(failed.size, 0)
    const project = world.project(TOPIC)
    const clocks = { FERRY_MIRROR_SESSION_MS: '10000', FERRY_MIRROR_REQUEST_MS: '4000' }
    Object.assign(project.env, clocks)
    const topics = [{ name: TOPIC, replicationFactor: 3 }]
    project.write('plans/shop.yaml', migrationFile({ topics, throttle: '256KiB' }))
    succeeded(await project.ferry(['apply', await planTo(project, 'mirrored')]))
    const mirror = project.start(['mirror', 'shop'], {}, 470_000)
    for (const [cluster, side] of [
      [world.target, world.to],
      [world.source, world.from],
    ] as const) {
      const timestamp = Date.now() - 3 * DAY
      await oracle.produce(world.source, TOPIC, {
        count: RECORDS,
        partitions: PARTITIONS,
        timestamp,
      })
      await restartAll(cluster, side)
      await waitFor('the copy', { timeoutMs: 150_000 }, async () =>
        (await lag()) === 0 ? true : undefined,
      )
    }
    mirror.child.kill('SIGTERM')
    succeeded(await mirror.ended)
    strictEqual(await compareTopic(world, TOPIC), 2 * RECORDS)
  })
})
