import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs'
import kafkajs, { type Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle } from '../kafka/index.ts'
import { fill, startConsumer } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { journalOf } from './_journal.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/** The promises of design section 1 that a whole run of the built ferry can show: 1, 6 and 8, and that planning only reads. */

let world: World

beforeAll(async () => {
  world = await startWorld({ users: [{ name: 'foreign', password: 'foreign-secret' }] })
})

afterAll(() => world?.stop())

/** A service of its own for each test: topics `<name>.a` and `<name>.b`, a group, two users. */
const service = async (name: string): Promise<Project> => {
  const topics = [`${name}.a`, `${name}.b`]
  await withAdmin(world.source, async (admin) => {
    await createTopics(admin, topics, { 'retention.ms': '86400000' })
    const partitions = [{ partition: 0, offset: '7' }]
    await admin.setOffsets({ groupId: `${name}-reader`, topic: `${name}.a`, partitions })
  })
  for (const topic of topics) await fill(world.source, topic, 20, [0, 1])
  const project = world.project(name)
  project.write(`plans/${name}.yaml`, migrationFile(name))
  project.env.PASSWORD = 'a-password'
  return project
}

const migrationFile = (name: string): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: prepared
  topics:
    - name: ${name}.a
    - name: ${name}.b
  groups:
    - id: ${name}-reader
  users:
    - { name: ${name}-reader, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }
    - { name: ${name}-writer, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }
  access:
    - principal: User:${name}-reader
      consume: { topics: [${name}.a, ${name}.b], groups: [${name}-reader] }
    - principal: User:${name}-writer
      produce: [${name}.a, ${name}.b]
  quotas:
    - { user: ${name}-writer, producerByteRate: 20MiB }
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const createTopics = (
  admin: Admin,
  topics: readonly string[],
  configs: Readonly<Record<string, string>>,
): Promise<boolean> =>
  admin.createTopics({
    topics: topics.map((topic) => ({
      topic,
      numPartitions: 2,
      replicationFactor: 1,
      configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })),
  })

const setStage = (project: Project, name: string, stage: string): void =>
  project.write(
    `plans/${name}.yaml`,
    project.read(`plans/${name}.yaml`).replace(/stage: .*/, `stage: ${stage}`),
  )

const ok = async (running: Promise<Ended>): Promise<Ended> => {
  const ended = await running
  expect(ended.code, `${ended.stdout}\n${ended.stderr}`).toBe(0)
  return ended
}

const applyTo = async (project: Project, name: string, stage: string): Promise<void> => {
  setStage(project, name, stage)
  await ok(project.ferry(['apply', name, '--auto-approve', '--confirm', name]))
}

const allow = (
  principal: string,
  resource: { readonly type: kafkajs.AclResourceTypes; readonly name: string },
  operation: kafkajs.AclOperationTypes,
): kafkajs.AclEntry => ({
  principal,
  host: '*',
  operation,
  permissionType: kafkajs.AclPermissionTypes.ALLOW,
  resourceType: resource.type,
  resourceName: resource.name,
  resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
})

describe('what is not listed is never changed', () => {
  /** Things on the target that nobody lists, also right beside those that somebody does. */
  const addForeignThings = (name: string): Promise<void> =>
    withAdmin(world.target, async (admin) => {
      const { AclOperationTypes: op, AclResourceTypes: kind } = kafkajs
      const topic = `foreign.${name}`
      await createTopics(admin, [topic], { 'retention.ms': '1234567', 'segment.ms': '7654321' })
      await fill(world.target, topic, 4, [0, 1])
      const partitions = [{ partition: 1, offset: '3' }]
      await admin.setOffsets({ groupId: `foreign-${name}`, topic, partitions })
      await admin.createAcls({
        acl: [
          allow('User:foreign', { type: kind.TOPIC, name: topic }, op.WRITE),
          // On a topic and a group of the service, for somebody whom its file does not list.
          allow('User:foreign', { type: kind.TOPIC, name: `${name}.a` }, op.READ),
          allow('User:foreign', { type: kind.GROUP, name: `${name}-reader` }, op.DESCRIBE),
          // Another right of somebody whom it does list.
          allow(`User:${name}-reader`, { type: kind.TOPIC, name: topic }, op.READ),
        ],
      })
    })

  /** All of the target that was there before and is still the same; what is gone or changed is missing. */
  const kept = async (before: Awaited<ReturnType<typeof targetImage>>) => {
    const now = await targetImage()
    const still = (entries: Readonly<Record<string, unknown>>, names: readonly string[]) =>
      Object.fromEntries(names.map((each) => [each, entries[each]]))
    return {
      topics: still(now.topics, Object.keys(before.topics)),
      groups: still(now.groups, Object.keys(before.groups)),
      acls: now.acls.filter((acl) => before.acls.includes(acl)),
      users: now.users.filter((user) => before.users.includes(user)),
    }
  }

  const targetImage = async () => {
    const { target } = await imageOf(world)
    return { ...target, users: await usersOf(world.target) }
  }

  test('over a whole migration, and when lines are removed after it', async () => {
    const name = 'whole'
    const project = await service(name)
    await addForeignThings(name)
    const before = await targetImage()
    const { source } = await imageOf(world)

    for (const stage of ['prepared', 'mirrored', 'consumers-moved', 'producers-moved']) {
      await applyTo(project, name, stage)
      expect(await kept(before), stage).toEqual(before)
      // The source is only ever read.
      expect((await imageOf(world)).source, stage).toEqual(source)
    }

    // It did move: else nothing would have been put to the test.
    const { target } = await imageOf(world)
    expect(target.topics[`${name}.a`]?.offsets).toEqual(source.topics[`${name}.a`]?.offsets)
    expect(Object.keys(target.groups)).toContain(`${name}-reader`)

    const after = await targetImage()
    const file = `plans/${name}.yaml`
    for (const line of [
      // In an order that leaves a valid file each time.
      new RegExp(` {4}- principal: User:${name}-writer\\n.*\\n`),
      new RegExp(` {4}- \\{ name: ${name}-writer.*\\n`),
      / {2}quotas:\n.*\n/,
      new RegExp(`, ${name}\\.b\\]`),
      new RegExp(` {4}- name: ${name}\\.b\\n`),
      / {2}users:\n.*\n/,
      / {2}access:\n.*\n.*\n/,
    ]) {
      project.edit(file, line, line.source.startsWith(', ') ? ']' : '')
      if (line.source.startsWith(', ')) continue
      const planned = await project.ferry(['plan', name, '--detailed-exitcode', '--json'])
      const plan = JSON.parse(planned.stdout) as PlanJson
      expect({ line: line.source, steps: plan.steps.map((step) => step.id) }).toEqual({
        line: line.source,
        steps: [],
      })
    }
    await ok(project.ferry(['apply', name, '--auto-approve']))
    expect(await targetImage()).toEqual(after)
  })

  test('nor is a config that the file does not list, on a topic that was there before', async () => {
    const name = 'adopted'
    const project = await service(name)
    await withAdmin(world.target, (admin) =>
      createTopics(admin, [`${name}.a`], { 'segment.ms': '7654321' }),
    )
    await applyTo(project, name, 'prepared')
    const { target } = await imageOf(world)
    expect(target.topics[`${name}.a`]?.overrides).toMatchObject({ 'segment.ms': '7654321' })
  })
})

describe('planning', () => {
  test('writes nothing, neither before the first apply nor after it', async () => {
    const name = 'readonly'
    const project = await service(name)
    const before = await imageOf(world)
    await ok(project.ferry(['plan', name]))
    await ok(project.ferry(['status', name]))
    expect(existsSync(project.path('.ferry'))).toBe(false)
    expect(await imageOf(world)).toEqual(before)

    await applyTo(project, name, 'mirrored')
    setStage(project, name, 'consumers-moved')
    const state = { files: project.digests('.ferry'), times: timesIn(project) }
    const clusters = await imageOf(world)
    await ok(project.ferry(['plan', name, '-o', 'a.plan.json']))
    await ok(project.ferry(['status', name]))
    await ok(project.ferry(['verify', name]))
    expect({ files: project.digests('.ferry'), times: timesIn(project) }).toEqual(state)
    expect(await imageOf(world)).toEqual(clusters)
  })

  test('takes no lock: it works while an apply waits at a gate', async () => {
    const name = 'unlocked'
    const project = await service(name)
    await applyTo(project, name, 'mirrored')
    setStage(project, name, 'consumers-moved')
    const consumer = await startConsumer(world.source, `${name}-reader`, `${name}.a`)
    const applying = project.start(['apply', name, '--auto-approve'])
    try {
      await applying.said('has no consumers on the source')
      await ok(project.ferry(['plan', name]))
      await ok(project.ferry(['status', name]))
    } finally {
      await consumer.stop()
    }
    // And it did not disturb the apply, which goes on by itself.
    await ok(applying.ended)
  })

  test('gives the same text for the same input, for its owner only', async () => {
    const name = 'canonical'
    const project = await service(name)
    project.write('2.plan.json', 'an older file that everybody may read')
    chmodSync(project.path('2.plan.json'), 0o666)
    for (const n of [1, 2]) await ok(project.ferry(['plan', name, '-o', `${n}.plan.json`]))
    const texts = [1, 2].map((n) => project.read(`${n}.plan.json`))
    // A deadline that nobody knows better is counted from the moment of the plan.
    const undated = texts.map((text) => text.replace(/"(createdAt|at)": "[^"]+"/g, '"$1": ""'))
    expect(undated[1]).toBe(undated[0])
    expect(texts[1]).not.toBe(texts[0])
    for (const n of [1, 2]) {
      expect(statSync(project.path(`${n}.plan.json`)).mode & 0o777, `${n}`).toBe(0o600)
    }
    const sorted = (_: string, value: unknown): unknown =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value
    expect(texts[0]).toBe(`${JSON.stringify(JSON.parse(texts[0] ?? ''), sorted, 2)}\n`)
    // `--json` is the plan file.
    const shown = await ok(project.ferry(['show', '1.plan.json', '--json']))
    expect(shown.stdout).toBe(texts[0])
  })
})

describe('the plan that was shown is the plan that runs', () => {
  test('step by step, in order, once', async () => {
    const name = 'shown'
    const project = await service(name)
    setStage(project, name, 'mirrored')
    await ok(project.ferry(['plan', name, '-o', 'shown.plan.json']))
    await ok(project.ferry(['plan', name, '-o', 'other.plan.json']))
    const text = project.read('shown.plan.json')
    const steps = (JSON.parse(text) as PlanJson).steps.map((step) => step.id)
    expect(steps.length).toBeGreaterThan(10)
    await ok(project.ferry(['apply', 'shown.plan.json']))

    const digest = createHash('sha256').update(text).digest('hex')
    const journal = journalOf(project, name)
    expect(new Set(journal.map((entry) => entry.plan))).toEqual(new Set([digest]))
    expect(journal.map(({ what }) => [what.kind, what.step, what.outcome])).toEqual([
      ['plan-started', undefined, undefined],
      ...steps.flatMap((step) => [
        ['intent', step, undefined],
        ['result', step, 'done'],
      ]),
      ['plan-finished', undefined, undefined],
    ])

    // It does not run again, nor does another one that was made before it.
    const after = { clusters: await imageOf(world), state: project.state() }
    for (const [file, code] of [
      ['shown.plan.json', 'FERRY1408'],
      ['other.plan.json', 'FERRY1401'],
    ] as const) {
      const refused = await project.ferry(['apply', file])
      expect(refused.code, refused.stderr).toBe(5)
      expect([...new Set(errorsIn(refused.stderr).map((error) => error.code))]).toEqual([code])
    }
    expect({ clusters: await imageOf(world), state: project.state() }).toEqual(after)
  })

  test('and does run when only records and positions have moved', async () => {
    const name = 'flowing'
    const project = await service(name)
    await applyTo(project, name, 'mirrored')
    setStage(project, name, 'consumers-moved')
    await ok(project.ferry(['plan', name, '-o', 'a.plan.json']))
    await fill(world.source, `${name}.a`, 5, [0, 1])
    await withAdmin(world.source, (admin) =>
      admin.setOffsets({
        groupId: `${name}-reader`,
        topic: `${name}.a`,
        partitions: [
          { partition: 0, offset: '21' },
          { partition: 1, offset: '22' },
        ],
      }),
    )
    await ok(project.ferry(['apply', 'a.plan.json']))
    const positions = await oracle.groupOffsets(world.target, `${name}-reader`)
    expect(positions).toEqual(await oracle.groupOffsets(world.source, `${name}-reader`))
    expect(positions).toHaveLength(2)
  })
})

describe('a re-run', () => {
  test('after success has nothing to do, and leaves everything as it is', async () => {
    const name = 'again'
    const project = await service(name)
    for (const stage of ['prepared', 'mirrored']) {
      await applyTo(project, name, stage)
      const before = { clusters: await imageOf(world), state: project.digests('.ferry') }
      const again = await ok(project.ferry(['apply', name, '--auto-approve']))
      expect(again.stdout).toMatch(/^No (changes|steps)/)
      await ok(project.ferry(['plan', name, '--detailed-exitcode']))
      expect({ clusters: await imageOf(world), state: project.digests('.ferry') }).toEqual(before)
    }
  })

  test('after --until goes on where that stopped', async () => {
    const name = 'until'
    const project = await service(name)
    setStage(project, name, 'mirrored')
    await ok(project.ferry(['apply', name, '--auto-approve', '--until', 'prepared']))
    const first = journalOf(project, name)
    expect(first.some((entry) => entry.what.step?.startsWith('mark-topic'))).toBe(false)
    await ok(project.ferry(['apply', name, '--auto-approve']))
    const done = journalOf(project, name).flatMap(({ what }) =>
      what.kind === 'result' ? [what.step] : [],
    )
    expect(done.length).toBeGreaterThan(first.length / 2)
    expect(new Set(done).size).toBe(done.length)
  })
})

interface PlanJson {
  readonly steps: readonly { readonly id: string }[]
}

/** When each file of the state was last written. */
const timesIn = (project: Project): readonly (readonly [string, number])[] =>
  readdirSync(project.path('.ferry'), { recursive: true })
    .map((file) => [String(file), statSync(project.path(`.ferry/${file}`)).mtimeMs] as const)
    .sort()
