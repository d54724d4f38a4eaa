import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'

/** What of a value the published schema does not allow; read from the file that users get, not from code. */
export const schemaProblems = async (kind: string, value: unknown): Promise<readonly string[]> => {
  const file = join(import.meta.dirname, '..', 'schemas', `${kind}.schema.json`)
  const schema = JSON.parse(await readFile(file, 'utf8')) as object
  const validate = new Ajv({
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    discriminator: true,
  }).compile(schema)
  validate(value)
  return (validate.errors ?? []).map((each) => `${each.instancePath} ${each.message}`)
}
