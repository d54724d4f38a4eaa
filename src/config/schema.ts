import { readFile } from 'node:fs/promises'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'

export const SCHEMA_KINDS = ['project', 'cluster', 'migration'] as const
export type SchemaKind = (typeof SCHEMA_KINDS)[number]

/** As much of a JSON schema as the messages need. */
export interface Schema {
  readonly $ref?: string
  readonly title?: string
  readonly description?: string
  readonly writeOnly?: boolean
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly definitions?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly type?: string | readonly string[]
  readonly oneOf?: readonly { readonly required?: readonly string[] }[]
}

export interface CompiledSchema {
  readonly root: Schema
  /** Every error of a file; none if it fits. */
  readonly check: (value: unknown) => readonly ErrorObject[]
}

/**
 * For schemas that Ferry itself brings: that they are schemas is for tests to say, and checking code that runs a few times does not make up
 * for making it better. Together that was a third of what a command takes to start.
 */
export const QUICK_COMPILE = {
  validateSchema: false,
  meta: false,
  code: { optimize: false },
} as const

/** The text of a public schema, as `ferry schema` prints it. `schemas/` lies beside both `src/` and `dist/`. */
export const schemaText = (kind: SchemaKind): Promise<string> =>
  readFile(new URL(`../../schemas/${kind}.schema.json`, import.meta.url), 'utf8')

const compile = async (kind: SchemaKind): Promise<CompiledSchema> => {
  const root = JSON.parse(await schemaText(kind)) as Schema
  const ajv = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true, ...QUICK_COMPILE })
  const validate: ValidateFunction = ajv.compile(root)
  return { root, check: (value) => (validate(value) ? [] : [...(validate.errors ?? [])]) }
}

// The one thing kept between calls: schemas never change while we run, and compiling one costs more than checking 100 files.
const compiled = new Map<SchemaKind, Promise<CompiledSchema>>()

/** A schema, ready to check with; read and compiled when it is first needed. */
export const compiledSchema = (kind: SchemaKind): Promise<CompiledSchema> => {
  const known = compiled.get(kind) ?? compile(kind)
  compiled.set(kind, known)
  return known
}
