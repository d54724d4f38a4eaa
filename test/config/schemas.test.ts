import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, '..', '..', 'schemas')

test.each(readdirSync(FOLDER))(
  '%s is a schema: Ferry itself compiles it without asking',
  (file) => {
    const schema = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))
    const ajv = new Ajv({ allErrors: true })
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true)
  },
)
