import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { sha256 } from '../domain/canonical-json.ts'

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
 * for making it better.
 */
export const QUICK_COMPILE = {
  validateSchema: false,
  meta: false,
  code: { optimize: false },
} as const

/** The text of a public schema, as `ferry schema` prints it. `schemas/` lies beside both `src/` and `dist/`. */
export const schemaText = (kind: SchemaKind): Promise<string> =>
  readFile(new URL(`../../schemas/${kind}.schema.json`, import.meta.url), 'utf8')

/** What `npm run build` makes of the schemas (`scripts/compile-schemas.ts`), beside this file. */
export interface BuiltChecks {
  /** Of the schema's text that it was made of. */
  readonly digests: Readonly<Record<SchemaKind, string>>
  readonly checks: Readonly<Record<SchemaKind, ValidateFunction>>
}

/** There is none where the sources run as they are. */
const BUILT = new URL('./built-checks.js', import.meta.url)

/** Loading the compiler and compiling three schemas would be a third of what a command takes to start. */
const builtCheck = async (
  kind: SchemaKind,
  text: string,
): Promise<ValidateFunction | undefined> => {
  if (!existsSync(BUILT)) return undefined
  const { digests, checks } = (await import(BUILT.href)) as BuiltChecks
  // A schema that was changed since says what it says now.
  return digests[kind] === sha256(text) ? checks[kind] : undefined
}

const compile = async (kind: SchemaKind): Promise<CompiledSchema> => {
  const text = await schemaText(kind)
  const root = JSON.parse(text) as Schema
  const validate = (await builtCheck(kind, text)) ?? (await compileNow(root))
  return { root, check: (value) => (validate(value) ? [] : [...(validate.errors ?? [])]) }
}

const compileNow = async (root: Schema): Promise<ValidateFunction> => {
  const { schemaCompiler } = await import('./compile-schema.ts')
  return schemaCompiler(QUICK_COMPILE).compile(root)
}

// The one thing kept between calls: schemas never change while we run.
const compiled = new Map<SchemaKind, Promise<CompiledSchema>>()

/** A schema, ready to check with; read when it is first needed. */
export const compiledSchema = (kind: SchemaKind): Promise<CompiledSchema> => {
  const known = compiled.get(kind) ?? compile(kind)
  compiled.set(kind, known)
  return known
}
