import { rmSync } from 'node:fs'
import kafkajs, { type Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle } from '../kafka/index.ts'
import { fill, startConsumer } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/** `removed`, `--max-destroy` and `lifecycle.preventDelete`, on brokers; what is there is read with kafkajs and the Java tools. */

let world: World

beforeAll(async () => {
  world = await startWorld({ users: [{ name: 'leaver', password: 'leaver-secret' }] })
})

afterAll(() => world?.stop())

const ACL = {
  principal: 'User:leaver',
  host: '*',
  operation: kafkajs.AclOperationTypes.WRITE,
  permissionType: kafkajs.AclPermissionTypes.ALLOW,
  resourceType: kafkajs.AclResourceTypes.TOPIC,
  resourceName: 'left.',
  resourcePatternType: kafkajs.ResourcePatternTypes.PREFIXED,
}
const REMOVED = `
    - { topic: left.behind, on: target, reason: an old trial }
    - { group: left-readers, on: target, reason: of that trial }
    - { user: leaver, reason: has left }
    - { quota: leaver, reason: has left }
    - reason: has left
      acl: { principal: "User:leaver", resourceType: TOPIC, resourceName: left., patternType: PREFIXED, operation: WRITE }`

const create = (admin: Admin, topic: string) =>
  admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] })

const service = async (name: string, spec: string): Promise<Project> => {
  await withAdmin(world.source, (admin) => create(admin, name))
  await fill(world.source, name, 10, [0, 1])
  const project = world.project(name)
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: prepared
  topics: [{ name: ${name} }]
${spec}
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
  )
  return project
}

const ok = async (running: Promise<Ended>): Promise<Ended> => {
  const ended = await running
  expect(ended.code, `${ended.stdout}\n${ended.stderr}`).toBe(0)
  return ended
}
const apply = (project: Project, name: string, ...flags: string[]) =>
  project.ferry(['apply', name, '--auto-approve', ...flags])

/** What the Java tools say of the user that leaves: its rates, and that it has a password. */
const leaver = async (): Promise<readonly string[]> =>
  (await usersOf(world.target))
    .filter((line) => line.includes("'leaver'"))
    .map((line) => /producer_byte_rate=\d+|SCRAM-SHA-512/.exec(line)?.[0] ?? line)
    .sort()

describe('removed', () => {
  test('deletes on the target what is listed and nothing else, within the limit, and a rollback puts back what can be', async () => {
    const { target } = world
    await withAdmin(target, async (admin) => {
      for (const topic of ['left.behind', 'left.beside']) await create(admin, topic)
      await admin.createAcls({ acl: [ACL, { ...ACL, resourceName: 'beside.' }] })
      for (const [groupId, offset, also] of [
        ['left-readers', '3', '2'],
        ['beside-readers', '4', '4'],
      ] as const) {
        const partitions = [
          { partition: 0, offset },
          { partition: 1, offset: also },
        ]
        await admin.setOffsets({ groupId, topic: 'left.beside', partitions })
      }
      await admin.setOffsets({
        groupId: 'left-readers',
        topic: 'left.behind',
        partitions: [{ partition: 1, offset: '0' }],
      })
    })
    await fill(target, 'left.behind', 5, [0, 1])
    await fill(target, 'left.beside', 5, [0, 1])
    const name = 'tidy'
    const project = await service(name, '  quotas: [{ user: leaver, producerByteRate: 1MiB }]')
    await ok(apply(project, name))
    // The rates are somebody else's from here on: the file does not list them, and no state says that Ferry set them.
    project.edit(`plans/${name}.yaml`, /.*quotas.*\n/, '')
    await ok(project.ferry(['state', 'forget', name, '--confirm', name]))
    project.edit(`plans/${name}.yaml`, '  gates', `  removed:${REMOVED}\n  gates`)
    const before = await imageOf(world)
    expect(await leaver()).toEqual(['SCRAM-SHA-512', 'producer_byte_rate=1048576'])

    const refused = await project.ferry(['plan', name, '--json'])
    expect(refused.code).toBe(4)
    const place = project.place(`plans/${name}.yaml`, '{ group: left-readers')
    expect(errorsIn(refused.stderr)).toMatchObject([{ code: 'FERRY1335', place }])
    expect(await project.ferry(['plan', name, '--max-destroy', '4'])).toMatchObject({ code: 4 })
    const shown = await ok(project.ferry(['plan', name, '--max-destroy', '5', '-o', 'tidy.plan']))
    expect(shown.stdout).toMatch(
      /- topic +left\.behind +delete on the target: 2 partitions, 10 offsets/,
    )
    expect(shown.stdout).toMatch(/0 to change, 5 to destroy/)
    const unconfirmed = await project.ferry(['apply', 'tidy.plan'])
    expect([unconfirmed.code, errorsIn(unconfirmed.stderr)[0]?.code]).toEqual([4, 'FERRY1411'])
    expect(await imageOf(world)).toEqual(before)
    // The limit that the plan was reviewed with is in the plan.
    await ok(project.ferry(['apply', 'tidy.plan', '--confirm', name]))

    const { 'left.behind': _, ...topics } = before.target.topics
    const { 'left-readers': __, ...groups } = before.target.groups
    const after = await imageOf(world)
    expect(Object.keys(after.target.groups['left-readers'] ?? []).length).toBe(0)
    expect({ ...after.target, groups: { ...groups, ...after.target.groups } }).toEqual({
      topics,
      groups: {
        ...groups,
        ...('left-readers' in after.target.groups ? { 'left-readers': [] } : {}),
      },
      acls: before.target.acls.filter((acl) => !acl.includes('left.')),
    })
    expect(await leaver()).toEqual([])
    // Gone is no step, and counts for nothing.
    expect((await ok(project.ferry(['plan', name, '--detailed-exitcode']))).stdout).toMatch(
      /^No changes/,
    )
    expect(await project.ferry(['drift', name])).toMatchObject({ code: 0 })

    // Somebody else uses the name of the group since, in a partition of before and in another one.
    await withAdmin(target, async (admin) => {
      const groupId = 'left-readers'
      const partitions = [{ partition: 1, offset: '5' }]
      await admin.setOffsets({ groupId, topic: 'left.beside', partitions })
      await admin.setOffsets({ groupId, topic: name, partitions: [{ partition: 0, offset: '0' }] })
    })
    const undone = ['rollback', name, '--to', 'nothing'] as const
    expect((await project.ferry([...undone, '--input=false'])).stdout).toMatch(
      /\+ group +left-readers +put back .*\n.* but where it has committed since/,
    )
    await ok(project.ferry([...undone, '--auto-approve']))
    const back = await imageOf(world)
    expect(back.target.acls).toEqual(before.target.acls)
    const positions = await oracle.groupOffsets(target, 'left-readers')
    expect(positions.filter(({ topic }) => topic === 'left.beside')).toMatchObject([
      { partition: 0, offset: 3n },
      { partition: 1, offset: 5n },
    ])
    expect(await leaver()).toEqual(['producer_byte_rate=1048576'])
  })

  test('deletes on the source once the migration is retired, and only then', async () => {
    const name = 'over'
    const project = await service(name, `  groups: [{ id: ${name}-api }]`)
    await withAdmin(world.source, async (admin) => {
      const partitions = [{ partition: 0, offset: '10' }]
      await admin.setOffsets({ groupId: `${name}-api`, topic: name, partitions })
    })
    const file = `plans/${name}.yaml`
    project.edit(file, 'stage: prepared', 'stage: producers-moved')
    const entries = `  removed:
    - { topic: ${name}, on: source, reason: moved }
    - { group: ${name}-api, on: source, reason: moved }
`
    project.edit(file, '  gates', `${entries}  gates`)
    const early = await project.ferry(['validate'])
    expect([early.code, errorsIn(early.stderr).map(({ code }) => code)]).toEqual([
      1,
      ['FERRY1053', 'FERRY1053'],
    ])
    project.edit(file, entries, '')
    await ok(apply(project, name))
    const before = await imageOf(world)

    project.edit(file, 'stage: producers-moved', 'stage: retired')
    project.edit(file, '  gates', `${entries}  gates`)
    const flags = ['--max-destroy', '2', '--confirm', name]
    // The service does not live on the target yet: the gate of retired keeps the source as it is.
    expect(await apply(project, name, ...flags, '--wait', '0s')).toMatchObject({ code: 7 })
    expect((await imageOf(world)).source).toEqual(before.source)

    const consumer = await startConsumer(world.target, `${name}-api`, name)
    try {
      const { stdout } = await ok(project.ferry(['plan', name, '--max-destroy', '2']))
      expect(stdout).toMatch(/- group +over-api +delete on the source: 1 position/)
      expect(stdout.indexOf('! retire')).toBeLessThan(stdout.indexOf('- group'))
      expect(stdout.indexOf('- group')).toBeLessThan(stdout.indexOf('- topic'))
      await ok(apply(project, name, ...flags))
    } finally {
      await consumer.stop()
    }
    const { [name]: _, ...topics } = before.source.topics
    const after = await imageOf(world)
    expect(after.source.topics).toEqual(topics)
    expect(await oracle.groupOffsets(world.source, `${name}-api`)).toEqual([])
    expect(after.target.topics[name]).toEqual(before.target.topics[name])
    expect(await project.ferry(['plan', name, '--detailed-exitcode'])).toMatchObject({ code: 0 })
    expect(await project.ferry(['status', name])).toMatchObject({ code: 0 })
    const back = await project.ferry(['rollback', name, '--to', 'mirrored', '--auto-approve'])
    expect([back.code, errorsIn(back.stderr)[0]?.code]).toEqual([4, 'FERRY1312'])
  })
})

describe('a rollback', () => {
  test('leaves and names the rights that another migration counts on, and takes them once it does no more', async () => {
    const rights = `  access:
    - principal: User:shared
      raw:
        - { resourceType: TOPIC, resourceName: shared., patternType: PREFIXED, operation: READ }
        - { resourceType: GROUP, resourceName: shared-, patternType: PREFIXED, operation: DESCRIBE }`
    const project = await service('lender', rights)
    const acls = async () =>
      (await imageOf(world)).target.acls.filter((acl) => acl.includes('User:shared'))
    await ok(apply(project, 'lender'))
    const granted = await acls()
    expect(granted.length).toBe(2)
    await withAdmin(world.source, (admin) => create(admin, 'borrower'))
    const other = 'plans/borrower.yaml'
    project.write(other, project.read('plans/lender.yaml').replaceAll('lender', 'borrower'))
    project.edit(other, / +- \{ resourceType: GROUP.*\n/, '')
    // It finds what it lists, and makes none of it.
    const { stdout } = await ok(apply(project, 'borrower'))
    expect(stdout).not.toContain('User:shared')

    const undo = () => project.ferry(['rollback', 'lender', '--to', 'nothing', '--auto-approve'])
    const { stdout: says, stderr: told } = await ok(undo())
    expect(`${says}${told}`.replaceAll(/\s+/g, ' ')).toMatch(
      /FERRY1357.* shared\.\* .* borrower counts on it too/,
    )
    const left = await acls()
    expect(left).toEqual(granted.filter((acl) => acl.includes('shared.')))

    await ok(apply(project, 'lender'))
    rmSync(project.path(other))
    await ok(project.ferry(['state', 'forget', 'borrower']))
    expect((await ok(undo())).stdout).not.toContain('FERRY1357')
    expect(await acls()).toEqual([])
  })
})

describe('preventDelete', () => {
  test('holds after its line was taken out, its topic too, and against other migrations, until false was applied', async () => {
    const name = 'kept'
    const project = await service(name, '')
    await withAdmin(world.source, async (admin) => {
      for (const beside of ['other', 'not']) await create(admin, `${name}.${beside}`)
    })
    const file = `plans/${name}.yaml`
    const others = `{ name: ${name}.other }`
    const says = (lifecycle: string) =>
      project.edit(file, /topics: .*/, `topics: [{ name: ${name}${lifecycle} }, ${others}]`)
    const refused = async () => {
      const back = await project.ferry(['rollback', name, '--to', 'nothing', '--auto-approve'])
      expect([back.code, errorsIn(back.stderr).map(({ code }) => code)]).toEqual([4, ['FERRY1334']])
    }
    says(', lifecycle: { preventDelete: true }')
    await ok(apply(project, name))
    const before = await imageOf(world)
    await refused()
    says('')
    expect((await ok(project.ferry(['plan', name]))).stdout).toMatch(/^No changes/)
    await refused()
    project.edit(file, /topics: .*/, `topics: [${others}]`)
    expect((await ok(project.ferry(['plan', name]))).stdout).toMatch(/^No changes/)
    await refused()
    // Nor is it another migration's to remove.
    const foreign = 'plans/foreign.yaml'
    project.write(foreign, project.read(file).replace(`name: ${name} }`, 'name: foreign }'))
    project.edit(foreign, others, `{ name: ${name}.not }`)
    const entry = `{ topic: ${name}, on: target, reason: a mistake }`
    project.edit(foreign, '  gates', `  removed: [${entry}]\n  gates`)
    const taken = await project.ferry(['plan', 'foreign', '--max-destroy', '9'])
    expect([taken.code, errorsIn(taken.stderr)]).toMatchObject([
      4,
      [{ code: 'FERRY1334', place: project.place(foreign, entry) }],
    ])
    rmSync(project.path(foreign))
    says(', lifecycle: { preventDelete: false }')
    await refused()
    expect(await imageOf(world)).toEqual(before)
    await ok(apply(project, name))
    await ok(project.ferry(['rollback', name, '--to', 'nothing', '--auto-approve']))
    expect(Object.keys((await imageOf(world)).target.topics)).not.toContain(name)
  })
})
