import { describe, expect, it } from 'vitest'
import type { ClusterId } from '../../src/domain/ids.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Step } from '../../src/domain/step.ts'
import type { ObservedSide } from '../../src/planner/observed.ts'
import { checkAgain } from '../../src/planner/preflight.ts'
import { ACCESS, migration, NOW, observed, plan, stateWith, topic, topicSeen } from './_build.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Of a source that keeps for a day, and whose oldest record is older: `hours` after {@link NOW}. */
const planned = (
  hours: number,
  { age = 2 * DAY - HOUR, target = undefined as string | undefined, retention = String(DAY) } = {},
): Plan => {
  const logs = [[0n, 5n, { headTimestamp: NOW.getTime() - age }]] as const
  const seen = (overrides: Readonly<Record<string, string>>) =>
    new Map([[topic('orders'), topicSeen('orders', logs, overrides)]])
  const there = {
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'max.message.bytes': '1048588',
    'message.timestamp.after.max.ms': '9223372036854775807',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.type': 'CreateTime',
    'retention.bytes': '-1',
  }
  const empty = topicSeen('orders', [[0n, 0n]], { ...there, 'retention.ms': target ?? '' })
  return plan({
    desired: migration({ stage: 'mirrored', groups: [], access: [] }),
    observed: observed({
      source: { topics: seen({ 'retention.ms': retention }), groups: new Map() },
      target: { topics: new Map(target === undefined ? [] : [[topic('orders'), empty]]) },
    }),
    now: new Date(NOW.getTime() + hours * HOUR),
  })
}

const retentions = ({ steps }: Plan): readonly unknown[] =>
  steps.flatMap((step) =>
    step.kind === 'create-topic'
      ? [step.configs['retention.ms']]
      : step.kind === 'configure-topic'
        ? [step.set['retention.ms']]
        : [],
  )
const stale = (saved: Plan, fresh: Plan) =>
  checkAgain(saved, fresh, migration()).map(
    ({ code, detail }) =>
      `${code} ${detail.replace(/^.*(?:changed|in the plan of [^ ]+): /, '').replace(/ Records or positions have moved on.*$/, '')}`,
  )
const with1 = (saved: Plan, change: (step: Step) => Step): Plan => ({
  ...saved,
  steps: saved.steps.map(change),
})

describe('a saved plan that keeps the copy for a day longer than the oldest record is old', () => {
  it('is not refused because a day has ended, and is once less is left than it needs', () => {
    const saved = planned(0)
    expect([retentions(saved), retentions(planned(2))]).toEqual([
      [String(3 * DAY)],
      [String(4 * DAY)],
    ])
    expect(stale(saved, planned(2))).toEqual([])
    expect(stale(saved, planned(26))).toEqual(['FERRY1401 the step create-topic/orders.'])
  })

  it('is not refused because the oldest record is gone, nor one that could not be told', () => {
    expect(stale(planned(0), planned(0, { age: HOUR }))).toEqual([])
    expect(stale(planned(0, { age: HOUR }), planned(0))).toEqual([])
    expect(stale(planned(0, { age: HOUR }), planned(0, { age: 5 * DAY }))).toEqual([
      'FERRY1401 the step create-topic/orders.',
    ])
  })

  it('is refused where somebody has edited it', () => {
    const saved = planned(0)
    const edited = (configs: Readonly<Record<string, string>>) =>
      with1(saved, (step) =>
        step.kind === 'create-topic' ? { ...step, configs: { ...step.configs, ...configs } } : step,
      )
    for (const configs of [{ 'cleanup.policy': 'compact' }, { 'retention.ms': String(DAY) }]) {
      expect(stale(edited(configs), saved)).toEqual(['FERRY1401 the step create-topic/orders.'])
      expect(checkAgain(edited(configs), saved, migration())[0]).toMatchObject({
        // It may also be that records or positions moved on, or that another version planned.
        detail: expect.stringMatching(
          /^Ferry plans something else now .*moved on since, another version .*, or somebody has edited it\.$/,
        ),
        fix: 'Make a new plan and have it reviewed.',
      })
    }
  })

  it('leaves a topic that is there as it is while enough is left', () => {
    const target = String(3 * DAY)
    const saved = planned(0, { target })
    expect([0, 12, 13].map((hours) => retentions(planned(hours, { target })))).toEqual([
      [],
      [],
      // Half a day and an hour after the oldest record was two days old.
      [],
    ])
    expect(retentions(planned(14, { target }))).toEqual([String(4 * DAY)])
    expect(stale(saved, planned(14, { target }))).toEqual([])
    // And the other way round: what would be longer than it needs to be by now is no other plan.
    expect(stale(planned(14, { target }), saved)).toEqual([])
    expect(stale(saved, planned(26, { target }))).toEqual([
      'FERRY1401 the step configure-topic/protective/orders.',
    ])
    const forEver = planned(0, { target, retention: '-1' })
    expect(retentions(forEver)).toEqual(['-1'])
  })
})

describe('a saved plan of the same steps', () => {
  const made = (
    target: Partial<ObservedSide> = {},
    { serial = 7, inputs = {} as Readonly<Record<string, string>> } = {},
  ): Plan => ({
    ...plan({
      desired: migration({ stage: 'prepared', topics: [], groups: [], access: [] }),
      observed: observed({ target: { acls: [], ...target } }),
      state: { ...stateWith({ stage: 'prepared' }), serial },
    }),
    inputs,
  })
  const everybody = { ...ACCESS.atOnce[0]!, resourceName: '*', principal: 'User:mallory' }

  it.each([
    ['what was decided since', made({}, { serial: 8 }), 'decisions in the state'],
    ['another cluster', made({ id: 'another' as ClusterId }), 'cluster ids'],
    [
      'an ACL that lets somebody else in',
      made({ acls: [everybody] }),
      'ACL TOPIC|LITERAL|*|User:mallory|*|READ|ALLOW on the target',
    ],
    ['a file', made({}, { inputs: { 'ferry.yaml': 'b' } }), 'the file ferry.yaml'],
  ])('is refused for %s, which no step shows', (_, fresh, named) => {
    const saved = made()
    expect(fresh.steps).toEqual(saved.steps)
    expect(stale(saved, made())).toEqual([])
    expect(stale(saved, fresh)).toEqual([`FERRY1401 ${named}.`])
  })
})
