import { rmSync } from 'node:fs'
import kafkajs, { type KafkaConfig } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GroupId, PartitionKey } from '../../src/domain/ids.ts'
import { connect } from '../adapter/connect.ts'
import { withAdmin } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { QUICK_TO_LEAVE, startConsumer } from './_clients.ts'
import { planFile } from './_plan-file.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** Promise 3: a group continues at exactly its next unread record; and the fences on both sides of a cutover. */

let world: World
/** Joined by groups that only commit: kafkajs would reset the positions of what it reads. */
const IDLE = 'idle'
const API = { name: 'api', password: 'api-secret' }
const SHOP = { name: 'shop', password: 'shop-secret' }

beforeAll(async () => {
  world = await startWorld()
  for (const cluster of [world.source, world.target]) {
    await withAdmin(cluster, (admin) =>
      admin.createTopics({ topics: [{ topic: IDLE, numPartitions: 1, replicationFactor: 1 }] }),
    )
  }
})
afterAll(() => world?.stop())

const as = (user: { name: string; password: string }): KafkaConfig =>
  world.target.kafka({
    sasl: { mechanism: 'scram-sha-512', username: user.name, password: user.password },
    retry: { retries: 2 },
  })

const withSource = <T>(act: (admin: kafkajs.Admin) => Promise<T>): Promise<T> =>
  withAdmin(world.source, act)

/** Commits as a consumer of the group would, metadata included, and leaves. */
const commit = async (
  config: KafkaConfig,
  group: string,
  offsets: readonly { topic: string; partition: number; offset: string; metadata?: string }[],
): Promise<void> => {
  const consumer = new kafkajs.Kafka(config).consumer({ groupId: group, ...QUICK_TO_LEAVE })
  await consumer.connect()
  await consumer.subscribe({ topics: [IDLE] })
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.run({ autoCommit: false, eachBatch: async () => {} })
  await joined
  await consumer.commitOffsets(
    offsets.map(({ metadata, ...o }) => ({ ...o, metadata: metadata ?? null })),
  )
  await consumer.disconnect()
}

const makeTopic = async (
  topic: string,
  numPartitions: number,
  perPartition = 1000,
): Promise<void> => {
  await withSource((admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  )
  await oracle.produce(world.source, topic, {
    count: perPartition * numPartitions,
    partitions: Array.from({ length: numPartitions }, (_, p) => p),
    size: 20,
    // Every offset is the start of a batch: a log start within one cannot be mirrored yet.
    batchSize: 0,
  })
}

const apply = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name, ...more])

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

const toStage = (project: Project, name: string, stage: string): void =>
  project.edit(`plans/${name}.yaml`, /stage: .*/, `stage: ${stage}`)

describe('sync', () => {
  test('puts a group at exactly its next unread record, in identical and in dense topics', async () => {
    await makeTopic('sync.same', 4)
    await makeTopic('sync.dense', 4)
    // The log starts are not 0, so that a dense position is another number than its source's.
    const trimmed = { 'sync.same': [100, 0, 300, 1000], 'sync.dense': [100, 0, 300, 990] }
    for (const [topic, starts] of Object.entries(trimmed)) {
      await withSource(async (admin) => {
        // kafkajs wants to have heard of the topic.
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({
          topic,
          partitions: starts.map((offset, partition) => ({ partition, offset: String(offset) })),
        })
      })
    }
    const positions = [
      // In the middle, with what the client noted.
      { partition: 0, offset: 750, metadata: 'noted' },
      // At the very first record.
      { partition: 1, offset: 0, metadata: '' },
      // Below the mark: those records were already lost on the source.
      { partition: 2, offset: 200, metadata: '' },
      // The group never had a position in partition 3, which is empty, and in the other topic holds ten records.
    ]
    const same = positions.map((p) => ({ topic: 'sync.same', ...p, offset: String(p.offset) }))
    // At the end of everything.
    const dense = [...positions.slice(0, 2), { partition: 2, offset: 1000, metadata: '' }].map(
      (p) => ({
        topic: 'sync.dense',
        ...p,
        offset: String(p.offset),
      }),
    )
    await commit(world.source.kafka(), 'sync.api', [...same, ...dense])

    const project = world.project('sync')
    project.write(
      'plans/sync.yaml',
      planFile(
        'sync',
        '[{ name: sync.same }, { name: sync.dense, offsets: dense }]',
        '  groups: [{ id: sync.api }]\n',
      ),
    )
    expect(await apply(project, 'sync')).toMatchObject({ code: 0 })
    toStage(project, 'sync', 'consumers-moved')
    const planned = await project.ferry(['plan', 'sync'])
    expect(flat(planned.stdout)).toContain('6 positions, 100 skipped (below the mark)')
    const applied = await apply(project, 'sync')
    expect(applied).toMatchObject({ code: 0 })
    // Below the log start, and so below the mark: told with the count, by plan and apply.
    expect(flat(applied.stdout)).toContain('6 positions, 100 skipped (below the mark)')
    expect(flat(applied.stderr)).toContain(
      'sync.api is below the log start of old: it has not read 100 records of sync.same:2 (offsets 200 to 299), which is gone there',
    )
    expect(flat(applied.stderr)).toContain(
      'sync.api has no position in sync.dense-3 on old, and gets none on new. Its auto.offset.reset decides there: earliest reads all 10 records of them, latest none.',
    )

    const there = await oracle.groupOffsets(world.target, 'sync.api')
    const found = there
      .map((o) => `${o.topic}:${o.partition} ${o.offset} ${o.metadata}`.trim())
      .sort()
    expect(found).toEqual([
      'sync.dense:0 650 noted',
      'sync.dense:1 0',
      'sync.dense:2 700',
      'sync.same:0 750 noted',
      'sync.same:1 0',
      'sync.same:2 300',
    ])
    // The very records, as Kafka's own client reads them on both sides.
    for (const [topic, source, target] of [
      ['sync.same', 750n, 750n],
      ['sync.dense', 750n, 650n],
    ] as const) {
      const [here] = await oracle.read(world.source, topic, { partitions: [0], fromOffset: source })
      const [moved] = await oracle.read(world.target, topic, {
        partitions: [0],
        fromOffset: target,
      })
      expect(moved).toMatchObject({
        valueHash: here?.valueHash,
        keyHash: here?.keyHash,
        timestamp: here?.timestamp,
      })
    }
    expect(await project.ferry(['verify', 'sync', '--full'])).toMatchObject({ code: 0 })
    // Nothing is done twice.
    expect((await apply(project, 'sync')).stdout).toContain('No changes')
    // And all of it in one request: a broker gives the positions of a commit one time, one behind the other.
    const log = await oracle.readText(world.target, '__consumer_offsets')
    const written = log.filter(({ key }) => key?.includes('sync.api\0'))
    expect(written).toHaveLength(6)
    expect(new Set(written.map(({ timestamp }) => timestamp)).size).toBe(1)
    expect(written[5]!.offset - written[0]!.offset).toBe(5n)
    // Where it has no position, a consumer reads what was said.
    const read = await oracle.consume(world.target, 'sync.api', 'sync.dense', {
      ...{ count: 250 + 1000 + 10, reset: 'earliest', commits: false },
    })
    expect(read.filter(({ partition }) => partition === 3)).toHaveLength(10)
  })

  test('waits for consumers to stop, names them, and goes on by itself', async () => {
    await makeTopic('busy', 1)
    await commit(world.source.kafka(), 'busy.api', [{ topic: 'busy', partition: 0, offset: '10' }])
    const project = world.project('busy')
    project.write(
      'plans/busy.yaml',
      planFile('busy', '[{ name: busy }]', '  groups: [{ id: busy.api }]\n'),
    )
    expect(await apply(project, 'busy')).toMatchObject({ code: 0 })
    toStage(project, 'busy', 'consumers-moved')
    const consumer = new kafkajs.Kafka(world.source.kafka({ clientId: 'busy-service-7' })).consumer(
      { groupId: 'busy.api', ...QUICK_TO_LEAVE },
    )
    await consumer.connect()
    await consumer.subscribe({ topics: ['busy'] })
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.run({ autoCommit: false, eachBatch: async () => {} })
    await joined

    const once = await apply(project, 'busy', '--wait', '0s')
    expect(once.code).toBe(7)
    expect(once.stderr).toContain('busy-service-7')
    expect(await oracle.groupOffsets(world.target, 'busy.api')).toEqual([])

    const waiting = project.start(['apply', 'busy', '--auto-approve'])
    await waiting.said('busy-service-7')
    await consumer.disconnect()
    expect((await waiting.ended).code).toBe(0)
    expect(await oracle.groupOffsets(world.target, 'busy.api')).toMatchObject([
      { topic: 'busy', partition: 0, offset: 10n },
    ])
  })

  test('refuses to move a group back that is further on the target already', async () => {
    await makeTopic('rewind', 1)
    await commit(world.source.kafka(), 'rewind.api', [
      { topic: 'rewind', partition: 0, offset: '10' },
    ])
    const project = world.project('rewind')
    project.write(
      'plans/rewind.yaml',
      planFile('rewind', '[{ name: rewind }]', '  groups: [{ id: rewind.api }]\n'),
    )
    expect(await apply(project, 'rewind')).toMatchObject({ code: 0 })
    await commit(world.target.kafka(), 'rewind.api', [
      { topic: 'rewind', partition: 0, offset: '900' },
    ])
    toStage(project, 'rewind', 'consumers-moved')
    const refused = await apply(project, 'rewind')
    expect(refused.code).toBe(8)
    expect(refused.stderr).toContain('FERRY1705')
    expect(await oracle.groupOffsets(world.target, 'rewind.api')).toMatchObject([{ offset: 900n }])
    // Asked for by name it is done, and the name must be one that is moved.
    const typo = await apply(project, 'rewind', '--allow-rewind', 'rewind.apo')
    expect(typo.code).toBe(64)
    const taken = await apply(project, 'rewind', '--allow-rewind', 'rewind.api')
    expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining('may re-read') })
    expect(await oracle.groupOffsets(world.target, 'rewind.api')).toMatchObject([{ offset: 10n }])
  })

  test('carries nothing of a group with positions in topics outside of the migration, and names them; what it has elsewhere on the target stays', async () => {
    await makeTopic('shared.own', 1, 20)
    await makeTopic('shared.other', 1, 20)
    const at = (topic: string, offset: string) => ({ topic, partition: 0, offset })
    const both = [at('shared.own', '7'), at('shared.other', '9')]
    await commit(world.source.kafka(), 'shared.api', both)
    // Of another service on the target already, in a topic that the migration does not know.
    await commit(world.target.kafka(), 'shared.api', [at(IDLE, '0')])
    const positions = async (cluster: TestCluster) =>
      (await oracle.groupOffsets(cluster, 'shared.api'))
        .map(({ topic, offset }) => `${topic} ${offset}`)
        .sort()
    const project = world.project('shared')
    const topics = '[{ name: shared.own }]'
    project.write(
      'plans/shared.yaml',
      planFile('shared', topics, '  groups: [{ id: shared.api }]\n'),
    )
    toStage(project, 'shared', 'consumers-moved')
    const refused = await apply(project, 'shared')
    expect(refused.code).toBe(4)
    expect(flat(refused.stderr)).toMatch(
      /FERRY1308.*shared\.api has committed positions on shared\.other, which is in no plan file/,
    )
    project.write('plans/other.yaml', planFile('other', '[{ name: shared.other }]'))
    expect(flat((await project.ferry(['plan', 'shared'])).stderr)).toMatch(
      /on shared\.other, which belongs to migration other.*shared and other share this group/,
    )
    expect(await positions(world.target)).toEqual([`${IDLE} 0`])

    // Together they could move. A commit elsewhere that comes after the plan was made is seen, too.
    rmSync(project.path('plans/other.yaml'))
    project.edit('plans/shared.yaml', topics, '[{ name: shared.own }, { name: shared.other }]')
    const planned = await project.ferry(['plan', 'shared', '-o', 'plan.json'])
    expect(planned, planned.stderr).toMatchObject({ code: 0 })
    await commit(world.source.kafka(), 'shared.api', [at(IDLE, '0')])
    const late = await project.ferry(['apply', 'plan.json'])
    expect(late.code).toBe(4)
    expect(flat(late.stderr)).toMatch(/FERRY1308.*shared\.api has committed positions on idle/)
    expect(await positions(world.target)).toEqual([`${IDLE} 0`])
    const source = await connect(world.source)
    await source.deleteCommits('shared.api' as GroupId, ['idle:0' as PartitionKey])
    await source.close()
    const moved = await apply(project, 'shared')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    const wanted = ['shared.other 9', 'shared.own 7']
    expect(await positions(world.source)).toEqual(wanted)
    expect(await positions(world.target)).toEqual([`${IDLE} 0`, ...wanted])
  })

  test('writes nothing for a position past the log end of the source', async () => {
    await makeTopic('ahead', 1)
    await commit(world.source.kafka(), 'ahead.api', [
      { topic: 'ahead', partition: 0, offset: '1007' },
    ])
    const project = world.project('ahead')
    project.write(
      'plans/ahead.yaml',
      planFile('ahead', '[{ name: ahead }]', '  groups: [{ id: ahead.api }]\n'),
    )
    expect(await apply(project, 'ahead')).toMatchObject({ code: 0 })
    toStage(project, 'ahead', 'consumers-moved')
    const refused = await apply(project, 'ahead')
    expect(refused.code).toBe(7)
    expect(refused.stderr).toMatch(/past the source's log end/)
    expect(await oracle.groupOffsets(world.target, 'ahead.api')).toEqual([])
  })
})

describe('the fences', () => {
  const canWrite = async (topic: string): Promise<boolean> => {
    const producer = new kafkajs.Kafka(as(SHOP)).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    try {
      await producer.send({ topic, messages: [{ key: 'k', value: 'of the service' }] })
      return true
    } catch (error) {
      if (/not authorized/i.test(String(error))) return false
      throw error
    } finally {
      await producer.disconnect()
    }
  }
  const canCommit = async (group: string, topic: string, user = API): Promise<boolean> => {
    const admin = new kafkajs.Kafka(as(user)).admin()
    await admin.connect()
    try {
      await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return true
    } catch (error) {
      // What kafkajs makes of GROUP_AUTHORIZATION_FAILED.
      if (/not authorized|find group coordinator/i.test(String(error))) return false
      throw error
    } finally {
      await admin.disconnect()
    }
  }

  test('keep consumers out until the sync, and producers until the seal; a late record opens the seal again', async () => {
    await makeTopic('fence', 2)
    await commit(world.source.kafka(), 'fence.api', [{ topic: 'fence', partition: 0, offset: '5' }])
    const project = world.project('fence')
    Object.assign(project.env, { API_PASSWORD: API.password, SHOP_PASSWORD: SHOP.password })
    project.write(
      'plans/fence.yaml',
      planFile(
        'fence',
        // Accepted at creation, where it is not set yet; refused by the broker right after the seal: apply stops in between.
        '[{ name: fence, configs: { cleanup.policy: nonsense } }]',
        `  groups: [{ id: fence.api }]
  users:
    - { name: api, mechanism: scram-sha-512, password: "\${env:API_PASSWORD}" }
    - { name: shop, mechanism: scram-sha-512, password: "\${env:SHOP_PASSWORD}" }
  access:
    - { principal: User:api, consume: { topics: [fence], groups: [fence.api] } }
    - { principal: User:shop, produce: [fence] }
`,
      ),
    )
    expect(await apply(project, 'fence')).toMatchObject({ code: 0 })
    expect([await canCommit('fence.api', 'fence'), await canWrite('fence')]).toEqual([false, false])
    toStage(project, 'fence', 'consumers-moved')
    expect(await apply(project, 'fence')).toMatchObject({ code: 0 })
    expect([await canCommit('fence.api', 'fence'), await canWrite('fence')]).toEqual([true, false])

    toStage(project, 'fence', 'producers-moved')
    const stopped = await apply(project, 'fence')
    expect(stopped.code).toBe(8)
    expect(await canWrite('fence')).toBe(false)
    await oracle.write(world.source, 'fence', [{ partition: 1, key: 'late', value: 'late' }])
    project.edit('plans/fence.yaml', 'nonsense', 'compact')
    const planned = await project.ferry(['plan', 'fence'])
    expect(planned.stdout).toMatch(/reopen +fence +1 record came after the seal/)
    expect(await apply(project, 'fence')).toMatchObject({ code: 0 })

    expect(
      (await oracle.readText(world.target, 'fence', { partitions: [1] })).at(-1),
    ).toMatchObject({ key: 'late', value: 'late' })
    expect(await oracle.digest(world.target, 'fence')).toEqual(
      await oracle.digest(world.source, 'fence'),
    )
    expect(await canWrite('fence')).toBe(true)
    expect(await project.ferry(['verify', 'fence', '--full'])).toMatchObject({ code: 0 })
  })

  test('let nobody in where the group has moved on the source since the sync: it is synced again first', async () => {
    const cron = { name: 'cron', password: 'cron-secret' }
    await makeTopic('cron', 1)
    const at = (offset: number) => [{ topic: 'cron', partition: 0, offset: String(offset) }]
    await commit(world.source.kafka(), 'cron.a', at(40))
    await commit(world.source.kafka(), 'cron.b', at(10))
    const project = world.project('cron')
    Object.assign(project.env, { CRON_PASSWORD: cron.password })
    project.write(
      'plans/cron.yaml',
      planFile(
        'cron',
        '[{ name: cron }]',
        `  groups: [{ id: cron.a }, { id: cron.b }]
  users: [{ name: cron, mechanism: scram-sha-512, password: "\${env:CRON_PASSWORD}" }]
  access: [{ principal: User:cron, consume: { topics: [cron], groups: [cron.a, cron.b] } }]
`,
      ),
    )
    expect(await apply(project, 'cron')).toMatchObject({ code: 0 })
    toStage(project, 'cron', 'consumers-moved')
    expect(await project.ferry(['plan', 'cron', '-o', 'cron.json'])).toMatchObject({ code: 0 })

    // One group is synced, and the plan stops at the other one.
    const running = await startConsumer(world.source, 'cron.b', IDLE, { clientId: 'cron-7' })
    const waiting = project.start(['apply', 'cron.json'])
    await waiting.said('cron-7')
    waiting.child.kill('SIGINT')
    await waiting.ended
    expect(await oracle.groupOffsets(world.target, 'cron.a')).toMatchObject([{ offset: 40n }])
    await running.stop()
    await commit(world.source.kafka(), 'cron.a', at(90))
    const stopped = await project.ferry(['apply', 'cron.json'])
    expect(stopped.code).not.toBe(0)
    expect(stopped.stderr).toMatch(/cron\.a was synced at 40 of cron:0\s+and is at 90 on old/)
    expect(await canCommit('cron.a', 'cron', cron)).toBe(false)

    // Somebody was on the target, too: which of the two is right is not for Ferry to say.
    await commit(world.target.kafka(), 'cron.a', at(60))
    const refused = await project.ferry(['plan', 'cron'])
    expect(refused.code).toBe(8)
    expect(refused.stderr).toContain('FERRY1703')
    await commit(world.target.kafka(), 'cron.a', at(40))

    const applied = await apply(project, 'cron')
    expect(applied).toMatchObject({ code: 0 })
    for (const group of ['cron.a', 'cron.b']) {
      const [here, there] = await Promise.all([
        oracle.groupOffsets(world.source, group),
        oracle.groupOffsets(world.target, group),
      ])
      expect(there).toEqual(here)
      expect(await canCommit(group, 'cron', cron)).toBe(true)
    }
    expect(await oracle.groupOffsets(world.target, 'cron.a')).toMatchObject([{ offset: 90n }])
    // From here on they live on the target.
    await commit(world.source.kafka(), 'cron.a', at(95))
    expect((await apply(project, 'cron')).stdout).toContain('No changes')
  })
})
