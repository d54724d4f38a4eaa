import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeDecisions } from '../../src/state/decisions-codec.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { readAndCommit, writeAs } from './_clients.ts'
import { errorsIn, findingsIn } from './_findings.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { planFile } from './_plan-file.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** Promise 5: every applied step can be undone until the point that the plan draws. Judged with kafkajs, kafka-configs and the Java client. */

let world: World
const PASSWORD = 'shop-secret'
const PER_PARTITION = 400
/** Each test has a project of its own, and waits for clocks most of the time. */
const BESIDE = { timeout: 600_000 }

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

/** Every offset is the start of a batch: a log start within one cannot be mirrored yet. */
const makeTopic = async (topic: string, trimmed: readonly number[]): Promise<void> => {
  await withAdmin(world.source, (admin) =>
    admin.createTopics({
      topics: [{ topic, numPartitions: trimmed.length, replicationFactor: 1 }],
    }),
  )
  await oracle.produce(world.source, topic, {
    count: PER_PARTITION * trimmed.length,
    partitions: trimmed.map((_, partition) => partition),
    size: 40,
    batchSize: 0,
  })
  await withAdmin(world.source, async (admin) => {
    // kafkajs wants to have heard of the topic.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({
      topic,
      partitions: trimmed.map((offset, partition) => ({ partition, offset: String(offset) })),
    })
  })
}

const apply = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name, ...more])
const rollback = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['rollback', name, '--auto-approve', ...more])
const toStage = (project: Project, name: string, stage: string): void =>
  project.edit(`plans/${name}.yaml`, /stage: .*/, `stage: ${stage}`)

const writing = (name: string, topic: string) =>
  writeAs(world.target, { name, password: PASSWORD }, topic)

const commitsOf = async (cluster: TestCluster, group: string): Promise<readonly string[]> =>
  (await oracle.groupOffsets(cluster, group))
    .map((o) => `${o.topic}:${o.partition} ${o.offset}`)
    .sort()

/** What belongs to one test: others run beside it. */
const targetImage = async (name: string) => {
  const { topics, groups, acls } = (await imageOf(world)).target
  const own = <T>(all: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(all).filter(([each]) => each.startsWith(name)))
  return {
    topics: own(topics),
    groups: own(groups),
    acls: acls.filter((acl) => acl.startsWith(`User:${name}`)),
    users: (await usersOf(world.target)).filter((line) => line.includes(`'${name}`)),
  }
}

describe.concurrent('rollback', BESIDE, () => {
  test('brings everything back from the end to nothing: groups at their next record, the target as it was', async () => {
    await makeTopic('back.same', [100, 0, 250])
    await makeTopic('back.dense', [100, 0])
    const topics = ['back.same', 'back.dense']
    const all = (await Promise.all(topics.map((topic) => valuesOf(topic)))).flat().sort()
    const read = await readAndCommit(world.source, 'back.api', topics, 200)
    const before = await targetImage('back')

    const project = world.project('back')
    Object.assign(project.env, { SHOP_PASSWORD: PASSWORD })
    project.write(
      'plans/back.yaml',
      planFile(
        'back',
        '[{ name: back.same }, { name: back.dense, offsets: dense }]',
        `  groups: [{ id: back.api }]
  users: [{ name: back-shop, mechanism: scram-sha-512, password: "\${env:SHOP_PASSWORD}" }]
  quotas: [{ user: back-shop, producerByteRate: 20MiB }]
  access:
    - { principal: User:back-shop, produce: [back.same], consume: { topics: [back.same], groups: [back.api] } }
`,
      ),
    )
    expect(await apply(project, 'back')).toMatchObject({ code: 0 })
    // What is there before the sync must be there after the rollback.
    const [synced] = await oracle.groupOffsets(world.source, 'back.api')
    const { topic = '', partition = 0 } = synced ?? {}
    await withAdmin(world.target, (admin) =>
      admin.setOffsets({ groupId: 'back.api', topic, partitions: [{ partition, offset: '3' }] }),
    )
    toStage(project, 'back', 'consumers-moved')
    expect(await apply(project, 'back')).toMatchObject({ code: 0 })
    read.push(...(await readAndCommit(world.target, 'back.api', topics, 300)))
    const there = await commitsOf(world.target, 'back.api')
    toStage(project, 'back', 'producers-moved')
    expect(await apply(project, 'back')).toMatchObject({ code: 0 })

    // Saved as a plan like any other, and run from the file.
    const planned = await project.ferry([
      'rollback',
      'back',
      '--to',
      'consumers-moved',
      '-o',
      'p.json',
    ])
    expect(planned).toMatchObject({ code: 0 })
    expect(planned.stdout).toMatch(/take WRITE on the topic \(1 ACL that Ferry/)
    expect(await project.ferry(['apply', 'p.json'])).toMatchObject({ code: 0 })
    expect(await writing('back-shop', 'back.same')).toBe('not authorized')
    expect(await project.ferry(['status', 'back', '--json'])).toMatchObject({
      stdout: expect.stringContaining('"stage": "consumers-moved"'),
    })

    // By the stage of the file; in between the mirror goes on where the seal was taken back.
    await oracle.write(world.source, 'back.same', [{ partition: 1, key: 'late', value: 'late' }])
    toStage(project, 'back', 'mirrored')
    const lowered = await apply(project, 'back')
    expect(lowered).toMatchObject({ code: 0 })
    expect(lowered.stdout).toMatch(
      /return +group back.api +\d positions to the source, with 300 records/,
    )
    // The previous commit is back, and nothing else is there.
    expect(await commitsOf(world.target, 'back.api')).toEqual([`${topic}:${partition} 3`])
    expect(there).not.toEqual([])
    read.push(...(await readAndCommit(world.source, 'back.api', topics, Number.POSITIVE_INFINITY)))
    // Every record exactly once, over both clusters and both moves.
    expect(read.sort()).toEqual([...all, 'late'].sort())

    // Forwards once more: nothing that was rolled back is in the way.
    toStage(project, 'back', 'consumers-moved')
    expect(await apply(project, 'back')).toMatchObject({ code: 0 })
    expect(await project.ferry(['verify', 'back', '--full'])).toMatchObject({ code: 0 })

    const end = await rollback(project, 'back', '--to', 'nothing')
    expect(end).toMatchObject({ code: 0 })
    await withAdmin(world.target, (admin) => admin.deleteGroups(['back.api']).catch(() => []))
    expect(await targetImage('back')).toEqual(before)
    const state = await project.ferry(['plan', 'back', '--json'])
    expect(JSON.parse(state.stdout)).toMatchObject({ from: 'nothing' })
  })

  test('is refused with the range once producers have written to the target', async () => {
    await makeTopic('line', [0])
    const project = world.project('line')
    Object.assign(project.env, { SHOP_PASSWORD: PASSWORD })
    project.write(
      'plans/line.yaml',
      planFile(
        'line',
        '[{ name: line }]',
        `  users: [{ name: line-shop, mechanism: scram-sha-512, password: "\${env:SHOP_PASSWORD}" }]
  access: [{ principal: User:line-shop, produce: [line] }]
`,
      ).replace('stage: mirrored', 'stage: producers-moved'),
    )
    expect(await apply(project, 'line')).toMatchObject({ code: 0 })
    expect(await writing('line-shop', 'line')).toBe('ok')
    const refused = await rollback(project, 'line', '--to', 'mirrored')
    expect(refused.code).toBe(4)
    expect(refused.stderr).toContain('FERRY1330')
    expect(refused.stderr).toMatch(/offsets 400 to 400/)
    expect(await writing('line-shop', 'line')).toBe('ok')

    // What the service writes is no drift; what somebody changes behind Ferry's back is.
    const still = await project.ferry(['drift', 'line'])
    expect(still).toMatchObject({ code: 0, stdout: expect.stringContaining('no drift') })
    await withAdmin(world.target, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: 'line', count: 2 }] }),
    )
    const drift = await project.ferry(['drift', 'line', '--json'])
    expect(drift.code).toBe(3)
    expect(JSON.parse(drift.stdout).migrations[0].drift).toEqual([
      { what: 'partitions of topic line on new', was: '1', is: '2' },
    ])
  })
})

describe.concurrent('resync', BESIDE, () => {
  test('mirrors a partition anew that others have written to, and a topic with identical offsets; never under a moved group', async () => {
    await makeTopic('again.dense', [100])
    await makeTopic('again.same', [100])
    await withAdmin(world.source, (admin) =>
      admin.setOffsets({
        groupId: 'again.api',
        topic: 'again.dense',
        partitions: [{ partition: 0, offset: '150' }],
      }),
    )
    const project = world.project('again')
    project.write(
      'plans/again.yaml',
      planFile(
        'again',
        '[{ name: again.dense, offsets: dense }, { name: again.same }]',
        '  groups: [{ id: again.api }]\n',
      ),
    )
    expect(await apply(project, 'again')).toMatchObject({ code: 0 })
    expect((await project.ferry(['resync', 'again'])).code).toBe(64)

    const intruder = new kafkajs.Kafka(world.target.kafka()).producer()
    await intruder.connect()
    await intruder.send({ topic: 'again.dense', messages: [{ partition: 0, value: 'foreign' }] })
    await intruder.disconnect()
    await withAdmin(world.target, (admin) =>
      admin.setOffsets({
        groupId: 'nosy',
        topic: 'again.dense',
        partitions: [{ partition: 0, offset: '7' }],
      }),
    )
    await oracle.write(world.source, 'again.dense', [{ key: 'more', value: 'more' }])
    toStage(project, 'again', 'consumers-moved')
    const stopped = await apply(project, 'again')
    expect(stopped.code).not.toBe(0)
    expect(stopped.stderr).toContain('offset 300')
    expect(await commitsOf(world.target, 'again.api')).toEqual([])
    expect(await rollback(project, 'again', '--to', 'prepared')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('FERRY1331'),
    })

    const resync = (...more: string[]) =>
      project.ferry(['resync', 'again', '--auto-approve', ...more])
    const unconfirmed = await resync()
    expect(unconfirmed).toMatchObject({ code: 4, stderr: expect.stringContaining('FERRY1411') })
    expect(unconfirmed.stdout).toMatch(/nosy loses/)
    expect(await oracle.offsets(world.target, 'again.dense')).toMatchObject([{ end: 301n }])
    const markOf = (name: string) => {
      const file = '.ferry/again/decisions.json'
      return decodeDecisions(project.read(file), file).marks.find((mark) => mark.topic === name)
    }
    const [dense, same] = [markOf('again.dense'), markOf('again.same')]
    expect(await resync('--confirm', 'again')).toMatchObject({ code: 0 })
    // Of another producer, so that what the one before still has under way is told from it; the other topic is left alone.
    expect(markOf('again.dense')).toMatchObject({ mode: 'dense', sourceStart: 100n })
    expect(markOf('again.dense')!.producerId).not.toBe(dense!.producerId)
    expect(markOf('again.same')).toEqual(same)
    const contents = async (cluster: TestCluster, topic: string) =>
      (await oracle.digest(cluster, topic, { offsets: false })).map((d) => [d.count, d.sha256])
    expect(await contents(world.target, 'again.dense')).toEqual(
      await contents(world.source, 'again.dense'),
    )

    // Nothing is wrong with it, but its log cannot be primed behind what it holds: it is made anew, and has the same offsets again.
    expect(await resync('--topic', 'again.same', '--confirm', 'again')).toMatchObject({ code: 0 })
    expect(await oracle.digest(world.target, 'again.same')).toEqual(
      await oracle.digest(world.source, 'again.same'),
    )

    expect(await apply(project, 'again')).toMatchObject({ code: 0 })
    expect(await project.ferry(['verify', 'again', '--full'])).toMatchObject({ code: 0 })
    expect(await resync('--topic', 'again.same', '--confirm', 'again')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('FERRY1333'),
    })
  })
})

describe.concurrent('resync of identical offsets', BESIDE, () => {
  test('primes up where the source begins behind the copy: a new producer id and a new mark, and nothing to confirm', async () => {
    await makeTopic('up.same', [100])
    const project = world.project('up')
    project.write('plans/up.yaml', planFile('up', '[{ name: up.same, offsets: identical }]'))
    expect(await apply(project, 'up')).toMatchObject({ code: 0 })
    const marksOf = () =>
      decodeDecisions(project.read('.ferry/up/decisions.json'), 'decisions').marks
    const [before] = marksOf()

    await oracle.produce(world.source, 'up.same', { count: 100, size: 40, batchSize: 0 })
    await withAdmin(world.source, async (admin) => {
      await admin.fetchTopicOffsets('up.same')
      await admin.deleteTopicRecords({
        topic: 'up.same',
        partitions: [{ partition: 0, offset: '450' }],
      })
    })
    const resync = await project.ferry(['resync', 'up', '--topic', 'up.same', '--auto-approve'])
    expect(resync, resync.stderr).toMatchObject({ code: 0 })
    expect(resync.stdout).toMatch(/mark +up\.same +1 partition, identical offsets, prime 450/)
    expect(resync.stdout).not.toContain('delete-topic')

    const [after] = marksOf()
    expect(before).toMatchObject({ sourceStart: 100n, targetStart: 100n })
    expect(after).toMatchObject({ sourceStart: 450n, targetStart: 450n, mode: 'identical' })
    expect(after!.targetTopicId).toBe(before!.targetTopicId)
    expect(after!.producerId).not.toBe(before!.producerId)
    expect(after!.fillerProducerId).not.toBe(before!.fillerProducerId)
    expect(await oracle.digest(world.target, 'up.same')).toEqual(
      await oracle.digest(world.source, 'up.same'),
    )
    expect(await oracle.offsets(world.target, 'up.same')).toMatchObject([
      { start: 450n, end: 500n },
    ])
  })
})

describe.concurrent('a state of before', BESIDE, () => {
  test('that is pushed goes on with the marks that stand, stops where one was given up since, and the state of now can be pushed back', async () => {
    const [anew, kept] = ['push.anew', 'push.kept'] as const
    const file = 'plans/push.yaml'
    const project = world.project('push')
    project.write(
      file,
      planFile(
        'push',
        `[{ name: ${anew}, offsets: dense }, { name: ${kept}, offsets: dense }]`,
        '  groups: [{ id: push.api }]\n',
      ).replace('sourceQuiet: 1s, ', ''),
    )
    for (const topic of [anew, kept]) {
      await withAdmin(world.source, (admin) =>
        admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] }),
      )
      // With holes: only the index tells where each record went.
      await oracle.produce(world.source, topic, {
        count: 60,
        transactionalId: topic,
        commitEvery: 10,
        abortEvery: 3,
      })
      await withAdmin(world.source, (admin) =>
        admin.setOffsets({
          groupId: 'push.api',
          topic,
          partitions: [{ partition: 0, offset: '50' }],
        }),
      )
    }
    const ok = async (...args: string[]) => {
      const { code, stdout, stderr } = await project.ferry(args)
      expect(code, stdout + stderr).toBe(0)
      return { stdout, stderr }
    }
    const shown = async () => JSON.parse((await ok('state', 'show', 'push')).stdout)
    const contents = async (cluster: TestCluster) =>
      (
        await Promise.all(
          [anew, kept].map((topic) =>
            oracle.digest(cluster, topic, { offsets: false, isolation: 'read_committed' }),
          ),
        )
      )
        .flat()
        .map(({ count, sha256 }) => [count, sha256])

    expect(await apply(project, 'push', '--wait', '150s')).toMatchObject({ code: 0 })
    const before = await shown()
    await ok('resync', 'push', '--topic', anew, '--auto-approve')
    const after = await shown()
    toStage(project, 'push', 'consumers-moved')
    await ok('plan', 'push', '-o', 'now.plan')
    const copied = await oracle.offsets(world.target, anew)

    await ok('state', 'pull', 'push', '--backup', `${before.serial}`, '-o', 'old.state')
    const push = ['state', 'push', 'push', 'old.state'] as const
    const refused = await project.ferry(push)
    expect([refused.code, findingsIn(refused.stderr)]).toMatchObject([
      5,
      [{ code: 'FERRY1424' }, { code: 'FERRY1421' }],
    ])
    const pushed = await ok(...push, '--force')
    expect(findingsIn(pushed.stderr)).toMatchObject([
      {
        code: 'FERRY1424',
        detail: expect.stringMatching(/^In this state push.anew:0 has a mark,/),
      },
    ])
    // Decisions and journal are those of then, at a serial that no plan was made with; nobody has the lock.
    expect(await shown()).toMatchObject({
      ...{ serial: after.serial + 1, journalEntries: before.journalEntries },
      ...{ stage: 'mirrored', plan: before.plan, lock: null, openIntent: null },
    })
    const stale = await project.ferry(['apply', 'now.plan'])
    expect([stale.code, errorsIn(stale.stderr)]).toMatchObject([
      5,
      [{ code: 'FERRY1401', detail: expect.stringContaining('decisions in the state') }],
    ])

    // Of the mark that stands the index came with it; of the other one nothing is taken for its own.
    await oracle.write(world.source, kept, [{ key: 'more', value: 'more' }])
    const [{ end } = { end: 0n }] = await oracle.offsets(world.target, kept)
    const mirror = project.start(['mirror', 'push'])
    await mirror.said('FERRY1604')
    await waitFor('the other topic', { timeoutMs: 30_000 }, async () =>
      (await oracle.offsets(world.target, kept))[0]!.end > end ? true : undefined,
    )
    mirror.child.kill('SIGTERM')
    const { code, stderr } = await mirror.ended
    expect(code, stderr).toBe(9)
    expect(stderr).toContain(
      'FERRY1604 push.anew:0: the records at target offsets 40 to 79 were not',
    )
    const stopped = await apply(project, 'push', '--wait', '60s')
    expect([stopped.code, errorsIn(stopped.stderr)]).toMatchObject([
      8,
      [{ code: 'FERRY1504', detail: expect.stringContaining('target offsets 40 to 79 were not') }],
    ])
    expect(await commitsOf(world.target, 'push.api')).toEqual([])
    expect(await oracle.offsets(world.target, anew)).toEqual(copied)

    const name = /--backup (\S+)\.\n/.exec(pushed.stdout)?.[1] ?? ''
    await ok('state', 'pull', 'push', '--backup', name, '-o', 'now.state')
    expect((await ok('state', 'push', 'push', 'now.state', '--force')).stderr).toBe('')
    expect(await shown()).toMatchObject({ journalEntries: after.journalEntries, plan: after.plan })
    await oracle.write(world.source, anew, [{ key: 'more', value: 'more' }])
    expect(await apply(project, 'push', '--wait', '150s')).toMatchObject({ code: 0 })
    await ok('verify', 'push', '--full')
    const moved = [anew, kept].map((topic) => expect.stringContaining(topic))
    expect(await commitsOf(world.target, 'push.api')).toEqual(moved)
    expect(await contents(world.target)).toEqual(await contents(world.source))
  })
})

const valuesOf = async (topic: string): Promise<readonly string[]> =>
  (await oracle.readText(world.source, topic)).map((record) => record.value ?? '')
