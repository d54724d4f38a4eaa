import kafkajs from 'kafkajs'
import { afterAll, beforeAll, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { startConsumer } from './_clients.ts'
import type { Golden } from './_golden.ts'
import { EVENTS, GoldenProject } from './_golden-project.ts'
import { withAdmin } from './_image.ts'
import { expectJunit } from './_junit.ts'
import type { Project, World } from './_world.ts'

/**
 * What people, programs and reviewers see over one migration, compared whole: see `golden/`. The tests follow each other, each goes on
 * where the one before stopped. `golden.test.ts` is the short form.
 */

let gold: GoldenProject
let world: World
let project: Project

beforeAll(async () => {
  gold = await GoldenProject.start()
  world = gold.world
  project = gold.project
})
afterAll(() => world?.stop())

const golden = (each: Golden) => gold.golden(each)

test('wrong use, and a file that cannot be read', () => gold.wrongUse())

test('the first plan', () => gold.firstPlan())

test('blocked: partitions that differ, rights that are missing, records of others', async () => {
  await gold.blocked()
  await gold.missingRight()
  await gold.foreignRecords()
})

test('a stale plan', () => gold.stalePlan())

test('what a program is told while a plan is applied', () => gold.streamed())

test('mirrored: nothing to do, verified, status', async () => {
  await gold.mirrored()
  await gold.consumersPlanned()
})

test('a gate that waits, a lock that is taken, an interrupt', async () => {
  gold.setStage('consumers-moved')
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
    gold.saw(EXIT.interrupted, await first.ended)
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
    // Whether the mirror has looked at the target before the gate asks.
    without: ['waiting'],
  })
  await withAdmin(world.target, (admin) => admin.deleteGroups(['gold-api']))
})

test('consumers moved, and nobody mirrors', async () => {
  await gold.apply()
  await golden({ name: 'status-moved', args: ['status', 'gold'], exit: EXIT.done })
  await golden({
    name: 'rollback-plan',
    args: ['rollback', 'gold', '--to', 'mirrored', '-o', 'back.plan.json'],
    exit: EXIT.done,
  })
})

test('producers moved: the ways on and back, and a record that comes late', async () => {
  await gold.bothWaysPlanned()
  await gold.apply()
  await gold.write(EVENTS, 1, [1])
  await golden({
    name: 'verify-failing',
    args: ['verify', 'gold', '--full'],
    exit: EXIT.notVerified,
  })
  await expectJunit(project, ['verify', 'gold', '--full'], EXIT.notVerified)
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
