import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { documents } from '../../scripts/reference.ts'

test('what is generated is what is checked in: if not, run npm run docs', async () => {
  const generated = await documents()
  expect(generated.size).toBe(11)
  for (const [file, text] of generated) {
    expect(await readFile(file, 'utf8'), file).toBe(text)
  }
})

const SCHEMAS = ['cluster', 'events', 'migration', 'plan', 'project', 'receipt', 'status'] as const

/** Properties without a description, by JSON pointer. A constant says itself what it is. */
const undescribed = (schema: unknown, node: unknown = schema, pointer = ''): readonly string[] => {
  if (typeof node !== 'object' || node === null) return []
  const { properties = {} } = node as { properties?: Record<string, Record<string, unknown>> }
  const missing = Object.entries(properties)
    .filter(([, one]) => !('description' in one || 'const' in one || isDescribed(schema, one.$ref)))
    .map(([name]) => `${pointer}/properties/${name}`)
  const below = Object.entries(node).flatMap(([key, one]) =>
    undescribed(schema, one, `${pointer}/${key}`),
  )
  return [...missing, ...below]
}

const isDescribed = (schema: unknown, ref: unknown): boolean => {
  if (typeof ref !== 'string') return false
  const keys = ref.split('/').slice(1)
  const found = keys.reduce((at, key) => (at as Record<string, unknown>)[key], schema)
  return 'description' in (found as object)
}

test.each(SCHEMAS)('%s.schema.json: every field says what it is', async (name) => {
  const schema = JSON.parse(await readFile(`schemas/${name}.schema.json`, 'utf8'))
  expect(undescribed(schema)).toEqual([])
})
