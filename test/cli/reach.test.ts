import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { realServices } from '../../src/app/real-services.ts'
import { loadProject } from '../../src/config/index.ts'
import { FerryError } from '../../src/domain/diagnostic.ts'
import { FileStore } from '../../src/state/file-store.ts'
import { ENV } from '../config/_example.ts'
import { fullState } from '../state/samples.ts'
import { HOLDER } from './_holder.ts'

/** Nobody needs the secrets of what is not asked: whoever looks at a state, or mistypes a name, has none. Through the built ferry. */

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-reach-'))
  cpSync(new URL('../fixtures/config/project', import.meta.url), folder, { recursive: true })
  const main = readFileSync(join(folder, 'ferry.yaml'), 'utf8')
  const inKafka = main.replace('{ store: file }', '{ store: kafka, cluster: new-idc }')
  writeFileSync(join(folder, 'kafka.yaml'), inKafka)
  const store = new FileStore(join(folder, '.ferry'))
  await store.writeDecisions(fullState(1), 0)
  await store.lock('orders', HOLDER)
})
afterAll(() => rmSync(folder, { recursive: true }))

const ferry = (line: string, env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...line.split(' ')], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr.replaceAll(/\s+/g, ' ') }
}

const missing = (err: string): readonly string[] =>
  [...new Set([...err.matchAll(/the environment variable (\w+)/g)].map(([, name]) => name!))].sort()

describe('without one variable', () => {
  test.each(['state list', 'state show orders', 'state pull orders'])('ferry %s', (line) => {
    const { code, out, err } = ferry(line)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('orders')
  })

  test('a lock is freed', () => {
    expect(ferry('unlock orders')).toMatchObject({
      code: 64,
      err: expect.stringContaining('locked by ana'),
    })
    expect(ferry('unlock orders --confirm orders')).toMatchObject({ code: 0, err: '' })
    expect(ferry('unlock orders')).toMatchObject({ code: 0, out: 'orders is not locked.\n' })
  })

  test.each([
    'plan ordres',
    'apply ordres',
    'status ordres',
    'doctor ordres',
    'drift ordres',
    'verify ordres',
    'resync ordres',
    'unlock ordres',
    'state show ordres',
    'state pull ordres',
    'state forget ordres',
    'receipt ordres',
    'index export ordres',
  ])('ferry %s: the name is wrong, and nothing else is said', (line) => {
    const { code, err } = ferry(line)
    expect(code).toBe(64)
    expect(err).toMatch(/^error FERRY1104 Unknown migration .*Did you mean orders\?[^!]*$/)
    expect(err).not.toContain('FERRY1022')
  })

  test('what is wrong use is said before any file is read', () => {
    const { code, err } = ferry('resync orders --accept-gap foo')
    expect({ code, err }).toEqual({
      code: 64,
      err: expect.stringMatching(/^error FERRY1101 [^!]*foo/),
    })
    expect(ferry('state pull orders --backup x').code).toBe(64)
    expect(ferry('state list --force').err).toContain('ferry state list does not take --force')
  })

  test('what is connected to needs all of its own, at once, and nobody else does', () => {
    expect(missing(ferry('plan orders').err)).toEqual(Object.keys(ENV).sort())
    expect(missing(ferry('validate').err)).toEqual(Object.keys(ENV).sort())
    expect(missing(ferry('graph').err)).toEqual(['OLD_BOOTSTRAP', 'OLD_CLUSTER_ID'])
    expect(missing(ferry('import --from new-idc --to new-idc --group g').err)).toEqual([
      'NEW_BOOTSTRAP',
      'NEW_CLUSTER_ID',
    ])
    expect(missing(ferry('--project kafka.yaml state list').err)).toEqual([
      'NEW_BOOTSTRAP',
      'NEW_CLUSTER_ID',
    ])
    expect(missing(ferry('--project kafka.yaml unlock orders').err)).toEqual([
      'NEW_BOOTSTRAP',
      'NEW_CLUSTER_ID',
    ])
  })
})

test('the services of another migration may be without theirs', async () => {
  mkdirSync(join(folder, 'other/plans'), { recursive: true })
  for (const part of ['clusters', 'ferry.yaml', 'plans/orders.yaml']) {
    cpSync(join(folder, part), join(folder, 'other', part), { recursive: true })
  }
  const billing = readFileSync(join(folder, 'plans/orders.yaml'), 'utf8')
    .replaceAll('orders', 'billing')
    .replaceAll('ORDERS', 'BILLING')
    .replace('from: old-cloud', 'from: third')
  writeFileSync(join(folder, 'other/plans/billing.yaml'), billing)
  const third = readFileSync(join(folder, 'clusters/old-cloud.yaml'), 'utf8')
    .replace('name: old-cloud', 'name: third')
    .replaceAll('OLD_', 'THIRD_')
  writeFileSync(join(folder, 'other/clusters/third.yaml'), third)
  const directory = join(folder, 'other')
  const reach = { of: 'both', migrations: ['orders'] } as const
  const { project, diagnostics } = await loadProject({ directory, env: ENV, reach })
  expect(diagnostics).toEqual([])
  expect([...project!.migrations.keys()]).toEqual(['billing', 'orders'])
  expect(
    [...project!.unresolved!.keys()].map((file) => file.slice(directory.length + 1)).sort(),
  ).toEqual(['clusters/third.yaml', 'plans/billing.yaml'])
  // Nothing is ever sent to such a cluster.
  const connecting = realServices(ENV).connectCluster(
    project!,
    'third',
    new AbortController().signal,
  )
  const refused = await connecting.catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(FerryError)
  expect((refused as FerryError).diagnostics.map(({ code }) => code)).toEqual([
    'FERRY1022',
    'FERRY1022',
  ])
})

test('the file of a migration is no plan, and no plan is written over it', () => {
  const text = readFileSync(join(folder, 'plans/orders.yaml'), 'utf8')
  const { code, err } = ferry('apply plans/orders.yaml', ENV)
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringMatching(/FERRY1109 .* it is YAML\. fix: Give the name of a migration/),
  })
  for (const verb of ['plan', 'rollback', 'resync', 'receipt', 'state pull']) {
    expect(ferry(`${verb} orders -o plans/orders.yaml`, ENV)).toMatchObject({
      code: 64,
      err: expect.stringContaining('would be lost'),
    })
  }
  expect(readFileSync(join(folder, 'plans/orders.yaml'), 'utf8')).toBe(text)
})

test('a folder that was deleted holds no project, and --chdir leads out of it', () => {
  const gone = mkdtempSync(join(tmpdir(), 'ferry-gone-'))
  const at = (line: string) =>
    spawnSync(
      'bash',
      ['-c', `cd ${gone}; rmdir ${gone}; '${process.execPath}' '${MAIN}' ${line}`],
      {
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...ENV },
        encoding: 'utf8',
      },
    )
  const lost = at('validate')
  expect([lost.status, lost.stderr.split('\n')[0]]).toEqual([1, 'error FERRY1019 No project here'])
  mkdirSync(gone)
  const led = at(`--chdir ${folder} validate`)
  expect(led).toMatchObject({ status: 0, stdout: '4 files are valid.\n' })
})

test('what was forgotten can be forgotten again', () => {
  const forgotten = ferry('state forget orders --confirm orders')
  expect(forgotten).toMatchObject({ code: 0, err: '' })
  expect(ferry('state forget orders')).toEqual({
    code: 0,
    out: 'Nothing is recorded of orders, so there is nothing to forget.\n',
    err: '',
  })
})
