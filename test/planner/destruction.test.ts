import { describe, expect, it } from 'vitest'
import type { Place } from '../../src/domain/diagnostic.ts'
import type { ClusterId } from '../../src/domain/ids.ts'
import { type Migration, type RemovedSpec, removedKey } from '../../src/domain/migration.ts'
import type { Plan } from '../../src/domain/plan.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type { StillThere } from '../../src/planner/observed.ts'
import { withState } from '../../src/planner/with-state.ts'
import { ACCESS, group, migration, observed, plan, stateWith, topic, topicSpec } from './_build.ts'
import { STATE as MOVED, seenOnTarget } from './_moved.ts'

const STATE = stateWith(MOVED)
const onTarget = observed({ target: seenOnTarget() })
const at: Place = { file: 'plans/orders.yaml', line: 40, column: 7, pointer: '/spec/removed/0' }
const removed = (object: RemovedSpec['object'], on: RemovedSpec['on'] = 'target'): RemovedSpec => ({
  object,
  on,
  reason: 'because',
  at,
})

const TOPIC = removed({ kind: 'topic', topic: topic('old') })
const USER = removed({ kind: 'user', user: 'old' })
const QUOTA = removed({ kind: 'quota', user: 'old' })
const GROUP = removed({ kind: 'group', group: group('old') })
const ACL = removed({ kind: 'acl', acl: { ...ACCESS.atOnce[0]!, principal: 'User:old' } })
const SOURCE_TOPIC = removed({ kind: 'topic', topic: topic('orders') }, 'source')
const SOURCE_ACL = removed(ACL.object, 'source')
const ALL = [TOPIC, USER, QUOTA, GROUP, ACL]

const there: StillThere = { says: '2 partitions', topicId: 'id', fixed: '' }
const planWith = (
  specs: readonly RemovedSpec[],
  parts: Partial<Parameters<typeof plan>[0]> = {},
  desired: Partial<Migration> = {},
): Plan =>
  plan({
    desired: migration({ stage: 'prepared', removed: specs, ...desired }),
    observed: { ...observed(), removed: new Map(specs.map((spec) => [removedKey(spec), there])) },
    ...parts,
  })
const removals = (made: Plan) =>
  made.steps.flatMap((step) =>
    step.kind === 'remove-object' ? [`${step.stage} ${step.id} ${step.undo.cost}`] : [],
  )
const errors = (made: Plan) =>
  made.problems.filter(({ severity }) => severity === 'error').map(({ code }) => code)

describe('what is listed as removed', () => {
  it('is deleted on the target at once, topics last, each with what undoing costs', () => {
    expect(removals(planWith(ALL))).toEqual([
      'prepared remove/target/user/old impossible',
      'prepared remove/target/quota/old restores',
      'prepared remove/target/group/old restores',
      'prepared remove/target/acl/TOPIC|LITERAL|orders|User:old|*|READ|ALLOW restores',
      'prepared remove/target/topic/old impossible',
    ])
  })

  it('is deleted on the source in stage retired only, after everything else', () => {
    const specs = [SOURCE_TOPIC, SOURCE_ACL]
    expect(removals(planWith(specs, {}, { stage: 'producers-moved' }))).toEqual([])
    const made = planWith(specs, {}, { stage: 'retired' })
    expect(made.steps.slice(-3).map(({ id }) => id)).toEqual([
      'retire/orders',
      'remove/source/acl/TOPIC|LITERAL|orders|User:old|*|READ|ALLOW',
      'remove/source/topic/orders',
    ])
  })

  it('is no step once it is gone', () => {
    expect(removals(planWith(ALL, { observed: observed() }))).toEqual([])
  })

  it('is taken out of what Ferry made where it is gone and recorded so still: nothing of that is deleted or counted', () => {
    const { acl } = ACL.object as Extract<RemovedSpec['object'], { kind: 'acl' }>
    const made: MigrationState = {
      ...emptyState('orders', 'l'),
      stage: 'prepared',
      createdTopics: [topic('old')],
      users: [{ name: 'old', mechanism: 'scram-sha-512', passwordVersion: 1, made: true }],
      grants: [acl],
      quotasBefore: [{ user: 'old', producerByteRate: null, consumerByteRate: null }],
    }
    const gone = (state: MigrationState, parts: Partial<Parameters<typeof plan>[0]> = {}) =>
      planWith(ALL, { observed: { ...observed(), removed: new Map() }, state, ...parts })
    const planned = gone(made)
    expect(removals(planned)).toEqual([
      'prepared remove/target/user/old free',
      'prepared remove/target/acl/TOPIC|LITERAL|orders|User:old|*|READ|ALLOW free',
      'prepared remove/target/topic/old free',
    ])
    expect(planned.steps.filter((step) => step.kind === 'remove-object')).toMatchObject(
      Array.from({ length: 3 }, () => ({ isGone: true, topicId: null })),
    )
    expect(errors(planned)).toEqual([])
    const held = { ...made, protected: [{ kind: 'user' as const, name: 'old' }] }
    expect(errors(gone(held))).toEqual([])
    // It may come still; and what a retired service lives on is nobody's to take back.
    const asked = { topic: topic('old'), partitions: 1, replicationFactor: -1, configs: new Map() }
    expect(removals(gone({ ...made, creating: [asked] })).length).toBe(2)
    expect(removals(gone({ ...made, stage: 'retired' }))).toEqual([])
  })

  it('is refused for a topic that is mirrored still, with its place', () => {
    const spec = removed({ kind: 'topic', topic: topic('orders') })
    const made = planWith([spec], { state: STATE, maxDestroyFlag: 9 }, { topics: [] })
    expect(made.problems.filter(({ code }) => code === 'FERRY1336')).toMatchObject([{ at }])
    const over = { ...STATE, stage: 'retired' as const }
    const retired = planWith(
      [spec],
      { state: over, maxDestroyFlag: 9 },
      { topics: [], stage: 'retired' },
    )
    expect(errors(retired)).toEqual([])
  })
})

describe('what another migration of the project has', () => {
  const other = (parts: Partial<MigrationState>) => ({
    ...stateWith({
      ...MOVED,
      clusters: { source: observed().source.id, target: observed().target.id },
      ...parts,
    }),
    migration: 'other',
  })
  const codes = (spec: RemovedSpec, others: readonly MigrationState[]) =>
    errors(planWith([spec], { others, maxDestroyFlag: 9 }))
  const isOld = { marks: MOVED.marks.map((mark) => ({ ...mark, topic: topic('old') })) }
  const elsewhere = { source: 'a' as ClusterId, target: 'b' as ClusterId }

  it('mirrored is not removed, on either cluster, with its place', () => {
    const made = planWith([TOPIC], { others: [other(isOld)], maxDestroyFlag: 9 })
    expect(made.problems).toMatchObject([
      { code: 'FERRY1336', at, detail: expect.stringContaining('the migration other') },
    ])
    expect(codes(TOPIC, [other({ ...isOld, stage: 'retired' })])).toEqual([])
    expect(codes(TOPIC, [other({ ...isOld, clusters: elsewhere })])).toEqual([])
    expect(codes(TOPIC, [other({})])).toEqual([])
  })

  it.each([
    ['topic', TOPIC],
    ['user', USER],
    ['group', GROUP],
  ] as const)('protected is not removed: a %s', (kind, spec) => {
    const kept = { protected: [{ kind, name: 'old' }] }
    expect(codes(spec, [other(kept)])).toEqual(['FERRY1334'])
    expect(codes(spec, [other({ ...kept, clusters: elsewhere })])).toEqual([])
  })
})

describe('how much a plan may destroy', () => {
  it('is nothing, if nobody says more', () => {
    const made = planWith(ALL)
    expect(errors(made)).toEqual(['FERRY1335'])
    expect(made.problems[0]).toMatchObject({ at })
  })

  it.each([
    ['the policy', { maxDestroy: 5 }, []],
    ['a policy that is too small', { maxDestroy: 4 }, ['FERRY1335']],
    ['the command line', { maxDestroyFlag: 5 }, []],
    ['the command line, which wins', { maxDestroy: 5, maxDestroyFlag: 0 }, ['FERRY1335']],
  ])('is what %s says', (_, parts, expected) => {
    expect(errors(planWith(ALL, parts))).toEqual(expected)
  })

  it('does not count what Ferry made', () => {
    const state = stateWith({
      createdTopics: [topic('old')],
      users: [{ name: 'old', mechanism: 'scram-sha-512', passwordVersion: 1, made: true }],
      quotasBefore: [{ user: 'old', producerByteRate: null, consumerByteRate: null }],
      grants: ACL.object.kind === 'acl' ? [ACL.object.acl] : [],
    })
    expect(errors(planWith([TOPIC, USER, QUOTA, ACL], { state }))).toEqual([])
    // But a service that lives on it.
    const over = { ...state, stage: 'retired' as const }
    expect(errors(planWith([TOPIC], { state: over }, { stage: 'retired' }))).toEqual(['FERRY1335'])
    const found = stateWith({
      users: [{ name: 'old', mechanism: 'scram-sha-512', passwordVersion: 1, made: false }],
      quotasBefore: [{ user: 'old', producerByteRate: 1, consumerByteRate: null }],
    })
    expect(errors(planWith([USER, QUOTA], { state: found, maxDestroy: 1 }))).toEqual(['FERRY1335'])
  })

  it('does not count a rollback', () => {
    const made = plan({
      state: STATE,
      observed: onTarget,
      purpose: { kind: 'rollback', to: 'nothing' },
    })
    expect(made.steps.some(({ kind }) => kind === 'delete-topic')).toBe(true)
    expect(errors(made)).toEqual([])
  })

  it('is written into the plan where the command line said it', () => {
    expect(planWith([], { maxDestroyFlag: 3 }).maxDestroy).toBe(3)
    expect(Object.hasOwn(planWith([], { maxDestroy: 3 }), 'maxDestroy')).toBe(false)
  })
})

describe('preventDelete', () => {
  const kept = stateWith({ ...MOVED, protected: [{ kind: 'topic', name: 'orders' }] })

  it('is a step until it is in the state, and one more to lift it', () => {
    const stepsOf = (preventDelete: boolean | undefined, state = emptyState('orders', 'l')) =>
      plan({
        desired: migration({ stage: 'prepared', topics: [topicSpec('orders', { preventDelete })] }),
        state,
      }).steps.flatMap((step) => (step.kind === 'protect' ? [step.preventDelete] : []))
    const kept = stateWith({ protected: [{ kind: 'topic', name: 'orders' }] })
    expect(stepsOf(true)).toEqual([true])
    expect(stepsOf(undefined)).toEqual([])
    expect(stepsOf(false)).toEqual([])
    expect(stepsOf(true, kept)).toEqual([])
    expect(stepsOf(undefined, kept)).toEqual([])
    expect(stepsOf(false, kept)).toEqual([false])
  })

  it.each([
    ['rollback', { kind: 'rollback', to: 'nothing' } as const],
    ['resync', { kind: 'resync', topics: [topic('orders')] } as const],
  ])('keeps a topic from a %s, also after its line was taken out', (_, purpose) => {
    const state =
      purpose.kind === 'resync'
        ? { ...kept, stage: 'mirrored' as const, syncs: [], seals: [] }
        : kept
    const codes = (parts: Partial<Parameters<typeof plan>[0]>) =>
      errors(plan({ purpose, observed: onTarget, ...parts }))
    expect(codes({ state: { ...state, protected: [] } })).not.toContain('FERRY1334')
    expect(codes({ state })).toContain('FERRY1334')
    // Not applied yet, so it does not hold yet.
    const lifted = migration({ topics: [topicSpec('orders', { preventDelete: false })] })
    expect(codes({ state, desired: lifted })).toContain('FERRY1334')
  })

  it('keeps a topic whose entry was taken out altogether from a rollback and a removal', () => {
    const without = migration({ topics: [topicSpec('another')] })
    // As make-plan.ts does: a rollback takes back what was done, not what the file says today.
    const whole = withState(without, stateWith(MOVED))
    const back = { purpose: { kind: 'rollback', to: 'nothing' } as const, observed: onTarget }
    expect(errors(plan({ ...back, state: kept, desired: whole }))).toContain('FERRY1334')
    expect(errors(plan({ ...back, state: STATE, desired: whole }))).not.toContain('FERRY1334')
    const spec = removed({ kind: 'topic', topic: topic('orders') })
    const over = { ...kept, stage: 'retired' as const }
    const desired = { topics: without.topics, stage: 'retired' as const }
    expect(errors(planWith([spec], { state: over, maxDestroyFlag: 9 }, desired))).toContain(
      'FERRY1334',
    )
  })

  it('of a group keeps its positions from being removed on either cluster, and lets a rollback put it back', () => {
    const state = stateWith({ ...MOVED, protected: [{ kind: 'group', name: 'api' }] })
    const back = plan({
      state,
      observed: onTarget,
      purpose: { kind: 'rollback', to: 'nothing' },
    })
    expect(back.steps.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['return-group/api', 'restore-group/api']),
    )
    expect(errors(back)).not.toContain('FERRY1334')
    for (const on of ['target', 'source'] as const) {
      const spec = removed({ kind: 'group', group: group('api') }, on)
      const stage = on === 'source' ? 'retired' : 'prepared'
      const made = planWith(
        [spec],
        { state: { ...state, stage }, maxDestroyFlag: 1 },
        { stage, groups: [] },
      )
      expect(errors(made)).toContain('FERRY1334')
    }
  })

  it('does not stand in the way of a rollback that deletes nothing of it', () => {
    const made = plan({
      state: kept,
      observed: onTarget,
      purpose: { kind: 'rollback', to: 'mirrored' },
    })
    expect(errors(made)).not.toContain('FERRY1334')
  })

  it.each([
    ['topic', TOPIC],
    ['user', USER],
    ['group', GROUP],
  ] as const)('keeps a %s from being removed', (kind, spec) => {
    const state = stateWith({ protected: [{ kind, name: 'old' }] })
    expect(errors(planWith([spec], { state, maxDestroy: 1 }))).toEqual(['FERRY1334'])
    expect(errors(planWith([spec], { maxDestroy: 1 }))).toEqual([])
  })
})
