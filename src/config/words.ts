/** How pieces of a file read in a sentence. */

const LONGEST_QUOTE = 60

/** A value as it is shown: text in double quotes, cut where it is long. Never pass a secret, or what a reference gave. */
export const quote = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  if (typeof value === 'number' || typeof value === 'boolean') return text
  return JSON.stringify(
    text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE - 3)}...` : text,
  )
}

/** `/spec/topics/0/name` as `spec.topics[0].name`; the root is `the file`. */
export const readablePath = (pointer: string): string => {
  if (pointer === '') return 'the file'
  const parts = pointer.slice(1).split('/').map(unescapePointer)
  return parts
    .map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('')
}

/** `a, b or c` */
export const oneOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

/** `a, b and c` */
export const allOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

/** One step of a JSON pointer, escaped (RFC 6901). */
export const escapePointer = (key: string): string =>
  key.replaceAll('~', '~0').replaceAll('/', '~1')

/** The inverse of {@link escapePointer}. */
export const unescapePointer = (step: string): string =>
  step.replaceAll('~1', '/').replaceAll('~0', '~')
