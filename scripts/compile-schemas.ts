import { writeFile } from 'node:fs/promises'
import standalone from 'ajv/dist/standalone/index.js'
import { schemaCompiler } from '../src/config/compile-schema.ts'
import { SCHEMA_KINDS, type SchemaKind, schemaText } from '../src/config/schema.ts'
import { sha256 } from '../src/domain/canonical-json.ts'

/**
 * The last part of `npm run build`: compiles the schemas of the files that users write into dist/config/built-checks.js (`BuiltChecks`), so
 * that no process has to.
 */
const compiler = schemaCompiler({ code: { source: true, esm: true } })
const digests: Partial<Record<SchemaKind, string>> = {}
const ids: Partial<Record<SchemaKind, string>> = {}
for (const kind of SCHEMA_KINDS) {
  const text = await schemaText(kind)
  const schema = JSON.parse(text) as { readonly $id: string }
  compiler.addSchema(schema)
  digests[kind] = sha256(text)
  ids[kind] = schema.$id
}
// What it calls of ajv it requires, also in a module.
const code = `import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
export const digests = ${JSON.stringify(digests)}
${standalone.default(compiler, ids as Record<SchemaKind, string>)}
export const checks = { ${SCHEMA_KINDS.join(', ')} }
`
await writeFile(new URL('../dist/config/built-checks.js', import.meta.url), code)
