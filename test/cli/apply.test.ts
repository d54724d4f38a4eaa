import { deepStrictEqual, match } from 'node:assert'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { diagnostic } from '../../src/domain/diagnostic.ts'
import { schemaProblems } from '../schema-problems.ts'
import { type FakeServices, fakeServices } from './fake-services.ts'
import { streamsForTesting, type TestStreamsOptions } from './streams-for-testing.ts'

const ferry = async (
  argv: readonly string[],
  services: FakeServices,
  options: TestStreamsOptions = {},
) => {
  const streams = streamsForTesting({ cwd: join(services.project.file, '..'), ...options })
  const code = await run(argv, streams, services)
  return { code, out: streams.out(), err: streams.err(), asked: streams.asked }
}

/** Without the step that cannot be undone. */
const undoable = () => fakeServices({ plan: { to: 'consumers-moved', steps: SIX } })
const SIX = (await import('../views/a-plan.ts')).aPlan().steps.slice(0, 6)
const gate = diagnostic({ code: 'FERRY1501', detail: 'orders-api has members.', fix: 'Stop it.' })

describe('ferry apply NAME', () => {
  it('asks, and takes only yes', async () => {
    const services = undoable()
    const yes = await ferry(['apply', 'orders'], services, { tty: true, answers: ['yes'] })
    deepStrictEqual([yes.code, services.applied.length], [0, 1])
    match(yes.out, /Applied.*: 6 steps done\. orders is at stage consumers-moved\.\n$/)
    for (const answers of [['y'], [''], []]) {
      const no = await ferry(['apply', 'orders'], services, { tty: true, answers })
      deepStrictEqual([no.code, services.applied.length], [1, 1])
      match(no.err, /FERRY1107/)
    }
  })

  it('does not ask without a terminal or with --input=false, and refuses', async () => {
    for (const [argv, tty] of [
      [['apply', 'orders'], false],
      [['apply', 'orders', '--input=false'], true],
    ] as const) {
      const services = undoable()
      const { code, asked } = await ferry(argv, services, { tty })
      deepStrictEqual([code, asked, services.applied.length], [64, [], 0])
    }
  })

  it('is not hidden by a folder of that name', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'ferry-apply-'))
    mkdirSync(join(cwd, 'orders'))
    const services = undoable()
    const { code } = await ferry(['apply', 'orders', '--auto-approve'], services, { cwd })
    deepStrictEqual([code, services.applied.length], [0, 1])
  })

  it('wants the name typed for a step that cannot be undone, also with --auto-approve', async () => {
    const services = fakeServices({})
    const yes = await ferry(['apply', 'orders', '--auto-approve'], services, {
      tty: true,
      answers: ['yes'],
    })
    deepStrictEqual([yes.code, services.applied.length], [1, 0])
    await ferry(['apply', 'orders'], services, { tty: true, answers: ['orders'] })
    deepStrictEqual(
      services.applied.map((each) => each.confirmed),
      [true],
    )
  })

  it('leaves an unconfirmed one-way step to the applier where nobody can be asked', async () => {
    const services = fakeServices({})
    await ferry(['apply', 'orders', '--auto-approve'], services)
    await ferry(['apply', 'orders', '--auto-approve', '--confirm', 'orders'], services)
    deepStrictEqual(
      services.applied.map((each) => each.confirmed),
      [false, true],
    )
  })

  it('hands over --wait, --until as a shorter plan, and the gate timeout of the file', async () => {
    const services = fakeServices({ plan: { steps: SIX } })
    await ferry(['apply', 'orders', '--auto-approve', '--wait', '0s'], services)
    await ferry(['apply', 'orders', '--auto-approve', '--until', 'mirrored'], services)
    deepStrictEqual(
      services.applied.map((each) => [each.gateTimeoutMs, each.plan.to, each.holder.operation]),
      [
        [0, 'producers-moved', 'apply orders to producers-moved'],
        [900_000, 'mirrored', 'apply orders to mirrored'],
      ],
    )
  })

  for (const [name, result, expected] of [
    ['a gate', { status: 'waiting', problems: [gate] }, 7],
    [
      'a failed step',
      {
        status: 'failed',
        begun: true,
        problems: [gate],
        steps: [{ id: 'a', outcome: 'failed', earlier: false }],
      },
      8,
    ],
    [
      'a refusal before the first step',
      {
        status: 'failed',
        begun: false,
        problems: [diagnostic({ code: 'FERRY1406', detail: '', fix: '' })],
        steps: [{ id: 'a', outcome: 'notStarted', earlier: false }],
      },
      6,
    ],
    [
      'a step that is refused before it begins, behind what an earlier run has done',
      {
        status: 'failed',
        begun: true,
        problems: [diagnostic({ code: 'FERRY1410', detail: '', fix: '' })],
        steps: [
          { id: 'a', outcome: 'done', earlier: true },
          { id: 'b', outcome: 'notStarted', earlier: false },
        ],
      },
      5,
    ],
    [
      'a plan that already ran',
      {
        status: 'failed',
        begun: true,
        problems: [diagnostic({ code: 'FERRY1408', detail: '', fix: '' })],
        steps: [{ id: 'a', outcome: 'done', earlier: true }],
      },
      5,
    ],
    ['an interrupt', { status: 'interrupted' }, 130],
  ] as const) {
    it(`ends with ${expected} for ${name}`, async () => {
      const services = fakeServices({ result, plan: { steps: SIX } })
      deepStrictEqual((await ferry(['apply', 'orders', '--auto-approve'], services)).code, expected)
    })
  }

  it('does nothing for a plan with errors, and ends as plan does', async () => {
    const wrong = diagnostic({ code: 'FERRY1304', detail: '', fix: '' })
    const services = fakeServices({ plan: { problems: [wrong] } })
    const { code } = await ferry(['apply', 'orders', '--auto-approve'], services)
    deepStrictEqual([code, services.applied.length], [4, 0])
  })

  it('has nothing to ask for where nothing changes', async () => {
    const services = fakeServices({ plan: { steps: [], from: 'mirrored', to: 'mirrored' } })
    const { code, out } = await ferry(['apply', 'orders'], services)
    deepStrictEqual(
      [code, out],
      [0, 'No changes. orders is at stage mirrored, as the plan file asks.\n'],
    )
  })

  it('comes to a stage that no step leads to as to any other: it shows that, asks, and has the applier write it down', async () => {
    const plan = { steps: [], from: 'mirrored', to: 'consumers-moved' } as const
    const services = fakeServices({ plan })
    const asking = { tty: true, answers: ['yes'] }
    const { code, out, asked } = await ferry(['apply', 'orders'], services, asking)
    deepStrictEqual([code, services.applied.length, asked.length], [0, 1, 1])
    match(
      out,
      /^No steps\. orders is at stage mirrored; apply takes it to consumers-moved, which needs none\.\n\norders comes to stage consumers-moved: nothing is left to do for it\.\n\n.*Applied.*: no steps\. orders is at stage consumers-moved\.\n$/,
    )
    deepStrictEqual((await ferry(['apply', 'orders'], services)).code, 64)
    deepStrictEqual(services.applied.length, 1)
  })

  it('has the applier ask under the lock, for a plan without steps, what is asked before each step of others', async () => {
    const lost = diagnostic({ code: 'FERRY1410', detail: 'they are gone', fix: '' })
    let asked = 0
    const checkInvariants = async () => (++asked > 1 ? [lost] : [])
    const plan = { steps: [], from: 'mirrored', to: 'consumers-moved' } as const
    const services = fakeServices({ plan, parts: { checkInvariants } })
    await ferry(['apply', 'orders', '--auto-approve'], services)
    deepStrictEqual(await services.applied[0]?.recheck(), [lost])
  })

  it('does not say that nothing is to be done where the source has lost what is left to copy', async () => {
    const lost = diagnostic({ code: 'FERRY1410', detail: 'they are gone', fix: '' })
    const plan = { steps: [], from: 'mirrored', to: 'mirrored' } as const
    const services = fakeServices({ plan, parts: { checkInvariants: async () => [lost] } })
    const { code, err } = await ferry(['apply', 'orders'], services)
    deepStrictEqual([code, services.applied.length], [5, 0])
    match(err, /FERRY1410/)
  })

  it('sees whether a saved plan without steps is still the one that would be made', async () => {
    const stale = diagnostic({ code: 'FERRY1401', detail: 'the ACLs changed', fix: '' })
    const plan = { steps: [], from: 'mirrored', to: 'mirrored' } as const
    const services = fakeServices({ plan, parts: { checkAgain: () => [stale] } })
    await ferry(['plan', 'orders', '-o', 'idle.plan'], services)
    // Two readings could be of two states.
    let readings = 0
    const counting: FakeServices = {
      ...services,
      openStore: async (...given) => {
        const store = await services.openStore(...given)
        const readDecisions = async () => {
          readings++
          return undefined
        }
        return { ...store, readDecisions }
      },
    }
    const { code, err } = await ferry(['apply', 'idle.plan'], counting)
    deepStrictEqual([code, services.applied.length, readings], [5, 0, 1])
    match(err, /FERRY1401/)
    deepStrictEqual((await ferry(['apply', 'idle.plan'], services)).code, 5)
    // One that was just made is.
    deepStrictEqual((await ferry(['apply', 'orders'], services)).code, 0)
  })
})

describe('ferry apply --json', () => {
  type Event = Readonly<Record<string, unknown>>

  /** Runs it, checks every line against the published schema, and answers the events. */
  const events = async (services: FakeServices, argv: readonly string[] = ['orders']) => {
    const { code, out } = await ferry(['apply', ...argv, '--auto-approve', '--json'], services)
    const found = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event)
    for (const event of found) deepStrictEqual(await schemaProblems('events', event), [])
    return { code, found }
  }

  it('is a line for each thing that happens, the last with the exit code', async () => {
    const services = undoable()
    const gates = [{ title: 'orders-api is empty', because: '2 members' }]
    const applyPlan: FakeServices['applyPlan'] = async (options) => {
      const [step] = options.plan.steps
      const { on } = options
      on.warned(diagnostic({ code: 'FERRY1322', severity: 'warning', detail: 'd', fix: '' }))
      on.warned('the lock was taken over')
      on.started(step!, 0, 6)
      on.live({ kind: 'waiting', gates })
      on.live({ kind: 'waiting', gates })
      on.live({ kind: 'waiting', gates: [{ ...gates[0]!, because: '1 member' }] })
      const topic = {
        topic: 'orders.events',
        records: 5,
        bytes: null,
        left: 3,
        recordsPerSecond: null,
        bytesPerSecond: 1.5,
        secondsLeft: 0,
      }
      on.live({ kind: 'copying', topics: [topic], waitsFor: null })
      // At once again: nothing new that soon.
      on.live('verifies')
      on.finished(step!, { id: step!.id, outcome: 'waiting', earlier: false, problem: gate })
      return services.applyPlan(options)
    }
    const waiting = { ...services, applyPlan }
    services.result = { status: 'waiting', problems: [gate] }
    const { code, found } = await events(waiting)
    deepStrictEqual(
      found.map((each) => each.event),
      [
        'started',
        'warning',
        'warning',
        'step-started',
        'waiting',
        'waiting',
        'progress',
        'step-done',
        'plan-finished',
        'finished',
      ],
    )
    deepStrictEqual([code, found.at(-1)?.exit, found.at(-2)?.status], [7, 7, 'waiting'])
    deepStrictEqual(found[4]?.gates, gates)
  })

  it('tells what a plan without steps writes down before it runs', async () => {
    const { code, found } = await events(fakeServices({ plan: { steps: [], from: 'mirrored' } }))
    deepStrictEqual(
      [code, found.map((each) => each.event), found[0]?.says],
      [
        0,
        ['warning', 'started', 'plan-finished', 'finished'],
        'orders comes to stage producers-moved: nothing is left to do for it.',
      ],
    )
  })

  it('ends with its last event also where nothing is to do, or all is refused', async () => {
    for (const [services, argv, expected] of [
      [fakeServices({ plan: { steps: [], from: 'mirrored', to: 'mirrored' } }), ['orders'], 0],
      [fakeServices({ plan: { problems: [{ ...gate, code: 'FERRY1301' }] } }), ['orders'], 4],
      [undoable(), ['ordres'], 64],
      [undoable(), ['no-such.plan'], 1],
      [
        fakeServices({
          connect: async () => {
            throw new Error('a bug')
          },
        }),
        ['orders'],
        1,
      ],
    ] as const) {
      const { code, found } = await events(services, argv)
      deepStrictEqual(
        [code, found.map((each) => [each.event, each.exit])],
        [expected, [['finished', expected]]],
      )
    }
  })
})

describe('ferry apply FILE', () => {
  const planned = async (): Promise<{ services: FakeServices; file: string }> => {
    const services = undoable()
    await ferry(['plan', 'orders', '-o', 'orders.plan'], services)
    return { services, file: join(services.project.file, '..', 'orders.plan') }
  }

  it('runs just that plan, without asking', async () => {
    const { services, file } = await planned()
    deepStrictEqual((await ferry(['apply', 'orders.plan'], services)).code, 0)
    deepStrictEqual(services.applied[0]?.plan, JSON.parse(readFileSync(file, 'utf8')))
  })

  it('refuses it when a file that it was made from has changed', async () => {
    const { services } = await planned()
    appendFileSync(join(services.project.file, '..', 'orders.yaml'), '\n# changed\n')
    const { code, err } = await ferry(['apply', 'orders.plan'], services)
    deepStrictEqual([code, services.applied.length], [5, 0])
    match(err, /FERRY1401 Plan is stale\n.*orders\.yaml/)
  })

  it('does not mind when another migration changed', async () => {
    const { services } = await planned()
    appendFileSync(join(services.project.file, '..', 'billing.yaml'), '\n# changed\n')
    deepStrictEqual((await ferry(['apply', 'orders.plan'], services)).code, 0)
  })

  for (const [name, damage, code, expected] of [
    ['empty', () => '', 1, /FERRY1109.*\n.*it is empty/],
    ['cut off', (text: string) => text.slice(0, 200), 1, /FERRY1109/],
    [
      'of another format',
      (text: string) => text.replace('"formatVersion": "1.0"', '"formatVersion": "2.0"'),
      5,
      /FERRY1110/,
    ],
    [
      'with a key more',
      (text: string) => text.replace('{', '{ "extra": 1,'),
      1,
      /FERRY1109[\s\S]*additional properties/,
    ],
    [
      'with a step of another kind',
      (text: string) => text.replaceAll('"create-topic"', '"drop-topic"'),
      1,
      /FERRY1109/,
    ],
    ['something else', () => '[]', 1, /FERRY1109/],
  ] as const) {
    it(`refuses a file that is ${name}`, async () => {
      const { services, file } = await planned()
      writeFileSync(file, damage(readFileSync(file, 'utf8')))
      const result = await ferry(['apply', 'orders.plan'], services)
      deepStrictEqual([result.code, services.applied.length], [code, 0])
      match(result.err, expected)
    })
  }

  it('says that a file does not exist', async () => {
    const { code, err } = await ferry(['apply', 'nix.plan'], undoable())
    deepStrictEqual(code, 1)
    match(err, /FERRY1001/)
  })
})
