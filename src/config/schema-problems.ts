import type { ErrorObject } from 'ajv'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import type { CompiledSchema, Schema } from './schema.ts'
import { keyPaths, resolveSchema } from './schema-keys.ts'
import { badPattern, example, firstSentence, type Sentences } from './schema-sentences.ts'
import { allOf, escapePointer, oneOf, quote, readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** What does not fit the schema, one problem per cause. `skip` holds pointers that have a better problem already. */
export const schemaProblems = (
  document: ConfigDocument,
  schema: CompiledSchema,
  skip: ReadonlySet<string>,
): { readonly problems: readonly Diagnostic[]; readonly badPointers: readonly string[] } => {
  const problems: Diagnostic[] = []
  const badPointers: string[] = []
  const errors = schema.check(document.value).filter(isOwn)
  // What is of another type has no other problem. Which of its errors comes first is the compiler's choice: all are looked at before any is told.
  const wrongType = new Map(
    errors.filter(({ keyword }) => keyword === 'type').map((error) => [error.instancePath, error]),
  )
  const misspelt = misspeltKeys(errors)
  for (const error of errors) {
    const key = keyOf(error)
    const pointer =
      key === undefined ? error.instancePath : `${error.instancePath}/${escapePointer(key)}`
    if (skip.has(error.instancePath)) continue
    if ((wrongType.get(error.instancePath) ?? error) !== error) continue
    if (error.keyword === 'required' && misspelt.has(pointer)) continue
    const sentences = describe(error, pointer, document, schema.root)
    const part = key === undefined ? 'value' : 'key'
    const place = document.at(pointer, part)
    const isShown = isKeyShown(error, schema.root)
    problems.push(
      diagnostic({ ...sentences, at: isShown ? place : { ...place, pointer: error.instancePath } }),
    )
    // Text that does not fit a pattern is still text; the parsers skip what they cannot read.
    if (error.keyword !== 'required' && error.keyword !== 'pattern') badPointers.push(pointer)
  }
  return { problems, badPointers }
}

/** Branches and names are reported by the keyword that holds them; duplicates by `checkDuplicates`, which finds all of them. */
const isOwn = ({ schemaPath, keyword }: ErrorObject): boolean =>
  !/\/oneOf\/\d|\/propertyNames\//.test(schemaPath) && keyword !== 'uniqueItems'

/** Pointers of keys that are missing only because they are misspelt: the unknown key is the one cause. */
const misspeltKeys = (errors: readonly ErrorObject[]): ReadonlySet<string> =>
  new Set(
    errors.flatMap((error) => {
      if (error.keyword !== 'additionalProperties') return []
      const known = Object.keys((error.parentSchema as Schema).properties ?? {})
      const meant = didYouMean(keyOf(error) ?? '', known)
      return meant === undefined ? [] : [`${error.instancePath}/${escapePointer(meant)}`]
    }),
  )

const keyOf = (error: ErrorObject): string | undefined => {
  const { additionalProperty, missingProperty, propertyName } = error.params as Record<
    string,
    string
  >
  return additionalProperty ?? missingProperty ?? propertyName
}

/** Where a line too high or low puts a password into another key: nothing that stands there is quoted. */
const NEAR_SECRETS = /^\/spec\/(sasl|tls|users)(\/|$)/

const describe = (
  error: ErrorObject,
  pointer: string,
  document: ConfigDocument,
  root: Schema,
): Sentences => {
  const field = (error.parentSchema ?? {}) as Schema
  const path = readablePath(pointer)
  const isSecret = field.writeOnly === true || NEAR_SECRETS.test(pointer)
  const shown = isSecret ? 'something else' : quote(error.data)
  const params = error.params as Readonly<Record<string, unknown>>
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(error, root)
    case 'required': {
      const missing = resolveSchema(field.properties?.[String(params.missingProperty)] ?? {}, root)
      const above = readablePath(error.instancePath)
      return {
        code: 'FERRY1015',
        detail:
          `${above} lacks the key ${String(params.missingProperty)}, which has no default. ${firstSentence(missing)}`.trim(),
        fix: `Add ${String(params.missingProperty)}${example(missing)}.`,
      }
    }
    case 'type':
      return wrongType(error, path, document, isSecret)
    case 'const':
    case 'enum': {
      const allowed = (
        error.keyword === 'const' ? [params.allowedValue] : params.allowedValues
      ) as string[]
      const meant = typeof error.data === 'string' ? didYouMean(error.data, allowed) : undefined
      const isFrom = typeof error.data === 'object' ? 'holds a list or mapping' : `is ${shown}`
      return {
        code: 'FERRY1017',
        detail: `${path} ${isFrom}; it takes ${oneOf(allowed)}.`,
        fix: meant === undefined ? `Write ${oneOf(allowed)}.` : `Did you mean ${meant}?`,
      }
    }
    case 'pattern':
      return badPattern(path, shown, field)
    case 'propertyNames':
      return {
        code: 'FERRY1017',
        detail: `${quote(params.propertyName)} is no topic config: those are lower-case words with dots between them.`,
        fix: 'Write the key as Kafka does, for example retention.ms.',
      }
    case 'minLength':
      return isSecret
        ? {
            code: 'FERRY1025',
            detail: `${path} is empty, so whatever it protects would be open to everybody.`,
            fix: `Give it by reference${example(field)}.`,
          }
        : {
            code: 'FERRY1018',
            detail: `${path} is empty.`,
            fix: `Write a value${example(field)}, or remove the key if it is optional.`,
          }
    case 'minItems':
      return {
        code: 'FERRY1018',
        detail: `${path} is an empty list; it needs at least one entry.`,
        fix: `Add an entry${example(field)}.`,
      }
    case 'maxLength':
      return {
        code: 'FERRY1018',
        detail: `${path} is longer than ${String(params.limit)} characters.`,
        fix: 'Shorten it.',
      }
    case 'minimum':
    case 'maximum': {
      const bound = error.keyword === 'minimum' ? 'at least' : 'at most'
      return {
        code: 'FERRY1018',
        detail: `${path} is ${shown}; it must be ${bound} ${String(params.limit)}.`,
        fix: `Write a number that is ${bound} ${String(params.limit)}.`,
      }
    }
    case 'oneOf': {
      const keys = (field.oneOf ?? []).flatMap(({ required = [] }) => required)
      const given = keys.filter((name) => name in (error.data as object))
      return {
        code: 'FERRY1051',
        detail:
          given.length === 0
            ? `${path} does not say what it is about.`
            : `${path} names several objects: ${allOf(given)}.`,
        fix: `Say exactly one of ${oneOf(keys)}.`,
      }
    }
    default:
      return {
        code: 'FERRY1017',
        detail: `${path} ${isSecret ? 'does not fit its schema' : (error.message ?? 'does not fit its schema')}.`,
        fix: 'See `ferry schema` for what the key takes.',
      }
  }
}

/** Beside a password, an unknown key may be the password itself: `{ user: x, s3cret }`. Only a key that is like one we know is shown there. */
const isKeyShown = (error: ErrorObject, root: Schema): boolean => {
  if (error.keyword !== 'additionalProperties' || !NEAR_SECRETS.test(error.instancePath))
    return true
  const key = String((error.params as Record<string, unknown>).additionalProperty)
  return didYouMean(key, keyPaths(root).keys()) !== undefined
}

const unknownKey = (error: ErrorObject, root: Schema): Sentences => {
  const parent = (error.parentSchema ?? {}) as Schema
  const known = Object.keys(parent.properties ?? {})
  const key = String((error.params as Record<string, unknown>).additionalProperty)
  const above = readablePath(error.instancePath)
  const meant = didYouMean(key, known)
  const elsewhere = keyPaths(root).get(key)
  const isShown = isKeyShown(error, root)
  const free = known.filter((name) => !(name in (error.data as object)))
  return {
    code: 'FERRY1014',
    detail: `${above} has no key ${isShown ? quote(key) : 'of this name'}; Ferry ignores none, since a misspelt key would leave a default in force.`,
    fix:
      meant !== undefined
        ? `Did you mean ${meant}?`
        : elsewhere !== undefined
          ? `Move it to ${oneOf(elsewhere)}.`
          : `Remove it${free.length === 0 ? '' : `, or write one of: ${free.join(', ')}`}.`,
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
}

/** What a value is, in words. */
const typeOf = (value: unknown): string => {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'number':
      if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : 'infinite'
      return Number.isInteger(value) ? 'a whole number' : 'a number with a fraction'
    default:
      return 'a mapping'
  }
}

const wrongType = (
  error: ErrorObject,
  path: string,
  document: ConfigDocument,
  isSecret: boolean,
): Sentences => {
  const field = (error.parentSchema ?? {}) as Schema
  const wanted = [(error.params as { type: string | string[] }).type].flat()
  const words =
    field.title === 'duration'
      ? 'a duration'
      : oneOf(wanted.map((type) => TYPE_WORDS[type] ?? type))
  const source = document.sourceOf(error.instancePath)
  const isScalar = error.data !== null && typeof error.data !== 'object'
  const fix = (): string => {
    if (error.data === null) {
      const remove = /\/\d+$/.test(error.instancePath) ? 'the entry' : 'the key if it is optional'
      return `Write a value${example(field)}, or remove ${remove}.`
    }
    if (field.title === 'duration' && isScalar) {
      return `Write it with its unit: ${oneOf((field.examples ?? []).map(String))}.`
    }
    if (wanted.includes('string') && isScalar && !isSecret && source !== undefined) {
      return `Put it in quotes: ${quote(source)}.`
    }
    if (wanted.includes('string') && isScalar) return 'Put it in quotes.'
    if (wanted.includes('array') && typeof error.data === 'string') {
      return 'Write a list: `- ` before each entry, or [entry, entry].'
    }
    if (wanted.includes('object')) {
      const keys = Object.keys(field.properties ?? {})
      return keys.length === 0 ? 'Write `key: value`.' : `Write a mapping with ${allOf(keys)}.`
    }
    return `Write ${words}${example(field)}.`
  }
  return {
    code: 'FERRY1016',
    detail: `${path} is ${typeOf(error.data)}; it must be ${words}.`,
    fix: fix(),
  }
}
