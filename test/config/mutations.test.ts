// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
import { describe, expect, test } from 'vitest'
import { ENV, EXAMPLE, type Files, load } from './_example.ts'

/** Small seeded generator (mulberry32): a failure names the seed and happens again. */
const randomFrom = (seed: number) => {
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

const mutate = (text: string, pick: (below: number) => number): string => {
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

const CANARY = 'c4n4ry-of-the-mine'
const clusterWithLogin = `${EXAMPLE['clusters/new-idc.yaml']}  tls: { key: "\${env:TLS_KEY}", cert: "\${env:TLS_KEY}" }
  sasl: { mechanism: plain, username: ferry, password: "\${env:SASL_PASSWORD}" }
`
const withCanary = { ...EXAMPLE, 'clusters/new-idc.yaml': clusterWithLogin }
const CANARY_ENV = {
  ...Object.fromEntries(
    Object.keys(ENV).map((name) => [name, /PASSWORD/.test(name) ? CANARY : ENV[name]]),
  ),
  SASL_PASSWORD: CANARY,
  TLS_KEY: `-----BEGIN ${CANARY}`,
  X: CANARY,
}

describe('random mutations of the example', () => {
  test('never throw, and always give a project or problems with a place in the file', async () => {
    let refused = 0
    for (let seed = 1; seed <= 1500; seed++) {
      const pick = randomFrom(seed)
      const names = Object.keys(withCanary) as (keyof typeof withCanary)[]
      const name = names[pick(names.length)]!
      let text: string = withCanary[name]!
      for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
      const files: Files = { ...withCanary, [name]: text }
      const result = await load(files, CANARY_ENV)
      const errors = result.diagnostics.filter((one) => one.severity === 'error')
      expect(result.project === undefined, `seed ${seed}`).toBe(errors.length > 0)
      refused += errors.length > 0 ? 1 : 0
      expect(JSON.stringify(result.diagnostics), `seed ${seed}`).not.toContain(CANARY)
      expect(JSON.stringify(result.project ?? {}), `seed ${seed}`).not.toContain(`"${CANARY}"`)
      for (const { at } of result.diagnostics) {
        const content = files[at?.file.slice('/p/'.length) ?? '']
        // A file that is named but not there has only its beginning.
        const line = typeof content === 'string' ? content.split('\n')[at!.line - 1] : ''
        expect(line, `seed ${seed} ${JSON.stringify(at)}`).toBeDefined()
        expect(at!.column, `seed ${seed} ${JSON.stringify(at)}`).toBeLessThanOrEqual(
          line!.length + 1,
        )
      }
    }
    // Else the mutations would show nothing.
    expect(refused).toBeGreaterThan(500)
  })
})

describe('a password in the file itself', () => {
  const user = (line: string) =>
    EXAMPLE['plans/orders.yaml']!.replace('      password: "${env:ORDERS_API_PASSWORD}"', line)

  test.each([
    ['clear', `      password: ${CANARY}`],
    ['as an alias', `      password: *${CANARY}`],
    ['as a tag', `      password: !${CANARY} x`],
    ['as an anchor', `      password: &${CANARY} [`],
    ['as a key', `      ${CANARY}: x`],
    ['as a key, twice', `      ${CANARY}: x\n      ${CANARY}: x`],
    ['without a space', `      password:${CANARY}`],
    ['as a list', `      password: [${CANARY}, ${CANARY}]`],
    ['as a mapping', `      password: { ${CANARY}: ${CANARY} }`],
    ['in the wrong key', `      mechanism2: x\n      passwordVersion: ${CANARY}`],
    ['with a broken reference', `      password: "\${${CANARY}"`],
    ['with a broken escape', `      password: "\\q${CANARY}"`],
    ['with a reserved character', `      password: @${CANARY}`],
  ])('%s is never shown', async (_, line) => {
    const result = await load({ 'plans/orders.yaml': user(line) })
    expect(result.diagnostics.length).toBeGreaterThan(0)
    expect(JSON.stringify(result.diagnostics)).not.toContain(CANARY)
  })
})
