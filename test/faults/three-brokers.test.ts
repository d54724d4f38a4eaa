import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { GroupId } from '../../src/domain/ids.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName } from '../mirror/_support.ts'
import { withAdmin } from '../scenarios/_image.ts'
import { beginAt, TransactionWriter } from './_source.ts'
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

const STARTS = [1_000_000, 2_000, 0, 3]
/** Records per topic. The old ones are few: after a lost answer about them ferry waits for what replicas may still hold back, 45 s. */
const COUNTS = { fresh: 240_000, aged: 40_000 }
const TOPICS = ['fresh', 'aged'] as const
/** Three brokers on a busy machine take their time; a timeout that nobody meant would show nothing. */
const CLOCKS = { FERRY_MIRROR_SESSION_MS: '10000', FERRY_MIRROR_REQUEST_MS: '4000' }

describe('a target of three brokers', () => {
  let world: FaultWorld
  beforeAll(async () => {
    const config = { ...FORGETFUL, 'min.insync.replicas': '2' }
    world = await startFaultWorld({ target: { brokers: 3, config } })
  })
  afterAll(() => world?.stop())

  it('loses one in the middle, and nothing else', { timeout: 480_000 }, async () => {
    for (const topic of TOPICS) {
      await createTopic(world.from, topicName(topic), STARTS.length)
      await beginAt(world.from, topic, STARTS)
      await oracle.produce(world.source, topic, {
        count: COUNTS[topic],
        partitions: [0, 1, 2, 3],
        timestamp: topic === 'aged' ? Date.now() - 3 * DAY : Date.now() - 60_000,
        timestampStep: 1,
      })
    }
    const wanted = TOPICS.flatMap((topic) =>
      STARTS.map((start, partition) => ({ topic, partition, offset: BigInt(start + 777) })),
    )
    const commits = wanted.map(
      ({ topic, partition, offset }) =>
        [keyOf(topic, partition), { offset, metadata: '' }] as const,
    )
    const { failed } = await world.from.commitOffsets('readers' as GroupId, new Map(commits))
    strictEqual(failed.size, 0)

    const project = world.project('three')
    Object.assign(project.env, CLOCKS)
    const topics = TOPICS.map((name) => ({ name, replicationFactor: 3 }))
    project.write(
      'plans/shop.yaml',
      migrationFile({ topics, groups: ['readers'], throttle: '3MiB' }),
    )
    const apply = ['apply', await planTo(project, 'mirrored')]
    const first = project.start(apply)
    const copied = async (topic: string): Promise<number[]> => {
      const { ok: ends } = await world.to.listOffsets(partitionsOf(topic, STARTS.length), 'latest')
      return STARTS.map((begun, i) => Number(ends.get(keyOf(topic, i)) ?? 0) - begun)
    }
    await waitFor('some of the one and all of the other', { timeoutMs: 60_000 }, async () => {
      const [fresh, aged] = await Promise.all(TOPICS.map(copied))
      const isDone = aged!.every((count) => count === COUNTS.aged / STARTS.length)
      return (isDone && fresh!.every((count) => count > 1_000)) || undefined
    })
    const leaders = await world.to.leaders(TOPICS.map(topicName), 0)
    const leader = leaders.get(keyOf('fresh', 0))!.leader
    const broker = world.target.brokers.find(({ id }) => id === leader)!
    await broker.kill('SIGKILL')
    const left = COUNTS.fresh - (await copied('fresh')).reduce((sum, count) => sum + count, 0)
    ok(left > 0, 'all was copied before the broker died: the test shows nothing')
    // The others take over, and the copy goes on without it.
    const led = await waitFor('another leader', { timeoutMs: 30_000 }, async () => {
      const now = await world.to.leaders(TOPICS.map(topicName), 0)
      const all = [...now.values()].map((each) => each.leader)
      return all.length === 8 && all.every((id) => id >= 0 && id !== leader) ? all : undefined
    })
    strictEqual(led.length, 8)
    await broker.start()
    succeeded(await first.ended)
    succeeded(await project.ferry(['apply', await planTo(project, 'consumers-moved')]))

    for (const topic of TOPICS) {
      strictEqual(await compareTopic(world, topic), COUNTS[topic])
    }
    const positions = await oracle.groupOffsets(world.target, 'readers')
    deepStrictEqual(
      positions.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
      wanted.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0)),
    )

    // Somebody takes replicas away behind Ferry's back.
    const drift = async () => {
      const { code, stdout } = await project.ferry(['drift', 'shop', '--json'])
      return [code, JSON.parse(stdout).migrations[0].drift]
    }
    deepStrictEqual(await drift(), [0, []])
    const change = { fresh: [0, 1, 2, 3], aged: [0] }
    await withAdmin(world.target, async (admin) => {
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...TOPICS] })
      const two = (topic: (typeof TOPICS)[number], partition: number) => {
        const { partitions } = found.find(({ name }) => name === topic)!
        const { leader, replicas } = partitions.find((each) => each.partitionId === partition)!
        return [leader, replicas.find((id) => id !== leader)!]
      }
      await admin.alterPartitionReassignments({
        topics: TOPICS.map((topic) => ({
          topic,
          partitionAssignment: change[topic].map((partition) => ({
            partition,
            replicas: two(topic, partition),
          })),
        })),
      })
    })
    const wasNot = (topic: string, is: string) => ({
      what: `replication factor of topic ${topic} on new`,
      was: '3',
      is,
    })
    // Brokers hear of it one after the other.
    await waitFor('ferry to see it', { timeoutMs: 30_000 }, async () => {
      deepStrictEqual(await drift(), [3, [wasNot('aged', '2 or 3'), wasNot('fresh', '2')]])
      return true
    })
  })

  it('is restarted broker by broker while transactions are copied and their markers made up for: exactly one copy', {
    timeout: 480_000,
  }, async () => {
    const topic = 'rolled'
    const PARTITIONS = 3
    await createTopic(world.from, topicName(topic), PARTITIONS)
    const project = world.project(topic)
    Object.assign(project.env, CLOCKS)
    const topics = [{ name: topic, replicationFactor: 3 }]
    project.write('plans/shop.yaml', migrationFile({ topics }))
    succeeded(await project.ferry(['apply', await planTo(project, 'mirrored')]))
    const mirror = project.start(['mirror', 'shop'], {}, 460_000)
    const writer = await TransactionWriter.start(world.source, topic, PARTITIONS)
    const ends = async (): Promise<number[]> => {
      const { ok: found } = await world.to.listOffsets(partitionsOf(topic, PARTITIONS), 'latest')
      return Array.from({ length: PARTITIONS }, (_, i) => Number(found.get(keyOf(topic, i)) ?? 0))
    }
    for (const broker of world.target.brokers) {
      await broker.kill('SIGTERM')
      const before = await ends()
      await waitFor('the copy to go on without it', { timeoutMs: 60_000 }, async () => {
        const now = await ends()
        return now.every((end, i) => end > before[i]! + 50) || undefined
      })
      await broker.start()
      await waitFor('every replica to be in sync', { timeoutMs: 60_000 }, async () => {
        const found = (await world.to.describeTopics([topicName(topic)])).ok.get(topicName(topic))
        if (found === undefined || found === 'absent') return undefined
        return found.partitions.every(({ isr }) => isr.length === 3) || undefined
      })
    }
    const committed = await writer.stop()
    await waitFor('the rest', { timeoutMs: 60_000 }, async () => {
      const now = await ends()
      const { ok: written } = await world.from.listOffsets(
        partitionsOf(topic, PARTITIONS),
        'latest',
      )
      return now.every((end, i) => end === Number(written.get(keyOf(topic, i)))) || undefined
    })
    mirror.child.kill('SIGTERM')
    succeeded(await mirror.ended)
    strictEqual(await compareTopic(world, topic, 'identical', 'read_committed'), committed)
    // What was aborted is not there at all.
    strictEqual((await oracle.read(world.target, topic)).length, committed)
  })
})
