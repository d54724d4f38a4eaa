import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Schema } from './schema.ts'
import { oneOf } from './words.ts'

export type Sentences = Pick<Diagnostic, 'code' | 'detail' | 'fix'>

/** What is said of text that does not fit its pattern: by what the schema's `title` says it should be. */
export const badPattern = (path: string, shown: string, field: Schema): Sentences => {
  const examples = (field.examples ?? []).map(String)
  switch (field.title) {
    case 'topic name':
      return {
        code: 'FERRY1035',
        detail: `${path} is ${shown}, which no broker takes as a topic name.`,
        fix: 'Use 1 to 249 of a-z A-Z 0-9 . _ and -; the name must be the one on the source.',
      }
    case 'name':
      return {
        code: 'FERRY1017',
        detail: `${path} is ${shown}; it must be a name of lower-case letters, digits, dots and dashes.`,
        fix: 'Use at most 63 of a-z 0-9 . and -, with a letter or digit first and last.',
      }
    case 'user name':
      return {
        code: 'FERRY1017',
        detail: `${path} is ${shown}; it must be a user name, without User: and without spaces around it.`,
        fix: `Write just the name${example(field)}.`,
      }
    case 'size':
      return {
        code: 'FERRY1017',
        detail: `${path} is ${shown}, which is no size.`,
        fix: 'Write a whole number of bytes, or one with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB: 50MiB.',
      }
    case 'duration':
      return {
        code: 'FERRY1017',
        detail: `${path} is ${shown}, which is no duration.`,
        fix: 'Write a whole number with ms, s, m, h, d or w: 30s, 15m, 7d.',
      }
    default:
      return {
        code: 'FERRY1017',
        detail: `${path} is ${shown}, which is no ${field.title ?? 'value that it takes'}.`,
        fix: `Write for example ${oneOf(examples)}.`,
      }
  }
}

/** ` (for example orders.events)`, or nothing. */
export const example = (field: Schema): string => {
  const [first] = field.examples ?? []
  return first === undefined
    ? ''
    : `, for example ${typeof first === 'string' ? first : JSON.stringify(first)}`
}

/** What a description says first; the rest is for the editor and the reference. */
export const firstSentence = (field: Schema): string =>
  /^.*?\.(?=\s|$)/.exec(field.description ?? '')?.[0] ?? ''
