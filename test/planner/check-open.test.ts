import { describe, expect, it } from 'vitest'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { type Migration, type QuotaSpec, removedKey } from '../../src/domain/migration.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { StepKindName } from '../../src/domain/step.ts'
import { checkOpen } from '../../src/planner/check-open.ts'
import type { Observed, ObservedSide } from '../../src/planner/observed.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  side,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'

const at = undefined as never
const quota = (producerByteRate: number): QuotaSpec => ({
  user: 'api',
  producerByteRate,
  consumerByteRate: undefined,
  at,
})
const DESIRED = migration({
  users: [{ name: 'api', mechanism: 'scram-sha-512', passwordVersion: 1, password: at, at }],
  quotas: [quota(5)],
})
const HAD: ReadonlySet<'scram-sha-256'> = new Set(['scram-sha-256'])
const OTHERS: AclBinding = { ...ACCESS.atOnce[0]!, principal: 'User:other', operation: 'DESCRIBE' }
const BEFORE = observed({
  target: {
    acls: [OTHERS],
    users: new Map([['api', HAD]]),
    quotas: new Map([['api', { producerByteRate: 1, consumerByteRate: 2 }]]),
  },
})

interface Now {
  readonly source?: Partial<ObservedSide>
  readonly target?: Partial<ObservedSide>
  readonly state?: Partial<MigrationState>
  readonly inputs?: Readonly<Record<string, string>>
  readonly desired?: Migration
  /** What would be planned now, where it is not the same. */
  readonly fresh?: Partial<Plan>
  /** What the journal says of the steps that are done. */
  readonly told?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What a plan that has begun and done the steps of these kinds is told about what is. */
const checked = (
  saved: Plan,
  before: Observed,
  now: Now,
  done: readonly StepKindName[],
  begun: readonly StepKindName[] = done,
): readonly string[] => {
  const idsOf = (kinds: readonly StepKindName[]) =>
    new Set(saved.steps.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id))
  const found = checkOpen(
    saved,
    {
      desired: now.desired ?? DESIRED,
      observed: {
        ...before,
        source: { ...before.source, ...now.source },
        target: { ...before.target, ...now.target },
      },
      state: stateWith({ serial: 9, ...now.state }),
      fresh: { ...saved, inputs: now.inputs ?? {}, problems: [], ...now.fresh },
    },
    {
      done: idsOf(done),
      begun: idsOf([...begun, ...done]),
      facts: new Map(Object.entries(now.told ?? {})),
    },
  )
  return found.flatMap(({ code, detail }) =>
    `${code} ${detail.replace(/^.*changed: |\.$/g, '')}`.split('; '),
  )
}

const stale = (...names: readonly string[]) => {
  const [first, ...rest] = names
  return [`FERRY1401 ${first}`, ...rest]
}
const acl = (binding: AclBinding) => `ACL ${aclKey(binding)} on the target`
const MARK = { topic: topic('orders'), partition: 0, targetTopicId: 'id-before' } as Mark
const MALLORY: AclBinding = {
  ...ACCESS.atOnce[0]!,
  principal: 'User:mallory',
  operation: 'WRITE',
}

describe('an open plan forwards', () => {
  const SAVED = plan({ desired: DESIRED, observed: BEFORE })
  const PREPARED: readonly StepKindName[] = ['create-topic', 'set-user', 'set-quota']
  const made = SAVED.steps.find((step) => step.kind === 'create-topic')!
  const logs = [
    [0n, 0n],
    [0n, 0n],
  ] as const
  const topicWith = (configs: Readonly<Record<string, string>>, partitions = logs.slice()) =>
    new Map([[topic('orders'), topicSeen('orders', partitions, { ...made.configs, ...configs })]])
  /** As the steps of {@link PREPARED} leave it. */
  const prepared = (target: Partial<ObservedSide> = {}): Now => ({
    target: {
      topics: topicWith({}),
      users: new Map([['api', new Set(['scram-sha-256', 'scram-sha-512'] as const)]]),
      quotas: new Map([['api', { producerByteRate: 5, consumerByteRate: 2 }]]),
      ...target,
    },
  })
  const check = (now: Now, done = PREPARED, begun = done) =>
    checked(SAVED, BEFORE, now, done, begun)

  it('is not stale by what its own steps have done, nor by what flows', () => {
    expect(check({}, [])).toEqual([])
    expect(check(prepared())).toEqual([])
    const flowing = topicSeen(
      'orders',
      [
        [700n, 9000n],
        [5n, 5n],
      ],
      { 'retention.ms': '86400000' },
    )
    const source = {
      topics: new Map([[topic('orders'), flowing]]),
      groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 900n }, { state: 'empty' })]]),
    }
    expect(check({ ...prepared(), source })).toEqual([])
  })

  it('waits for groups to be stopped: one without positions is gone then', () => {
    expect(check({ ...prepared(), source: { groups: new Map() } })).toEqual([])
  })

  it.each<[string, Now, readonly string[]]>([
    ['an ACL of somebody else', prepared({ acls: [OTHERS, MALLORY] }), [acl(MALLORY)]],
    ['an ACL that is gone', prepared({ acls: [] }), [acl(OTHERS)]],
    [
      'a config that a step has set',
      prepared({ topics: topicWith({ 'retention.bytes': '9' }) }),
      ['configs of topic orders on the target'],
    ],
    [
      'another config of that topic',
      prepared({ topics: topicWith({ 'segment.ms': '9' }) }),
      ['configs of topic orders on the target'],
    ],
    [
      'partitions of that topic',
      prepared({ topics: topicWith({}, [...logs, [0n, 0n]]) }),
      ['partitions of topic orders on the target'],
    ],
    ['that topic', prepared({ topics: new Map() }), ['topic orders on the target']],
    [
      'configs and partitions of the source',
      {
        ...prepared(),
        source: { topics: new Map([[topic('orders'), topicSeen('orders', [[0n, 1n]])]]) },
      },
      ['configs of topic orders on the source', 'partitions of topic orders on the source'],
    ],
    [
      'a group that nobody has reviewed',
      {
        ...prepared(),
        source: {
          coverage: {
            groups: [{ id: group('late'), topics: [topic('orders')], members: 0 }],
            internalTopics: [],
            transactionalIds: null,
            acls: null,
            notVisible: [],
          },
        },
      },
      ['group late on the source'],
    ],
    [
      'a credential that a step has set',
      prepared({ users: new Map([['api', HAD]]) }),
      ['user api on the target'],
    ],
    [
      'the other credential of that user',
      prepared({ users: new Map([['api', new Set(['scram-sha-512'] as const)]]) }),
      ['user api on the target'],
    ],
    [
      'a quota',
      prepared({ quotas: new Map([['api', { producerByteRate: 6, consumerByteRate: 2 }]]) }),
      ['quota of api on the target'],
    ],
    ['a file', { ...prepared(), inputs: { 'ferry.yaml': 'd' } }, ['the file ferry.yaml']],
    [
      'the cluster',
      prepared({ ...side('new'), id: 'another' as never, ...prepared().target, acls: [OTHERS] }),
      ['cluster ids'],
    ],
  ])('is stale by %s', (_, now, names) => {
    expect(check(now)).toEqual(stale(...names))
  })

  it.each([
    ['as the journal has it', { told: { 'create-topic/orders': { topicId: 'id-before' } } }],
    ['as its mark has it', { state: { marks: [MARK] } }],
  ])(
    'is stale by a topic that was deleted and made again since it was made: its id, %s',
    (_, now) => {
      expect(check({ ...prepared(), ...now })).toEqual(stale('topic orders on the target'))
      // Half made, the step looks whose it is.
      expect(check({ ...prepared(), ...now }, ['set-user', 'set-quota'], PREPARED)).toEqual([])
      const same = { 'create-topic/orders': { topicId: 'id-orders' } }
      const marks = [{ ...MARK, targetTopicId: 'id-orders' }]
      expect(check({ ...prepared(), told: same, state: { marks } })).toEqual([])
    },
  )

  it('has left alone what it has not begun: that must be as it was', () => {
    expect(check(prepared(), [])).toEqual(
      stale('quota of api on the target', 'topic orders on the target', 'user api on the target'),
    )
    const granted = prepared({ acls: [OTHERS, ...ACCESS.atOnce] })
    expect(check(granted)).toEqual(stale(...ACCESS.atOnce.map(acl).sort()))
  })

  it('takes what a step has left half done as it is, and all that is done as the step has left it', () => {
    const [one] = ACCESS.atOnce
    const half = prepared({ acls: [OTHERS, one!], topics: topicWith({ 'segment.ms': '1' }) })
    expect(check(half, [], [...PREPARED, 'grant-access'])).toEqual([])
    expect(check({}, [], [...PREPARED, 'grant-access'])).toEqual([])
    const afterSync = [...ACCESS.atOnce, ...ACCESS.afterSync, ...ACCESS.afterSeal]
    const all = prepared({ acls: [OTHERS, ...afterSync] })
    const done = [...PREPARED, 'grant-access'] as const
    expect(check(all, done)).toEqual([])
    const taken = prepared({ acls: [OTHERS, ...afterSync.slice(1)] })
    expect(check(taken, done)).toEqual(stale(acl(afterSync[0]!)))
  })

  it('names a read that failed instead of taking it for an answer', () => {
    const problem = { code: 'FERRY1212', severity: 'error' } as never
    const now = { desired: DESIRED, observed: { ...BEFORE, problems: [problem] }, fresh: SAVED }
    const none = { begun: new Set<string>(), done: new Set<string>() }
    expect(checkOpen(SAVED, { ...now, state: stateWith({}) }, none)).toEqual([problem])
  })
})

describe('an open plan is refused for what a new one would be refused for', () => {
  const SAVED = plan({ desired: DESIRED, observed: BEFORE })
  /** With what a plan of now finds; no part of the fingerprint tells of it. */
  const against = (now: Partial<Record<'source' | 'target', Partial<ObservedSide>>>) => {
    const seen = {
      ...BEFORE,
      source: { ...BEFORE.source, ...now.source },
      target: { ...BEFORE.target, ...now.target },
    }
    const fresh = plan({ desired: DESIRED, observed: seen })
    return { fresh, found: checked(SAVED, BEFORE, { ...now, fresh }, [], ['set-user']) }
  }
  const afterwards =
    'This came after the plan had begun: its run stays open, and the same plan goes on once that is solved.'

  it('has none of it while all is as it was', () => {
    expect(SAVED.problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(against({}).found).toEqual([])
  })

  it.each<[string, Parameters<typeof against>[0], RegExp]>([
    [
      'a right of its own that was taken away',
      { target: { cluster: { ...BEFORE.target.cluster, authorized: new Set(['DESCRIBE']) } } },
      /^FERRY1307 .*lacks ALTER on the cluster/,
    ],
    [
      'a group that reads what no plan file names',
      {
        source: {
          groups: new Map([
            [group('api'), groupSeen('api', { 'orders:0': 5n, 'orders:1': 5n, 'other:0': 1n })],
          ]),
        },
      },
      /^FERRY1308 .*on other, which is in no plan file/,
    ],
    [
      'what nobody could write to',
      {
        target: {
          brokerConfigs: new Map([
            ...BEFORE.target.brokerConfigs,
            ['min.insync.replicas', { value: '4', isOverride: false }],
          ]),
        },
      },
      /^FERRY1317 .*min\.insync\.replicas 4 above its replication factor 3/,
    ],
  ])('%s', (_, now, says) => {
    const { found } = against(now)
    expect(found).toEqual([expect.stringMatching(says)])
  })

  it('and says that the same plan goes on', () => {
    const cluster = { ...BEFORE.target.cluster, authorized: new Set(['DESCRIBE'] as const) }
    const observed = { ...BEFORE, target: { ...BEFORE.target, cluster } }
    const fresh = plan({ desired: DESIRED, observed })
    const begun = new Set(['set-user/api/scram-sha-512'])
    const now = { desired: DESIRED, observed, state: stateWith({}), fresh }
    const [problem] = checkOpen(SAVED, now, { begun, done: new Set() })
    expect(problem?.fix).toContain(afterwards)
  })

  it('but not for a group that is gone once its consumers are stopped', () => {
    const { fresh, found } = against({
      source: { groups: new Map([[group('api'), groupSeen('api', {}, { state: 'absent' })]]) },
    })
    expect(fresh.problems.map(({ code }) => code)).toContain('FERRY1315')
    expect(found).toEqual([])
  })

  it('nor for what it has brought about itself: a copy made anew, a range accepted', () => {
    const of = (code: string) => ({ code, severity: 'error', detail: '', fix: '' }) as never
    const resync = { ...SAVED, purpose: { kind: 'resync', topics: [topic('orders')] } } as Plan
    const accept = { ...SAVED, purpose: { kind: 'accept-gap', gaps: ['orders:0:1-2'] } } as Plan
    const found = (saved: Plan, ...codes: readonly string[]) =>
      checked(saved, BEFORE, { fresh: { problems: codes.map(of) } }, [])
    expect(found(resync, 'FERRY1309', 'FERRY1333', 'FERRY1307')).toEqual(['FERRY1307 '])
    expect(found(accept, 'FERRY1351', 'FERRY1309')).toEqual(['FERRY1309 '])
    expect(found(SAVED, 'FERRY1351', 'FERRY1309')).toEqual(['FERRY1351 ', 'FERRY1309 '])
  })

  it('and where it would leave out records of which it says nothing', () => {
    const desired = { ...DESIRED, mirror: { ...DESIRED.mirror, startFrom: 'latest' as const } }
    const sync = { kind: 'sync-group', id: 'sync-group/api', stage: 'consumers-moved' } as never
    const skips = { ...(sync as object), skipped: { records: '3' } } as never
    const saved = { ...SAVED, steps: [sync] }
    const now = { desired, fresh: { steps: [skips] } }
    expect(checked(saved, BEFORE, now, [])).toEqual(
      stale('the step sync-group/api skips records that its group has not read'),
    )
    expect(checked(saved, BEFORE, { ...now, desired: DESIRED }, [])).toEqual([])
  })
})

describe('an open plan over a topic that was there', () => {
  const seen = (configs: Readonly<Record<string, string>>) => ({
    topics: new Map([
      [
        topic('orders'),
        topicSeen(
          'orders',
          [
            [0n, 0n],
            [0n, 0n],
          ],
          configs,
        ),
      ],
    ]),
  })
  const had = { 'retention.ms': '1000', 'segment.bytes': '7' }
  const before = observed({ target: seen(had) })
  const desired = migration({ groups: [], access: [] })
  const saved = plan({ desired, observed: before })
  const [protective, final] = saved.steps.filter((step) => step.kind === 'configure-topic')
  const madeOf = (...sets: readonly Readonly<Record<string, string | null>>[]) =>
    Object.fromEntries(
      Object.entries(Object.assign({}, had, ...sets)).filter(([, value]) => value !== null),
    ) as Record<string, string>
  const check = (configs: Readonly<Record<string, string>>, done: readonly StepKindName[]) =>
    checked(saved, before, { target: seen(configs), desired }, done)

  it('knows its configs before, between and after its two changes', () => {
    expect(protective?.set).toMatchObject({ 'cleanup.policy': 'delete' })
    expect(check(had, [])).toEqual([])
    const name = stale('configs of topic orders on the target')
    expect(check(madeOf(protective!.set), [])).toEqual(name)
    expect(check(madeOf(protective!.set, final!.set), ['configure-topic'])).toEqual([])
    const changed = madeOf(protective!.set, final!.set, { 'segment.bytes': '8' })
    expect(check(changed, ['configure-topic'])).toEqual(name)
    const only = { done: new Set([protective!.id]), begun: new Set([protective!.id]) }
    const now = (configs: Readonly<Record<string, string>>) => ({
      ...{ desired, state: stateWith({ serial: 4 }), fresh: saved },
      observed: observed({ target: seen(configs) }),
    })
    expect(checkOpen(saved, now(madeOf(protective!.set)), only)).toEqual([])
    const both = { ...only, begun: new Set([protective!.id, final!.id]) }
    for (const configs of [madeOf(protective!.set), madeOf(protective!.set, final!.set)]) {
      expect(checkOpen(saved, now(configs), both)).toEqual([])
    }
    expect(checkOpen(saved, now(had), only)).toHaveLength(1)
  })

  it('that a change was only written down again may leave an override where there was none', () => {
    const same = { 'cleanup.policy': 'delete' }
    const untold = { ...saved, steps: [{ ...protective!, set: same, was: same }] }
    for (const configs of [{ ...had, ...same }, had]) {
      const found = checked(
        { ...untold, ...(configs === had && { steps: [] }) },
        before,
        { target: seen(configs), desired },
        ['configure-topic'],
      )
      expect(found).toEqual([])
    }
  })

  it('may have got partitions', () => {
    const grows = { kind: 'add-partitions', id: 'grows', topic: 'orders', from: 2, to: 3 } as never
    const growing = { ...saved, steps: [grows] }
    const wide = {
      topics: new Map([
        [
          topic('orders'),
          topicSeen(
            'orders',
            [
              [0n, 0n],
              [0n, 0n],
              [0n, 0n],
            ],
            had,
          ),
        ],
      ]),
    }
    const grew = ['add-partitions'] as const
    const name = stale('partitions of topic orders on the target')
    expect(checked(growing, before, { target: wide, desired }, grew)).toEqual([])
    expect(checked(growing, before, { target: seen(had), desired }, [], grew)).toEqual([])
    expect(checked(growing, before, { target: seen(had), desired }, grew)).toEqual(name)
    expect(checked(growing, before, { target: wide, desired }, [])).toEqual(name)
  })
})

describe('an open plan that removes', () => {
  const removed: Migration['removed'] = [
    { on: 'target', object: { kind: 'acl', acl: OTHERS }, reason: 'has left', at },
    { on: 'target', object: { kind: 'quota', user: 'left' }, reason: 'has left', at },
    { on: 'source', object: { kind: 'topic', topic: topic('orders') }, reason: 'has moved', at },
    { on: 'source', object: { kind: 'group', group: group('api') }, reason: 'has moved', at },
  ]
  const desired: Migration = { ...DESIRED, removed }
  const there = { says: '', topicId: null, fixed: 'there' }
  const before = { ...BEFORE, removed: new Map(removed.map((spec) => [removedKey(spec), there])) }
  const saved = plan({ desired, observed: before })
  const check = (left: Observed['removed'], now: Now, done: readonly StepKindName[]) =>
    checked(saved, { ...before, ...(left && { removed: left }) }, { ...now, desired }, done)
  const gone: Now = { source: { topics: new Map(), groups: new Map() }, target: { acls: [] } }
  const done = ['remove-object'] as const

  it('is not stale by what is gone, and is by what is back, or was taken by others', () => {
    expect(check(before.removed, {}, [])).toEqual([])
    expect(check(new Map(), gone, done)).toEqual([])
    expect(check(before.removed, {}, done)).toEqual(
      stale(
        acl(OTHERS),
        ...[...before.removed.keys()].map((key) => `removed ${key}`),
        'topic orders on the source',
      ).sort(),
    )
    const [theirs, , , group] = [...before.removed.keys()]
    const rest = new Map([...before.removed].filter(([key]) => key !== theirs && key !== group))
    expect(check(rest, { target: { acls: [] } }, [])).toEqual(
      stale(acl(OTHERS), `removed ${theirs}`),
    )
  })
})

describe('an open rollback', () => {
  const state: Partial<MigrationState> = {
    stage: 'consumers-moved',
    createdTopics: [topic('orders')],
    grants: [...ACCESS.atOnce, ...ACCESS.afterSync],
    users: [{ name: 'api', mechanism: 'scram-sha-512', passwordVersion: 1, made: true }],
    quotasBefore: [{ user: 'api', producerByteRate: null }],
    syncs: [{ group: group('api'), status: 'done', at: AT, positions: new Map() }],
  }
  const before = observed({
    target: {
      topics: new Map([[topic('orders'), topicSeen('orders', [[0n, 0n]])]]),
      acls: [OTHERS, ...ACCESS.atOnce, ...ACCESS.afterSync],
      users: new Map([['api', new Set(['scram-sha-512'] as const)]]),
      quotas: new Map([['api', { producerByteRate: 5 } as never]]),
    },
    source: { groups: new Map() },
  })
  const saved = plan({
    desired: DESIRED,
    observed: before,
    state: stateWith(state),
    purpose: { kind: 'rollback', to: 'nothing' },
  })
  const ALL: readonly StepKindName[] = [
    ...(['revoke-access', 'return-group', 'restore-group', 'remove-user'] as const),
    ...(['restore-quota', 'delete-topic'] as const),
  ]
  const undone: Now = {
    source: { groups: new Map([[group('api'), groupSeen('api', {}, { state: 'empty' })]]) },
    target: { topics: new Map(), acls: [OTHERS], users: new Map(), quotas: new Map() },
  }

  it('is not stale by what it took back, whether or not the file still names it', () => {
    expect(new Set(saved.steps.map(({ kind }) => kind))).toEqual(new Set(ALL))
    expect(checked(saved, before, undone, ALL)).toEqual([])
    const shorter = migration({ topics: [], users: [], quotas: [], groups: [] })
    expect(checked(saved, before, { ...undone, desired: shorter }, ALL)).toEqual([])
    expect(checked(saved, before, { desired: shorter }, [])).toEqual([])
    expect(checked(saved, before, undone, [], ALL)).toEqual([])
  })

  it('is stale by a topic that somebody made where it has deleted one, unless it had left that', () => {
    const back = { ...undone, target: { ...undone.target, topics: before.target.topics } }
    expect(checked(saved, before, back, ALL)).toEqual(stale('topic orders on the target'))
    const left = { 'delete-topic/orders': { left: 'it is not the topic that Ferry asked for' } }
    expect(checked(saved, before, { ...back, told: left }, ALL)).toEqual([])
  })

  it('puts back what `removed` lists', () => {
    const objects = [
      { kind: 'group', group: group('left') },
      { kind: 'acl', acl: MALLORY },
    ] as const
    const steps = objects.map((object) => ({ kind: 'put-back', id: object.kind, object }) as never)
    const keys = objects.map((object) => removedKey({ on: 'target', object }))
    const there = { says: '', topicId: null, fixed: 'there' }
    const back = { ...before, removed: new Map(keys.map((key) => [key, there])) }
    const acls = [...ACCESS.atOnce, ...ACCESS.afterSync, OTHERS, MALLORY]
    const kinds = ['put-back'] as const
    expect(checked({ ...saved, steps }, back, { target: { acls } }, kinds)).toEqual([])
    expect(checked({ ...saved, steps }, back, { target: { acls } }, [])).toHaveLength(3)
  })

  it('is stale by what others do', () => {
    const acls = [OTHERS, MALLORY, ...ACCESS.afterSync]
    expect(checked(saved, before, { ...undone, target: { ...undone.target, acls } }, ALL)).toEqual(
      stale(...[MALLORY, ...ACCESS.afterSync].map(acl).sort()),
    )
    expect(checked(saved, before, { source: undone.source! }, [])).toEqual(
      stale('group api on the source'),
    )
  })
})
