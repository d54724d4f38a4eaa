import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  type BuiltChecks,
  compiledSchema,
  SCHEMA_KINDS,
  schemaText,
} from '../../src/config/schema.ts'
import { sha256 } from '../../src/domain/canonical-json.ts'
import { mutate, randomFrom } from '../_mutate.ts'
import { EXAMPLE } from './_example.ts'

/** What `npm run build` made. */
const DIST = new URL('../../dist/', import.meta.url)
const built = (await import(new URL('config/built-checks.js', DIST).href)) as BuiltChecks

const EXAMPLE_FOLDER = new URL('../fixtures/config/project', import.meta.url).pathname

const EXAMPLES = {
  project: EXAMPLE['ferry.yaml']!,
  cluster: EXAMPLE['clusters/new-idc.yaml']!,
  migration: EXAMPLE['plans/orders.yaml']!,
}

describe.each(SCHEMA_KINDS)('the built check of a %s', (kind) => {
  test('is made of the schema as it is now', async () => {
    expect(built.digests[kind]).toBe(sha256(await schemaText(kind)))
  })

  test('says of changed examples what the compiler says', async () => {
    const { check } = await compiledSchema(kind)
    let refused = 0
    for (let seed = 1; seed <= 150; seed++) {
      const pick = randomFrom(seed)
      let text = EXAMPLES[kind]
      for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
      const value = readAs(text)
      const errors = built.checks[kind](value) ? [] : built.checks[kind].errors
      expect(errors, `seed ${seed}`).toEqual(check(value))
      refused += errors?.length === 0 ? 0 : 1
    }
    // Else the mutations would show nothing.
    expect(refused).toBeGreaterThan(50)
    expect(refused).toBeLessThan(150)
  })
})

test('the built ferry reads a project without loading the compiler', async () => {
  const program = `
    import { Module } from 'node:module'
    const { loadProject } = await import(${JSON.stringify(new URL('config/index.js', DIST).href)})
    await loadProject({ directory: ${JSON.stringify(EXAMPLE_FOLDER)}, env: {} })
    const loaded = Object.keys(Module._cache).filter((file) => /ajv.dist.ajv[.]js$/.test(file))
    console.log(JSON.stringify({ loaded }))`
  const args = ['--input-type=module', '-e', program]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: '{"loaded":[]}', stderr: '' })
})

/** What does not read as YAML at all is a text. */
const readAs = (text: string): unknown => {
  try {
    return parse(text, { logLevel: 'silent' })
  } catch {
    return text
  }
}
