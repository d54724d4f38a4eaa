import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, isSeq, type Pair, visit, type YAMLMap } from 'yaml'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { keepsComments, parseCommented } from './comment-places.ts'
import type { TextFile } from './read-file.ts'
import { compiledSchema, type Schema, type SchemaKind } from './schema.ts'
import { resolveSchema } from './schema-keys.ts'
import { parseYaml } from './yaml-document.ts'

export type Formatted =
  | { readonly text: string }
  /** Nothing is changed then. */
  | { readonly problems: readonly Diagnostic[] }

const KIND_OF: ReadonlyMap<string, SchemaKind> = new Map([
  ['Project', 'project'],
  ['Cluster', 'cluster'],
  ['Migration', 'migration'],
])

/**
 * A file of a project in its canonical form: keys in the order of the schemas, two spaces, no trailing ones. Comments stay with what they
 * stand before or behind; what a file says never changes.
 * 1. Refuse what is no YAML, with its place.
 * 2. Order the keys of every mapping that the schema knows.
 * 3. Compare: every value as it is written, and every comment at its place, must be in the new text too. If not, the file is left alone.
 */
export const formatYaml = async (source: TextFile): Promise<Formatted> => {
  const before = parseYaml(source)
  if (before.document === undefined || before.problems.length > 0) {
    return { problems: before.problems }
  }
  const { kind: written } = before.document.value
  const kind = typeof written === 'string' ? KIND_OF.get(written) : undefined
  const document = parseCommented(source.text, AS_WRITTEN)
  if (document === undefined || document.errors.length > 0) return { problems: [unsafe(source)] }
  if (kind !== undefined) {
    const { root } = await compiledSchema(kind)
    if (!hasAliases(document)) orderKeys(document, root, source.text)
  }
  padMapsOnly(document)
  const text = document.toString({ lineWidth: 0, indent: 2 })
  return saysTheSame(source.text, text) ? { text } : { problems: [unsafe(source)] }
}

/** Everything is text: `1.0`, `0x10` and 64-bit numbers would not survive as numbers. */
const AS_WRITTEN = {
  schema: 'failsafe',
  stringKeys: true,
  uniqueKeys: false,
  version: '1.2',
  merge: false,
  logLevel: 'silent',
} as const

/** `{ name: x }` but `[a, b]`. The library knows one padding for both, in the context that a node is printed with. */
const padMapsOnly = (document: Document): void => {
  visit(document, {
    Collection: (_, node) => {
      const print = node.toString.bind(node) as (ctx: object, ...rest: unknown[]) => string
      const flowCollectionPadding = isMap(node) ? ' ' : ''
      Object.assign(node, {
        toString: (ctx: object, ...rest: unknown[]) =>
          print({ ...ctx, flowCollectionPadding }, ...rest),
      })
    },
  })
}

/** An alias may stand only below its anchor: then the order of the file is kept. */
const hasAliases = (document: Document): boolean => {
  let found = false
  visit(document, {
    Alias: () => {
      found = true
      return visit.BREAK
    },
  })
  return found
}

const orderKeys = (document: Document, root: Schema, text: string): void => {
  const walk = (node: unknown, schema: Schema | undefined, owner?: unknown): void => {
    const known = schema && resolveSchema(schema, root)
    if (isMap(node)) {
      const { properties = {} } = known ?? {}
      // The library takes a comment before the first key for the mapping's. That of the file or of a list's entry is.
      if (owner !== undefined) commentToFirstKey(node, owner, text)
      const rank = new Map(Object.keys(properties).map((key, i) => [key, i] as const))
      const rankOf = ({ key }: Pair): number => rank.get(keyOf(key)) ?? rank.size
      const sorted = [...node.items].sort((one, other) => rankOf(one) - rankOf(other))
      if (rank.size > 0) node.items.splice(0, node.items.length, ...sorted)
      if (isScalar(node.items[0]?.key)) node.items[0].key.spaceBefore = false
      for (const { key, value } of node.items) walk(value, properties[keyOf(key)], key)
    } else if (isSeq(node)) {
      for (const item of node.items) {
        walk(item, known?.items)
        if (isMap(item)) commentToEntry(item)
      }
    }
  }
  walk(document.contents, root)
}

const keyOf = (key: unknown): string => (isScalar(key) ? String(key.value) : '')

/** What stands behind the key that owns the mapping, on its line, is about that; the rest about the first key. */
const commentToFirstKey = (node: YAMLMap, owner: unknown, text: string): void => {
  const first = node.items[0]?.key
  if (!node.commentBefore || node.flow || !isScalar(first)) return
  const from = isScalar(owner) ? owner.range?.[1] : undefined
  const between = text.slice(from, first.range?.[0])
  const [line = '', ...rest] = node.commentBefore.split('\n')
  const isOwners = from !== undefined && /^[^\n]*#/.test(between)
  const moved = isOwners ? rest.join('\n') : node.commentBefore
  node.commentBefore = isOwners ? line : null
  first.commentBefore = [moved, first.commentBefore].filter(Boolean).join('\n')
}

/** A comment above the key that comes to stand behind the dash stands above the dash then. */
const commentToEntry = (node: YAMLMap): void => {
  const first = node.items[0]?.key
  if (node.flow || !isScalar(first) || !first.commentBefore) return
  node.commentBefore = [node.commentBefore, first.commentBefore].filter(Boolean).join('\n')
  first.commentBefore = null
}

/** Every value, every number as it is written, and every comment where it was. */
export const saysTheSame = (oldText: string, newText: string): boolean => {
  const [before, after] = [oldText, newText].map(
    (text) => parseYaml({ file: '', text, digest: '' }).document,
  )
  if (before === undefined || after === undefined) return false
  return (
    isDeepStrictEqual(before.value, after.value) &&
    pointersOf(before.value).every(
      (pointer) => before.sourceOf(pointer) === after.sourceOf(pointer),
    ) &&
    keepsComments(oldText, newText)
  )
}

/** Of everything but text, which may stand on other lines than before. */
const pointersOf = (value: unknown, pointer = ''): readonly string[] =>
  typeof value === 'string'
    ? []
    : value !== null && typeof value === 'object'
      ? Object.entries(value).flatMap(([key, child]) =>
          pointersOf(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
        )
      : [pointer]

const unsafe = ({ file }: TextFile): Diagnostic =>
  diagnostic({
    code: 'FERRY2014',
    detail: `${file} cannot be written in canonical form without losing or moving a comment, or changing how a value is written, so it was left as it is.`,
    fix: 'Put the comments on lines of their own, above what they are about.',
    at: { file, line: 1, column: 1, pointer: '' },
  })
