import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JudgedRight } from '../../src/doctor/rights.ts'
import {
  type AclBinding,
  aclKey,
  type Operation,
  type ResourceType,
} from '../../src/domain/access.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { connect } from '../adapter/connect.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { writeAs } from './_clients.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { type Ended, type Project, type Running, World } from './_world.ts'

/**
 * Ferry's own user lacks one right. A broker says so, or leaves things out of its answer and says nothing: in either case the verb ends
 * with 4, and names the right and the resource.
 */

const FERRY = { name: 'ferry', password: 'ferry-secret' }
/** Has what `ferry doctor` says, and nothing else. */
const BACK = { name: 'back', password: 'back-secret' }
/** A service that writes: to the source as long as its administrator lets it, to the target as long as Ferry does. */
const SERVICE = { name: 'svc', password: 'svc-secret' }
const TOPIC = 'rights.data'
const GROUP = 'rights.api'
const PLAN = `apiVersion: ferry/v1
kind: Migration
metadata: { name: rights }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: ${TOPIC}, offsets: dense }]
  groups: [{ id: ${GROUP} }]
  users: [{ name: app, mechanism: scram-sha-512, password: "\${env:APP_PASSWORD}", passwordVersion: 1 }]
  access: [{ principal: User:app, consume: { topics: [${TOPIC}], groups: [${GROUP}] } }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`

type Right = readonly [operation: Operation, type: ResourceType, name: string]
const CLUSTER = ['CLUSTER', 'kafka-cluster'] as const
/** The group of those who mirror. */
const LOCK = ['GROUP', 'ferry-mirror-rights'] as const

/** What the verbs below need: as few as possible, so that each is missed. */
const RIGHTS: Readonly<Record<'source' | 'target', readonly Right[]>> = {
  source: [
    ['DESCRIBE', ...CLUSTER],
    ['DESCRIBE_CONFIGS', ...CLUSTER],
    ['DESCRIBE_CONFIGS', 'TOPIC', TOPIC],
    ['READ', 'TOPIC', TOPIC],
    ['DESCRIBE', 'GROUP', GROUP],
    ['DESCRIBE', 'TRANSACTIONAL_ID', '*'],
  ],
  target: [
    ['ALTER', ...CLUSTER],
    ['DESCRIBE_CONFIGS', ...CLUSTER],
    ['CREATE', 'TOPIC', TOPIC],
    ['ALTER_CONFIGS', 'TOPIC', TOPIC],
    ['DESCRIBE_CONFIGS', 'TOPIC', TOPIC],
    ['READ', 'TOPIC', TOPIC],
    ['WRITE', 'TOPIC', TOPIC],
    ['DELETE', 'TOPIC', TOPIC],
    ['READ', 'GROUP', GROUP],
    ['READ', ...LOCK],
  ],
}

const aclOf = ([operation, resourceType, resourceName]: Right, user = FERRY): AclBinding => ({
  resourceType,
  resourceName,
  patternType: 'LITERAL',
  principal: `User:${user.name}`,
  host: '*',
  operation,
  permission: 'ALLOW',
})

describe("Ferry's user lacks a right", () => {
  let world: World
  let admins: Readonly<Record<'source' | 'target', Cluster>>
  let project: Project

  beforeAll(async () => {
    const start = (): Promise<TestCluster> =>
      startKafka({ version: '4.x', secure: true, users: [FERRY, BACK, SERVICE] })
    const [source, target] = await Promise.all([start(), start()])
    world = new World(source, target)
    const [old, fresh] = await Promise.all([connect(source), connect(target)])
    admins = { source: old, target: fresh }
    await withAdmin(source, async (admin) => {
      await admin.createTopics({
        topics: [{ topic: TOPIC, numPartitions: 1, replicationFactor: 1 }],
      })
      await admin.setOffsets({
        groupId: GROUP,
        topic: TOPIC,
        partitions: [{ partition: 0, offset: '5' }],
      })
    })
    await oracle.produce(source, TOPIC, { count: 50 })
    for (const side of ['source', 'target'] as const) await grant(side, RIGHTS[side])
    project = world.project('rights')
    project.env.FERRY_USER = FERRY.name
    project.env.FERRY_PASSWORD = FERRY.password
    project.env.APP_PASSWORD = 'app-secret'
    project.write('plans/rights.yaml', PLAN)
  })
  afterAll(async () => {
    await Promise.all([admins?.source.close(), admins?.target.close()])
    await world?.stop()
  })

  /** A broker answers by its metadata log: until it shows what was changed, it may not do what it says. */
  const untilSeen = (side: 'source' | 'target', acls: readonly AclBinding[], there: boolean) =>
    waitFor('the ACLs to be in force', { timeoutMs: 20_000, everyMs: 20 }, async () => {
      const seen = await admins[side].describeAcls()
      if (typeof seen === 'string') throw new Error(seen)
      const keys = new Set(seen.map(aclKey))
      return acls.every((acl) => keys.has(aclKey(acl)) === there) ? true : undefined
    })
  const grant = async (side: 'source' | 'target', rights: readonly Right[], user = FERRY) => {
    const acls = rights.map((right) => aclOf(right, user))
    expect((await admins[side].createAcls(acls)).failed.size).toBe(0)
    await untilSeen(side, acls, true)
  }
  const revoke = async (side: 'source' | 'target', rights: readonly Right[], user = FERRY) => {
    const acls = rights.map((right) => aclOf(right, user))
    expect((await admins[side].deleteAcls(acls)).failed.size).toBe(0)
    await untilSeen(side, acls, false)
  }
  const without = async (
    side: 'source' | 'target',
    right: Right,
    instead: Operation | undefined,
    args: readonly string[],
  ): Promise<Ended> => {
    const [operation, type, name] = right
    expect(RIGHTS[side].some((each) => each.join() === right.join())).toBe(true)
    const other: readonly Right[] = instead === undefined ? [] : [[instead, type, name]]
    await grant(side, other)
    await revoke(side, [[operation, type, name]])
    try {
      return await project.ferry(args)
    } finally {
      await grant(side, [right])
      await revoke(side, other)
    }
  }

  type Row = readonly [
    verb: string,
    side: 'source' | 'target',
    right: Right,
    instead: Operation | undefined,
    names: RegExp,
  ]
  const missing = (operation: string, type: ResourceType, name: string): RegExp =>
    new RegExp(
      `FERRY1[23]07.*(${operation} on ${type} ${name}|lacks [A-Z_, ]*${operation} on (topic ${name}|${type === 'CLUSTER' ? 'the cluster' : `${type.toLowerCase()} ${name}`}))`,
    )
  const check = async ([verb, side, right, instead, names]: Row) => {
    const { code, stdout, stderr } = await without(side, right, instead, verb.split(' '))
    const said = stderr.replace(/\s+/g, ' ')
    expect(said).toMatch(names)
    expect(code, said).toBe(4)
    expect(stdout + stderr).not.toMatch(/FERRY1901|\n\s+at |app-secret|ferry-secret/)
  }

  const BEFORE: readonly Row[] = [
    ['plan', 'source', ['READ', 'TOPIC', TOPIC], undefined, missing('DESCRIBE', 'TOPIC', TOPIC)],
    ['plan', 'source', ['READ', 'TOPIC', TOPIC], 'DESCRIBE', missing('READ', 'TOPIC', TOPIC)],
    [
      'plan',
      'source',
      ['DESCRIBE_CONFIGS', 'TOPIC', TOPIC],
      undefined,
      missing('DESCRIBE_CONFIGS', 'TOPIC', TOPIC),
    ],
    [
      'plan',
      'source',
      ['DESCRIBE', 'GROUP', GROUP],
      undefined,
      missing('DESCRIBE', 'GROUP', GROUP),
    ],
    [
      'plan',
      'source',
      ['DESCRIBE_CONFIGS', ...CLUSTER],
      undefined,
      missing('DESCRIBE_CONFIGS', ...CLUSTER),
    ],
    ['plan', 'target', ['ALTER', ...CLUSTER], undefined, missing('DESCRIBE', ...CLUSTER)],
    ['plan', 'target', ['ALTER', ...CLUSTER], 'DESCRIBE', missing('ALTER', ...CLUSTER)],
    [
      'plan',
      'target',
      ['DESCRIBE_CONFIGS', ...CLUSTER],
      undefined,
      missing('DESCRIBE_CONFIGS', ...CLUSTER),
    ],
    ['plan', 'target', ['CREATE', 'TOPIC', TOPIC], undefined, missing('CREATE', 'TOPIC', TOPIC)],
    ['plan', 'target', ['READ', 'GROUP', GROUP], undefined, missing('DESCRIBE', 'GROUP', GROUP)],
  ]
  test.each(BEFORE)('%s, %s: %s', (...row) => check(row))

  // Taken away once the step has begun: before, the plan would say so.
  test.each([
    ['a credential', 'set-user/app/scram-sha-512', 'users'],
    ['an ACL', 'grant-access/at-once/User:app', 'grants'],
  ] as const)(
    '%s that the broker refused is not Ferry’s to take back',
    async (_, step, recorded) => {
      project.write('died', '')
      const dying = dyingAt(project, `^after intent ${step}`, 'SIGSTOP')
      const applying = project.start(['apply', 'rights', '--auto-approve'], dying)
      await waitFor('the step to be begun', { timeoutMs: 60_000 }, () =>
        project.read('died').includes(`after intent ${step}`) ? true : undefined,
      )
      await grant('target', [['DESCRIBE', ...CLUSTER]])
      await revoke('target', [['ALTER', ...CLUSTER]])
      applying.child.kill('SIGCONT')
      const ended = await applying.ended
      await grant('target', [['ALTER', ...CLUSTER]])
      await revoke('target', [['DESCRIBE', ...CLUSTER]])
      expect(ended.stderr.replace(/\s+/g, ' ')).toMatch(missing('ALTER', ...CLUSTER))
      expect(ended.code, ended.stderr).toBe(8)
      const { decisions } = JSON.parse((await project.ferry(['state', 'pull', 'rights'])).stdout)
      expect(decisions[recorded]).toEqual([])
    },
  )

  test('with all of them it is mirrored', async () => {
    const applied = await project.ferry(['apply', 'rights', '--auto-approve'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(await project.ferry(['verify', 'rights', '--full'])).toMatchObject({ code: 0 })
    project.edit('plans/rights.yaml', 'stage: mirrored', 'stage: consumers-moved')
  })

  const AFTER: readonly Row[] = [
    ['plan', 'target', ['WRITE', 'TOPIC', TOPIC], undefined, missing('WRITE', 'TOPIC', TOPIC)],
    ['plan', 'target', ['READ', 'TOPIC', TOPIC], undefined, missing('READ', 'TOPIC', TOPIC)],
    [
      'plan',
      'target',
      ['ALTER_CONFIGS', 'TOPIC', TOPIC],
      undefined,
      missing('ALTER_CONFIGS', 'TOPIC', TOPIC),
    ],
    ['mirror', 'target', ['READ', ...LOCK], undefined, missing('READ', ...LOCK)],
    ['mirror', 'target', ['READ', ...LOCK], 'DESCRIBE', missing('READ', ...LOCK)],
    ['verify', 'source', ['READ', 'TOPIC', TOPIC], 'DESCRIBE', missing('READ', 'TOPIC', TOPIC)],
    ['verify', 'target', ['READ', 'TOPIC', TOPIC], undefined, missing('READ', 'TOPIC', TOPIC)],
    [
      'verify',
      'source',
      ['DESCRIBE', 'GROUP', GROUP],
      undefined,
      missing('DESCRIBE', 'GROUP', GROUP),
    ],
    [
      `resync rights --topic ${TOPIC} -o plan.json`,
      'target',
      ['ALTER', ...CLUSTER],
      'CREATE',
      missing('DESCRIBE', ...CLUSTER),
    ],
    [
      `resync rights --topic ${TOPIC} -o plan.json`,
      'target',
      ['DELETE', 'TOPIC', TOPIC],
      undefined,
      missing('DELETE', 'TOPIC', TOPIC),
    ],
    [
      'rollback rights --to prepared -o plan.json',
      'target',
      ['DELETE', 'TOPIC', TOPIC],
      undefined,
      missing('DELETE', 'TOPIC', TOPIC),
    ],
  ]
  test.each(AFTER)('once it is mirrored: %s, %s: %s', (...row) => check(row))

  test('doctor says of each of them that the verb needs it', async () => {
    const { stdout } = await project.ferry(['doctor', 'rights', '--json'])
    const { rights } = JSON.parse(stdout).migrations[0]
    for (const [line, side, [operation, type, name], instead, names] of [...BEFORE, ...AFTER]) {
      const verb = line.split(' ')[0] ?? ''
      const told = (rights[side].rights as JudgedRight[]).filter(
        (each) =>
          each.resourceType === type &&
          each.resourceName === name &&
          // What the message names; DESCRIBE follows from the right that is listed.
          (names.test(`FERRY1307 ${each.operation} on ${type} ${name}`) ||
            (instead === undefined && each.operation === operation)),
      )
      expect(
        told.flatMap(({ verbs }) => verbs),
        `${line}: ${operation} on ${name}`,
      ).toContain(verb)
    }
  })

  // It shows what it can, and ends as what it shows says.
  test('status says what it may not see', async () => {
    const right: Right = ['DESCRIBE', 'GROUP', GROUP]
    const { code, stderr } = await without('source', right, undefined, ['status', 'rights'])
    expect(stderr.replace(/\s+/g, ' ')).toMatch(missing(...right))
    expect(code).toBe(0)
  })

  test('a mirror that may not read the source stops where it is, and names the right', async () => {
    const right: Right = ['READ', 'TOPIC', TOPIC]
    const stops = async (mirror: Running, because: RegExp, meanwhile = async () => {}) => {
      try {
        await meanwhile()
        await mirror.said('FERRY1611')
        expect(mirror.stderr).toMatch(because)
      } finally {
        mirror.child.kill('SIGTERM')
        expect((await mirror.ended).code).toBe(9)
      }
    }
    const start = () => project.start(['mirror', 'rights'])
    const first = start()
    try {
      await stops(
        first,
        /rights\.data:0: the source answers TOPIC_AUTHORIZATION_FAILED/,
        async () => {
          await first.said('mirrors 1 of 1 partition')
          await grant('source', [['DESCRIBE', 'TOPIC', TOPIC]])
          await revoke('source', [right])
        },
      )
      await stops(start(), /rights\.data:0: old answers TOPIC_AUTHORIZATION_FAILED/)
    } finally {
      await grant('source', [right])
    }
  })

  test('what doctor lists is enough for the way there, to keep the source warm, and for the way back, and WRITE on the source is part of it', async () => {
    const topic = 'back.data'
    const id = 'back.api'
    await withAdmin(world.source, async (admin) => {
      await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1 }] })
      // Nowhere in partition 2, and below what partition 1 still holds.
      const partitions = [0, 1].map((partition) => ({ partition, offset: '3' }))
      await admin.setOffsets({ groupId: id, topic, partitions })
    })
    const write = { count: 30, partitions: [0, 1, 2], batchSize: 0 }
    await oracle.produce(world.source, topic, write)
    await withAdmin(world.source, async (admin) => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '5' }] })
    })
    // Somebody whom no plan file lets in.
    const stranger = { ...aclOf(['WRITE', 'TOPIC', topic]), principal: 'User:cron' }
    expect((await admins.source.createAcls([stranger])).failed.size).toBe(0)
    const writes: Right = ['WRITE', 'TOPIC', topic]
    await grant('source', [writes], SERVICE)
    const asService = async (value: string) => [
      await writeAs(world.source, SERVICE, topic, value),
      await writeAs(world.target, SERVICE, topic, value),
    ]
    const [ok, refusedToWrite] = ['ok', 'not authorized']
    const back = world.project('back')
    back.env.FERRY_USER = BACK.name
    back.env.FERRY_PASSWORD = BACK.password
    back.write(
      'plans/back.yaml',
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: back }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: ${topic}, offsets: dense }]
  groups: [{ id: ${id} }]
  access: [{ principal: User:svc, produce: [${topic}] }]
  rollback: { keepSourceWarm: true }
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
    )

    const doctor = await back.ferry(['doctor', '--json'])
    const listed = JSON.parse(doctor.stdout).migrations[0].rights
    for (const side of ['source', 'target'] as const) {
      const rights = (listed[side].rights as JudgedRight[])
        .filter(({ without }) => without === undefined)
        .map((r): Right => [r.operation, r.resourceType, r.resourceName])
      await grant(side, rights, BACK)
    }
    expect(await back.ferry(['doctor'])).not.toMatchObject({ code: 4 })

    const planned = await back.ferry(['plan', 'back'])
    const said = planned.stderr.replace(/\s+/g, ' ')
    expect(said).toMatch(/FERRY1340.*back\.api has no position in back\.data-2 on old/)
    expect(said).toMatch(/FERRY1345.*User:cron may WRITE on back\.data on old/)
    expect(said).not.toMatch(/User:svc may WRITE/)
    // What it wrote before its right was taken is copied, in whatever order its administrators go on.
    expect(await writeAs(world.source, SERVICE, topic, 'before')).toBe(ok)
    await revoke('source', [writes], SERVICE)

    const applied = await back.ferry(['apply', 'back', '--auto-approve', '--confirm', 'back'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    // It had not read two records that were gone before any mark: it begins at the mark, and the journal says so.
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([
      { partition: 0, offset: 3n },
      { partition: 1, offset: 0n },
    ])
    expect(back.read('.ferry/back/journal.jsonl')).toContain(
      '"lostBeforeTheMark":{"back.data:1":"2"}',
    )
    const mirror = back.start(['mirror', 'back'])
    expect(await asService('after')).toEqual([refusedToWrite, ok])
    await oracle.produce(world.target, topic, write)
    await waitFor('all of it on the source', { timeoutMs: 30_000 }, async () =>
      (await oracle.offsets(world.source, topic)).map(({ end }) => end).join() === '22,20,20'
        ? true
        : undefined,
    )
    mirror.child.kill('SIGTERM')
    expect((await mirror.ended).code).toBe(0)
    // Something is left for the rollback.
    await oracle.produce(world.target, topic, { ...write, count: 3 })

    await grant('source', [['DESCRIBE', 'TOPIC', topic]], BACK)
    await revoke('source', [writes], BACK)
    const rollback = ['rollback', 'back', '--to', 'prepared', '--auto-approve']
    const refused = await back.ferry(rollback)
    expect(refused.code).toBe(4)
    expect(refused.stderr.replace(/\s+/g, ' ')).toMatch(missing(...writes))
    await grant('source', [writes], BACK)
    const done = await back.ferry(rollback)
    expect(done, done.stderr).toMatchObject({ code: 0 })
    expect(await oracle.offsets(world.source, topic)).toMatchObject([
      { start: 0n, end: 23n },
      { start: 5n, end: 21n },
      { start: 0n, end: 21n },
    ])
    // Whose rights on the source are nothing of Ferry's; on the target it has taken back what it gave.
    expect(await asService('later')).toEqual([refusedToWrite, refusedToWrite])
    await grant('source', [writes], SERVICE)
    expect(await asService('at home')).toEqual([ok, refusedToWrite])
    const texts = (await oracle.readText(world.source, topic, { partitions: [0] })).map(
      (r) => r.value,
    )
    expect(texts.filter((value) => !value?.startsWith('value-'))).toEqual([
      'before',
      'after',
      'at home',
    ])
  })
})
