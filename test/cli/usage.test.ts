import { deepStrictEqual, match } from 'node:assert'
import { describe, it } from 'vitest'
import { planningCommand } from '../../src/cli/ask.ts'
import { run } from '../../src/cli/run.ts'
import { fakeServices } from './fake-services.ts'
import { streamsForTesting } from './streams-for-testing.ts'

const ferry = async (argv: readonly string[]) => {
  const streams = streamsForTesting()
  const code = await run(argv, streams, fakeServices({}))
  return { code, out: streams.out(), err: streams.err() }
}

describe('what nobody can carry out is a usage error, and stdout stays empty', () => {
  for (const [argv, expected] of [
    [[], /^error FERRY1101 Wrong use\n {2}No verb was given\./],
    [
      ['pan'],
      /^error FERRY1102 Unknown verb\n {2}Ferry has no verb "pan"\.\n {2}fix: Did you mean plan\?/,
    ],
    [['help', 'plna'], /^error FERRY1102 Unknown verb\n.*"plna"\.\n {2}fix: Did you mean plan\?/],
    [
      ['--chdir', '/no/such', 'plan'],
      /FERRY1105.*\n {2}--chdir.*: there is no folder \/no\/such\./,
    ],
    [['--chdir', '/dev/null', 'plan'], /FERRY1105.*\n {2}--chdir.*: \/dev\/null is no folder\./],
    [['--foo'], /FERRY1103.*\n.*'--foo'\.\n {2}fix: `ferry --help` shows the flags of every verb/],
    [['plan', '--foo'], /FERRY1103.*\n.*\n {2}fix: `ferry plan --help` shows what it takes\./],
    [['plan', '--detailed-exit'], /fix: Did you mean --detailed-exitcode\? `ferry plan --help`/],
    [['plan', '--auto-approve'], /fix: It is a flag of: apply, rollback, resync\./],
    [['completion'], /FERRY1101.*\n.*\n {2}fix: `ferry completion --help`/],
    [
      ['explain', 'FERRY120'],
      /FERRY1108.*\n.*\n {2}fix: Did you mean FERRY1201\? The codes near it/,
    ],
    [['explain', '14'], /FERRY1108.*\n.*\n {2}fix: The codes near it are: FERRY1401, /],
    [['explain', 'FERRY1203x'], /FERRY1108.*\n.*\n {2}fix: Did you mean FERRY1203\?/],
    [['resync', 'nosuch', '--accept-gap', 'foo'], /FERRY1101.*\n {2}--accept-gap cannot be "foo"/],
    [['plan', 'orders', '-o', ''], /FERRY1105.*\n {2}--output is empty\./],
    [['resync', 'orders', '--accept-gap', ''], /FERRY1105.*\n {2}--accept-gap is empty\./],
    [['--chdir', '', 'plan'], /FERRY1105.*\n.*'--chdir <dir>'.*It is empty\./],
    [
      ['plan', 'plans/orders.yaml'],
      /FERRY1104.*\n.*\n {2}fix: Did you mean orders\? A verb takes the/,
    ],
    [['rollback'], /FERRY11/],
    [['rollback', 'orders', '--to', 'somewhere'], /FERRY1101/],
    [['completion'], /FERRY1101/],
    [
      ['plan', '--jsno'],
      /FERRY1103 Unknown flag\n {2}Unknown option '--jsno'\.\n {2}fix: Did you mean --json\?/,
    ],
    [['plan', '-o'], /FERRY1101/],
    [
      ['plan', '-o', 'x.plan'],
      /FERRY1101 Wrong use\n {2}-o takes the plan of one migration; none was named\./,
    ],
    [['plan', 'orders', 'billing', '-o', 'x.plan'], /2 were named/],
    [
      ['plan', 'ordres'],
      /FERRY1104 Unknown migration\n.*\n {2}fix: Did you mean orders\? The migrations are: billing, orders\./,
    ],
    [['verify', '--full', '--sample', '3'], /exclude each other/],
    [['verify', '--sample', '0'], /FERRY1105/],
    [['verify', 'orders', 'billing'], /FERRY1101/],
    [['verify', '--receipt'], /of one migration/],
    [['verify', 'orders', '--full', '--receipt'], /--receipt alone/],
    [['apply', '--wait', '15x'], /FERRY1105 Wrong value\n {2}--wait cannot be "15x"/],
    [['apply', '--until', 'moved'], /prepared, mirrored, consumers-moved/],
    [['apply', 'a.plan', 'orders'], /a plan file is applied alone/],
    [['apply', 'orders'], /FERRY1106 Approval needed/],
    [['--log-level', 'loud', 'plan'], /FERRY1105/],
    [['explain', 'orders'], /FERRY1108 Unknown code.*\n.*\n {2}fix: `ferry explain` lists all/],
    [
      ['explain', 'FERRY1299'],
      /FERRY1108.*\n.*\n {2}fix: (Did you.*)?The codes near it are: FERRY1201/,
    ],
    [['schema', 'migratoin'], /FERRY1112.*\n.*\n {2}fix: Did you mean migration\?/],
  ] as const) {
    it(`ferry ${argv.join(' ')}`, async () => {
      const { code, out, err } = await ferry(argv)
      match(err, expected)
      deepStrictEqual({ code, errors: err.split('error ').length - 1 }, { code: 64, errors: 1 })
      // apply shows the plan before it finds that it cannot ask.
      if (argv[0] !== 'apply') deepStrictEqual(out, '')
    })
  }
})

it('where nobody can be asked, the command that is named writes the plan that was shown', () => {
  const [topic, gap] = ['orders.events' as never, 'orders.events:0:1-2']
  const commands = [
    { kind: 'migrate' } as const,
    { kind: 'rollback', to: 'prepared' } as const,
    { kind: 'resync', topics: [topic] } as const,
    { kind: 'accept-gap', gaps: [gap] } as const,
  ].map((purpose) => planningCommand({ migration: 'orders', purpose }))
  deepStrictEqual(commands, [
    'ferry plan orders',
    'ferry rollback orders --to prepared',
    'ferry resync orders --topic orders.events',
    'ferry resync orders --accept-gap orders.events:0:1-2',
  ])
})

describe('global flags', () => {
  for (const argv of [
    ['--quiet', 'explain', '1401'],
    ['explain', '1401', '--quiet'],
    ['explain', 'ferry1401', '--no-color', '--input=false'],
  ]) {
    it(`ferry ${argv.join(' ')}`, async () => {
      const { code, out } = await ferry(argv)
      deepStrictEqual(
        { code, first: out.split('\n')[0] },
        { code: 0, first: 'FERRY1401 Plan is stale' },
      )
    })
  }
})
