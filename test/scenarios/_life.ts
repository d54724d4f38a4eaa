import kafkajs, { type ITopicConfig } from 'kafkajs'
import { expect } from 'vitest'
import { Secret } from '../../src/domain/secret.ts'
import { connect } from '../adapter/connect.ts'
import { fill } from './_clients.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { type Applied, applyDying, type Death, type Killing } from './_kill-apply.ts'
import type { Project, World } from './_world.ts'

/** What a service has lived through, with every kind of step on its way. */
export interface Life {
  /** All that it leaves on both clusters and in the state, after each chapter, with its name taken out: equal for two that went the same way. */
  readonly remains: Readonly<Record<Chapter, Remains>>
  /** How the plan of each chapter was applied. */
  readonly applied: Readonly<Partial<Record<Chapter, Applied>>>
  readonly deaths: readonly Death[]
}

export const CHAPTERS = [
  'before',
  'mirrored',
  'on behind a gap',
  'sealed, and stopped before the grant',
  'producers moved',
  'back at the beginning',
  'retired',
] as const
export type Chapter = (typeof CHAPTERS)[number]

const planFile = (name: string) => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
    # Refused by the broker right after the seal: apply stops in between.
    - { name: ${name}, offsets: identical, configs: { retention.ms: 7d, cleanup.policy: nonsense } }
    - { name: ${name}.found, offsets: dense, lifecycle: { preventDelete: true } }
  groups: [{ id: ${name}-api }]
  users:
    - { name: ${name}-user, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }
    - { name: ${name}-found, mechanism: scram-sha-512, password: "\${env:PASSWORD}", passwordVersion: 2 }
  access:
    - principal: User:${name}-user
      produce: [${name}]
      consume: { topics: [${name}, ${name}.found], groups: [${name}-api] }
  quotas:
    - { user: ${name}-user, producerByteRate: 20MiB }
    - { user: ${name}-found, consumerByteRate: 20MiB }
  removed:
    - { group: ${name}-left, on: target, reason: has left }
    - { quota: ${name}-left, reason: has left }
    - reason: has left
      acl: { principal: "User:${name}-left", resourceType: TOPIC, resourceName: ${name}.left, patternType: PREFIXED, operation: WRITE }
  gates: { sourceQuiet: 1s, timeout: 60s }
`

const endFile = (name: string) => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name}-end }
spec:
  from: old
  to: new
  stage: retired
  topics: [{ name: ${name}.end }]
  removed: [{ user: ${name}-two, reason: has left }]
  gates: { sourceQuiet: 1s, timeout: 60s }
`

const { AclOperationTypes: op, AclResourceTypes: on, ResourcePatternTypes: as } = kafkajs

const acl = (principal: string, operation: number, name: string, pattern: number) => ({
  principal,
  host: '*',
  operation,
  permissionType: kafkajs.AclPermissionTypes.ALLOW,
  resourceType: on.TOPIC,
  resourceName: name,
  resourcePatternType: pattern,
})

const topic = (
  name: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>> = {},
) => ({
  topic: name,
  numPartitions,
  replicationFactor: 1,
  configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
})

const positions = (...offsets: readonly number[]) =>
  offsets.map((offset, partition) => ({ partition, offset: String(offset) }))

const create = (cluster: World['source'], topics: readonly ITopicConfig[]) =>
  withAdmin(cluster, (admin) => admin.createTopics({ topics: [...topics] }))

/** What is moved. */
const settleSource = async ({ source }: World, name: string): Promise<void> => {
  await create(source, [
    topic(name, 2),
    topic(`${name}.found`, 1, { 'segment.ms': '7200000' }),
    topic(`${name}.end`, 1),
  ])
  await fill(source, name, 5, [0, 1])
  await fill(source, name, 15, [0, 1])
  await fill(source, `${name}.found`, 10, [0])
  await fill(source, `${name}.end`, 10, [0])
  await deleteBelow(source, name, 1, 5)
  await withAdmin(source, async (admin) => {
    const groupId = `${name}-api`
    await admin.setOffsets({ groupId, topic: name, partitions: positions(7, 20) })
    await admin.setOffsets({ groupId, topic: `${name}.found`, partitions: positions(4) })
  })
}

/** What was there before anybody came: some of it is changed by the plan, some removed, the rest is none of its business. */
const settleTarget = async ({ target }: World, name: string): Promise<void> => {
  const overrides = { 'retention.ms': '86400000', 'segment.bytes': '20000000' }
  await create(target, [topic(`${name}.found`, 1, overrides), topic(`${name}.old`, 1)])
  await withAdmin(target, async (admin) => {
    await admin.createAcls({
      acl: [
        acl(`User:${name}-user`, op.READ, name, as.LITERAL),
        acl(`User:${name}-left`, op.WRITE, `${name}.left`, as.PREFIXED),
      ],
    })
    const before = { topic: `${name}.old`, partitions: positions(0) }
    await admin.setOffsets({ groupId: `${name}-left`, ...before })
    await admin.setOffsets({ groupId: `${name}-api`, ...before })
    // In a topic that outlives a rollback to nothing: what is put back there can be seen.
    const found = { topic: `${name}.found`, partitions: positions(2) }
    await admin.setOffsets({ groupId: `${name}-api`, ...found })
  })
  const cluster = await connect(target)
  try {
    const password = new Secret('of before')
    const mechanisms = ['scram-sha-256', 'scram-sha-512'] as const
    await cluster.setUser({ name: `${name}-found`, mechanism: 'scram-sha-512', password })
    for (const mechanism of mechanisms)
      await cluster.setUser({ name: `${name}-two`, mechanism, password })
    await cluster.setQuota(`${name}-user`, { producerByteRate: 1e6, consumerByteRate: 2e6 })
    await cluster.setQuota(`${name}-left`, { consumerByteRate: 3e6 })
  } finally {
    await cluster.close()
  }
}

const deleteBelow = (
  cluster: World['source'],
  name: string,
  partition: number,
  offset: number,
): Promise<void> =>
  withAdmin(cluster, async (admin) => {
    // kafkajs wants to have heard of the topic.
    await admin.fetchTopicOffsets(name)
    const partitions = [{ partition, offset: String(offset) }]
    await admin.deleteTopicRecords({ topic: name, partitions })
  })

/**
 * There and back, and another service of it to its end: chapter by chapter something happens outside of Ferry, then a plan is made and
 * applied, and dies where `killing` says. Together the chapters have every kind of step.
 */
export const live = async (
  world: World,
  project: Project,
  name: string,
  killing: Killing,
): Promise<Life> => {
  const { source, target } = world
  const file = `plans/${name}.yaml`
  const remains: Partial<Record<Chapter, Remains>> = {}
  const applied: Partial<Record<Chapter, Applied>> = {}
  const chapter = async (
    says: Chapter,
    planning: readonly string[],
    { ends = 0, migration = name } = {},
  ): Promise<void> => {
    const dying = (steps: Parameters<Killing>[0]) => killing(steps, says)
    applied[says] = await applyDying(project, migration, dying, { planning, ends })
    remains[says] = await remainsOf(world, project, name, migration)
  }

  await Promise.all([settleSource(world, name), settleTarget(world, name)])
  project.write(file, planFile(name))
  project.write(`plans/${name}-end.yaml`, endFile(name))
  remains.before = await remainsOf(world, project, name)
  await chapter('mirrored', ['plan', name, '--max-destroy', '3'])

  await fill(source, name, 10, [0])
  await fill(source, name, 5, [0])
  await deleteBelow(source, name, 0, 30)
  const mirror = project.start(['mirror', name])
  await mirror.said(`${name}:0:20-29`)
  mirror.child.kill('SIGTERM')
  expect(await mirror.ended).toMatchObject({ code: 9 })
  await chapter('on behind a gap', ['resync', name, '--accept-gap', `${name}:0:20-29`])

  await withAdmin(source, (admin) =>
    admin.createPartitions({ topicPartitions: [{ topic: name, count: 3 }] }),
  )
  await fill(source, name, 5, [2])
  // Behind what the source does not hold any more; and what the group has on the target before it is synced.
  await withAdmin(source, (admin) =>
    admin.setOffsets({ groupId: `${name}-api`, topic: name, partitions: positions(32) }),
  )
  await withAdmin(target, (admin) =>
    admin.setOffsets({ groupId: `${name}-api`, topic: name, partitions: positions(3) }),
  )
  project.edit(file, 'stage: mirrored', 'stage: producers-moved')
  project.edit(file, 'preventDelete: true', 'preventDelete: false')
  await chapter('sealed, and stopped before the grant', ['plan', name], { ends: 8 })

  await fill(source, name, 1, [1])
  project.edit(file, 'nonsense', 'delete')
  await chapter('producers moved', ['plan', name])
  const verified = await project.ferry(['verify', name, '--full'])
  expect(verified.code, verified.stdout).toBe(0)

  // Some of it the group has read there, also behind the seal.
  await fill(target, name, 5, [0, 1])
  await withAdmin(target, async (admin) => {
    const groupId = `${name}-api`
    await admin.setOffsets({ groupId, topic: name, partitions: [{ partition: 1, offset: '24' }] })
    await admin.setOffsets({ groupId, topic: `${name}.found`, partitions: positions(8) })
  })
  await chapter('back at the beginning', ['rollback', name, '--to', 'nothing'])

  await chapter('retired', ['plan', `${name}-end`, '--max-destroy', '1'], {
    migration: `${name}-end`,
  })
  const deaths = Object.values(applied).flatMap((each) => each.deaths)
  return { remains: remains as Life['remains'], applied, deaths }
}

export interface Remains {
  readonly source: SideRemains
  readonly target: SideRemains
  /** The decisions. */
  readonly state: Readonly<Record<string, unknown>>
}
interface SideRemains {
  readonly topics: Readonly<Record<string, unknown>>
  readonly groups: Readonly<Record<string, unknown>>
  readonly acls: readonly string[]
  /** SCRAM credentials and quotas. */
  readonly users: readonly string[]
}

/** What nobody but a clock or a broker decides; and what a run that ended looks back on (`seen`). */
const BY_CHANCE =
  /^(at|of|lineage|serial|checksum|digest|seen|holder|receipt|behind|\w*[pP]roducer(Id|Epoch)|\w*[tT]opicId)$/

const remainsOf = async (
  world: World,
  project: Project,
  name: string,
  migration = name,
): Promise<Remains> => {
  const [images, ...users] = await Promise.all([
    imageOf(world),
    usersOf(world.source),
    usersOf(world.target),
  ])
  const own = <T>(all: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(all).filter(([each]) => isOf(each)))
  const isOf = (each: string) => each === name || new RegExp(`^${name}[.-]`).test(each)
  const side = ({ topics, groups, acls }: typeof images.source, lines: readonly string[]) => ({
    topics: own(topics),
    groups: own(groups),
    acls: acls.filter((each) => each.startsWith(`User:${name}-`)),
    users: lines.filter((each) => each.includes(`'${name}-`)),
  })
  const { stdout } = await project.ferry(['state', 'pull', migration])
  const remains = {
    source: side(images.source, users[0]!),
    target: side(images.target, users[1]!),
    state: stdout === '' ? {} : JSON.parse(stdout).decisions,
  }
  // Without the key there is none.
  const isNone = (key: string, value: unknown) =>
    (key === 'sealing' || key === 'emptied') && Array.isArray(value) && value.length === 0
  return JSON.parse(JSON.stringify(remains).replaceAll(name, 'NAME'), (key, value) =>
    BY_CHANCE.test(key) || isNone(key, value) ? undefined : value,
  )
}
