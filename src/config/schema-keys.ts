import type { Schema } from './schema.ts'

/** A schema with its `$ref` (always into the same file's definitions) followed; what stands beside the reference wins. */
export const resolveSchema = (schema: Schema, root: Schema): Schema => {
  if (schema.$ref === undefined) return schema
  const name = schema.$ref.slice('#/definitions/'.length)
  return { ...(root.definitions?.[name] ?? {}), ...schema }
}

/** Every key of a format with the readable paths of the mappings that have it, for keys that were written in the wrong place. */
export const keyPaths = (root: Schema): ReadonlyMap<string, readonly string[]> => {
  const paths = new Map<string, string[]>()
  const walk = (schema: Schema, path: string): void => {
    const resolved = resolveSchema(schema, root)
    for (const [key, child] of Object.entries(resolved.properties ?? {})) {
      const here = paths.get(key) ?? []
      here.push(path === '' ? 'the top level' : path)
      paths.set(key, here)
      walk(child, path === '' ? key : `${path}.${key}`)
    }
    if (resolved.items !== undefined) walk(resolved.items, `${path}[]`)
  }
  walk(root, '')
  return paths
}
