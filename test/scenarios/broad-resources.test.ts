import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Secret } from '../../src/domain/secret.ts'
import { connect } from '../adapter/connect.ts'
import type { TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill } from './_clients.ts'
import { errorsIn, findingsIn } from './_findings.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/**
 * Every kind of ACL, a password that is set again, quotas and topic configs: planned, applied, no difference afterwards, what somebody
 * else changes is found and mended, and all of it goes back. The target's brokers keep less and take less than the source's, and compress and stamp otherwise. What is there is read with kafkajs and the Java tools.
 */

let world: World

beforeAll(async () => {
  world = await startWorld({
    isSourceSecure: true,
    targetConfig: {
      'log.retention.ms': String(3 * 86_400_000),
      'message.max.bytes': '900000',
      'compression.type': 'gzip',
      'log.message.timestamp.type': 'LogAppendTime',
      'log.message.timestamp.before.max.ms': '3600000',
    },
  })
})

afterAll(() => world?.stop())

const FILE = 'plans/wide.yaml'
const PLAN = `apiVersion: ferry/v1
kind: Migration
metadata: { name: wide }
spec:
  from: old
  to: new
  stage: prepared
  topics: [{ name: wide.a }]
  users:
    - { name: wide, mechanism: scram-sha-256, password: "\${env:PASSWORD}", passwordVersion: 1 }
  access:
    - principal: User:wide
      host: 127.0.0.1
      prefix: true
      produce: [wide.]
      consume: { topics: [wide.] }
      transactionalIds: [wide-tx-]
    - principal: User:raw
      raw:
        - { resourceType: CLUSTER, resourceName: kafka-cluster, operation: DESCRIBE }
        - { resourceType: TOPIC, resourceName: wide.a, operation: READ, permission: DENY, host: 10.0.0.9 }
        - { resourceType: TRANSACTIONAL_ID, resourceName: "*", operation: DESCRIBE }
        - { resourceType: GROUP, resourceName: wide-, patternType: PREFIXED, operation: DESCRIBE }
  quotas: [{ user: wide, producerByteRate: 20MiB, consumerByteRate: 40MiB }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`
/** As kafkajs lists them: principal, ALLOW 3 or DENY 2, operation, kind of resource, LITERAL 3 or PREFIXED 4, name, host. */
const { AclOperationTypes: op, AclResourceTypes: on, ResourcePatternTypes: as } = kafkajs
const ACLS = [
  `User:wide 3 ${op.READ} ${on.TOPIC} ${as.PREFIXED} wide. 127.0.0.1`,
  `User:wide 3 ${op.DESCRIBE} ${on.TOPIC} ${as.PREFIXED} wide. 127.0.0.1`,
  `User:wide 3 ${op.WRITE} ${on.TRANSACTIONAL_ID} ${as.PREFIXED} wide-tx- 127.0.0.1`,
  `User:wide 3 ${op.DESCRIBE} ${on.TRANSACTIONAL_ID} ${as.PREFIXED} wide-tx- 127.0.0.1`,
  `User:raw 3 ${op.DESCRIBE} ${on.CLUSTER} ${as.LITERAL} kafka-cluster *`,
  `User:raw 2 ${op.READ} ${on.TOPIC} ${as.LITERAL} wide.a 10.0.0.9`,
  `User:raw 3 ${op.DESCRIBE} ${on.TRANSACTIONAL_ID} ${as.LITERAL} * *`,
  `User:raw 3 ${op.DESCRIBE} ${on.GROUP} ${as.PREFIXED} wide- *`,
].sort()

const ok = async (running: Promise<Ended>, code = 0): Promise<Ended> => {
  const ended = await running
  expect(ended.code, `${ended.stdout}\n${ended.stderr}`).toBe(code)
  return ended
}
const nothingToDo = (project: Project, name = 'wide') =>
  ok(project.ferry(['plan', name, '--detailed-exitcode']))

const mayLogIn = async (cluster: TestCluster, password: string): Promise<boolean> => {
  const sasl = { mechanism: 'scram-sha-256', username: 'wide', password } as const
  const retry = { retries: 0 }
  const admin = new kafkajs.Kafka({ ...cluster.kafka(), sasl, retry }).admin()
  try {
    await admin.connect()
    return true
  } catch (error) {
    expect(String(error)).toMatch(/authentication/i)
    return false
  } finally {
    await admin.disconnect()
  }
}

test('ACLs of every kind, a password, quotas and configs', async () => {
  const { source, target } = world
  await withAdmin(source, (admin) =>
    admin.createTopics({
      topics: [
        {
          topic: 'wide.a',
          numPartitions: 1,
          replicationFactor: 1,
          configEntries: [{ name: 'segment.ms', value: '86400000' }],
        },
      ],
    }),
  )
  await fill(source, 'wide.a', 3, [0])
  const before = await imageOf(world)
  const usersBefore = await usersOf(target)
  const project = world.project('wide')
  project.write(FILE, PLAN)
  project.env.PASSWORD = 'first'
  await ok(project.ferry(['apply', 'wide', '--auto-approve']))
  const applied = await imageOf(world)
  expect(applied.target.acls.filter((acl) => !before.target.acls.includes(acl))).toEqual(ACLS)
  // The overrides of the source, and what protects the copy: no default of either side is written out.
  expect(applied.target.topics['wide.a']?.overrides).toEqual({
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'max.message.bytes': '1048588',
    'message.timestamp.after.max.ms': '9223372036854775807',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.type': 'CreateTime',
    'retention.bytes': '-1',
    'retention.ms': String(8 * 86_400_000),
    'segment.ms': '86400000',
  })
  expect(await mayLogIn(target, 'first')).toBe(true)
  await nothingToDo(project)
  await ok(project.ferry(['drift', 'wide']))

  // A stored password cannot be compared: only a higher version sets it again.
  project.env.PASSWORD = 'second'
  await nothingToDo(project)
  project.edit(FILE, 'passwordVersion: 1', 'passwordVersion: 2')
  expect((await ok(project.ferry(['plan', 'wide']))).stdout).toMatch(/user +wide/)
  await ok(project.ferry(['apply', 'wide', '--auto-approve', '--confirm', 'wide']))
  // Nothing that a broker tells shows which of two passwords it knows.
  await waitFor('the new password', { timeoutMs: 30_000 }, async () =>
    (await mayLogIn(target, 'second')) ? true : undefined,
  )
  expect(await mayLogIn(target, 'first')).toBe(false)
  await nothingToDo(project)

  // Somebody takes an ACL away, and changes a quota and a config.
  await withAdmin(target, async (admin) => {
    await admin.deleteAcls({
      filters: [
        {
          principal: 'User:raw',
          resourceType: on.CLUSTER,
          resourceName: 'kafka-cluster',
          resourcePatternType: as.LITERAL,
          host: '*',
          operation: op.DESCRIBE,
          permissionType: kafkajs.AclPermissionTypes.ALLOW,
        },
      ],
    })
  })
  const cluster = await connect(target)
  try {
    await cluster.setQuota('wide', { consumerByteRate: 1000 })
  } finally {
    await cluster.close()
  }
  const drifted = await ok(project.ferry(['drift', 'wide']), 3)
  expect(drifted.stdout).toMatch(/ACL CLUSTER\|LITERAL\|kafka-cluster\|User:raw/)
  expect(drifted.stdout).toMatch(/consumerByteRate of wide/)
  const { stdout } = await ok(project.ferry(['plan', 'wide', '--detailed-exitcode']), 2)
  expect(stdout).toMatch(/User:raw +.*\(1\s+ACL\)/)
  await ok(project.ferry(['apply', 'wide', '--auto-approve']))
  expect((await imageOf(world)).target).toEqual(applied.target)
  const rates = (await usersOf(target))
    .filter((line) => line.includes("'wide'"))
    .flatMap((line) => [...line.matchAll(/(\w+_byte_rate)=([\d.E]+)/g)])
    .map(([, key, rate]) => [key, Number(rate)])
  expect(Object.fromEntries(rates)).toEqual({
    consumer_byte_rate: 41_943_040,
    producer_byte_rate: 20_971_520,
  })
  await nothingToDo(project)

  await ok(project.ferry(['rollback', 'wide', '--to', 'nothing', '--auto-approve']))
  const { source: here, target: there } = await imageOf(world)
  expect({ source: here, topics: there.topics, acls: there.acls }).toEqual({
    source: before.source,
    topics: before.target.topics,
    acls: before.target.acls,
  })
  expect(await usersOf(target)).toEqual(usersBefore)
})

test('what the brokers set for every topic is compared, and durability that nobody could write with blocks', async () => {
  await withAdmin(world.source, (admin) =>
    admin.createTopics({
      topics: [
        { topic: 'parity.a', numPartitions: 1, replicationFactor: 1 },
        {
          topic: 'parity.b',
          numPartitions: 1,
          replicationFactor: 1,
          configEntries: [{ name: 'min.insync.replicas', value: '2' }],
        },
      ],
    }),
  )
  const project = world.project('parity')
  project.write(
    'plans/parity.yaml',
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: parity }
spec: { from: old, to: new, stage: producers-moved, topics: [{ name: parity.a }, { name: parity.b }] }
`,
  )
  const { stderr } = await ok(project.ferry(['plan', 'parity']), 4)
  const found = findingsIn(stderr)
  const saying = (code: string) => found.filter((each) => each.code === code)
  expect(errorsIn(stderr)).toEqual(saying('FERRY1317'))
  expect(saying('FERRY1317')).toMatchObject([
    { detail: expect.stringMatching(/^parity\.b would have min\.insync\.replicas 2 above/) },
  ])
  expect(saying('FERRY1371')).toMatchObject([
    {
      severity: 'warning',
      detail: expect.stringContaining('max.message.bytes 900000 instead of 1048588 on old'),
    },
  ])
  expect(saying('FERRY1372')).toMatchObject([
    {
      severity: 'warning',
      detail: expect.stringContaining('retention.ms 3d instead of 7d on old'),
    },
  ])
  // The source has one window for both directions, and it is open: 2.8 knows no other default.
  expect(saying('FERRY1373')).toMatchObject([
    {
      severity: 'warning',
      detail: expect.stringContaining(
        'message.timestamp.type LogAppendTime instead of CreateTime, message.timestamp.before.max.ms 1h instead of any, message.timestamp.after.max.ms 1h instead of any on old',
      ),
    },
  ])
  expect(saying('FERRY1374')).toMatchObject([
    {
      severity: 'warning',
      detail: expect.stringContaining('compression.type gzip instead of producer on old'),
    },
  ])
})

test('what parity says of a topic is so once its final configs hold, and what the file sets is meant', async () => {
  const project = world.project('parity-after')
  const file = 'plans/after.yaml'
  await withAdmin(world.source, (admin) =>
    admin.createTopics({
      topics: [{ topic: 'parity.after', numPartitions: 1, replicationFactor: 1 }],
    }),
  )
  await fill(world.source, 'parity.after', 3, [0])
  project.write(
    file,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: after }
spec:
  from: old
  to: new
  stage: producers-moved
  topics:
    - name: parity.after
      configs:
        cleanup.policy: "compact, delete"
        compression.type: lz4
        min.cleanable.dirty.ratio: 0.50
        preallocate: "True"
        segment.bytes: "01048576"
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
  )
  const { stderr } = await ok(
    project.ferry(['apply', 'after', '--auto-approve', '--confirm', 'after']),
  )
  expect(findingsIn(stderr).map(({ code }) => code)).not.toContain('FERRY1374')
  const inForce = await configsInForce(world.target, 'parity.after')
  expect(inForce).toMatchObject({
    'cleanup.policy': 'compact,delete',
    'compression.type': 'lz4',
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.before.max.ms': '3600000',
    'min.cleanable.dirty.ratio': '0.5',
    preallocate: 'true',
    'segment.bytes': '1048576',
  })
  // A broker answers what it has read, not what was typed.
  await nothingToDo(project, 'after')
})

test('a service is imported with all that it may do on the source, and nothing is left to do once it has moved', async () => {
  const { source, target } = world
  const topic = (name: string) => ({ topic: name, numPartitions: 1, replicationFactor: 1 })
  const acl = (
    principal: string,
    operation: number,
    resourceType: number,
    resourceName: string,
    more: Partial<kafkajs.AclEntry> = {},
  ): kafkajs.AclEntry => ({
    principal: `User:${principal}`,
    host: '*',
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
    resourcePatternType: as.LITERAL,
    resourceType,
    resourceName,
    operation,
    ...more,
  })
  const prefixed = { resourcePatternType: as.PREFIXED }
  await withAdmin(source, async (admin) => {
    await admin.createTopics({ topics: ['imp.a', 'imp.b', 'imports.z'].map(topic) })
    const position = { partitions: [{ partition: 0, offset: '2' }] }
    await admin.setOffsets({ groupId: 'imp-api', topic: 'imp.a', ...position })
    await admin.setOffsets({ groupId: 'imp-audit', topic: 'imp.a', ...position })
    await admin.setOffsets({ groupId: 'imp-audit', topic: 'imp.b', ...position })
    await admin.createAcls({
      acl: [
        // Covers only what moves, but on the target also what is somebody else's.
        acl('imp-api', op.READ, on.TOPIC, 'imp.', prefixed),
        acl('imp-api', op.DESCRIBE, on.TOPIC, 'imp.', prefixed),
        acl('imp-all', op.ALL, on.TOPIC, 'imp.a'),
        acl('imp-api', op.READ, on.GROUP, 'imp-', prefixed),
        // Reaches what does not move: only what does is taken over.
        acl('imp-shop', op.WRITE, on.TOPIC, 'imp', prefixed),
        acl('imp-shop', op.WRITE, on.TRANSACTIONAL_ID, 'imp-tx-', prefixed),
        acl('imp-shop', op.CREATE, on.CLUSTER, 'kafka-cluster'),
        acl('imp-old', op.READ, on.TOPIC, 'imp.b', {
          host: '10.0.0.9',
          permissionType: kafkajs.AclPermissionTypes.DENY,
        }),
        acl('stranger', op.ALL, on.TOPIC, 'imports.z'),
      ],
    })
  })
  await withAdmin(target, (admin) => admin.createTopics({ topics: [topic('imp.secret')] }))
  await fill(source, 'imp.a', 5, [0])
  await fill(source, 'imp.b', 5, [0])
  const cluster = await connect(source)
  try {
    const password = new Secret('on the source')
    await cluster.setUser({ name: 'imp-api', mechanism: 'scram-sha-512', password })
    await cluster.setQuota('imp-api', { producerByteRate: 1_000_000 })
  } finally {
    await cluster.close()
  }

  const project = world.project('imported')
  const file = 'plans/imp-api.yaml'
  await ok(project.ferry(['import', '--from', 'old', '--to', 'new', '--group', 'imp-api']))
  await ok(project.ferry(['fmt', '--check']))
  expect(project.read(file)).toContain('password: "${env:IMP_API_PASSWORD}"')
  project.write(file, project.read(file).replace(/^ {2}# (users:| {2}- \{)/gm, '  $1'))
  project.env.IMP_API_PASSWORD = 'on the target'
  project.edit(
    file,
    '\n  stage: prepared',
    '\n  stage: producers-moved\n  gates: { sourceQuiet: 1s }',
  )
  await ok(project.ferry(['apply', 'imp-api', '--auto-approve', '--confirm', 'imp-api']))
  await ok(project.ferry(['plan', 'imp-api', '--detailed-exitcode']))

  const { acls, topics, groups } = (await imageOf(world)).target
  expect(Object.keys(topics).filter((name) => name.startsWith('imp'))).toEqual([
    'imp.a',
    'imp.b',
    'imp.secret',
  ])
  expect(Object.keys(groups).filter((name) => name.startsWith('imp-'))).toEqual([
    'imp-api',
    'imp-audit',
  ])
  expect(acls.filter((each) => /^User:(imp-|stranger)/.test(each))).toEqual(
    [
      ...['imp.a', 'imp.b'].flatMap((name) => [
        `User:imp-api 3 ${op.READ} ${on.TOPIC} ${as.LITERAL} ${name} *`,
        `User:imp-api 3 ${op.DESCRIBE} ${on.TOPIC} ${as.LITERAL} ${name} *`,
      ]),
      // Readers need these before ALL may come.
      ...[op.ALL, op.READ, op.DESCRIBE, op.DESCRIBE_CONFIGS].map(
        (each) => `User:imp-all 3 ${each} ${on.TOPIC} ${as.LITERAL} imp.a *`,
      ),
      `User:imp-api 3 ${op.READ} ${on.GROUP} ${as.PREFIXED} imp- *`,
      ...['imp.a', 'imp.b'].flatMap((name) => [
        `User:imp-shop 3 ${op.WRITE} ${on.TOPIC} ${as.LITERAL} ${name} *`,
        // Follows from WRITE on the source.
        `User:imp-shop 3 ${op.DESCRIBE} ${on.TOPIC} ${as.LITERAL} ${name} *`,
      ]),
      // 2.8 does not tell which of them write here, and they open nothing by themselves.
      `User:imp-shop 3 ${op.WRITE} ${on.TRANSACTIONAL_ID} ${as.PREFIXED} imp-tx- *`,
      `User:imp-shop 3 ${op.DESCRIBE} ${on.TRANSACTIONAL_ID} ${as.PREFIXED} imp-tx- *`,
      `User:imp-old 2 ${op.READ} ${on.TOPIC} ${as.LITERAL} imp.b 10.0.0.9`,
    ].sort(),
  )
  const users = (await usersOf(target)).filter((line) => line.includes("'imp-api'"))
  expect(users.join('\n')).toMatch(/producer_byte_rate=1000000/)
  expect(users.join('\n')).toMatch(/SCRAM-SHA-512/)
})

const configsInForce = (
  cluster: TestCluster,
  name: string,
): Promise<Readonly<Record<string, string>>> =>
  withAdmin(cluster, async (admin) => {
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }]
    const { resources: found } = await admin.describeConfigs({ resources, includeSynonyms: false })
    const entries = found[0]!.configEntries
    return Object.fromEntries(
      entries.map(({ configName, configValue }) => [configName, configValue]),
    )
  })
