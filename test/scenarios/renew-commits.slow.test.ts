import { setTimeout as pause } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CommitRenewer } from '../../src/app/renew-commits.ts'
import type { GroupId, PartitionKey, SourceOffset } from '../../src/domain/ids.ts'
import type { GroupSync } from '../../src/domain/moved-groups.ts'
import { emptyState } from '../../src/domain/state.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { connect } from '../adapter/connect.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { fill, visit } from './_clients.ts'

/** Positions that Ferry wrote, against a broker that forgets them after a minute, which is as short as it can be. */

const LIFE_MS = 60_000
const KEY = 'read:0' as PartitionKey

let kafka: TestCluster
let cluster: Cluster

beforeAll(async () => {
  kafka = await startKafka({
    version: '4.x',
    config: { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' },
  })
  cluster = await connect(kafka)
  const admin = new kafkajs.Kafka(kafka.kafka()).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'read', numPartitions: 1, replicationFactor: 1 }] })
  await admin.disconnect()
  await fill(kafka, 'read', 20, [0])
})
afterAll(async () => {
  await cluster?.close()
  await kafka?.stop()
})

/** As a sync writes it. */
const synced = async (group: string): Promise<GroupSync> => {
  const at = new Date().toISOString()
  const { failed } = await cluster.commitOffsets(
    group as GroupId,
    new Map([[KEY, { offset: 5n, metadata: 'noted' }]]),
  )
  expect([...failed.values()]).toEqual([])
  const position = {
    source: 5n as SourceOffset,
    target: 5n,
    previous: null,
    metadata: 'noted',
    proof: 'record' as const,
  }
  return { group: group as GroupId, status: 'done', at, positions: new Map([[KEY, position]]) }
}

const offsetOf = async (group: string) => (await oracle.groupOffsets(kafka, group))[0]?.offset

/** The same question, asked quicker. */
const isForgotten = async (admin: kafkajs.Admin, groupId: string): Promise<boolean> => {
  const [read] = await admin.fetchOffsets({ groupId, topics: ['read'] })
  return read?.partitions[0]?.offset === '-1'
}

test('are renewed in the last quarter of their life, but never those of a group that has joined, committed and left', async () => {
  const state = emptyState('m', 'lineage')
  const forgotten = await synced('forgotten')
  const waiting = await synced('waiting')
  const visited = await synced('visited')
  // It committed the very position that Ferry wrote: only its having been there tells that it is not Ferry's.
  const sameAgain = await synced('same-again')
  const written = Date.parse(forgotten.at)

  const lines: string[] = []
  const commits: string[] = []
  const watched: Cluster = Object.assign(Object.create(cluster), {
    name: 'new',
    describeCluster: () => cluster.describeCluster(),
    describeBrokerConfigs: (node: number) => cluster.describeBrokerConfigs(node),
    describeGroups: (ids: readonly GroupId[]) => cluster.describeGroups(ids),
    lookAtCommits: (ids: readonly GroupId[]) => cluster.lookAtCommits(ids),
    commitOffsets: (...[id, offsets]: Parameters<Cluster['commitOffsets']>) => {
      commits.push(`${id} after ${Math.floor((Date.now() - written) / 1000)} s`)
      return cluster.commitOffsets(id, offsets)
    },
  })
  const renewer = new CommitRenewer({ target: watched, log: ({ message }) => lines.push(message) })
  const followed = { ...state, syncs: [waiting, visited, sameAgain] }
  // Whoever is not followed expires: the broker does forget.
  const look = () => renewer.look('m', followed, async () => followed)

  await look()
  await visit(kafka, 'visited', { topic: 'read', offset: '3', metadata: 'noted' })
  await visit(kafka, 'same-again', { topic: 'read', offset: '5', metadata: 'noted' })
  // The broker's clock decides, so the time itself has to pass.
  const admin = new kafkajs.Kafka(kafka.kafka()).admin()
  await admin.connect()
  while (!(await isForgotten(admin, 'forgotten'))) {
    expect(Date.now() - written).toBeLessThan(LIFE_MS + 30_000)
    await look()
    await pause(500)
  }
  await admin.disconnect()
  expect(await offsetOf('forgotten')).toBeUndefined()
  expect(await offsetOf('waiting')).toBe(5n)
  expect(commits.length).toBeGreaterThan(0)
  for (const line of commits) {
    const [, group, seconds] = /^(\S+) after (\d+) s$/.exec(line)!
    expect(group).toBe('waiting')
    expect(Number(seconds)).toBeGreaterThanOrEqual(45)
  }
  // What the visitors have committed is theirs, also where it is behind what Ferry wrote.
  expect(await offsetOf('visited')).not.toBe(5n)
  expect(lines).toContain('renewed the positions of waiting on new')
})
