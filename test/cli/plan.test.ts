import { deepStrictEqual, match } from 'node:assert'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import { type FakeServices, fakeServices } from './fake-services.ts'
import { streamsForTesting, type TestStreamsOptions } from './streams-for-testing.ts'

const ferry = async (
  argv: readonly string[],
  services: FakeServices = fakeServices({}),
  options: TestStreamsOptions = {},
) => {
  const streams = streamsForTesting({ cwd: join(services.project.file, '..'), ...options })
  const code = await run(argv, streams, services)
  return { code, out: streams.out(), err: streams.err() }
}

const blocked = diagnostic({ code: 'FERRY1304', detail: '12 and 6.', fix: 'Make them equal.' })

describe('ferry plan', () => {
  it('prints the plan on stdout, closes both clusters and exits with 0', async () => {
    const services = fakeServices({})
    const { code, out, err } = await ferry(['plan', 'orders'], services)
    deepStrictEqual(
      { code, err, closed: services.closed.sort() },
      { code: 0, err: '', closed: ['new-idc', 'old-cloud'] },
    )
    match(out, /^orders: nothing -> producers-moved/)
  })

  it('plans all migrations by name if none is named', async () => {
    const { out } = await ferry(['plan'])
    deepStrictEqual(out.match(/^\w+(?=: nothing)/gm), ['billing', 'orders'])
  })

  it('exits with 2 for changes if asked to, and with 0 for none', async () => {
    deepStrictEqual((await ferry(['plan', 'orders', '--detailed-exitcode'])).code, 2)
    for (const [from, expected] of [
      ['mirrored', 0],
      // No step leads there, and yet it is not there.
      ['prepared', 2],
    ] as const) {
      const none = fakeServices({ plan: { steps: [], from, to: 'mirrored' } })
      deepStrictEqual((await ferry(['plan', 'orders', '--detailed-exitcode'], none)).code, expected)
    }
  })

  it('shows a blocked plan, tells why on stderr, and exits with 4 whatever was asked', async () => {
    const services = fakeServices({ plan: { problems: [blocked] } })
    const { code, out, err } = await ferry(['plan', 'orders', '--detailed-exitcode'], services)
    match(out, /^orders: nothing/)
    deepStrictEqual(
      { code, err },
      {
        code: 4,
        err: 'error FERRY1304 Partition counts differ\n  12 and 6.\n  fix: Make them equal.\n',
      },
    )
  })

  it('tells both broken connections at once; the first decides the exit code', async () => {
    const services = fakeServices({
      connect: async (name) => {
        throw new FerryError(
          diagnostic({ code: 'FERRY1202', detail: `${name} is away.`, fix: 'Wait.' }),
        )
      },
    })
    const { code, err } = await ferry(['plan', 'orders'], services)
    deepStrictEqual(
      { code, away: err.match(/[\w-]+ is away/g) },
      { code: 1, away: ['new-idc is away', 'old-cloud is away'] },
    )
  })

  it('gives its problems as JSON too when it was asked for JSON', async () => {
    const { code, out } = await ferry(['plan', 'nix', '--json'])
    deepStrictEqual(
      { code, problem: JSON.parse(out).problems[0].code },
      { code: 64, problem: 'FERRY1104' },
    )
  })

  it('says internal error without a stack for a bug, and with one when debugging', async () => {
    const services = fakeServices({
      connect: async () => {
        throw new TypeError('x is not a function')
      },
    })
    const { code, err } = await ferry(['plan', 'orders'], services)
    deepStrictEqual({ code, stack: err.includes('    at ') }, { code: 1, stack: false })
    match(err, /^error FERRY1901 Internal error\n {2}TypeError: x is not a function\n/)
    const debugged = await ferry(['plan', 'orders', '--log-level', 'debug'], services)
    match(debugged.err, / {4}at /)
  })

  it('is coloured on a terminal only, and never with NO_COLOR or --no-color', async () => {
    const coloured = async (argv: readonly string[], options: TestStreamsOptions) =>
      (await ferry(argv, fakeServices({}), options)).out.includes('\u001b[')
    deepStrictEqual(await coloured(['plan'], { tty: true }), true)
    deepStrictEqual(await coloured(['plan'], { tty: false }), false)
    deepStrictEqual(await coloured(['plan'], { tty: true, env: { NO_COLOR: '1' } }), false)
    deepStrictEqual(await coloured(['plan', '--no-color'], { tty: true }), false)
  })

  it('ends with 130 at Ctrl-C', async () => {
    const services = fakeServices({ connect: () => new Promise(() => {}) })
    const streams = streamsForTesting()
    const running = run(['plan', 'orders'], streams, services)
    setTimeout(() => streams.interrupt(), 20)
    deepStrictEqual(
      { code: await running, err: streams.err() },
      { code: 130, err: 'Interrupted.\n' },
    )
  })
})

describe('plan files', () => {
  it('are written with mode 0600, shown again as they were, and are what --json prints', async () => {
    const services = fakeServices({})
    const folder = join(services.project.file, '..')
    const planned = await ferry(['plan', 'orders', '-o', 'orders.plan', '--quiet'], services)
    const file = join(folder, 'orders.plan')
    deepStrictEqual(statSync(file).mode & 0o777, 0o600)
    const shown = await ferry(['show', 'orders.plan'], services)
    deepStrictEqual(shown, planned)
    const json = await ferry(['plan', 'orders', '--json'], services)
    deepStrictEqual(json.out, readFileSync(file, 'utf8'))
  })

  it('cannot be written where there is no folder', async () => {
    const { code, err } = await ferry(['plan', 'orders', '-o', 'no/such/orders.plan'])
    deepStrictEqual(code, 1)
    match(err, /FERRY1111 Cannot write file/)
  })
})
