import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/domain/plan.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { fill, untilCommitted } from './_clients.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { planFile } from './_plan-file.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** Records that come to the source behind the seal, and what may become of them there: copied, appended, or waited for; never twice. */

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const makeTopic = (cluster: TestCluster, topic: string) =>
  withAdmin(cluster, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] }),
  )

const apply = (project: Project, name: string, env: Readonly<Record<string, string>> = {}) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name], env)

const configsOf = (cluster: TestCluster, topic: string, keys: readonly string[]) =>
  withAdmin(cluster, async (admin) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: [...keys] }],
    })
    const entries = resources[0]!.configEntries
    return Object.fromEntries(entries.map((e) => [e.configName, e.configValue]))
  })

const YEAR_AGO = Date.now() - 365 * 24 * 3_600_000

describe('before WRITE is granted', () => {
  test('they are copied as they are though the final configs are set by then, which are set again behind the new seal', async () => {
    const final = {
      restamp: { 'message.timestamp.type': 'LogAppendTime' },
      window: { 'message.timestamp.before.max.ms': '3600000' },
      compact: { 'cleanup.policy': 'compact' },
    }
    const names = Object.keys(final) as (keyof typeof final)[]
    for (const name of names) {
      await makeTopic(world.source, name)
      await fill(world.source, name, 10, [0])
    }
    const project = world.project('protect')
    const topics = names.map((name) => `{ name: ${name}, configs: ${JSON.stringify(final[name])} }`)
    project.write(
      'plans/protect.yaml',
      planFile('protect', `[${topics.join(', ')}]`, '', 'producers-moved'),
    )
    project.write('died', '')
    // All is done but for its very end: from then on the seals would stay.
    const dying = dyingAt(project, '^after result configure-topic/final/compact done$')
    const order = await apply(project, 'protect', dying)
    expect(order.code, order.stderr).toBe(-1)
    for (const name of names) {
      expect(await configsOf(world.target, name, Object.keys(final[name]))).toEqual(final[name])
    }

    // Older than the window, and two of a key.
    for (const name of names) {
      await oracle.write(world.source, name, [
        { partition: 0, key: 'late', value: 'one', timestamp: YEAR_AGO },
        { partition: 0, key: 'late', value: 'two', timestamp: YEAR_AGO + 5 },
      ])
    }
    const planned = await project.ferry(['plan', 'protect', '--json'])
    const steps = (JSON.parse(planned.stdout) as Plan).steps.map(({ id }) => id)
    const applied = await apply(project, 'protect')
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    for (const name of names) {
      const late = await oracle.readText(world.target, name, { partitions: [0] })
      expect(late.slice(-2), name).toMatchObject([
        { offset: 10n, key: 'late', value: 'one', timestamp: BigInt(YEAR_AGO) },
        { offset: 11n, key: 'late', value: 'two', timestamp: BigInt(YEAR_AGO + 5) },
      ])
      expect(await configsOf(world.target, name, Object.keys(final[name]))).toEqual(final[name])
    }
    for (const name of names) {
      expect(steps.filter((id) => id.endsWith(`/${name}`))).toEqual([
        `configure-topic/protective/${name}`,
        `reopen-topic/${name}`,
        `seal-topic/${name}`,
        `configure-topic/final/${name}`,
      ])
    }
  })
})

describe('a salvage that was begun and has appended nothing', () => {
  const keysOf = async (topic: string) =>
    (await oracle.readText(world.target, topic)).map(({ key }) => key)

  /** Producers were let onto the target and have written nothing; a record came late. */
  const moved = async (name: string): Promise<Project> => {
    await makeTopic(world.source, name)
    await fill(world.source, name, 10, [0])
    const project = world.project(name)
    project.write(
      `plans/${name}.yaml`,
      planFile(name, `[{ name: ${name} }]`, '', 'producers-moved'),
    )
    const applied = await apply(project, name)
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    await oracle.write(world.source, name, [{ partition: 0, key: 'late', value: 'one' }])
    project.write('died', '')
    return project
  }
  const salvage = (project: Project, name: string, env: Readonly<Record<string, string>> = {}) =>
    project.ferry(['salvage', name, '--confirm', name], env)
  const rollback = (project: Project, name: string, to: string) =>
    project.ferry(['rollback', name, '--to', to, '--auto-approve', '--confirm', name])

  test.each([
    // Written down, and nothing sent; and the batch was about to be sent.
    ['intent', 'after intent salvage/intent:0', 'prepared'],
    ['unsent', 'before write 1 of salvage/unsent:0', 'mirrored'],
  ])(
    'is withdrawn by a rollback (%s: %s; to %s): the mirror copies the record, and no salvage appends it again',
    async (name, died, to) => {
      const project = await moved(name)
      expect((await salvage(project, name, dyingAt(project, `^${died}`))).code).toBe(-1)
      expect(await keysOf(name)).not.toContain('late')
      const back = await rollback(project, name, to)
      expect(back, back.stderr).toMatchObject({ code: 0 })
      // While nothing is sealed.
      expect(await salvage(project, name)).toMatchObject({
        code: 0,
        stdout: `Nothing of ${name} is stranded.\n`,
      })
      const again = await apply(project, name)
      expect(again, again.stderr).toMatchObject({ code: 0 })
      expect(await salvage(project, name)).toMatchObject({
        code: 0,
        stdout: `Nothing of ${name} is stranded.\n`,
      })
      expect((await keysOf(name)).filter((key) => key === 'late')).toHaveLength(1)
      const [here, there] = await Promise.all(
        [world.source, world.target].map(async (cluster) =>
          (await oracle.readText(cluster, name)).map(({ offset: _, ...record }) => record),
        ),
      )
      expect(there).toEqual(here)
      // Every way back is open again, and the receipt knows of no salvage.
      const planned = await project.ferry(['plan', name, '--json'])
      expect((JSON.parse(planned.stdout) as Plan).problems.map(({ code }) => code)).not.toContain(
        'FERRY1360',
      )
      project.edit(`plans/${name}.yaml`, 'stage: producers-moved', 'stage: retired')
      expect(await apply(project, name)).toMatchObject({ code: 0 })
      const receipt = JSON.parse((await project.ferry(['receipt', name])).stdout)
      expect(receipt.salvaged).toEqual([])
    },
  )

  test('or something, of which its state does not know: no seal is opened, and it is carried to its end', async () => {
    const project = await moved('acked')
    expect(
      (await salvage(project, 'acked', dyingAt(project, '^after result salvage/acked:0'))).code,
    ).toBe(-1)
    expect((await keysOf('acked')).filter((key) => key === 'late')).toHaveLength(1)
    for (const to of ['mirrored', 'prepared']) {
      const refused = await rollback(project, 'acked', to)
      expect(refused.code, refused.stderr).toBe(4)
      expect(refused.stderr.replaceAll(/\s+/g, ' ')).toMatch(
        /FERRY1360.*A salvage of late records of acked \(partition 0: 10 to 10\) was begun and has not ended/,
      )
    }
    expect(await salvage(project, 'acked')).toMatchObject({
      code: 0,
      stdout: 'Appended 1 record: acked-0 offset 10.\n',
    })
    expect((await keysOf('acked')).filter((key) => key === 'late')).toHaveLength(1)
    expect(await project.ferry(['verify', 'acked', '--full'])).toMatchObject({ code: 0 })
  })
})

test('a transaction that came after the seal is named while it is open, by whoever waits for it, and salvaged once it has ended', async () => {
  await makeTopic(world.source, 'opened')
  await fill(world.source, 'opened', 10, [0])
  const project = world.project('opened')
  project.write(
    'plans/opened.yaml',
    planFile('opened', '[{ name: opened }]', '', 'producers-moved'),
  )
  expect(await apply(project, 'opened')).toMatchObject({ code: 0 })
  await fill(world.target, 'opened', 3, [0])
  const producer = new kafkajs.Kafka(world.source.kafka()).producer({
    transactionalId: 'opened-1',
    transactionTimeout: 600_000,
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic: 'opened', messages: [{ partition: 0, key: 'late', value: 'v' }] })
  expect(await oracle.offsets(world.source, 'opened')).toMatchObject([{ end: 11n, stable: 10n }])

  const named =
    /[Tt]he transaction of producer id \d+ \(epoch \d+\) on opened:0 from offset 10 is open/
  project.edit('plans/opened.yaml', 'stage: producers-moved', 'stage: retired')
  const blocked = await project.ferry([
    ...['apply', 'opened', '--auto-approve', '--confirm', 'opened', '--wait', '0s'],
  ])
  expect(blocked.code).toBe(7)
  expect(blocked.stderr.replaceAll(/\s+/g, ' ')).toMatch(named)
  for (const confirm of [[], ['--confirm', 'opened']]) {
    const waiting = await project.ferry(['salvage', 'opened', ...confirm])
    expect(waiting.code, waiting.stdout).toBe(8)
    expect(waiting.stderr.replaceAll(/\s+/g, ' ')).toMatch(named)
  }
  expect(await oracle.offsets(world.target, 'opened')).toMatchObject([{ end: 13n }])

  await transaction.commit()
  await producer.disconnect()
  await untilCommitted(world.source, ['opened'])
  expect(await project.ferry(['salvage', 'opened', '--confirm', 'opened'])).toMatchObject({
    code: 0,
    stdout: 'Appended 1 record: opened-0 offsets 10 to 11.\n',
  })
  const there = await oracle.readText(world.target, 'opened')
  expect(there.map(({ key }) => key).filter((key) => key === 'late')).toHaveLength(1)
})
