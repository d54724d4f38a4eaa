import { execFile } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { CheckResult, CheckStatus, MigrationRights } from '../../src/doctor/index.ts'
import { runJava } from '../kafka/java-command.ts'
import { compileOracle } from '../kafka/oracle-jar.ts'
import { formatProperties } from '../kafka/server-properties.ts'
import { fill, type RunningConsumer, startConsumer, untilCommitted } from './_clients.ts'
import { withAdmin } from './_image.ts'
import { clockAhead, type Project, startWorld, type World } from './_world.ts'

/** What helps people start, by the built ferry: doctor, import and graph on a source without ACLs and a target with them. */

let world: World
/** A name that no shell takes as it is. */
const QUOTED = "shop's own"
const FERRY = { name: 'ferry', password: 'ferry-secret' }

beforeAll(async () => {
  world = await startWorld({ sourceVersion: '3.9', users: [FERRY] })
  await withAdmin(world.source, async (admin) => {
    const topic = (name: string, configs: Readonly<Record<string, string>> = {}) => ({
      topic: name,
      numPartitions: 2,
      replicationFactor: 1,
      configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })
    await admin.createTopics({
      topics: [
        topic('shop.orders', { 'retention.ms': '3600000', 'max.message.bytes': '2000000' }),
        topic('shop.payments'),
        topic('shop.audit'),
        topic('shop-api-store-changelog'),
        topic('stock.levels'),
      ],
    })
    const commit = (groupId: string, name: string) =>
      admin.setOffsets({ groupId, topic: name, partitions: [{ partition: 0, offset: '3' }] })
    await commit('shop-api', 'shop.orders')
    await commit('shop-api', 'shop.payments')
    await commit(QUOTED, 'shop.orders')
    await commit('shop-left', 'shop.orders')
    await commit('stock-api', 'stock.levels')
  })
  await fill(world.source, 'shop.orders', 10, [0, 1])
  await writeRegistered('shop.payments')
  const together = ['shop.payments', 'shop.audit']
  await writeTogether('shop-tx', together)
  await untilCommitted(world.source, together)
})

afterAll(() => world?.stop())

/** Values as serializers of a schema registry write them: 0, the id, the payload. */
const writeRegistered = async (topic: string): Promise<void> => {
  const producer = new kafkajs.Kafka(world.source.kafka()).producer()
  await producer.connect()
  const value = Buffer.from([0, 0, 0, 0, 42, 7, 7])
  const messages = Array.from({ length: 10 }, () => ({ partition: 1, value }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}

const writeTogether = async (transactionalId: string, topics: readonly string[]): Promise<void> => {
  const producer = new kafkajs.Kafka(world.source.kafka()).producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  for (const topic of topics) {
    await transaction.send({ topic, messages: [{ partition: 0, value: 'x' }] })
  }
  await transaction.commit()
  await producer.disconnect()
}

const MIGRATION = `apiVersion: ferry/v1
kind: Migration
metadata: { name: shop }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
    - name: shop.orders
    - name: shop.payments
  groups:
    - id: shop-api
  users:
    - { name: shop-api, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }
  access:
    - principal: User:shop-api
      consume: { topics: [shop.orders, shop.payments], groups: [shop-api] }
  quotas: [{ user: shop-api, consumerByteRate: 20MiB }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const ORDERS_ONLY = MIGRATION.replaceAll('    - name: shop.payments\n', '')
  .replaceAll(', shop.payments', '')
  .replace('- id: shop-api', `- id: ${JSON.stringify(QUOTED)}`)
  .replace('groups: [shop-api]', `groups: [${JSON.stringify(QUOTED)}]`)

const shop = (name: string, plan = MIGRATION): Project => {
  const project = world.project(name)
  project.write('plans/shop.yaml', plan)
  project.env.PASSWORD = 'a-password'
  return project
}

interface Report {
  readonly clusters: readonly {
    readonly cluster: string
    readonly checks: readonly CheckResult[]
  }[]
  readonly migrations: readonly {
    readonly checks: readonly CheckResult[]
    readonly rights: MigrationRights
  }[]
}
const reportIn = (stdout: string): Report => JSON.parse(stdout)

/** Every check by id, each with its status; of the clusters with their name before it. */
const statuses = (stdout: string): Readonly<Record<string, CheckStatus>> => {
  const { clusters, migrations } = reportIn(stdout)
  return Object.fromEntries([
    ...clusters.flatMap(({ cluster, checks }) =>
      checks.map(({ id, status }) => [`${cluster} ${id}`, status]),
    ),
    ...migrations.flatMap(({ checks }) => checks.map(({ id, status }) => [id, status])),
  ])
}

const ALL_WELL = {
  'bootstrap-servers': 'ok',
  'advertised-brokers': 'ok',
  'cluster-id': 'ok',
  versions: 'ok',
  connection: 'ok',
  clock: 'ok',
}
const onCluster = (name: string, checks: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(checks).map(([id, status]) => [`${name} ${id}`, status]))

describe('doctor', () => {
  test('finds what is wrong, and asks what no broker tells', async () => {
    const project = shop('doctor-finds')
    const { code, stdout } = await project.ferry(['doctor', '--json'])
    expect(statuses(stdout)).toEqual({
      ...onCluster('new', ALL_WELL),
      ...onCluster('old', ALL_WELL),
      answers: 'ok',
      rights: 'ok',
      coverage: 'warning',
      applications: 'warning',
      retention: 'warning',
      order: 'ok',
      'in-sync': 'ok',
      durability: 'warning',
      disk: 'ok',
      clients: 'warning',
      'schema-registry': 'warning',
    })
    expect(code).toBe(0)
    const said = reportIn(stdout)
      .migrations[0]!.checks.flatMap((check) => check.problems)
      .map((problem) => `${problem.code} ${problem.detail}`)
    for (const expected of [
      /^FERRY2007 shop-left has live commits on shop.orders on old/,
      /^FERRY2008 shop-api-store-changelog on old is a changelog of Kafka Streams/,
      /^FERRY2004 shop.orders keeps records for 1h on old/,
      /^FERRY2003 .* refuses clients older than these: Java clients 2.1/,
      /^FERRY2003 10 of 11 sampled values of shop.payments .*an id: 42\)/,
    ]) {
      expect(said).toContainEqual(expect.stringMatching(expected))
    }
    expect(said.filter((line: string) => line.includes('sampled values'))).toHaveLength(1)
  })

  test('says how far the clock of this machine is off, and which member is too old for the target', async () => {
    const project = shop('doctor-clock')
    const clientId = 'kafka-python-1.4.7'
    const consumer = await startConsumer(world.source, 'shop-api', 'shop.orders', { clientId })
    const env = clockAhead(90_000)
    const { code, stdout } = await project.ferry(['doctor', '--json'], env)
    await consumer.stop()
    const { clusters, migrations } = reportIn(stdout)
    for (const { cluster, checks } of clusters) {
      const clock = checks.find(({ id }) => id === 'clock')!
      const [, behind = '', uncertain = ''] =
        /^controller \d+ is (\d+) ms behind .* take (\d+) ms/.exec(clock.says) ?? []
      expect(Math.abs(Number(behind) - 90_000), clock.says).toBeLessThan(Number(uncertain) + 1_000)
      expect(clock.problems, cluster).toMatchObject([{ code: 'FERRY2002' }])
    }
    const clients = migrations[0]!.checks.find(({ id }) => id === 'clients')!
    expect(clients.problems).toMatchObject([{ code: 'FERRY2015' }])
    expect(clients.problems[0]!.detail).toContain(`${clientId} on /127.0.0.1`)
    expect(code).toBe(0)
  })

  test('says which address does not answer, and which cluster is another one', async () => {
    const project = shop('doctor-addresses')
    project.edit('clusters/old.yaml', 'bootstrapServers: [', 'bootstrapServers: ["127.0.0.1:1",')
    project.edit('clusters/new.yaml', /clusterId: "[^"]+"/, 'clusterId: "another-cluster"')
    const { code, stdout } = await project.ferry(['doctor', '--json'])
    expect(statuses(stdout)).toMatchObject({
      'old bootstrap-servers': 'warning',
      'old advertised-brokers': 'ok',
      'old connection': 'ok',
      'new cluster-id': 'failed',
      'new clock': 'skipped',
      answers: 'skipped',
      rights: 'skipped',
    })
    expect(code).toBe(5)
    project.edit('clusters/old.yaml', /bootstrapServers: .*/, 'bootstrapServers: ["127.0.0.1:1"]')
    project.edit('clusters/new.yaml', 'another-cluster', world.target.clusterId)
    const alone = await project.ferry(['doctor'])
    expect(alone.code).toBe(1)
    expect(alone.stdout).toContain('failed   Every bootstrap server answers: 0 of 1: 127.0.0.1:1')
    expect(alone.stdout).toContain('skipped  The brokers speak what Ferry needs')
  })

  test('prints commands after which a user without rights can move a service', async () => {
    const project = shop('doctor-rights', ORDERS_ONLY)
    Object.assign(project.env, { FERRY_USER: FERRY.name, FERRY_PASSWORD: FERRY.password })
    const before = await project.ferry(['doctor', '--json'])
    expect(statuses(before.stdout)).toMatchObject({ rights: 'failed', answers: 'failed' })
    expect(before.code).toBe(4)
    const printed = await project.ferry(['doctor', 'shop', '--print-acls'])
    expect(printed.stdout).toMatch(/^# old checks no ACLs: nothing to grant.\n/)

    await runCommands(project, printed.stdout)

    const after = await project.ferry(['doctor', '--json'])
    expect(statuses(after.stdout)).toMatchObject({ rights: 'ok', answers: 'ok', disk: 'ok' })
    const rights = reportIn(after.stdout).migrations[0]!.rights.target.rights
    expect(rights.filter((right) => right.has !== 'yes')).toEqual([])
    project.edit('plans/shop.yaml', 'stage: mirrored', 'stage: consumers-moved')
    const applied = await project.ferry(['apply', 'shop', '--auto-approve'])
    expect(applied.code, applied.stderr).toBe(0)
    expect((await project.ferry(['verify', 'shop', '--full'])).code).toBe(0)
    const back = await project.ferry(['rollback', 'shop', '--to', 'nothing', '--auto-approve'])
    expect(back.code, back.stderr).toBe(0)
    // Seven JVMs and a whole move.
  })
})

describe('import', () => {
  const importShop = ['import', '--from', 'old', '--to', 'new', '--topic', 'shop.audit']

  test('writes what shares topics, over groups and transactional ids, and never twice', async () => {
    const project = world.project('import-closure')
    const { code, stdout, stderr } = await project.ferry([...importShop, '--name', 'shop'])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('Wrote plans/shop.yaml: 3 topics, 3 groups.')
    const text = project.read('plans/shop.yaml')
    // shop.audit <- shop-tx -> shop.payments <- shop-api -> shop.orders <- shop-left
    const { spec } = parse(text)
    expect(spec.topics.map((topic: { name: string }) => topic.name)).toEqual([
      'shop.audit',
      'shop.orders',
      'shop.payments',
    ])
    expect(spec.groups.map((group: { id: string }) => group.id)).toEqual([
      QUOTED,
      'shop-api',
      'shop-left',
    ])
    expect(text).toContain('# Transactional id shop-tx writes to shop.audit, shop.payments.')
    expect(text).toContain(
      '# 2 partitions; here because transactional id shop-tx uses it and shop.audit.',
    )
    expect(text).toContain(
      '# Its overrides on old follow it: max.message.bytes=2000000, retention.ms=1h.',
    )
    expect((await project.ferry(['validate'])).code).toBe(0)
    expect((await project.ferry(['fmt', '--check'])).code).toBe(0)
    const planned = await project.ferry(['plan', 'shop', '--json'])
    expect(JSON.parse(planned.stdout).steps.length).toBeGreaterThan(0)
    const again = await project.ferry([...importShop, '--name', 'shop'])
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('FERRY2011')
    expect(project.read('plans/shop.yaml')).toBe(text)
    const other = await project.ferry([...importShop, '--name', 'other'])
    expect(other.code).toBe(4)
    expect(other.stderr).toContain('FERRY2012')
    const unlisted = await project.ferry([
      ...['import', '--from', 'old', '--to', 'new', '--topic', 'stock.levels'],
      ...['-o', 'elsewhere/stock.yaml'],
    ])
    expect(unlisted.stderr).toContain('FERRY1020')
  })

  test('invents nothing', async () => {
    const project = world.project('import-nothing')
    const { code, stderr } = await project.ferry([
      ...['import', '--from', 'old', '--to', 'new'],
      ...['--topic', 'shop.oders', '--group', 'nobody', '--topic', '__consumer_offsets'],
    ])
    expect(code).toBe(4)
    expect(stderr.match(/FERRY2010/g)).toHaveLength(3)
    expect(
      (await project.ferry(['import', '--from', 'old', '--to', 'nw', '--group', 'x'])).stderr,
    ).toContain('new')
  })
})

describe('graph', () => {
  test('names what must move together, and plan refuses to tear it apart', async () => {
    const project = shop('graph-apart')
    project.write('plans/audit.yaml', single('audit', 'shop.audit'))
    project.write('plans/stock.yaml', single('stock', 'stock.levels', 'stock-api'))
    const { code, stdout, stderr } = await project.ferry(['graph'])
    expect(code).toBe(4)
    expect(stdout).toContain('audit and shop must move together')
    expect(stdout).toContain(
      'transactional id shop-tx uses shop.audit (audit), shop.payments (shop)',
    )
    expect(stdout).toContain('group shop-left uses shop.orders (shop); the group is in no plan')
    expect(stdout).toContain('stock can move alone')
    expect(stderr.match(/error FERRY2013/g)).toHaveLength(1)
    const json = JSON.parse((await project.ferry(['graph', '--json'])).stdout)
    expect(json.sources[0].together).toEqual([['audit', 'shop'], ['stock']])
    const dot = (await project.ferry(['graph', '--dot'])).stdout
    expect(dot).toContain('"old transactional-id shop-tx" -- "old topic shop.audit"')

    project.edit('plans/audit.yaml', 'shop.audit', 'shop.payments')
    project.edit('plans/shop.yaml', '    - name: shop.payments\n', '')
    project.edit('plans/shop.yaml', ', shop.payments', '')
    const planned = await project.ferry(['plan', 'shop'])
    expect(planned.code).toBe(4)
    expect(planned.stderr).toMatch(
      /shop-api has committed positions on shop.payments, which belongs to migration\s+audit/,
    )
  })
})

describe('docs/guide.md', () => {
  test('every command of it does what it says', async () => {
    await withAdmin(world.source, async (admin) => {
      await admin.createTopics({ topics: [{ topic: 'orders.events', numPartitions: 2 }] })
      const partitions = [{ partition: 0, offset: '7' }]
      await admin.setOffsets({ groupId: 'orders-api', topic: 'orders.events', partitions })
    })
    await fill(world.source, 'orders.events', 20, [0, 1])
    const project = world.emptyProject()
    Object.assign(project.env, {
      OLD_CLUSTER_ID: world.source.clusterId,
      OLD_BOOTSTRAP: world.source.bootstrapServers.join(),
      NEW_CLUSTER_ID: world.target.clusterId,
      NEW_BOOTSTRAP: world.target.bootstrapServers.join(),
      ORDERS_API_PASSWORD: 'api-secret',
    })
    const guide = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8')
    let consumer: RunningConsumer | undefined
    let commands = 0
    try {
      for (const part of partsOf(guide)) {
        if (part.kind === 'file') {
          // Nobody waits half a minute for producers that are not there.
          project.write(part.name, part.text.replace('sourceQuiet: 30s', 'sourceQuiet: 1s'))
        } else if (part.kind === 'consumers') {
          const login = { username: 'orders-api', password: 'api-secret' }
          const sasl = { mechanism: 'scram-sha-512', ...login } as const
          consumer = await startConsumer(world.target, 'orders-api', 'orders.events', { sasl })
        } else {
          const { code, stdout, stderr } = await runLine(project, part.line)
          expect(code, `${part.line}\n${stdout}${stderr}`).toBe(part.code)
          commands++
        }
      }
    } finally {
      await consumer?.stop()
    }
    expect(commands).toBeGreaterThan(20)
    const status = await project.ferry(['status', 'orders', '--json'])
    expect(JSON.parse(status.stdout).migrations[0].stage).toBe('retired')
    // More than twenty processes, one after another.
  })
})

type GuidePart =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'command'; readonly line: string; readonly code: number }
  | { readonly kind: 'consumers' }

/** What a reader of the guide does, in order. */
const partsOf = (guide: string): readonly GuidePart[] =>
  [
    ...guide.matchAll(/^```yaml (\S+)\n(.*?)^```$|^```sh\n(.*?)^```$|^<!-- test: .* -->$/gms),
  ].flatMap(([, name, text, commands]): GuidePart[] => {
    if (name !== undefined) return [{ kind: 'file', name, text: text ?? '' }]
    if (commands === undefined) return [{ kind: 'consumers' }]
    return commands
      .trim()
      .split('\n')
      .map((line) => ({
        kind: 'command',
        line: line.replace(/ # exit \d+$/, ''),
        code: Number(/ # exit (\d+)$/.exec(line)?.[1] ?? 0),
      }))
  })

const runLine = async (project: Project, line: string) => {
  const [program, ...args] = line.split(' ')
  if (program === 'ferry') return project.ferry(args)
  await promisify(execFile)('sh', ['-c', line], { cwd: project.folder })
  return { code: 0, stdout: '', stderr: '' }
}

const single = (name: string, topic: string, group?: string): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: prepared
  topics:
    - name: ${topic}
${group === undefined ? '' : `  groups:\n    - id: ${group}\n`}`

/** Runs the printed text as a shell would, and each command with Kafka's own tool, as the administrator. */
const runCommands = async (project: Project, text: string): Promise<void> => {
  project.write('admin.properties', formatProperties(world.target.clientProperties()))
  // Keeps its arguments, each ended by a NUL.
  const script = '#!/bin/sh\nprintf \'%s\\0\' "$@" > "args-$$"\n'
  project.write('kafka-acls.sh', script)
  chmodSync(project.path('kafka-acls.sh'), 0o755)
  const PATH = `${project.folder}:${process.env.PATH}`
  await promisify(execFile)('sh', ['-c', text], { cwd: project.folder, env: { PATH } })
  const { jars } = await compileOracle('4.x')
  const calls = readdirSync(project.folder).filter((file) => file.startsWith('args-'))
  expect(calls.length).toBeGreaterThan(3)
  await Promise.all(
    calls.map((file) => {
      const args = project
        .read(file)
        .split('\0')
        .slice(0, -1)
        .map((arg) => (arg === 'admin.properties' ? project.path(arg) : arg))
      return runJava({ jars, main: 'org.apache.kafka.tools.AclCommand', args })
    }),
  )
}
