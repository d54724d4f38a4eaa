import { isDeepStrictEqual } from 'node:util'
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TextFile } from './read-file.ts'
import { compiledSchema, type Schema, type SchemaKind } from './schema.ts'
import { resolveSchema } from './schema-keys.ts'
import { parseYaml } from './yaml-document.ts'

export type Formatted =
  | { readonly text: string }
  /** Nothing is changed then. */
  | { readonly problems: readonly Diagnostic[] }

const KIND_OF: Readonly<Record<string, SchemaKind>> = {
  Project: 'project',
  Cluster: 'cluster',
  Migration: 'migration',
}

/**
 * A file of a project in its canonical form: keys in the order of the schemas, two spaces, no trailing ones. Comments stay with what they
 * stand before or behind; what a file says never changes.
 * 1. Refuse what is no YAML, with its place.
 * 2. Order the keys of every mapping that the schema knows.
 * 3. Compare: every value as it is written, and every comment, must be in the new text too. If not, the file is left alone.
 */
export const formatYaml = async (source: TextFile): Promise<Formatted> => {
  const before = parseYaml(source)
  if (before.document === undefined || before.problems.length > 0) {
    return { problems: before.problems }
  }
  const kind = KIND_OF[String(before.document.value.kind)]
  const document = parseDocument(source.text, AS_WRITTEN)
  if (kind !== undefined) {
    const { root } = await compiledSchema(kind)
    if (!hasAliases(document)) orderKeys(document, root)
  }
  padMapsOnly(document)
  const text = document.toString({ lineWidth: 0, indent: 2 })
  return isSame(before.document, source.text, text) ? { text } : { problems: [unsafe(source)] }
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

const orderKeys = (document: Document, root: Schema): void => {
  const walk = (node: unknown, schema: Schema | undefined, isValue: boolean): void => {
    const known = schema && resolveSchema(schema, root)
    if (isMap(node)) {
      const { properties = {} } = known ?? {}
      // The library takes a comment before the first key for the mapping's. That of the file or of a list's entry is.
      if (isValue) commentToFirstKey(node)
      const rank = new Map(Object.keys(properties).map((key, i) => [key, i] as const))
      const rankOf = ({ key }: Pair): number => rank.get(keyOf(key)) ?? rank.size
      const sorted = [...node.items].sort((one, other) => rankOf(one) - rankOf(other))
      if (rank.size > 0) node.items.splice(0, node.items.length, ...sorted)
      for (const { key, value } of node.items) walk(value, properties[keyOf(key)], true)
    } else if (isSeq(node)) {
      for (const item of node.items) {
        walk(item, known?.items, false)
        if (isMap(item)) commentToEntry(item)
      }
    }
  }
  walk(document.contents, root, false)
}

const keyOf = (key: unknown): string => (isScalar(key) ? String(key.value) : '')

const commentToFirstKey = (node: YAMLMap): void => {
  const first = node.items[0]?.key
  if (!node.commentBefore || node.flow || !isScalar(first)) return
  first.commentBefore = [node.commentBefore, first.commentBefore].filter(Boolean).join('\n')
  node.commentBefore = null
}

/** A comment above the key that comes to stand behind the dash stands above the dash then. */
const commentToEntry = (node: YAMLMap): void => {
  const first = node.items[0]?.key
  if (node.flow || !isScalar(first) || !first.commentBefore) return
  node.commentBefore = [node.commentBefore, first.commentBefore].filter(Boolean).join('\n')
  first.commentBefore = null
}

const isSame = (
  before: NonNullable<ReturnType<typeof parseYaml>['document']>,
  oldText: string,
  newText: string,
): boolean => {
  const after = parseYaml({ ...before, text: newText })
  if (after.document === undefined || after.problems.length > 0) return false
  const { document } = after
  return (
    isDeepStrictEqual(before.value, document.value) &&
    pointersOf(before.value).every(
      (pointer) => before.sourceOf(pointer) === document.sourceOf(pointer),
    ) &&
    isDeepStrictEqual(commentsIn(oldText), commentsIn(newText))
  )
}

const pointersOf = (value: unknown, pointer = ''): readonly string[] =>
  value !== null && typeof value === 'object'
    ? Object.entries(value).flatMap(([key, child]) =>
        pointersOf(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
      )
    : [pointer]

/** All comments, in no order. */
const commentsIn = (text: string): readonly string[] =>
  [...new Lexer().lex(text)]
    .filter((token) => token.startsWith('#'))
    .map((token) => token.trimEnd())
    .sort()

const unsafe = ({ file }: TextFile): Diagnostic =>
  diagnostic({
    code: 'FERRY2014',
    detail: `${file} cannot be written in canonical form without losing a comment or changing how a value is written, so it was left as it is.`,
    fix: 'Put the comments on lines of their own, above what they are about.',
    at: { file, line: 1, column: 1, pointer: '' },
  })
