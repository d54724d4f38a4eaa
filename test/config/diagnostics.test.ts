// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { edit, lines, load } from './_example.ts'

/** One edit of the example project, and all that is said of it: code, place, pointer and fix. */
interface Case {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly says: readonly string[]
}

const cases = (table: string): readonly Case[] =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/config/${table}-cases.json`, import.meta.url), 'utf8'),
  )

for (const table of ['yaml', 'schema', 'meaning']) {
  describe(table, () => {
    test.each(cases(table))('$name', async ({ file, from, to, says }) => {
      const result = await load(edit(file, from, to), { EMPTY: '' })
      expect(lines(result)).toEqual(says)
      const isRefused = result.diagnostics.some((one) => one.severity === 'error')
      expect(result.project === undefined).toBe(isRefused)
    })
  })
}

const ORDERS = 'plans/orders.yaml'

test.each([
  ['.nan', 'is not a number; it must be a whole number'],
  ['-.inf', 'is infinite; it must be a whole number'],
  ['1.5', 'is a number with a fraction; it must be a whole number'],
])('partitions: %s', async (written, says) => {
  const { diagnostics } = await load(
    edit(ORDERS, 'configs: { retention.ms: 7d }', `partitions: ${written}`),
  )
  expect(diagnostics.map(({ detail }) => detail)).toEqual([`spec.topics[0].partitions ${says}.`])
})

const BOM = '\uFEFF'

describe('whole files', () => {
  test.each([
    ['missing ferry.yaml', { 'ferry.yaml': undefined }, 'FERRY1019 nowhere'],
    ['empty', { [ORDERS]: '' }, 'FERRY1010 plans/orders.yaml:1:1 '],
    ['only comments', { [ORDERS]: '# nothing\n' }, 'FERRY1010 plans/orders.yaml:1:1 '],
    ['a list', { [ORDERS]: '- a\n' }, 'FERRY1011 plans/orders.yaml:1:1 '],
    ['text', { [ORDERS]: 'hello\n' }, 'FERRY1011 plans/orders.yaml:1:1 '],
    ['null', { [ORDERS]: '~\n' }, 'FERRY1011 plans/orders.yaml:1:1 '],
    [
      'too large',
      { [ORDERS]: '#'.repeat(4 * 1024 * 1024 + 1) },
      'FERRY1002 plans/orders.yaml:1:1 ',
    ],
    [
      'not UTF-8',
      { [ORDERS]: Uint8Array.of(0xff, 0xfe, 0x61) },
      'FERRY1003 plans/orders.yaml:1:1 ',
    ],
    [
      'nested',
      { [ORDERS]: '['.repeat(100) + ']'.repeat(100) },
      'FERRY1004 plans/orders.yaml:1:65 ',
    ],
    [
      'nested beyond the stack',
      { [ORDERS]: '['.repeat(200_000) },
      'FERRY1004 plans/orders.yaml:1:',
    ],
    ['billion laughs', { [ORDERS]: laughs() }, 'FERRY1008 plans/orders.yaml:'],
  ])('%s', async (_, files, begins) => {
    const [first, ...rest] = lines(await load(files))
    expect(first?.slice(0, begins.length)).toBe(begins)
    expect(rest).toEqual([])
  })

  test('byte order mark and CRLF change neither values nor places', async () => {
    const { file, ...plain } = (await load()).project!.migrations.get('orders')!
    const text = edit(ORDERS, 'team-orders', 'team-orders')[ORDERS] as string
    const windows = await load({ [ORDERS]: BOM + text.replaceAll('\n', '\r\n') })
    expect({ ...windows.project!.migrations.get('orders'), digest: '' }).toEqual({
      file,
      ...plain,
      digest: '',
    })
  })

  test('problems of all files come at once, in reading order', async () => {
    const result = await load({
      ...edit('ferry.yaml', 'maxDestroy: 0', 'maxDestroy: -1'),
      ...edit('clusters/new-idc.yaml', 'clusterId', 'clusterID'),
      ...edit(ORDERS, 'from: old-cloud', 'from: 1\n  too: 2\n  stag: 3'),
    })
    expect(lines(result).map((line) => line.split(' |')[0])).toEqual([
      'FERRY1014 clusters/new-idc.yaml:6:3 /spec/clusterID',
      'FERRY1018 ferry.yaml:10:17 /spec/policy/maxDestroy',
      'FERRY1016 plans/orders.yaml:6:9 /spec/from',
      'FERRY1014 plans/orders.yaml:7:3 /spec/too',
      'FERRY1014 plans/orders.yaml:8:3 /spec/stag',
    ])
  })
})

test.each([
  [100, false],
  [101, true],
])('%i aliases of 100 nodes each are too many: %s', async (aliases, isRefused) => {
  const text = `a: &a [${Array(99).fill('x').join(', ')}]\nb: [${Array(aliases).fill('*a').join(', ')}]\n`
  const { diagnostics } = await load({ [ORDERS]: text })
  expect(diagnostics.some((one) => one.code === 'FERRY1008')).toBe(isRefused)
})

function laughs(): string {
  const lists = Array.from({ length: 9 }, (_, i) =>
    i === 0
      ? 'a0: &a0 [x, x]'
      : `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
  )
  return `${lists.join('\n')}\n`
}

describe('several migrations', () => {
  const two = (from: string, to: string) => {
    const text = edit(ORDERS, 'metadata: { name: orders,', 'metadata: { name: second,')[
      ORDERS
    ] as string
    const own = text.replace(/ {2}topics:[\s\S]*/, '')
    return { 'plans/second.yaml': `${own.replace(from, to)}  topics:\n    - name: orders.second\n` }
  }

  test.each([
    ['topic', '    - name: orders.events\n', 'FERRY1034 plans/second.yaml:11:7 /spec/topics/1'],
    [
      'group',
      '  groups: [{ id: orders-api }]\n',
      'FERRY1034 plans/second.yaml:11:12 /spec/groups/0',
    ],
    [
      'user',
      '  users: [{ name: orders-api, mechanism: scram-sha-512, password: "${file:p}" }]\n',
      'FERRY1034 plans/second.yaml:11:11 /spec/users/0',
    ],
    [
      'quota',
      '  quotas: [{ user: orders-shop, producerByteRate: 1MB }]\n',
      'FERRY1034 plans/second.yaml:11:12 /spec/quotas/0',
    ],
    [
      'prefix that reaches',
      '  access: [{ principal: "User:x", prefix: true, produce: [orders.] }]\n',
      'FERRY1044 plans/second.yaml:11:59 /spec/access/0/produce/0',
    ],
    [
      'wildcard that reaches',
      '  access: [{ principal: "User:x", produce: ["*"] }]\n',
      'FERRY1044 plans/second.yaml:11:45 /spec/access/0/produce/0',
    ],
    [
      'raw ACL that reaches',
      '  access: [{ principal: "User:x", raw: [{ resourceType: GROUP, resourceName: orders-api, operation: READ }] }]\n',
      'FERRY1044 plans/second.yaml:11:41 /spec/access/0/raw/0',
    ],
  ])('%s of another migration', async (_, more, says) => {
    const files = two('stage', 'stage')
    const result = await load({
      'plans/second.yaml': files['plans/second.yaml'] + more,
      'plans/p': 'x',
    })
    expect(lines(result).map((line) => line.split(' |')[0])).toEqual([says])
  })

  test('a broken cluster file makes no cluster unknown', async () => {
    const result = await load({ 'clusters/new-idc.yaml': 'a: [\n' })
    expect(result.diagnostics.map((one) => one.code)).toEqual(['FERRY1004'])
  })
})
