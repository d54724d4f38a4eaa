// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { formatYaml, loadProject } from '../../src/config/index.ts'
import { compiledSchema, type Schema, type SchemaKind } from '../../src/config/schema.ts'
import { resolveSchema } from '../../src/config/schema-keys.ts'
import { load } from './_example.ts'

/**
 * Where a hand puts another thing than a format has: every part of a file that has every key, in turn, by every other kind of value. Changes
 * of single characters, as in mutations.test.ts, seldom make these.
 */

const FULL: Readonly<Record<SchemaKind, { readonly file: string; readonly text: string }>> = {
  project: {
    file: 'ferry.yaml',
    text: `
apiVersion: ferry/v1
kind: Project
metadata: { name: shop }
spec:
  state: { store: kafka, directory: .ferry, cluster: new-idc, topic: __ferry_state }
  clusters: [clusters/*.yaml]
  migrations: [plans/*.yaml]
  policy: { maxDestroy: 0, allowedHosts: ["*"] }
`,
  },
  cluster: {
    file: 'clusters/new-idc.yaml',
    text: `
apiVersion: ferry/v1
kind: Cluster
metadata: { name: new-idc }
spec:
  clusterId: new-id
  bootstrapServers: [new-1:9093]
  tls: { ca: "\${env:PEM}", cert: "\${env:PEM}", key: "\${env:PEM}", serverName: kafka }
  sasl: { mechanism: plain, username: ferry, password: "\${env:ORDERS_API_PASSWORD}" }
`,
  },
  migration: {
    file: 'plans/orders.yaml',
    text: `
apiVersion: ferry/v1
kind: Migration
metadata: { name: orders, owner: team-orders }
spec:
  from: old-cloud
  to: new-idc
  stage: prepared
  order: consumers-first
  topics:
    - { name: orders.events, partitions: 12, replicationFactor: 3, configs: { retention.ms: 7d }, offsets: auto, lifecycle: { preventDelete: true } }
  groups: [{ id: orders-api, uncommitted: absent, lifecycle: { preventDelete: true } }]
  users: [{ name: orders-api, mechanism: scram-sha-512, password: "\${env:ORDERS_API_PASSWORD}", passwordVersion: 1, lifecycle: { preventDelete: true } }]
  access:
    - principal: User:orders-api
      host: "*"
      produce: [orders.events]
      consume: { topics: [orders.events], groups: [orders-api] }
      transactionalIds: [orders-tx]
      prefix: false
      raw: [{ resourceType: TOPIC, resourceName: audit, patternType: LITERAL, operation: DESCRIBE, permission: ALLOW, host: "*" }]
      lifecycle: { preventDelete: true }
  quotas: [{ user: orders-api, producerByteRate: 20MiB, consumerByteRate: 40MiB, lifecycle: { preventDelete: true } }]
  mirror: { engine: ferry, throttle: 50MiB, startFrom: earliest }
  gates: { mirrorLag: 0, sourceQuiet: 5m, timeout: 15m }
  rollback: { keepSourceWarm: true }
  removed:
    - { topic: old.events, on: target, reason: left over }
    - { group: old-group, on: target, reason: left over }
    - { user: old-user, reason: left over }
    - { quota: old-user, reason: left over }
    - { acl: { principal: User:old, resourceType: TOPIC, resourceName: old, patternType: LITERAL, operation: READ, permission: ALLOW, host: "*" }, reason: left over }
`,
  },
}

const GONE = Symbol('gone')

const VALUES: readonly (readonly [string, unknown])[] = [
  ['nothing', null],
  ['an empty text', ''],
  ['text', 'foo'],
  ['a reference', '${env:PEM}'],
  ['0', 0],
  ['a fraction', -1.5],
  ['no number', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['a switch', true],
  ['an empty list', []],
  ['a list of nothing', [null]],
  ['a list of text', ['foo']],
  ['a list of lists', [[]]],
  ['a list of mappings', [{ foo: 1 }]],
  ['an empty mapping', {}],
  ['a mapping', { foo: null, name: [], topic: {} }],
  ['no such key', GONE],
]

type Path = readonly (string | number)[]

/** The path of every part, the outer ones first. */
const partsOf = (value: unknown, path: Path = []): readonly Path[] => {
  if (value === null || typeof value !== 'object') return [path]
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value)
  return [path, ...keys.flatMap((key) => partsOf((value as never)[key], [...path, key]))]
}

const replaced = (value: unknown, [key, ...rest]: Path, by: unknown): unknown => {
  if (key === undefined) return by
  const copy = structuredClone(value) as Record<string, unknown>
  const inner = replaced(copy[key], rest, by)
  if (inner !== GONE) copy[key] = inner
  else if (Array.isArray(copy)) copy.splice(Number(key), 1)
  else delete copy[key]
  return copy
}

/** All keys of a format that a value lacks, wherever a list or a mapping of it may have them. */
const missing = (
  values: readonly unknown[],
  schema: Schema,
  root: Schema,
  path = '',
): readonly string[] => {
  const { properties = {}, items } = resolveSchema(schema, root)
  const lists = values.filter(Array.isArray)
  if (items !== undefined && lists.length > 0) return missing(lists.flat(), items, root, path)
  return Object.entries(properties).flatMap(([key, child]) => {
    const have = values.filter((one) => Object.hasOwn(one as object, key))
    const here = `${path}.${key}`
    return have.length === 0
      ? [here]
      : missing(
          have.map((one) => (one as never)[key]),
          child,
          root,
          here,
        )
  })
}

const ENV = { PEM: '-----BEGIN c4n4ry' }

/** As it is built, the checks of the schemas are others, and find things in another order. */
const built = (await import(new URL('../../dist/config/index.js', import.meta.url).href)) as {
  readonly loadProject: typeof loadProject
}

describe.each(Object.keys(FULL) as SchemaKind[])('a %s', (kind) => {
  const { file, text } = FULL[kind]
  const whole: unknown = parse(text)

  test('has every key', async () => {
    const { root } = await compiledSchema(kind)
    expect(missing([whole], root, root)).toEqual([])
  })

  test.each([
    ['the built ferry answers', built.loadProject, 1],
    // Every value once in a while, at one place or another.
    ['the sources answer', loadProject, 5],
  ])('with any part replaced: %s with a project, or what is wrong', async (_, from, every) => {
    let refused = 0
    let tried = 0
    for (const [i, path] of partsOf(whole).entries()) {
      for (const [j, [what, value]] of VALUES.entries()) {
        if ((i + j) % every !== 0 || (value === GONE && path.length === 0)) continue
        tried++
        const changed = stringify(replaced(whole, path, value))
        const of = `${path.join('.')}: ${what}`
        const result = await load({ [file]: changed }, ENV, from).catch((error) => {
          throw new Error(of, { cause: error })
        })
        const errors = result.diagnostics.filter(({ severity }) => severity === 'error')
        expect(result.project === undefined, of).toBe(errors.length > 0)
        for (const { at, detail, fix } of result.diagnostics) {
          expect(`${detail} ${fix}`, of).not.toMatch(/undefined|\[object|NaN|c4n4ry|TypeError/)
          expect(at?.line, of).toBeLessThanOrEqual(changed.split('\n').length)
        }
        // One place, one cause: what is of the wrong type is not told a second time.
        const types = result.diagnostics.filter(({ code }) => code === 'FERRY1016')
        for (const { at } of types) {
          const there = errors.filter(
            (one) => one.at?.pointer === at?.pointer && one.at?.file === at?.file,
          )
          expect(there, of).toHaveLength(1)
        }
        refused += errors.length > 0 ? 1 : 0
        if (every > 1) await formatYaml({ file, text: changed, digest: '' })
      }
    }
    expect(refused).toBeGreaterThan(tried / 2)
  })
})
