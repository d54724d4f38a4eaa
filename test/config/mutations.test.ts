// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references look like template strings.
import { describe, expect, test } from 'vitest'
import { mutate, randomFrom } from '../_mutate.ts'
import { ENV, EXAMPLE, type Files, load } from './_example.ts'

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
    const perFile = new Map<string, number>()
    for (let seed = 1; seed <= 2000; seed++) {
      const pick = randomFrom(seed)
      const names = Object.keys(withCanary) as (keyof typeof withCanary)[]
      const name = names[pick(names.length)]!
      let text: string = withCanary[name]!
      for (let i = 0; i <= pick(3); i++) text = mutate(text, pick)
      const files: Files = { ...withCanary, [name]: text }
      perFile.set(name, (perFile.get(name) ?? 0) + 1)
      const began = process.cpuUsage()
      const result = await load(files, CANARY_ENV)
      // Microseconds of CPU: the clock measures the neighbours.
      const { user, system } = process.cpuUsage(began)
      expect(user + system, `seed ${seed}`).toBeLessThan(5e6)
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
    expect(refused).toBeGreaterThan(700)
    expect([...perFile.keys()].sort()).toEqual(Object.keys(withCanary).sort())
    expect(Math.min(...perFile.values())).toBeGreaterThan(400)
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
