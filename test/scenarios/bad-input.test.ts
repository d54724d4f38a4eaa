import { mkdirSync } from 'node:fs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setConfigs } from '../kafka/admin.ts'
import { fill } from './_clients.ts'
import { errorsIn, expectNoStack } from './_findings.ts'
import { imageOf, usersOf, withAdmin } from './_image.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/**
 * What people get wrong: one clear error, the exit code of design section 8, and nothing changed anywhere. Every case runs `apply` where
 * it can, because that is the verb that could do harm.
 */

const ORDERS = `apiVersion: ferry/v1
kind: Migration
metadata: { name: orders }
spec:
  from: old
  to: new
  stage: prepared
  topics:
    - name: orders.events
      configs: { retention.ms: 7d }
  groups:
    - id: orders-api
  users:
    - name: orders-api
      mechanism: scram-sha-512
      password: "\${env:ORDERS_API_PASSWORD}"
  access:
    - principal: User:orders-api
      consume: { topics: [orders.events], groups: [orders-api] }
    - principal: User:orders-shop
      produce: [orders.events]
`
const APPLY = ['apply', 'orders', '--auto-approve'] as const

let world: World
let usersBefore: readonly string[]

beforeAll(async () => {
  const password = 'not-the-admins'
  const users = ['no-create', 'no-alter', 'no-describe'].map((name) => ({ name, password }))
  world = await startWorld({ users })
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({
      topics: ['orders.events', 'orders.narrow', 'orders.used'].map((topic) => ({
        topic,
        numPartitions: 3,
        replicationFactor: 1,
      })),
    })
    const partitions = [{ partition: 0, offset: '4' }]
    await admin.setOffsets({ groupId: 'orders-api', topic: 'orders.events', partitions })
  })
  await withAdmin(world.target, async (admin) => {
    await admin.createTopics({
      topics: [
        { topic: 'orders.narrow', numPartitions: 2, replicationFactor: 1 },
        { topic: 'orders.used', numPartitions: 3, replicationFactor: 1 },
      ],
    })
    await admin.createAcls({ acl: rightsOfAlmostFerry() })
  })
  await fill(world.source, 'orders.events', 10, [0, 1, 2])
  await fill(world.target, 'orders.used', 1, [1])
  usersBefore = await usersOf(world.target)
})

afterAll(() => world?.stop())

/** All rights that Ferry needs on the target, for three users who lack one each. ALTER implies DESCRIBE, so who lacks that has neither. */
const rightsOfAlmostFerry = (): kafkajs.AclEntry[] => {
  const { AclOperationTypes: op, AclResourceTypes: kind } = kafkajs
  const onCluster = [op.CREATE, op.ALTER, op.DESCRIBE, op.ALTER_CONFIGS, op.DESCRIBE_CONFIGS]
  const onTopics = [op.READ, op.WRITE, op.DELETE, op.ALTER_CONFIGS, op.DESCRIBE_CONFIGS]
  const lacking = {
    'no-create': [op.CREATE],
    'no-alter': [op.ALTER],
    'no-describe': [op.ALTER, op.DESCRIBE],
  }
  return Object.entries(lacking).flatMap(([user, lacks]) => {
    const allow = (
      resourceType: kafkajs.AclResourceTypes,
      resourceName: string,
      operations: readonly kafkajs.AclOperationTypes[],
    ): kafkajs.AclEntry[] =>
      operations.map((operation) => ({
        principal: `User:${user}`,
        host: '*',
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
        resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
        resourceType,
        resourceName,
        operation,
      }))
    const given = [...onCluster, op.IDEMPOTENT_WRITE].filter((each) => !lacks.includes(each))
    return [
      ...allow(kind.CLUSTER, 'kafka-cluster', given),
      ...allow(kind.TOPIC, '*', onTopics),
      ...allow(kind.GROUP, '*', [op.READ]),
    ]
  })
}

const ordersProject = (): Project => {
  const project = world.project('bad-input')
  project.write('plans/orders.yaml', ORDERS)
  project.env.ORDERS_API_PASSWORD = 'api-secret'
  return project
}

/** Runs something that must be refused, and looks whether it left anything behind. */
const refused = async (project: Project, run: () => Promise<Ended>): Promise<Ended> => {
  const before = { clusters: await imageOf(world), state: project.state() }
  const ended = await run()
  expectNoStack(ended)
  expect({ clusters: await imageOf(world), state: project.state() }).toEqual(before)
  return ended
}

const expectOneError = (
  { code, stderr }: Ended,
  wanted: {
    readonly exit: number
    readonly code: string
    readonly place?: string
    readonly says?: RegExp
    readonly fix?: RegExp
  },
): void => {
  const errors = errorsIn(stderr)
  expect(errors, stderr).toHaveLength(1)
  const [error] = errors
  expect({ exit: code, code: error?.code, place: error?.place }, stderr).toEqual({
    exit: wanted.exit,
    code: wanted.code,
    place: wanted.place,
  })
  expect(error?.detail).toMatch(wanted.says ?? /\S/)
  expect(error?.fix).toMatch(wanted.fix ?? /\S/)
}

interface BadInput {
  readonly name: string
  /** Spoils the project; answers the place that the error must name, if a file is the cause. */
  readonly spoil?: (project: Project) => string | undefined | Promise<string | undefined>
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly exit: number
  readonly code: string
  readonly says?: RegExp
  readonly fix?: RegExp
}

const expectRefusal = async (bad: BadInput): Promise<void> => {
  const project = ordersProject()
  const place = await bad.spoil?.(project)
  const ended = await refused(project, () => project.ferry(bad.args ?? APPLY, bad.env))
  expectOneError(ended, { ...bad, ...(place === undefined ? {} : { place }) })
}

/** An edit of the plan file, and what stands where the error is. */
const orders = (from: string, to: string, at: string) => (project: Project) => {
  project.edit('plans/orders.yaml', from, to)
  return project.place('plans/orders.yaml', at)
}

describe('files', () => {
  const cases: readonly BadInput[] = [
    {
      name: 'an unknown key',
      spoil: orders('      configs:', '      config:', 'config:'),
      exit: 1,
      code: 'FERRY1014',
      says: /"config"/,
      fix: /configs/,
    },
    {
      name: 'a wrong type',
      spoil: orders(
        '  groups:\n    - id: orders-api',
        '  groups: orders-api',
        'orders-api\n  users',
      ),
      exit: 1,
      code: 'FERRY1016',
      says: /groups/,
    },
    {
      name: 'a duplicate key',
      spoil: orders('  to: new\n', '  to: new\n  "to": old\n', '"to"'),
      exit: 1,
      code: 'FERRY1006',
    },
    {
      name: 'a tab as indentation',
      spoil: orders('  to: new', '\tto: new', '\tto: new'),
      exit: 1,
      code: 'FERRY1005',
      fix: /spaces/,
    },
    {
      name: 'no project',
      spoil: (project) => {
        mkdirSync(project.path('elsewhere'))
        return undefined
      },
      args: ['--chdir', 'elsewhere', ...APPLY],
      exit: 1,
      code: 'FERRY1019',
      says: /elsewhere\/ferry\.yaml/,
    },
    {
      name: 'a project file that is not there',
      args: ['--project', 'nowhere.yaml', ...APPLY],
      exit: 1,
      code: 'FERRY1001',
      says: /nowhere\.yaml/,
    },
    {
      name: 'a referenced file that is not there',
      spoil: orders(
        '"${env:ORDERS_API_PASSWORD}"',
        '"${file:secrets/api}"',
        '"${file:secrets/api}"',
      ),
      exit: 1,
      code: 'FERRY1023',
      says: /secrets\/api/,
    },
    {
      name: 'an unset variable',
      spoil: orders('ORDERS_API_PASSWORD', 'NOBODY_SETS_THIS', '"${env:NOBODY_SETS_THIS}"'),
      exit: 1,
      code: 'FERRY1022',
      says: /NOBODY_SETS_THIS/,
    },
    {
      name: 'one cluster as source and target',
      spoil: orders('  from: old', '  from: new', 'new\n  stage'),
      exit: 1,
      code: 'FERRY1031',
    },
  ]
  test.each(cases)('$name', expectRefusal)

  test('all errors at once, in the order of the file', async () => {
    const project = ordersProject()
    project.edit('plans/orders.yaml', '  to: new', '  to: new\n  colour: red')
    project.edit('plans/orders.yaml', 'ORDERS_API_PASSWORD', 'NOBODY_SETS_THIS')
    const { code, stderr } = await refused(project, () => project.ferry(APPLY))
    expect(code).toBe(1)
    expect(errorsIn(stderr).map((error) => error.code)).toEqual(['FERRY1014', 'FERRY1022'])
  })
})

describe('the command line', () => {
  const cases: readonly BadInput[] = [
    {
      name: 'an unknown flag',
      args: [...APPLY, '--auto-aprove'],
      exit: 64,
      code: 'FERRY1103',
      fix: /--auto-approve/,
    },
    {
      name: 'a wrong value of a flag',
      args: [...APPLY, '--wait', 'long'],
      exit: 64,
      code: 'FERRY1105',
    },
    {
      name: 'an unknown migration',
      args: ['apply', 'order', '--auto-approve'],
      exit: 64,
      code: 'FERRY1104',
      fix: /orders/,
    },
    {
      name: 'nobody to ask for approval',
      args: ['apply', 'orders'],
      exit: 64,
      code: 'FERRY1106',
      fix: /--auto-approve/,
    },
    {
      name: 'a plan file that is not there',
      args: ['apply', 'gone.plan'],
      exit: 1,
      code: 'FERRY1001',
      says: /gone\.plan/,
    },
  ]
  test.each(cases)('$name', expectRefusal)
})

describe('topics', () => {
  const topic = (name: string, rest = '') =>
    orders(
      '- name: orders.events\n      configs: { retention.ms: 7d }',
      `- name: ${name}${rest}`,
      'name: orders.',
    )
  /** Access may name topics of the migration only. */
  const withoutAccess = (project: Project): void =>
    project.edit('plans/orders.yaml', / {2}groups:[\s\S]*/, '')
  const cases: readonly BadInput[] = [
    {
      name: 'a topic that the source does not have',
      spoil: (project) => {
        withoutAccess(project)
        return topic('orders.evnts')(project)
      },
      exit: 4,
      code: 'FERRY1303',
      says: /orders\.evnts/,
    },
    {
      name: 'another number of partitions in the file',
      spoil: topic('orders.events', '\n      partitions: 7'),
      exit: 4,
      code: 'FERRY1304',
      says: /3 partitions on old, but 7/,
      fix: /3/,
    },
    {
      name: 'another number of partitions on the target',
      spoil: (project) => {
        withoutAccess(project)
        return topic('orders.narrow')(project)
      },
      exit: 4,
      code: 'FERRY1304',
      says: /3 partitions on old, but 2 on new/,
    },
    {
      name: 'a target topic with records that Ferry did not write',
      spoil: (project) => {
        withoutAccess(project)
        return topic('orders.used')(project)
      },
      exit: 4,
      code: 'FERRY1305',
      says: /orders\.used-1 on new holds offsets 0 to 0/,
    },
  ]
  test.each(cases)('$name', expectRefusal)
})

describe('clusters', () => {
  const signIn = (user: string) => ({
    env: { FERRY_USER: user, FERRY_PASSWORD: 'not-the-admins' },
  })
  const cases: readonly BadInput[] = [
    {
      name: 'another cluster than the pinned one',
      spoil: (project) => {
        project.edit('clusters/new.yaml', world.target.clusterId, 'Xk3pT0vQSf6mUe1yZ8aBcg')
        return project.place('clusters/new.yaml', '"Xk3pT0vQSf6mUe1yZ8aBcg"')
      },
      exit: 5,
      code: 'FERRY1201',
      says: /The brokers of new belong to cluster/,
    },
    {
      name: 'a broker that cannot be reached',
      spoil: (project) => {
        // Nobody listens on the discard port.
        project.edit('clusters/old.yaml', /\[.*\]/, '["127.0.0.1:9"]')
        return project.place('clusters/old.yaml', '["127.0.0.1:9"]')
      },
      exit: 1,
      code: 'FERRY1202',
      says: /127\.0\.0\.1:9/,
    },
    {
      name: 'a wrong password',
      env: { FERRY_PASSWORD: 'wrong-password' },
      spoil: (project) => project.place('clusters/new.yaml', '["'),
      exit: 1,
      code: 'FERRY1203',
    },
    {
      name: 'a user without CREATE',
      ...signIn('no-create'),
      exit: 4,
      code: 'FERRY1207',
      says: /CREATE|orders\.events/,
      fix: /CREATE/i,
    },
    {
      name: 'a user without ALTER for users and ACLs',
      ...signIn('no-alter'),
      exit: 4,
      code: 'FERRY1307',
      says: /ALTER on the cluster/,
    },
  ]
  test.each(cases)('$name', expectRefusal)

  // Which rights it has on the cluster is not told to whoever may not describe it: nothing is claimed of those.
  test('a user who may not see ACLs and users', async () => {
    const project = ordersProject()
    const { env } = signIn('no-describe')
    const { code, stderr } = await refused(project, () => project.ferry(APPLY, env))
    expect(code, stderr).toBe(4)
    const errors = errorsIn(stderr)
    expect(
      errors.map((error) => error.code),
      stderr,
    ).toEqual(['FERRY1207', 'FERRY1207'])
    expect(errors.map(({ detail, fix }) => `${detail} ${fix}`).join()).toMatch(
      /may not read the ACLs on new .*--operation Describe --cluster/,
    )
  })
})

describe('plan files', () => {
  const PLAN = 'orders.plan.json'
  const APPLY_FILE = ['apply', PLAN] as const

  const plannedProject = async (): Promise<Project> => {
    const project = ordersProject()
    const planned = await project.ferry(['plan', 'orders', '-o', PLAN])
    expect(planned.code, planned.stderr).toBe(0)
    return project
  }

  test.each([
    ['garbage', 'not a plan', 1, 'FERRY1109', /not JSON/],
    ['an empty file', '', 1, 'FERRY1109', /empty/],
    ['JSON of something else', '{"formatVersion":"1.0"}\n', 1, 'FERRY1109', /required/],
    ['a newer format', '{"formatVersion":"2.0","steps":[]}\n', 5, 'FERRY1110', /2\.0/],
  ] as const)('%s', async (_, text, exit, code, says) => {
    const project = ordersProject()
    project.write(PLAN, text)
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, { exit, code, says })
  })

  test('a plan that was cut off', async () => {
    const project = await plannedProject()
    const text = project.read(PLAN)
    project.write(PLAN, text.slice(0, text.length / 2))
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, { exit: 1, code: 'FERRY1109' })
  })

  test('a plan of a file that was changed since', async () => {
    const project = await plannedProject()
    project.edit('plans/orders.yaml', '7d', '8d')
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, { exit: 5, code: 'FERRY1401', says: /plans\/orders\.yaml/ })
  })

  test('a plan of a topic that was changed since', async () => {
    const project = await plannedProject()
    await setConfigs(world.source, 'orders.events', { 'retention.bytes': '1000000' })
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, {
      exit: 5,
      code: 'FERRY1401',
      says: /this changed: configs of topic orders\.events on the source/,
    })
  })

  test('a plan with problems', async () => {
    const project = ordersProject()
    project.edit('plans/orders.yaml', '      configs', '      partitions: 7\n      configs')
    expect((await project.ferry(['plan', 'orders', '-o', PLAN])).code).toBe(4)
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, {
      exit: 4,
      code: 'FERRY1304',
      place: project.place('plans/orders.yaml', 'name: orders.events'),
    })
  })

  /** Edits that leave a well-formed plan of the same inputs and clusters: only what it does, or says, is another. */
  const edits: readonly (readonly [string, (plan: PlanJson) => void])[] = [
    [
      'another config',
      (plan) => {
        stepOf(plan, 'create-topic').configs = { 'retention.ms': '1' }
      },
    ],
    [
      'another principal',
      (plan) => {
        for (const acl of stepOf(plan, 'grant-access').acls ?? []) acl.principal = 'User:mallory'
      },
    ],
    ['a step less', (plan) => void plan.steps.pop()],
    ['steps in another order', (plan) => void plan.steps.reverse()],
    [
      'a step more',
      (plan) => {
        const grant = structuredClone(stepOf(plan, 'grant-access'))
        for (const acl of grant.acls ?? []) acl.principal = 'User:mallory'
        plan.steps.push({ ...grant, id: 'grant-access/mallory/at-once' })
      },
    ],
    [
      'another price of undoing',
      (plan) => {
        stepOf(plan, 'create-topic').undo = { cost: 'restores', says: 'nothing' }
      },
    ],
    ['another stage', (plan) => void Object.assign(plan, { to: 'mirrored' })],
  ]
  test.each(edits)('a plan edited by hand: %s', async (_, edit) => {
    const project = await plannedProject()
    const plan = JSON.parse(project.read(PLAN)) as PlanJson
    edit(plan)
    project.write(PLAN, JSON.stringify(plan))
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    expectOneError(ended, { exit: 5, code: 'FERRY1401' })
  })

  test('a plan edited by hand: its problems taken out', async () => {
    const project = ordersProject()
    project.edit('plans/orders.yaml', '      configs', '      partitions: 7\n      configs')
    expect((await project.ferry(['plan', 'orders', '-o', PLAN])).code).toBe(4)
    const plan = JSON.parse(project.read(PLAN)) as PlanJson
    plan.problems = plan.problems.filter((problem) => problem.severity !== 'error')
    project.write(PLAN, JSON.stringify(plan))
    const ended = await refused(project, () => project.ferry(APPLY_FILE))
    // What stands in the way is found again, not read from the file.
    expectOneError(ended, {
      exit: 4,
      code: 'FERRY1304',
      place: project.place('plans/orders.yaml', 'name: orders.events'),
    })
  })
})

interface PlanJson {
  steps: {
    id: string
    kind: string
    configs?: Record<string, string>
    acls?: { principal: string }[]
    undo: { cost: string; says: string }
  }[]
  problems: { severity: string }[]
}

const stepOf = (plan: PlanJson, kind: string): PlanJson['steps'][number] => {
  const step = plan.steps.find((each) => each.kind === kind)
  if (step === undefined) throw new Error(`the plan has no ${kind}`)
  return step
}

test('none of this made or changed a user', async () => {
  expect(await usersOf(world.target)).toEqual(usersBefore)
})
