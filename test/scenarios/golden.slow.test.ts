import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { startConsumer } from './_clients.ts'
import { expectGolden, expectGoldenText, type Golden } from './_golden.ts'
import { withAdmin } from './_image.ts'
import { type Project, startWorld, type World } from './_world.ts'

/**
 * What people, programs and reviewers see over one migration, compared whole: see `golden/`. The tests follow each other, each goes on
 * where the one before stopped.
 */

let world: World
let project: Project
const EVENTS = 'gold.events'
const DLQ = 'gold.dlq'
const FILE = 'plans/gold.yaml'
/** The exit codes that were seen, with the case that saw each. */
const seen = new Map<number, string>()

beforeAll(async () => {
  world = await startWorld({ users: [{ name: 'nobody', password: 'nobody-secret' }] })
  project = world.project('golden')
  project.env.GOLD_PASSWORD = 'gold-secret'
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({
      topics: [
        { topic: EVENTS, numPartitions: 3, replicationFactor: 1 },
        { topic: DLQ, numPartitions: 1, replicationFactor: 1 },
        { topic: 'foreign', numPartitions: 1, replicationFactor: 1 },
      ],
    })
    await write(EVENTS, 200, [0, 1, 2])
    // kafkajs wants to have heard of the topic.
    await admin.fetchTopicOffsets(EVENTS)
    await admin.deleteTopicRecords({ topic: EVENTS, partitions: [{ partition: 0, offset: '50' }] })
    const partitions = ['150', '20', '200'].map((offset, partition) => ({ partition, offset }))
    await admin.setOffsets({ groupId: 'gold-api', topic: EVENTS, partitions })
  })
  project.write(
    FILE,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: gold, owner: team-gold }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
    - name: ${EVENTS}
      configs: { retention.ms: 7d }
    - name: ${DLQ}
  groups:
    - id: gold-api
  users:
    - { name: gold-api, mechanism: scram-sha-512, password: "\${env:GOLD_PASSWORD}" }
  access:
    - { principal: User:gold-api, produce: [${DLQ}], consume: { topics: [${EVENTS}], groups: [gold-api] } }
  gates: { sourceQuiet: 1s, timeout: 30s }
`,
  )
})
afterAll(() => world?.stop())

/** All records in one batch at one time, so that sizes are the same in every run. */
const write = async (
  topic: string,
  count: number,
  partitions: readonly number[],
): Promise<void> => {
  const producer = new kafkajs.Kafka(world.source.kafka()).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const timestamp = String(Date.now())
  for (const partition of partitions) {
    const messages = Array.from({ length: count }, (_, n) => ({
      partition,
      timestamp,
      key: `key-${n}`,
      value: `value-${n}`,
    }))
    await producer.send({ topic, acks: -1, messages })
  }
  await producer.disconnect()
}

const golden = async (each: Golden): Promise<void> => {
  await expectGolden(world, project, each)
  seen.set(each.exit, each.name)
}
const APPLY = ['apply', 'gold', '--auto-approve', '--confirm', 'gold']
const apply = async (): Promise<void> => {
  const { code, stdout, stderr } = await project.ferry(APPLY)
  expect(code, stdout + stderr).toBe(0)
}
const setStage = (stage: string): void => project.edit(FILE, /stage: .*/, `stage: ${stage}`)
/** With the file changed, and then as it was. */
const edited = async (from: string, to: string, work: () => Promise<void>): Promise<void> => {
  project.edit(FILE, from, to)
  await work()
  project.edit(FILE, to, from)
}

test('wrong use, and a file that cannot be read', async () => {
  await golden({ name: 'unknown-name', args: ['plan', 'gould'], exit: EXIT.usage })
  await edited('owner: team-gold', 'ownr: team-gold', () =>
    golden({ name: 'invalid-file', args: ['validate'], exit: EXIT.error }),
  )
})

test('the first plan', async () => {
  await golden({
    name: 'first-plan',
    args: ['plan', 'gold', '--detailed-exitcode'],
    exit: EXIT.changesPending,
    markdown: true,
  })
  await golden({ name: 'status-before', args: ['status', 'gold'], exit: EXIT.done })
})

test('blocked: partitions that differ, rights that are missing, records of others', async () => {
  await edited(`- name: ${DLQ}`, `- name: ${DLQ}\n      partitions: 7`, () =>
    golden({
      name: 'blocked-partitions',
      args: ['plan', 'gold'],
      exit: EXIT.blocked,
      markdown: true,
    }),
  )
  await golden({
    name: 'missing-right',
    args: ['plan', 'gold'],
    env: { FERRY_USER: 'nobody', FERRY_PASSWORD: 'nobody-secret' },
    exit: EXIT.blocked,
    markdown: true,
  })
  await withAdmin(world.target, async (admin) => {
    const topics = [{ topic: 'foreign', numPartitions: 1, replicationFactor: 1 }]
    await admin.createTopics({ topics })
  })
  const producer = new kafkajs.Kafka(world.target.kafka()).producer()
  await producer.connect()
  await producer.send({ topic: 'foreign', messages: [{ value: 'not ours' }] })
  await producer.disconnect()
  project.write(
    'plans/foreign.yaml',
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: foreign }
spec: { from: old, to: new, stage: mirrored, topics: [{ name: foreign }] }
`,
  )
  await golden({
    name: 'foreign-records',
    args: ['plan', 'foreign'],
    exit: EXIT.blocked,
    markdown: true,
  })
})

test('a stale plan', async () => {
  expect((await project.ferry(['plan', 'gold', '-o', 'old.plan.json'])).code).toBe(0)
  await edited('retention.ms: 7d', 'retention.ms: 8d', () =>
    golden({ name: 'stale-plan', args: ['apply', 'old.plan.json'], exit: EXIT.stale }),
  )
})

test('mirrored: nothing to do, status, verified', async () => {
  const args = APPLY
  await expectGoldenText(
    world,
    project,
    { name: 'apply-mirrored', args },
    await project.ferry(['--quiet', ...args]),
  )
  await golden({
    name: 'nothing-to-do',
    args: ['plan', 'gold', '--detailed-exitcode'],
    exit: EXIT.done,
    markdown: true,
  })
  await golden({ name: 'status-mirrored', args: ['status', 'gold'], exit: EXIT.done })
  await golden({ name: 'verify-ok', args: ['verify', 'gold', '--full'], exit: EXIT.done })
})

test('a gate that waits, a lock that is taken, an interrupt', async () => {
  setStage('consumers-moved')
  await golden({ name: 'plan-consumers', args: ['plan', 'gold'], exit: EXIT.done, markdown: true })
  const consumer = await startConsumer(world.source, 'gold-api', EVENTS, { clientId: 'gold-api-1' })
  try {
    await golden({
      name: 'gate-waiting',
      args: ['apply', 'gold', '--auto-approve', '--wait', '0s'],
      exit: EXIT.waiting,
    })
    await golden({ name: 'status-consumers', args: ['status', 'gold'], exit: EXIT.done })
    const args = ['apply', 'gold', '--auto-approve', '--wait', '60s']
    const first = project.start(args)
    await first.said('has no consumers on the source')
    await golden({
      name: 'locked',
      args: ['apply', 'gold', '--auto-approve'],
      exit: EXIT.locked,
      text: false,
    })
    first.child.kill('SIGINT')
    const { code, stderr } = await first.ended
    expect(code, stderr).toBe(EXIT.interrupted)
    seen.set(code, 'an apply that was interrupted')
  } finally {
    await consumer.stop()
  }
})

test('partly applied', async () => {
  await withAdmin(world.target, (admin) =>
    admin.setOffsets({
      groupId: 'gold-api',
      topic: EVENTS,
      partitions: [{ partition: 0, offset: '190' }],
    }),
  )
  await golden({
    name: 'partly-applied',
    args: ['apply', 'gold', '--auto-approve'],
    exit: EXIT.partlyApplied,
  })
  await withAdmin(world.target, (admin) => admin.deleteGroups(['gold-api']))
})

test('consumers moved, and nobody mirrors', async () => {
  await apply()
  await golden({ name: 'status-moved', args: ['status', 'gold'], exit: EXIT.done })
  await golden({
    name: 'rollback-plan',
    args: ['rollback', 'gold', '--to', 'mirrored', '-o', 'back.plan.json'],
    exit: EXIT.done,
  })
  await golden({
    name: 'rollback-shown',
    args: ['show', 'back.plan.json'],
    exit: EXIT.done,
    markdown: true,
  })
})

test('producers moved: the last plan, and a record that comes late', async () => {
  setStage('producers-moved')
  await golden({ name: 'plan-producers', args: ['plan', 'gold'], exit: EXIT.done, markdown: true })
  await apply()
  await write(EVENTS, 1, [1])
  await golden({
    name: 'verify-failing',
    args: ['verify', 'gold', '--full'],
    exit: EXIT.notVerified,
  })
})

test('drift', async () => {
  await withAdmin(world.target, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: EVENTS,
          configEntries: [{ name: 'retention.ms', value: '3600000' }],
        },
      ],
    }),
  )
  await golden({ name: 'drift', args: ['drift', 'gold'], exit: EXIT.drift })
})

test('every exit code was seen by one of these', () => {
  const missing = Object.entries(EXIT).filter(([, code]) => !seen.has(code))
  expect(missing).toEqual([])
})
