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
