// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
import { describe, expect, test } from 'vitest'
import { parseDuration, parseSize, SCHEMA_KINDS, schemaText } from '../../src/config/index.ts'
import { parseIsoTime } from '../../src/config/times.ts'
import { normaliseTopicConfig } from '../../src/config/topic-configs.ts'
import { aclKey } from '../../src/domain/access.ts'
import { removedKey } from '../../src/domain/migration.ts'
import { EXAMPLE, edit, load } from './_example.ts'

const ORDERS = 'plans/orders.yaml'
const migration = async (from: string, to: string) => {
  const { project, diagnostics } = await load({
    ...edit(ORDERS, from, to),
    'plans/p.txt': 'from-file\n',
  })
  expect(diagnostics.filter((one) => one.severity === 'error')).toEqual([])
  return project!.migrations.get('orders')!
}

describe('values', () => {
  test.each([
    ['30s', 30_000],
    ['250ms', 250],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1w', 604_800_000],
    ['0s', 0],
    ['1.5h', undefined],
    ['5', undefined],
    ['-1s', undefined],
    ['9999999999999w', undefined],
  ])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each([
    ['50MiB', 52_428_800],
    ['1KiB', 1024],
    ['2GiB', 2_147_483_648],
    ['1kB', 1000],
    ['3MB', 3_000_000],
    ['1GB', 1e9],
    [1048576, 1048576],
    ['12', 12],
    ['1mb', undefined],
    ['1.5MiB', undefined],
    ['99999TiB', undefined],
  ])('size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each([
    ['2025-03-01T00:00:00Z', '2025-03-01T00:00:00.000Z'],
    ['2025-03-01T02:00+02:00', '2025-03-01T00:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2025-02-29T00:00:00Z', undefined],
    ['2025-03-01T25:00:00Z', undefined],
    ['2025-03-01', undefined],
  ])('time %s', (text, iso) => expect(parseIsoTime(text)?.toISOString()).toBe(iso))

  test.each([
    ['retention.ms', '7d', undefined, '604800000'],
    ['retention.ms', -1, '-1', '-1'],
    ['retention.ms', 9.223372036854776e18, '9223372036854775807', '9223372036854775807'],
    ['retention.ms', '5MiB', undefined, undefined],
    ['retention.ms', true, 'true', undefined],
    ['flush.ms', '1s', undefined, '1000'],
    ['max.message.bytes', '5MiB', undefined, '5242880'],
    ['max.message.bytes', '7d', undefined, undefined],
    ['preallocate', true, 'true', 'true'],
    ['preallocate', 'True', undefined, 'true'],
    ['preallocate', 'yes', undefined, undefined],
    ['cleanup.policy', 'compact,delete', undefined, 'compact,delete'],
    ['cleanup.policy', ' compact , delete', undefined, 'compact,delete'],
    ['min.cleanable.dirty.ratio', 0.5, '0.50', '0.5'],
    ['min.cleanable.dirty.ratio', '.5', undefined, '0.5'],
    ['min.cleanable.dirty.ratio', 1, '1', '1.0'],
    ['min.cleanable.dirty.ratio', 0, '0', '0.0'],
    ['min.cleanable.dirty.ratio', 5e-4, '5e-4', '5.0E-4'],
    ['min.cleanable.dirty.ratio', 0.00025, '0.00025', '2.5E-4'],
    ['min.cleanable.dirty.ratio', 'half', undefined, undefined],
    ['segment.bytes', '01048576', undefined, '1048576'],
    ['flush.messages', '+10', undefined, '10'],
    ['min.insync.replicas', 2, '0x2', '2'],
    ['min.insync.replicas', 1.5, '1.5', undefined],
    // Nobody here knows what it is.
    ['vendor.ratio', 0.5, '0.50', '0.50'],
    ['vendor.list', 'a, b', undefined, 'a, b'],
    ['vendor.count', '007', undefined, '007'],
    // Not a time by its key, so not read as one.
    ['compression.type', '7d', undefined, '7d'],
  ])('topic config %s: %s', (key, value, source, stored) =>
    expect(normaliseTopicConfig(key, value, source)).toBe(stored),
  )

  test('defaults', async () => {
    const one = await migration(/gates/.source, 'gates')
    expect(one.order).toBe('consumers-first')
    expect(one.topics[0]).toMatchObject({ offsets: 'auto', partitions: undefined })
    const bare = await migration(
      '  gates:\n    mirrorLag: 0\n    sourceQuiet: 30s\n    timeout: 15m\n',
      '',
    )
    expect(bare.gates).toEqual({ mirrorLag: 0, sourceQuietMs: 300_000, timeoutMs: 900_000 })
    expect(bare.mirror.startFrom).toBe('earliest')
  })
})

describe('references', () => {
  test.each([
    ['${env:ORDERS_API_PASSWORD}', 'api-secret'],
    ['${file:p.txt}', 'from-file'],
    ['a${file:p.txt}b', 'afrom-fileb'],
    ['$${env:X}', '${env:X}'],
  ])('password %s', async (written, text) => {
    const { users } = await migration('${env:ORDERS_API_PASSWORD}', written)
    expect(users[0]!.password.reveal()).toBe(text)
    expect(JSON.stringify(users)).not.toContain(text)
  })

  test('one reference gives several bootstrap servers', async () => {
    const { project } = await load()
    expect(project!.clusters.get('old-cloud')!.bootstrapServers).toEqual([
      'old-1:9092',
      'old-2:9092',
    ])
  })
})

describe('access', () => {
  const expand = async (entry: string) => {
    const one = await migration(
      '- principal: User:orders-shop\n      produce: [orders.events, orders.payments]',
      `- ${entry}`,
    )
    const short = (acls: readonly Parameters<typeof aclKey>[0][]) => acls.map(aclKey)
    const { atOnce, afterSync, afterSeal, says } = one.access[1]!
    return { atOnce: short(atOnce), afterSync: short(afterSync), afterSeal: short(afterSeal), says }
  }

  test('produce and consume', async () => {
    const entry =
      '{ principal: "User:x", produce: [orders.events], consume: { topics: [orders.payments], groups: [orders-api] } }'
    expect(await expand(entry)).toEqual({
      atOnce: [
        'TOPIC|LITERAL|orders.events|User:x|*|DESCRIBE|ALLOW',
        'TOPIC|LITERAL|orders.payments|User:x|*|READ|ALLOW',
        'TOPIC|LITERAL|orders.payments|User:x|*|DESCRIBE|ALLOW',
      ],
      afterSync: ['GROUP|LITERAL|orders-api|User:x|*|READ|ALLOW'],
      afterSeal: ['TOPIC|LITERAL|orders.events|User:x|*|WRITE|ALLOW'],
      says: 'produce orders.events; consume orders.payments as orders-api',
    })
  })

  test('prefix, host and transactional ids', async () => {
    const entry =
      '{ principal: "User:x", host: 10.0.0.1, prefix: true, produce: [orders.], transactionalIds: [tx-] }'
    expect(await expand(entry)).toEqual({
      atOnce: [
        'TOPIC|PREFIXED|orders.|User:x|10.0.0.1|DESCRIBE|ALLOW',
        'TRANSACTIONAL_ID|PREFIXED|tx-|User:x|10.0.0.1|WRITE|ALLOW',
        'TRANSACTIONAL_ID|PREFIXED|tx-|User:x|10.0.0.1|DESCRIBE|ALLOW',
      ],
      afterSync: [],
      afterSeal: ['TOPIC|PREFIXED|orders.|User:x|10.0.0.1|WRITE|ALLOW'],
      says: 'produce orders.*; transactions as tx-*',
    })
  })

  test.each([
    ['TOPIC', 'WRITE', 'ALLOW', 'afterSeal'],
    ['TOPIC', 'ALL', 'ALLOW', 'afterSeal'],
    ['TOPIC', 'DELETE', 'ALLOW', 'afterSeal'],
    ['TOPIC', 'ALTER_CONFIGS', 'ALLOW', 'afterSeal'],
    ['TOPIC', 'WRITE', 'DENY', 'atOnce'],
    ['TOPIC', 'READ', 'ALLOW', 'atOnce'],
    ['GROUP', 'READ', 'ALLOW', 'afterSync'],
    ['GROUP', 'ALL', 'ALLOW', 'afterSync'],
    ['GROUP', 'DESCRIBE', 'ALLOW', 'atOnce'],
    ['USER', 'CREATE_TOKENS', 'ALLOW', 'atOnce'],
  ])('raw %s %s %s is granted %s', async (resourceType, operation, permission, when) => {
    const acl = `{ resourceType: ${resourceType}, resourceName: n, operation: ${operation}, permission: ${permission} }`
    const { says, ...lists } = await expand(`{ principal: "User:x", raw: [${acl}] }`)
    expect(says).toBe('1 raw ACL')
    expect(lists).toEqual({
      atOnce: [],
      afterSync: [],
      afterSeal: [],
      [when]: [`${resourceType}|LITERAL|n|User:x|*|${operation}|${permission}`],
    })
  })
})

test('what this version cannot do is listed with its place', async () => {
  const one = await migration(
    '  mirror: { throttle: 50MiB }',
    '  order: producers-first\n  mirror: { startFrom: latest, engine: connect }',
  )
  expect(one.unsupported.map(({ what, at }) => `${what} ${at.line}:${at.column}`)).toEqual([
    'mirror.engine: connect 33:40',
  ])
})

test('removed: what it says, and on which cluster', async () => {
  const one = await migration(
    '  mirror: { throttle: 50MiB }',
    `  removed:
    - { reason: a, topic: old, on: target }
    - { reason: b, user: old }
    - { reason: c, acl: { principal: "User:old", resourceType: TOPIC, resourceName: old, patternType: PREFIXED, operation: WRITE, host: 10.0.0.1, permission: DENY } }`,
  )
  expect(one.removed.map((spec) => `${removedKey(spec)}: ${spec.reason}`)).toEqual([
    'target/topic/old: a',
    'target/user/old: b',
    'target/acl/TOPIC|PREFIXED|old|User:old|10.0.0.1|WRITE|DENY: c',
  ])
})

test('removed: what another migration lists is not this one to delete', async () => {
  const other = (EXAMPLE['plans/orders.yaml'] ?? '')
    .replace('name: orders,', 'name: other,')
    .replaceAll('orders.', 'other.')
    .replaceAll('orders-', 'other-')
    .replace('stage: mirrored', 'stage: retired')
    .replace(
      '  gates:',
      `  removed:
    - { reason: r, topic: orders.events, on: source }
    - { reason: r, topic: orders.events, on: target }
    - { reason: r, group: orders-api, on: source }
    - { reason: r, user: orders-api }
    - { reason: r, quota: orders-shop }
    - { reason: r, acl: { principal: "User:orders-shop", resourceType: TOPIC, resourceName: orders.events, operation: WRITE } }
    - { reason: r, topic: nobodys, on: source }
    - { reason: r, topic: kept.here, on: target }
  gates:`,
    )
  const state = 'state: { store: kafka, cluster: new-idc, topic: kept.here }'
  const project = (EXAMPLE['ferry.yaml'] ?? '').replace('state: { store: file }', state)
  const { diagnostics } = await load({ 'plans/other.yaml': other, 'ferry.yaml': project })
  expect(diagnostics.map(({ code, at }) => `${code} ${at?.file.slice(3)} ${at?.pointer}`)).toEqual(
    [0, 1, 2, 3, 4, 5, 7].map((i) => `FERRY1054 plans/other.yaml /spec/removed/${i}`),
  )
})

test.each(SCHEMA_KINDS)('every key of the %s schema is closed and described', async (kind) => {
  const bare: string[] = []
  const walk = (schema: Record<string, unknown>, path: string): void => {
    if (schema.properties !== undefined && schema.additionalProperties !== false)
      bare.push(`${path} is open`)
    for (const [key, child] of Object.entries(
      (schema.properties ?? {}) as Record<string, Record<string, unknown>>,
    )) {
      const name = String(child.$ref ?? '').slice('#/definitions/'.length)
      const description =
        child.description ??
        (root.definitions as Record<string, Record<string, unknown>>)[name]?.description
      if (description === undefined) bare.push(`${path}/${key} is not described`)
      walk(child, `${path}/${key}`)
    }
    if (schema.items !== undefined) walk(schema.items as Record<string, unknown>, `${path}/[]`)
  }
  const root = JSON.parse(await schemaText(kind)) as Record<string, unknown>
  walk(root, '')
  for (const [name, one] of Object.entries(
    (root.definitions ?? {}) as Record<string, Record<string, unknown>>,
  ))
    walk(one, name)
  expect(bare).toEqual([])
})
