import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DoctorReport } from '../../src/doctor/report.ts'
import type { JudgedRight } from '../../src/doctor/rights.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { positionsPartition } from '../../src/steps/gates/index.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, readAndCommit, writeSteadily } from './_clients.ts'
import { errorsIn, expectNoStack, type Finding } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { startWorld, World } from './_world.ts'

/** A source that cannot say which commits are final (before 2.5), and that forgets commits of groups in use (before 2.1). */

let world: World
/** Another source, older still. */
let older: TestCluster

beforeAll(async () => {
  ;[world, older] = await Promise.all([
    startWorld({ sourceVersion: '1.1' }),
    startKafka({ version: '0.10.2' }),
  ])
  await withAdmin(world.source, (admin) =>
    admin.createTopics({
      topics: ['old.in', 'old.out'].map((topic) => ({
        topic,
        numPartitions: 1,
        replicationFactor: 1,
      })),
    }),
  )
  await fill(world.source, 'old.in', 30, [0])
})
afterAll(() => Promise.all([world?.stop(), older?.stop()]))

test('a commit in a transaction that is still open is waited for, then the group goes on behind it', async () => {
  const group = 'old.processor'
  const producer = new kafkajs.Kafka(world.source.kafka()).producer({
    transactionalId: 'old-processor',
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  const handled = async (offset: string) => {
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'old.out', messages: [{ value: `up to ${offset}` }] })
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic: 'old.in', partitions: [{ partition: 0, offset }] }],
    })
    return transaction
  }
  await (await handled('5')).commit()

  const project = world.project('old')
  project.write(
    'plans/old.yaml',
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: old }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: old.in, configs: { retention.ms: 7d } }, { name: old.out, configs: { retention.ms: 7d } }]
  groups: [{ id: ${group}, uncommitted: absent }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
  )
  const apply = (...more: string[]) =>
    project.ferry(['apply', 'old', '--auto-approve', '--confirm', 'old', ...more])
  const mirrored = await apply()
  expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })

  const pending = await handled('12')
  project.edit('plans/old.yaml', 'stage: mirrored', 'stage: consumers-moved')
  const waiting = await apply('--wait', '0s')
  expect(waiting.code).toBe(7)
  const [closed] = errorsIn(waiting.stderr)
  expect(closed?.detail).toContain(`__consumer_offsets:${positionsPartition(group, 5)} on old`)
  expect(closed?.detail).toContain('Kafka before 2.5 does not tell of which group')
  // A broker of this version answers with what was committed before, which will not hold.
  expect(await oracle.groupOffsets(world.source, group)).toMatchObject([{ offset: 5n }])
  expect(await oracle.groupOffsets(world.target, group)).toEqual([])

  await pending.commit()
  await producer.disconnect()
  const moved = await apply()
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  expect(await oracle.groupOffsets(world.target, group)).toMatchObject([
    { topic: 'old.in', partition: 0, offset: 12n },
  ])
  const left = await readAndCommit(world.target, group, ['old.in'], 100)
  expect(left).toEqual(Array.from({ length: 18 }, (_, i) => `value-${12 + i}`))
})

/** What becomes of a topic between two mirrors, or while one runs, and what is said of it: brokers before 2.8 give topics no ids. */
const RECREATED = {
  'again.shorter':
    /:0: the source log ends at 5, but everything below 30 was copied from it: it was truncated or recreated\. On the target offsets 5 to 29 of the source have no counterpart any more\./,
  'again.longer':
    /:0: from source offset 0 on the source holds other records than those that were copied from there to target offsets 0 to 29\./,
  'again.running':
    /:0: the source (log ends at \d+, but everything below 30 was copied|topic does not exist any more\. The target holds what was copied from source offsets 0 to 29,)/,
} as const

test('a topic that was deleted and created again is found without topic ids: it stops alone, with the range and the way on', async () => {
  const topics = [...Object.keys(RECREATED), 'again.fine']
  await withAdmin(world.source, async (admin) => {
    const create = (topic: string) =>
      admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] })
    const recreate = async (topic: string) => {
      await admin.deleteTopics({ topics: [topic] })
      // It answers no as long as the former one is being deleted.
      await waitFor(
        `${topic} to be created again`,
        { timeoutMs: 30_000, everyMs: 200 },
        async () => ((await create(topic)) ? true : undefined),
      )
    }
    for (const topic of topics) {
      await create(topic)
      await fill(world.source, topic, 30, [0])
    }

    const project = world.project('again')
    project.write(
      'plans/again.yaml',
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: again }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
${topics.map((name) => `    - { name: ${name}, configs: { retention.ms: 7d } }\n`).join('')}`,
    )
    const applied = await project.ferry(['apply', 'again', '--auto-approve'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })

    await recreate('again.shorter')
    await recreate('again.longer')
    await fill(world.source, 'again.shorter', 5, [0])
    await fill(world.source, 'again.longer', 50, [0])
    const mirror = project.start(['mirror', 'again'])
    await mirror.said('FERRY1603 again.shorter')
    await mirror.said('FERRY1603 again.longer')
    await recreate('again.running')
    await fill(world.source, 'again.running', 3, [0])
    await mirror.said('FERRY1603 again.running')
    await fill(world.source, 'again.fine', 12, [0])
    await waitFor('the other one', { timeoutMs: 60_000 }, async () =>
      (await oracle.offsets(world.target, 'again.fine'))[0]?.end === 42n ? true : undefined,
    )
    mirror.child.kill('SIGTERM')
    const ended = await mirror.ended
    expect(ended, ended.stderr).toMatchObject({ code: 9 })

    const status = await project.ferry(['status', 'again', '--json'])
    expect(status, status.stderr).toMatchObject({ code: 9 })
    const { problems } = JSON.parse(status.stdout).migrations[0] as {
      readonly problems: readonly Finding[]
    }
    for (const [topic, says] of Object.entries(RECREATED)) {
      const [found, ...more] = problems.filter(({ detail }) => detail.startsWith(`${topic}:0`))
      expect(more).toEqual([])
      expect(found).toMatchObject({ code: 'FERRY1603', detail: expect.stringMatching(says) })
      expect(found?.fix).toContain('ferry resync again')
      // Nothing of the new topic came behind the records of the old one.
      expect(await oracle.offsets(world.target, topic)).toMatchObject([{ start: 0n, end: 30n }])
    }
    expect(problems.some(({ detail }) => detail.startsWith('again.fine'))).toBe(false)
  })
})

test('the way back goes on after the mirror was killed: where a log of this version ends is known too', async () => {
  const project = world.project('warm')
  project.write(
    'plans/warm.yaml',
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: warm }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: warm, configs: { retention.ms: 7d } }]
  gates: { sourceQuiet: 1s, timeout: 120s }
  rollback: { keepSourceWarm: true }
`,
  )
  await withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic: 'warm', numPartitions: 1, replicationFactor: 1 }] }),
  )
  await fill(world.source, 'warm', 10, [0])
  const moved = await project.ferry(['apply', 'warm', '--auto-approve', '--confirm', 'warm'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })

  const endOn = async (cluster: TestCluster) => (await oracle.offsets(cluster, 'warm'))[0]!.end
  const untilBack = (end: bigint) =>
    waitFor(`${end} records on the source`, { timeoutMs: 120_000 }, async () =>
      (await endOn(world.source)) >= end ? true : undefined,
    )
  const writing = await writeSteadily(world.target, 'warm')
  try {
    const killed = project.start(['mirror', 'warm'])
    await untilBack(20n)
    killed.child.kill('SIGKILL')
    await killed.ended
  } finally {
    await writing.stop()
  }
  // It left word that requests may be on their way: they are waited out by the log end, and then it goes on.
  const again = project.start(['mirror', 'warm'])
  await untilBack(await endOn(world.target))
  again.child.kill('SIGTERM')
  const ended = await again.ended
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(await oracle.readText(world.source, 'warm')).toEqual(
    await oracle.readText(world.target, 'warm'),
  )
})

test('before 0.11 there is no way back, which a plan says before anything is done: with the reason, and where the line of no return is; late records are salvaged', async () => {
  await withAdmin(older, (admin) =>
    admin.createTopics({ topics: [{ topic: 'older', numPartitions: 1, replicationFactor: 1 }] }),
  )
  const project = new World(older, world.target).project('older')
  const plan = (rollback: string) =>
    project.write(
      'plans/older.yaml',
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: older }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: older, configs: { retention.ms: 7d } }]
  access: [{ principal: User:shop, produce: [older] }]
  gates: { sourceQuiet: 1s, timeout: 120s }
  ${rollback}
`,
    )
  plan('rollback: { keepSourceWarm: true }')
  const refused = await project.ferry(['plan', 'older'])
  expect(refused.code).toBe(4)
  expect(refused.stderr.replace(/\s+/g, ' ')).toMatch(
    /FERRY1360.* old is older than 0\.11 and knows no idempotent producer: a record that is mirrored back to older could stand there twice/,
  )
  plan('')
  const planned = await project.ferry(['plan', 'older'])
  expect(planned, planned.stderr).toMatchObject({ code: 0 })
  expect(planned.stdout).toMatch(/point of no return/)
  expect(planned.stdout).not.toMatch(/point of no return: none/)
  const { steps } = JSON.parse((await project.ferry(['plan', 'older', '--json'])).stdout) as Plan
  expect(steps.find(({ kind }) => kind === 'seal-topic')).toMatchObject({ noWayBack: true })
  // Nothing is needed there for a way back that does not exist.
  const doctor = await project.ferry(['doctor', '--json'])
  const { source } = JSON.parse(doctor.stdout).migrations[0].rights
  expect(source.rights.map((right: JudgedRight) => right.operation)).not.toContain('WRITE')

  // What comes late there is in the message format of then: it is salvaged as it is.
  const records = { compression: 'gzip', size: 30 } as const
  await oracle.produce(older, 'older', { ...records, count: 20 })
  const moved = await project.ferry(['apply', 'older', '--auto-approve', '--confirm', 'older'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  await oracle.produce(older, 'older', { ...records, count: 5, firstId: 20 })
  await oracle.write(older, 'older', [{ key: 'k', value: null }])
  expect(await project.ferry(['salvage', 'older', '--confirm', 'older'])).toMatchObject({
    code: 0,
    stdout: 'Appended 6 records: older-0 offsets 20 to 25.\n',
  })
  expect(await oracle.read(world.target, 'older')).toEqual(await oracle.read(older, 'older'))
})

/** What each lacks, the oldest first: all that a younger one lacks it lacks as well. */
const LACKS = {
  '1.1': [
    'OffsetCommit v5',
    'Metadata v8',
    'OffsetFetch v7',
    'Metadata v10',
    'ListTransactions v0',
  ],
  '0.11': ['DescribeLogDirs v0'],
  '0.10.2': ['Fetch v4', 'DescribeConfigs v0', 'DescribeAcls v0', 'InitProducerId v0'],
} as const

test('doctor looks at a source of any age: each check says what the version lacks, and values of every format are read', async () => {
  const middle = await startKafka({ version: '0.11' })
  const sources = [
    ['1.1', world.source],
    ['0.11', middle],
    ['0.10.2', older],
  ] as const
  try {
    await Promise.all(sources.map(([, source]) => fillRegistered(source, 'doctor', 'doctor-api')))
    const lacking: string[] = []
    for (const [version, source] of sources) {
      lacking.push(...LACKS[version])
      const isOldest = version === '0.10.2'
      const project = new World(source, world.target).project(`doctor-${version}`)
      project.write(
        'plans/doctor.yaml',
        `apiVersion: ferry/v1
kind: Migration
metadata: { name: doctor }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: doctor, configs: { retention.ms: 7d } }]
  groups: [{ id: doctor-api, uncommitted: absent }]
`,
      )
      const ended = await project.ferry(['doctor', '--json'])
      expectNoStack(ended)
      const report = JSON.parse(ended.stdout) as DoctorReport
      const old = report.clusters.find(({ cluster }) => cluster === 'old')!.checks
      const checks = [...old, ...report.migrations[0]!.checks]
      const of = (id: string) => checks.find((check) => check.id === id)!
      expect(Object.fromEntries(checks.map(({ id, status }) => [id, status])), version).toEqual({
        'bootstrap-servers': 'ok',
        'advertised-brokers': 'ok',
        'cluster-id': 'ok',
        versions: 'warning',
        connection: 'ok',
        clock: 'warning',
        answers: 'ok',
        rights: isOldest ? 'warning' : 'ok',
        coverage: 'ok',
        applications: 'ok',
        retention: isOldest ? 'warning' : 'ok',
        order: 'ok',
        'in-sync': 'ok',
        durability: 'warning',
        disk: 'ok',
        clients: 'warning',
        'schema-registry': 'warning',
      })
      expect(ended.code, ended.stderr).toBe(0)
      expect(
        of('versions')
          .problems.map(({ detail }) => /lacks (\S+ v\d+)/.exec(detail)?.[1])
          .sort(),
      ).toEqual([...lacking].sort())
      expect(of('coverage').says).toContain('not to be seen: transactional ids')
      expect(of('disk').says).toContain(version === '1.1' ? '(measured)' : '(estimated)')
      expect(of('schema-registry').problems).toMatchObject([
        {
          code: 'FERRY2003',
          detail: expect.stringMatching(/^5 of 5 sampled values .*an id: 42\)/),
        },
      ])
      expect(of('retention').says).toMatch(isOldest ? /^retention is not told/ : /^shortest 7d/)
      // A broker that has no API for ACLs may check them all the same; that it answered what the group has committed shows one.
      expect(of('rights').says).toMatch(isOldest ? /^1 of \d on old, \d cannot/ : /^old checks no/)
    }
  } finally {
    await middle.stop()
  }
})

test('doctor tells of a target that is too old what it lacks, and no check breaks on it', async () => {
  const topic = 'too-old'
  await withAdmin(world.target, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] }),
  )
  const project = new World(older, world.target).project('too-old')
  project.write(
    'plans/too-old.yaml',
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: too-old }
spec:
  from: new
  to: old
  stage: prepared
  topics: [{ name: ${topic} }]
  users: [{ name: shop, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }]
  access: [{ principal: User:shop, produce: [${topic}] }]
  quotas: [{ user: shop, producerByteRate: 20MiB }]
`,
  )
  project.env.PASSWORD = 'a-password'
  const ended = await project.ferry(['doctor', '--json'])
  expectNoStack(ended)
  expect(ended.code, ended.stderr).toBe(4)
  const report = JSON.parse(ended.stdout) as DoctorReport
  const old = report.clusters.find(({ cluster }) => cluster === 'old')!.checks
  const versions = old.find(({ id }) => id === 'versions')!
  expect(versions.problems.map(({ detail }) => /lacks (\S+ v\d+)/.exec(detail)?.[1])).toEqual([
    'IncrementalAlterConfigs v0',
    'AlterUserScramCredentials v0',
    'Metadata v10',
  ])
  for (const { id, says } of [...old, ...report.migrations[0]!.checks]) {
    expect(says, id).toMatch(/\S/)
    expect(says, id).not.toMatch(/FERRY1901|undefined|TypeError/)
  }
})

/** Compressed, as a serializer of a schema registry writes them; and a group that has read some. */
const fillRegistered = async (cluster: TestCluster, topic: string, groupId: string) => {
  await withAdmin(cluster, async (admin) => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] })
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }] })
  })
  const producer = new kafkajs.Kafka(cluster.kafka()).producer()
  await producer.connect()
  const messages = Array.from({ length: 5 }, () => ({ value: Buffer.from([0, 0, 0, 0, 42, 7, 7]) }))
  await producer.send({ topic, messages, compression: kafkajs.CompressionTypes.GZIP })
  await producer.disconnect()
}
