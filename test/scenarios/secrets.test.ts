import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Kafka } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeReceipt, type ReceiptBody } from '../../src/domain/receipt.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { oracle } from '../kafka/index.ts'
import { fill } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { VERBS, verbOf } from './_verbs.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/** No secret reaches a plan, the state, a log or an error message, however much ferry is asked to tell. */

const CANARIES = {
  /** Of a user who may do nothing, so that Ferry fails half way with it. */
  helper: 'canary-helper-8c1f',
  api: 'canary-api-2b7e',
  file: 'canary-file-77d0',
  clear: 'canary-clear-e9a4',
  wrong: 'canary-wrong-5510',
  key: 'Y2FuYXJ5LXRscy1rZXktNDRh',
} as const

let world: World
const secrets = (): readonly string[] => [
  ...Object.values(CANARIES),
  world.target.admin?.password ?? '',
]

beforeAll(async () => {
  world = await startWorld({ users: [{ name: 'helper', password: CANARIES.helper }] })
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({
      topics: ['orders.events', 'loose'].map((topic) => ({
        topic,
        numPartitions: 2,
        replicationFactor: 1,
      })),
    })
    const partitions = [{ partition: 0, offset: '5' }]
    await admin.setOffsets({ groupId: 'orders-api', topic: 'orders.events', partitions })
  })
  await fill(world.source, 'orders.events', 20, [0, 1])
})

afterAll(() => world?.stop())

const ORDERS = `apiVersion: ferry/v1
kind: Migration
metadata: { name: orders }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
    - name: orders.events
  groups:
    - id: orders-api
  users:
    - { name: by-variable, mechanism: scram-sha-512, password: "\${env:API_PASSWORD}" }
    - { name: by-file, mechanism: scram-sha-256, password: "\${file:../secrets/password}" }
    - { name: by-hand, mechanism: scram-sha-512, password: ${CANARIES.clear} }
  access:
    - principal: User:by-variable
      consume: { topics: [orders.events], groups: [orders-api] }
`

const secretProject = (name: string): Project => {
  const project = world.project(name)
  project.write('plans/orders.yaml', ORDERS)
  project.write('secrets/password', CANARIES.file)
  project.env.API_PASSWORD = CANARIES.api
  return project
}

const DEBUG = ['--log-level', 'debug'] as const

/** Of three bytes four letters are made: what is the same whatever stands around it, for each place of its first byte among the three. */
const base64Forms = (secret: string): readonly string[] =>
  [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
    const text = bytes.toString('base64').replaceAll('=', '')
    // A letter with bits of what stands before or behind it tells nothing.
    return text.slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
  })

/** In the forms in which it could slip through unseen. */
const formsOf = (secret: string): readonly string[] => [
  secret,
  ...base64Forms(secret),
  Buffer.from(secret).toString('hex'),
  [...Buffer.from(secret)].join(','),
]

const leaksIn = (text: string): readonly string[] =>
  secrets().filter((secret) =>
    formsOf(secret).some((form) => text.toLowerCase().includes(form.toLowerCase())),
  )

/** Everything that ferry wrote below the project. */
const writtenIn = (project: Project): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(project.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !/\/(plans|clusters|secrets)\/|ferry\.yaml$/.test(file))
      .map((file) => [file, readFileSync(file, 'latin1')]),
  )

/** The verbs that did their work, and those that did not, each with all that it wrote searched. */
const searched = { fine: new Set<string>(), failed: new Set<string>() }

const run = async (
  project: Project,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> => {
  const ended = await project.ferry([...DEBUG, ...args], env)
  expectNoLeak(project, ended, args)
  return ended
}

const expectNoLeak = (
  project: Project,
  { code, stdout, stderr }: Ended,
  args: readonly string[],
): void => {
  expect(leaksIn(stdout), stdout).toEqual([])
  expect(leaksIn(stderr), stderr).toEqual([])
  for (const [file, text] of writtenIn(project)) expect(leaksIn(text), file).toEqual([])
  // A doctor who finds something has done its work.
  const verb = verbOf(args)
  searched[code === 0 || (verb === 'doctor' && code === 4) ? 'fine' : 'failed'].add(verb)
}

test('every verb, when all goes well', async () => {
  const project = secretProject('secrets-kept')
  project.edit('ferry.yaml', 'store: file', 'store: kafka, cluster: new, topic: state-secrets')
  for (const args of [
    ['validate'],
    ['validate', '--json'],
    ['plan', 'orders', '-o', 'orders.plan.json'],
    ['plan', 'orders', '--json'],
    ['plan', 'orders', '--markdown', 'review.md'],
    ['show', 'orders.plan.json'],
    ['show', 'orders.plan.json', '--json'],
    ['apply', 'orders.plan.json', '--json'],
    ['status', 'orders'],
    ['status', 'orders', '--json'],
    ['verify', 'orders', '--full', '--junit', 'verify.xml'],
    ['verify', 'orders', '--json'],
    [
      ...['resync', 'orders', '--topic', 'orders.events', '--auto-approve', '--json'],
      ...['--confirm', 'orders'],
    ],
    ['graph'],
    ['unlock', 'orders'],
    ['state', 'list'],
    ['state', 'show', 'orders'],
    ['state', 'pull', 'orders', '-o', 'orders.state'],
    ['drift', 'orders', '--json'],
    ['doctor'],
    ['doctor', '--json'],
    ['doctor', '--print-acls'],
    ['index', 'export', 'orders', '-o', 'orders.csv'],
    ['salvage', 'orders'],
    ['import', '--from', 'old', '--to', 'new', '--topic', 'loose', '-o', 'imported.yaml'],
    ['fmt', 'imported.yaml'],
    ['--chdir', 'secrets', 'init', '--name', 'fresh', '--from', 'here', '--to', 'there'],
    ['explain', 'FERRY1203'],
    ['schema', 'migration'],
    ['completion', 'bash'],
    ['version', '--json'],
  ]) {
    const ended = await run(project, args)
    // Two brokers of one machine are not what a doctor likes.
    const fine = args[0] === 'doctor' ? [0, 4] : [0]
    expect(fine, `ferry ${args.join(' ')}: ${ended.code}\n${ended.stderr}`).toContain(ended.code)
  }
  const mirror = project.start([
    ...[...DEBUG, '--log-format', 'json'],
    ...['mirror', 'orders', '--metrics-port', '0'],
  ])
  await mirror.said('mirrors 2 of 2 partitions')
  const [address] = /http:\/\/[\d.:]+/.exec(mirror.stderr) ?? []
  for (const page of ['metrics', 'healthz']) {
    const served = await (await fetch(`${address}/${page}`)).text()
    expect(served.length).toBeGreaterThan(0)
    expect(leaksIn(served)).toEqual([])
  }
  const watched = project.start([...DEBUG, 'status', 'orders', '--watch', '--json'])
  await watched.printed('"stage":"mirrored"')
  watched.child.kill('SIGINT')
  mirror.child.kill('SIGTERM')
  for (const [verb, { ended }] of [
    ['mirror', mirror],
    ['status', watched],
  ] as const) {
    const stopped = await ended
    expect(stopped.code, stopped.stderr).toBe(0)
    expectNoLeak(project, stopped, [verb])
  }

  // The topic, also what was aborted or is no longer the last of its key; then the other store, with all that was recorded.
  const records = await oracle.readText(world.target, 'state-secrets')
  expect(records.filter(({ key }) => key?.startsWith('["journal"')).length).toBeGreaterThan(10)
  expect(leaksIn(JSON.stringify(records.map(({ key, value }) => [key, value])))).toEqual([])
  project.edit('ferry.yaml', /state: .*/, 'state: { store: file }')
  for (const args of [
    ['state', 'push', 'orders', 'orders.state'],
    ['status', 'orders'],
  ]) {
    const moved = await run(project, args)
    expect(moved.code, moved.stderr).toBe(0)
  }

  // What is for reviewers and pipelines and the state were searched, and the passwords were really used.
  expect([...writtenIn(project).keys()].map((file) => basename(file))).toEqual(
    expect.arrayContaining(['orders.plan.json', 'review.md', 'verify.xml', 'journal.jsonl']),
  )
  for (const sasl of [
    { mechanism: 'scram-sha-512', username: 'by-variable', password: CANARIES.api },
    { mechanism: 'scram-sha-256', username: 'by-file', password: CANARIES.file },
    { mechanism: 'scram-sha-512', username: 'by-hand', password: CANARIES.clear },
  ] as const) {
    const admin = new Kafka(world.target.kafka({ sasl, retry: { retries: 0 } })).admin()
    await admin.connect()
    await admin.disconnect()
  }

  // With a mark to follow the mirror signs in, too.
  for (const args of [
    ['mirror', 'orders'],
    ['verify', 'orders', '--json'],
    ['status', 'orders', '--json'],
    ['status', 'orders', '--watch'],
    ['--log-format', 'json', 'mirror', 'orders', '--metrics-port', '0'],
    ['drift', 'orders'],
    ['doctor', '--json'],
    ['rollback', 'orders', '--to', 'nothing', '--auto-approve'],
    ['resync', 'orders', '--topic', 'orders.events', '--auto-approve', '--json'],
    ['salvage', 'orders', '--json'],
    ['index', 'export', 'orders'],
    ['import', '--from', 'old', '--to', 'new', '--topic', 'loose', '-o', 'again.yaml'],
  ]) {
    const failed = await run(project, args, { FERRY_PASSWORD: CANARIES.wrong })
    expect(failed.code, failed.stderr).toBe(1)
    expect(failed.stdout + failed.stderr).toContain('FERRY1203')
  }
  for (const args of [
    ['rollback', 'orders', '--to', 'nothing', '-o', 'back.plan.json'],
    ['apply', 'back.plan.json'],
    ['state', 'forget', 'orders'],
  ]) {
    const back = await run(project, args)
    expect(back.code, back.stderr).toBe(0)
  }

  // As if it had been retired: what it takes to get there is told elsewhere.
  const content = decodeContent(project.read('orders.state'), 'orders.state')
  const retired = secretProject('secrets-retired')
  const receipt = closeReceipt({ ...RECEIPT, lineage: content.decisions.lineage })
  const decisions = { ...content.decisions, receipt }
  retired.write('retired.state', encodeContent({ ...content, decisions }))
  for (const args of [
    ['state', 'push', 'orders', 'retired.state'],
    ['receipt', 'orders'],
    ['receipt', 'orders', '--markdown'],
  ]) {
    const told = await run(retired, args)
    expect(told.code, told.stderr).toBe(0)
  }
}, 900_000)

const RECEIPT: ReceiptBody = {
  formatVersion: '1.0',
  kind: 'ferry-receipt',
  migration: 'orders',
  lineage: '',
  plan: 'd'.repeat(64),
  by: { user: 'ines', host: 'laptop', toolVersion: '0.1.0' },
  at: '2026-01-01T00:00:00.000Z',
  clusters: { source: { name: 'old', id: 'a' }, target: { name: 'new', id: 'b' } },
  partitions: [],
  groups: [],
  salvaged: [],
  lost: [],
}

test('what fails before it asks a broker', async () => {
  const project = secretProject('secrets-unasked')
  project.write('secrets/broken.yaml', `password: "${CANARIES.clear}\n  - [${CANARIES.file}`)
  project.write('secrets/plan.json', `{ "formatVersion": "1.0", "password": "${CANARIES.clear}" }`)
  for (const [args, code] of [
    [['init', '--name', 'again', '--from', 'old', '--to', 'new'], /FERRY2011/],
    [['show', 'secrets/broken.yaml'], /FERRY1109/],
    [['show', 'secrets/plan.json'], /FERRY1109/],
    [['fmt', 'secrets/broken.yaml'], /FERRY1004/],
    [['receipt', 'orders'], /FERRY1822/],
    [['state', 'push', 'orders', 'secrets/broken.yaml'], /FERRY1402/],
    [['state', 'push', 'orders', 'secrets/plan.json'], /FERRY1402/],
    [['explain', 'FERRY0000'], /FERRY1108/],
    [['schema', 'secrets'], /FERRY1112/],
    [['completion', 'tcsh'], /FERRY1101/],
    [['version', '--secrets'], /FERRY1103/],
  ] as const) {
    const failed = await run(project, args)
    expect(failed.code, `ferry ${args.join(' ')}`).not.toBe(0)
    expect(failed.stderr, `ferry ${args.join(' ')}`).toMatch(code)
  }
})

/** Of what is asked, not of a migration that is there. */
const STATE_VERBS = [
  ['state', 'list'],
  ['state', 'show', 'orders'],
  ['state', 'pull', 'orders'],
  ['state', 'forget', 'orders'],
  ['unlock', 'orders'],
] as const

/** Without `mirror`, which signs in only when there is a mark. */
const MOST_VERBS = [
  ['plan', 'orders', '-o', 'orders.plan.json'],
  ['apply', 'orders', '--auto-approve'],
  ['status', 'orders'],
  ['verify', 'orders'],
] as const

/** How things fail, each with the code of the first error where that is certain. */
const failures: readonly {
  readonly name: string
  readonly spoil: (project: Project) => void
  readonly verbs?: readonly (readonly string[])[]
  readonly codes: RegExp
}[] = [
  {
    name: 'a password that the broker refuses',
    spoil: (project) => Object.assign(project.env, { FERRY_PASSWORD: CANARIES.wrong }),
    codes: /FERRY1203/,
  },
  {
    name: 'a state topic that cannot be reached',
    spoil: (project) => {
      project.edit(
        'ferry.yaml',
        'store: file',
        'store: kafka, cluster: new, topic: state-out-of-reach',
      )
      Object.assign(project.env, { FERRY_PASSWORD: CANARIES.wrong })
    },
    verbs: STATE_VERBS,
    codes: /FERRY1203/,
  },
  {
    name: 'a user without rights',
    spoil: (project) =>
      Object.assign(project.env, { FERRY_USER: 'helper', FERRY_PASSWORD: CANARIES.helper }),
    verbs: MOST_VERBS.filter(([verb]) => verb !== 'verify'),
    codes: /FERRY1207|FERRY1307/,
  },
  {
    name: 'a broker that is not there',
    spoil: (project) => project.edit('clusters/new.yaml', /\[.*\]/, '["127.0.0.1:9"]'),
    verbs: [...MOST_VERBS, ['drift', 'orders']],
    codes: /FERRY1202/,
  },
  {
    name: 'TLS where the broker has none, with a key that is none',
    spoil: (project) => {
      const pem = (kind: string, text: string) =>
        `-----BEGIN ${kind}-----\n${text}\n-----END ${kind}-----\n`
      project.write('secrets/key.pem', pem('PRIVATE KEY', CANARIES.key))
      project.write('secrets/cert.pem', pem('CERTIFICATE', 'AAAA'))
      chmodSync(project.path('secrets/key.pem'), 0o600)
      const tls = `  tls: { cert: "\${file:../secrets/cert.pem}", key: "\${file:../secrets/key.pem}" }\n`
      project.edit('clusters/new.yaml', '  sasl:', `${tls}  sasl:`)
    },
    codes: /FERRY120[45]/,
  },
  {
    name: 'a password in the wrong place of a cluster file',
    spoil: (project) =>
      project.edit(
        'clusters/new.yaml',
        /bootstrapServers: .*/,
        `bootstrapServers: "\${env:FERRY_PASSWORD}"`,
      ),
    verbs: [['validate'], ['validate', '--json'], ['mirror', 'orders'], ...MOST_VERBS],
    codes: /FERRY1037/,
  },
  {
    name: 'a password as the id of a cluster',
    spoil: (project) =>
      project.edit('clusters/new.yaml', /clusterId: .*/, `clusterId: "\${env:FERRY_PASSWORD}"`),
    codes: /FERRY1201/,
  },
  {
    name: 'a password where a number or a list stands',
    spoil: (project) =>
      project.edit(
        'plans/orders.yaml',
        `password: ${CANARIES.clear}`,
        `password: [${CANARIES.clear}]`,
      ),
    verbs: [
      ...[['validate'], ['validate', '--json'], ['mirror', 'orders'], ...MOST_VERBS],
      ...[...STATE_VERBS, ['doctor'], ['drift', 'orders'], ['graph']],
    ],
    codes: /FERRY1016/,
  },
  {
    name: 'a password under a misspelt key',
    spoil: (project) =>
      project.edit(
        'plans/orders.yaml',
        `password: ${CANARIES.clear}`,
        `pasword: ${CANARIES.clear}`,
      ),
    verbs: [['validate'], ['validate', '--json']],
    codes: /FERRY1014/,
  },
  {
    name: 'a password in a line that is no YAML',
    spoil: (project) =>
      project.edit(
        'plans/orders.yaml',
        `password: ${CANARIES.clear}`,
        `password: "${CANARIES.clear}`,
      ),
    verbs: [['validate'], ['validate', '--json']],
    codes: /FERRY1004/,
  },
  {
    name: 'a password that looks like a reference',
    spoil: (project) =>
      project.edit(
        'plans/orders.yaml',
        `password: ${CANARIES.clear}`,
        `password: "\${${CANARIES.clear}"`,
      ),
    verbs: [['validate'], ['validate', '--json']],
    codes: /FERRY1024/,
  },
  {
    name: 'a password written twice',
    spoil: (project) =>
      project.edit(
        'plans/orders.yaml',
        `password: ${CANARIES.clear}`,
        `password: ${CANARIES.clear}, password: ${CANARIES.clear}`,
      ),
    verbs: [['validate'], ['validate', '--json']],
    codes: /FERRY1006/,
  },
]

test.each(failures)('$name', async ({ spoil, verbs = MOST_VERBS, codes }) => {
  const project = secretProject('secrets-kept-too')
  spoil(project)
  for (const args of verbs) {
    const ended = await run(project, args)
    // Status has done its work when it could show what is wrong.
    if (args[0] !== 'status') expect(ended.code, ended.stderr).not.toBe(0)
    expect(
      errorsIn(ended.stderr)
        .map((error) => error.code)
        .join(),
      ended.stderr,
    ).toMatch(codes)
  }
})

test('no verb is left out, neither where it does its work nor where it fails', () => {
  expect([...searched.fine].sort()).toEqual([...VERBS].sort())
  expect([...searched.failed].sort()).toEqual([...VERBS].sort())
})

test('a plan file and a state with a secret in it would be found', () => {
  expect(leaksIn(`x ${CANARIES.api} y`)).toEqual([CANARIES.api])
  expect(leaksIn(JSON.stringify({ sasl: Buffer.from(CANARIES.key) }))).toEqual([CANARIES.key])
  // As SASL PLAIN has it, with users whose names shift it by one byte each.
  for (const user of ['u', 'us', 'use']) {
    const plain = Buffer.from(`\0${user}\0${CANARIES.file}\0`).toString('base64')
    expect(leaksIn(plain), user).toEqual([CANARIES.file])
  }
})
