// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
/** Small seeded generator (mulberry32): a failure names the seed and happens again. */
export const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const TOKENS = [
  ':',
  ': ',
  '- ',
  '\n',
  '\t',
  ' ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!x ',
  '|',
  '>',
  '%',
  '@',
  '<<: ',
]
const WORDS = [
  'null',
  '0',
  '-1',
  '1.5',
  'true',
  '~',
  '[]',
  '{}',
  '"${env:X}"',
  '---\n',
  '\u0000',
  '\u2028',
  '__proto__: 1',
]

/** One change that a hand, an editor or a disk could make. */
export const mutate = (text: string, pick: (below: number) => number): string => {
  const at = pick(text.length + 1)
  const lines = text.split('\n')
  const line = pick(lines.length)
  switch (pick(7)) {
    case 0:
      return text.slice(0, at) + TOKENS[pick(TOKENS.length)] + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + pick(4))
    case 2:
      return text.slice(0, at) + WORDS[pick(WORDS.length)] + text.slice(at)
    case 3:
      return lines.toSpliced(line, 1).join('\n')
    case 4:
      return lines.toSpliced(line, 0, lines[pick(lines.length)]!).join('\n')
    case 5:
      return lines.toSpliced(line, 1, `${' '.repeat(pick(4))}${lines[line]}`).join('\n')
    default:
      return lines
        .toSpliced(line, 1, lines[line]!.replace(/: .*/, `: ${WORDS[pick(WORDS.length)]}`))
        .join('\n')
  }
}

const VALUES: readonly unknown[] = [
  null,
  '',
  '0',
  '-1',
  '9007199254740993',
  '18446744073709551616',
  'orders.events',
  'orders',
  '__proto__',
  'done',
  'mirrored',
  0,
  -1,
  1,
  1e15,
  true,
  false,
  [],
  {},
]

/** The same of a value that is JSON: one of its parts is gone, there twice, in another place, or another value. */
export const mutateValue = (value: unknown, pick: (below: number) => number): unknown => {
  const isDeep = typeof value === 'object' && value !== null
  const keys = isDeep ? Object.keys(value) : []
  const at = keys[pick(Math.max(1, keys.length))]
  if (!isDeep || at === undefined) return VALUES[pick(VALUES.length)]
  const inner = (value as Readonly<Record<string, unknown>>)[at]
  // Mostly further in: nearly all of a file is there.
  if (typeof inner === 'object' && inner !== null && pick(8) > 0) {
    return replaced(value, at, mutateValue(inner, pick))
  }
  const index = Number(at)
  switch (pick(5)) {
    case 0:
      if (Array.isArray(value)) return value.toSpliced(index, 1)
      return Object.fromEntries(Object.entries(value).filter(([key]) => key !== at))
    case 1:
      if (Array.isArray(value)) return value.toSpliced(index, 0, value[pick(value.length)])
      return replaced(
        value,
        at,
        (value as Readonly<Record<string, unknown>>)[keys[pick(keys.length)]!],
      )
    case 2:
      if (typeof inner === 'number') return replaced(value, at, inner + 1)
      if (typeof inner === 'boolean') return replaced(value, at, !inner)
      if (typeof inner === 'string' && /^-?\d+$/.test(inner)) {
        return replaced(value, at, String(BigInt(inner) + (pick(2) === 0 ? 1n : -1n)))
      }
      return replaced(value, at, typeof inner === 'string' ? `${inner}x` : inner)
    default:
      return replaced(value, at, VALUES[pick(VALUES.length)])
  }
}

const replaced = (value: object, at: string, by: unknown): unknown =>
  Array.isArray(value)
    ? value.with(Number(at), by)
    : Object.fromEntries(Object.entries(value).map(([key, each]) => [key, key === at ? by : each]))
