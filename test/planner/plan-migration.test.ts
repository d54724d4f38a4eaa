import { describe, expect, it } from 'vitest'
import type { AclBinding } from '../../src/domain/access.ts'
import type { AccessSpec, Migration } from '../../src/domain/migration.ts'
import { kindOf } from '../../src/steps/index.ts'
import {
  ACCESS,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  replicated,
  stateWith,
  topic,
  topicSeen,
  topicSpec,
} from './_build.ts'

const ids = (parts: Parameters<typeof plan>[0] = {}) => plan(parts).steps.map((s) => s.id)
const codes = (parts: Parameters<typeof plan>[0] = {}) =>
  plan(parts).problems.map((p) => `${p.severity} ${p.code}`)

describe('the steps of a whole migration', () => {
  it('run in the order of the stages, both grants behind their fences', () => {
    expect(ids()).toEqual([
      'create-topic/orders',
      'grant-access/at-once/User:orders-api/consume-orders-as-api',
      'mark-topic/orders',
      'mirror-topic/orders',
      'verify-topic/orders',
      'sync-group/api',
      'grant-access/after-sync/User:orders-api/consume-orders-as-api',
      'seal-topic/orders',
      'configure-topic/final/orders',
      'grant-access/after-seal/User:orders-api/consume-orders-as-api',
      'retire/orders',
    ])
  })

  it.each([
    ['prepared', 2],
    ['mirrored', 5],
    ['consumers-moved', 7],
    ['producers-moved', 10],
  ] as const)('stop at the stage that the file asks for: %s', (stage, count) => {
    expect(ids({ desired: migration({ stage }) })).toEqual(ids().slice(0, count))
  })

  it('wait for durable log starts where something is to lie below a mark, or does, and say so', () => {
    const waits = (parts: Parameters<typeof plan>[0]) => {
      const step = plan(parts).steps.find(({ kind }) => kind === 'verify-topic')!
      const named = kindOf('verify-topic')
        .gates(step)
        .flatMap(({ title, unnamed }) => (unnamed ? [] : [title]))
      return [step.kind === 'verify-topic' && step.durableAfterMs, ...named]
    }
    const from = (logStart: bigint, configs: readonly (readonly [string, string])[] = []) => ({
      observed: observed({
        source: { topics: new Map([[topic('orders'), topicSeen('orders', [[logStart, 900n]])]]) },
        target: {
          brokerConfigs: new Map(
            configs.map(([name, value]) => [name, { value, isOverride: true }] as const),
          ),
        },
      }),
    })
    expect(waits(from(0n))).toEqual([0])
    expect(waits(from(500n))).toEqual([
      66_000,
      'the log starts of orders are durable on all its brokers, 66 s from the mark or later',
    ])
    const slow = ['log.flush.start.offset.checkpoint.interval.ms', '300000'] as const
    expect(waits(from(500n, [slow]))[0]).toBe(330_000)
  })

  it('remember what a topic of others has, not what the protection of most would have made of it', () => {
    const month = String(30 * 86_400_000)
    const target = {
      topics: new Map([
        [topic('orders'), topicSeen('orders', [[0n, 0n]], { 'retention.ms': month })],
      ]),
    }
    const steps = plan({ observed: observed({ target }) }).steps.flatMap((step) =>
      step.kind === 'configure-topic' ? [step] : [],
    )
    const [protective, final] = steps
    expect(steps.map(({ phase }) => phase)).toEqual(['protective', 'final'])
    // It keeps longer than it must: left alone until the seal.
    expect(protective!.set).not.toHaveProperty('retention.ms')
    expect(final!.was).toMatchObject({ 'retention.ms': month, 'cleanup.policy': 'delete' })
  })

  it('count a position that a transaction is about to change as it was before, and say so where a step waits for it', () => {
    const pending = groupSeen('api', { 'orders:0': 600n }, {}, ['orders:0'])
    const seen = { groups: new Map([[group('api'), pending]]) }
    const told = (stage: Migration['stage'], parts: Parameters<typeof observed>[0]) =>
      plan({ desired: migration({ stage }), observed: observed(parts) }).problems.flatMap(
        ({ code, severity, detail }) => (code === 'FERRY1355' ? [severity, detail] : []),
      )
    expect(told('mirrored', { source: seen })).toEqual([])
    expect(told('consumers-moved', { source: seen })).toEqual([
      'warning',
      'api has its position in orders:0 on old in a transaction that is open: this plan counts what was committed before it.',
    ])
    expect(told('consumers-moved', { target: seen })[1]).toContain('orders:0 on new in')
    const steps = plan({ observed: observed({ source: seen }) }).steps
    expect(steps.find(({ kind }) => kind === 'sync-group')).toMatchObject({ committed: 1 })
  })

  it('are the same for the same input, byte for byte', () => {
    expect(JSON.stringify(plan())).toBe(JSON.stringify(plan()))
  })

  it('grant only the ACLs that are missing', () => {
    const step = plan({ observed: observed({ target: { acls: [ACCESS.atOnce[0]!] } }) }).steps.find(
      (s) => s.kind === 'grant-access',
    )
    expect(step).toMatchObject({ acls: [ACCESS.atOnce[1]] })
  })

  it('draw the line of no return at the end, or at the WRITE grant where nothing can be mirrored back', () => {
    const line = (parts: Parameters<typeof plan>[0] = {}) =>
      plan(parts).steps.find((s) => s.undo.cost === 'impossible')?.id
    expect(line()).toBe('retire/orders')
    const old = observed({ source: { takesIdempotentWrites: false } })
    expect(line({ observed: old })).toBe(
      'grant-access/after-seal/User:orders-api/consume-orders-as-api',
    )
  })

  it('are described by their kinds', () => {
    for (const step of plan().steps) {
      const line = kindOf(step.kind).describe(step)
      expect(line.says.length, step.id).toBeGreaterThan(0)
      expect(line.says).not.toMatch(/undefined|NaN|null/)
    }
  })

  it('open a seal again for records that came late, while producers are not let in yet', () => {
    const seal = {
      topic: topic('orders'),
      partition: 0,
      sourceEnd: 1000n,
      targetEnd: 1000n,
      at: '',
    } as never
    const state = stateWith({ stage: 'consumers-moved', seals: [seal] })
    expect(ids({ state, desired: migration({ stage: 'producers-moved' }) })).toContain(
      'reopen-topic/orders',
    )
    const granted = stateWith({ stage: 'consumers-moved', seals: [seal], grants: ACCESS.afterSeal })
    expect(ids({ state: granted, desired: migration({ stage: 'producers-moved' }) })).not.toContain(
      'reopen-topic/orders',
    )
  })

  it.each([
    ['restamped', { 'message.timestamp.type': 'LogAppendTime' }],
    ['refused', { 'message.timestamp.before.max.ms': '60000' }],
    ['deleted', { 'cleanup.policy': 'compact', 'retention.ms': '1000' }],
  ])(
    'protect a copy whose final configs are set before its seal is opened again: late records must not be %s',
    (_, final) => {
      const seal = {
        topic: topic('orders'),
        partition: 0,
        sourceEnd: 900n,
        targetEnd: 900n,
        at: '',
      }
      const desired = migration({
        stage: 'producers-moved',
        topics: [topicSpec('orders', { configs: new Map(Object.entries(final)) })],
      })
      const at = (
        overrides: Readonly<Record<string, string>>,
        seals: readonly unknown[] = [seal],
      ) =>
        plan({
          desired,
          state: stateWith({ stage: 'consumers-moved', seals: seals as never }),
          observed: observed({
            target: {
              topics: new Map([
                [
                  topic('orders'),
                  topicSeen(
                    'orders',
                    [
                      [0n, 900n],
                      [0n, 0n],
                    ],
                    overrides,
                  ),
                ],
              ]),
            },
          }),
        }).steps
      const ids = [
        'configure-topic/protective/orders',
        'reopen-topic/orders',
        'seal-topic/orders',
        'configure-topic/final/orders',
      ]
      const steps = at(final)
      expect(
        steps.map(({ id }) => id).filter((id) => id.endsWith('/orders') && ids.includes(id)),
      ).toEqual(ids)
      const setBy = (id: string, of = steps) =>
        of.flatMap((step) =>
          step.id === id && step.kind === 'configure-topic' ? [step.set] : [],
        )[0]
      const protective = { ...setBy('configure-topic/protective/orders') }
      for (const key of Object.keys(final)) expect(protective[key]).not.toBe(final[key as never])
      expect(setBy('configure-topic/final/orders')).toMatchObject(final)

      // Protected, and not open yet: whoever was killed there goes on with the seal, and sets the final configs behind it just the same.
      const set = Object.entries({ ...final, ...protective }).filter(([, value]) => value !== null)
      const next = at(Object.fromEntries(set) as Record<string, string>)
      expect(next.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(ids.slice(1))
      expect(setBy('configure-topic/final/orders', next)).toMatchObject(final)
    },
  )
})

describe('guards', () => {
  it('pass a sound migration', () => {
    expect(codes()).toEqual([])
  })

  it('warn where the members of a group may read its topics only once producers move, too', () => {
    const [read] = ACCESS.atOnce
    const all = { ...read!, operation: 'ALL' as const }
    const late = { ...ACCESS, atOnce: [], afterSeal: [all] }
    const found = (
      access: readonly AccessSpec[],
      more: Partial<Migration> = {},
      target: readonly AclBinding[] = [],
    ) =>
      plan({
        desired: migration({ access, ...more }),
        observed: observed({ target: { acls: target } }),
      }).problems.filter(({ code }) => code === 'FERRY1353')
    expect(found([late])).toMatchObject([
      {
        severity: 'warning',
        detail: expect.stringMatching(/^User:orders-api may read orders on new only by ALL/),
        at: ACCESS.at,
      },
    ])
    expect(found([{ ...late, atOnce: [read!] }])).toEqual([])
    const everybody = { ...read!, principal: 'User:*' }
    const other = { ...read!, principal: 'User:other' }
    expect(found([late, { ...late, afterSync: [], atOnce: [everybody] }])).toEqual([])
    expect(found([late, { ...late, afterSync: [], atOnce: [other] }])).toHaveLength(1)
    // It is there already, or comes before the group.
    expect(found([late], {}, [all])).toEqual([])
    expect(found([late], { order: 'producers-first' })).toEqual([])
    // Producers only, or a topic that the group does not read.
    expect(found([{ ...late, afterSync: [] }])).toEqual([])
    expect(found([{ ...late, afterSeal: [{ ...all, resourceName: 'else' }] }])).toEqual([])
  })

  const seen = (name: string, partitions: Parameters<typeof topicSeen>[1], overrides = {}) =>
    new Map([[topic(name), topicSeen(name, partitions, overrides)]])
  const headless = (name: string) => {
    const whole = topicSeen(name, [
      [0n, 9n],
      [0n, 9n],
    ])
    const partitions = whole.description.partitions.map((p) => ({ ...p, leader: -1 }))
    return new Map([[topic(name), { ...whole, description: { ...whole.description, partitions } }]])
  }
  const cases: readonly (readonly [string, Parameters<typeof plan>[0], readonly string[]])[] = [
    [
      'unknown topic',
      { observed: observed({ source: { topics: new Map() } }) },
      ['error FERRY1303'],
    ],
    [
      'partitions differ from the file',
      { desired: migration({ topics: [topicSpec('orders', { partitions: 3 })] }) },
      ['error FERRY1304'],
    ],
    [
      'partitions differ on the target',
      { observed: observed({ target: { topics: seen('orders', [[0n, 0n]]) } }) },
      ['error FERRY1304'],
    ],
    [
      'target holds records of others',
      {
        observed: observed({
          target: {
            topics: seen('orders', [
              [0n, 5n],
              [0n, 0n],
            ]),
          },
        }),
      },
      ['error FERRY1305'],
    ],
    [
      'same cluster',
      { observed: observed({ target: { id: 'id-of-old' as never } }) },
      ['error FERRY1302'],
    ],
    [
      'other clusters than before',
      { state: stateWith({ clusters: { source: 'x' as never, target: 'id-of-new' as never } }) },
      ['error FERRY1319'],
    ],
    [
      'no authorizer',
      { observed: observed({ target: { acls: 'no-authorizer' } }) },
      ['error FERRY1311', 'warning FERRY1310'],
    ],
    [
      'somebody may write',
      {
        observed: observed({
          target: {
            acls: [
              {
                ...ACCESS.afterSeal[0]!,
                principal: 'User:other',
                resourceName: 'ord',
                patternType: 'PREFIXED',
              },
            ],
          },
        }),
      },
      ['warning FERRY1310'],
    ],
    [
      'group has positions elsewhere',
      {
        observed: observed({
          source: {
            groups: new Map([
              [group('api'), groupSeen('api', { 'orders:0': 600n, 'bills:0': 2n })],
            ]),
          },
        }),
      },
      ['error FERRY1308'],
    ],
    [
      'group unknown',
      {
        observed: observed({
          source: { groups: new Map([[group('api'), groupSeen('api', {}, { state: 'absent' })]]) },
        }),
      },
      ['error FERRY1315'],
    ],
    [
      'share group',
      {
        observed: observed({
          source: {
            groups: new Map([
              [group('api'), groupSeen('api', { 'orders:0': 600n }, { type: 'share' })],
            ]),
          },
        }),
      },
      ['error FERRY1314'],
    ],
    [
      'streams group',
      {
        observed: observed({
          source: {
            groups: new Map([
              [group('api'), groupSeen('api', { 'orders:0': 600n }, { type: 'streams' })],
            ]),
          },
        }),
      },
      ['error FERRY1314'],
    ],
    [
      'a partition without a leader',
      { observed: observed({ source: { topics: headless('orders') } }) },
      ['error FERRY1316', 'warning FERRY1340'],
    ],
    [
      'configs that the source cannot tell',
      {
        observed: observed({
          source: {
            topics: new Map([
              [
                topic('orders'),
                {
                  ...topicSeen('orders', [
                    [0n, 9n],
                    [0n, 9n],
                  ]),
                  configs: null,
                },
              ],
            ]),
          },
        }),
      },
      ['error FERRY1318', 'warning FERRY1340'],
    ],
    [
      'commit may have expired',
      { observed: observed({ source: { commitsExpireEarly: true } }) },
      ['error FERRY1313'],
    ],
    [
      'commit may have expired, but the file says what then',
      {
        observed: observed({ source: { commitsExpireEarly: true } }),
        desired: migration({ groups: [{ ...migration().groups[0]!, uncommittedSaid: true }] }),
      },
      [],
    ],
    [
      'transactions',
      {
        observed: observed({
          source: { topics: seen('orders', [[0n, 9n, { tail: 'transactional' }]]) },
        }),
      },
      [],
    ],
    [
      'min.insync.replicas above the replication factor',
      { desired: migration({ topics: [topicSpec('orders', { replicationFactor: 1 })] }) },
      ['error FERRY1317', 'warning FERRY1306'],
    ],
    [
      'replication factor above the brokers',
      { desired: migration({ topics: [topicSpec('orders', { replicationFactor: 4 })] }) },
      ['error FERRY1317'],
    ],
    [
      'fewer brokers than a topic has replicas that is there, as some are away',
      {
        desired: migration({ topics: [topicSpec('orders', { replicationFactor: 4 })] }),
        observed: observed({
          target: {
            topics: new Map([
              [
                topic('orders'),
                replicated(
                  topicSeen('orders', [
                    [0n, 0n],
                    [0n, 0n],
                  ]),
                  4,
                ),
              ],
            ]),
          },
        }),
      },
      [],
    ],
    [
      'a config that the target does not know',
      {
        observed: observed({
          source: { topics: seen('orders', [[0n, 9n]], { 'message.format.version': '2.0' }) },
        }),
      },
      ['warning FERRY1317'],
    ],
    [
      'identical asked for, but impossible',
      {
        desired: migration({ topics: [topicSpec('orders', { offsets: 'identical' })] }),
        observed: observed({
          target: {
            topics: seen('orders', [
              [200n, 200n],
              [0n, 0n],
            ]),
          },
        }),
      },
      ['error FERRY1309'],
    ],
    [
      'what cannot be done yet',
      {
        desired: migration({
          unsupported: [{ what: 'order: producers-first', at: migration().stageAt }],
        }),
      },
      ['error FERRY1301'],
    ],
  ]
  it.each(cases)('%s', (_, parts, expected) => {
    expect(codes(parts)).toEqual(expected)
  })
})
