import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JudgedRight } from '../../src/doctor/rights.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { positionsPartition } from '../../src/steps/gates/index.ts'
import { oracle, startKafka } from '../kafka/index.ts'
import { fill, readAndCommit } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { startWorld, World } from './_world.ts'

/** A source that cannot say which commits are final (before 2.5), and that forgets commits of groups in use (before 2.1). */

let world: World

beforeAll(async () => {
  world = await startWorld({ sourceVersion: '1.1' })
  const admin = new kafkajs.Kafka(world.source.kafka()).admin()
  await admin.connect()
  await admin.createTopics({
    topics: ['old.in', 'old.out'].map((topic) => ({
      topic,
      numPartitions: 1,
      replicationFactor: 1,
    })),
  })
  await admin.disconnect()
  await fill(world.source, 'old.in', 30, [0])
})
afterAll(() => world?.stop())

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
  gates: { sourceQuiet: 1s, timeout: 60s }
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

test('before 0.11 there is no way back, which a plan says before anything is done: with the reason, and where the line of no return is', async () => {
  const older = await startKafka({ version: '0.10.2' })
  try {
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
  } finally {
    await older.stop()
  }
})
