import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/domain/access.ts'
import { wantsConfirmation } from '../../src/domain/consent.ts'
import type { PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import { noReturnOf } from '../../src/domain/no-return.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { endedWaysBack, reverseView } from '../../src/domain/reverse.ts'
import type { LostRange, MigrationState, Salvage } from '../../src/domain/state.ts'
import type { ConfigureTopic } from '../../src/domain/step.ts'
import { reopenedWayBack, withGivenUp } from '../../src/planner/guards/reverse.ts'
import { configureTopic } from '../../src/steps/configure-topic.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { fullState } from '../state/samples.ts'
import {
  ACCESS,
  AT,
  group,
  groupSeen,
  migration,
  observed,
  plan,
  stateWith,
  topic,
  topicSeen,
} from './_build.ts'

/** Source 100 to 1100 is target 0 to 1000, and producers have written up to 1007 there. */
const MARK = {
  ...fullState(1).marks[0]!,
  topic: topic('orders'),
  partition: 0,
  sourceStart: 100n as SourceOffset,
  targetStart: 0n as TargetOffset,
  targetTopicId: 'id-orders',
  mode: 'dense' as const,
}
const SEAL = {
  topic: topic('orders'),
  partition: 0,
  sourceEnd: 1100n as SourceOffset,
  targetEnd: 1000n as TargetOffset,
  at: AT,
}
const STATE = {
  stage: 'producers-moved' as const,
  createdTopics: [topic('orders')],
  marks: [MARK],
  seals: [SEAL],
  syncs: [
    {
      group: group('api'),
      status: 'done' as const,
      at: AT,
      positions: new Map([
        [
          'orders:0' as PartitionKey,
          {
            source: 600n as SourceOffset,
            target: 500n,
            previous: null,
            metadata: '',
            proof: 'record' as const,
          },
        ],
      ]),
    },
  ],
  grants: [...ACCESS.atOnce, ...ACCESS.afterSync, ...ACCESS.afterSeal],
}

const target = (start = 0n, end = 1007n) => ({
  topics: new Map([[topic('orders'), topicSeen('orders', [[start, end]])]]),
  groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 1004n })]]),
})
const source = (end = 1100n, configs: Readonly<Record<string, string>> = {}) => ({
  topics: new Map([[topic('orders'), topicSeen('orders', [[100n, end]], configs)]]),
  groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 600n })]]),
})

type Parts = NonNullable<Parameters<typeof plan>[0]>
const back = (parts: Parts = {}) =>
  plan({
    desired: migration({ stage: 'producers-moved' }),
    state: stateWith(STATE),
    observed: observed({ source: source(), target: target() }),
    purpose: { kind: 'rollback', to: 'prepared' },
    ...parts,
  })
const errors = (parts: Parts) =>
  back(parts)
    .problems.filter((p) => p.severity === 'error')
    .map((p) => `${p.code} ${p.detail}`)
const ids = (parts: Parts = {}) => back(parts).steps.map((step) => step.id)
const modeOf = (parts: Parts = {}) =>
  back(parts).steps.flatMap((step) =>
    step.kind === 'mark-reverse' ? [`${step.mode}: ${step.because}`] : [],
  )

const WAY_BACK = [
  'revoke-access/producers/User:orders-api',
  'revoke-access/consumers/User:orders-api',
  'configure-topic/protective/orders',
  'mark-reverse/orders',
  'mirror-reverse/orders',
  'seal-reverse/orders',
  'verify-reverse/orders',
  'return-group/api',
  'restore-group/api',
  'forget-mark/orders',
]

describe('a rollback after producers have written to the target', () => {
  it('mirrors back between the fences and the return of any group, and reaches no stage in between', () => {
    const { steps, problems } = back()
    expect(steps.map(({ id }) => id)).toEqual(WAY_BACK)
    expect(new Set(steps.map(({ stage }) => stage))).toEqual(new Set(['prepared']))
    expect(steps.find(({ kind }) => kind === 'forget-mark')).toMatchObject({ purge: 'copied-back' })
    expect(problems.filter((p) => p.severity === 'error')).toEqual([])
  })

  it('is the same where producers moved first: all is back before a group returns', () => {
    const desired = migration({ stage: 'consumers-moved', order: 'producers-first' })
    const state = stateWith({ ...STATE, stage: 'consumers-moved' })
    const [first, second, ...rest] = ids({ desired, state })
    expect([first, second].sort()).toEqual([...WAY_BACK.slice(0, 2)].sort())
    expect(rest).toEqual(WAY_BACK.slice(2))
  })

  it('is kept warm only once the groups are gone where producers moved first: they would read what comes back past the seal', () => {
    const order = 'producers-first' as const
    const warm = (stage: 'producers-moved' | 'consumers-moved') =>
      migration({ stage, order, rollback: { keepSourceWarm: true } })
    const marksOf = (parts: Parts) =>
      plan({ observed: observed({ source: source(), target: target() }), ...parts })
        .steps.filter(({ kind }) => kind === 'mark-reverse' || kind === 'sync-group')
        .map(({ id, stage }) => `${id} ${stage}`)
    const sealed = stateWith({ ...STATE, stage: 'mirrored', syncs: [] })
    expect(marksOf({ desired: warm('producers-moved'), state: sealed })).toEqual([])
    expect(marksOf({ desired: warm('consumers-moved'), state: sealed })).toEqual([
      'sync-group/api consumers-moved',
      'mark-reverse/orders consumers-moved',
    ])
    const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
    const moved = { ...STATE, stage: 'consumers-moved' as const, reverse }
    const to = (goal: 'producers-moved' | 'prepared') =>
      errors({
        desired: warm('consumers-moved'),
        state: stateWith(moved),
        purpose: { kind: 'rollback', to: goal },
      })
    expect(to('producers-moved')[0]).toMatch(/^FERRY1330 .*Groups that went back alone would read/)
    expect(to('prepared')).toEqual([])
  })

  it('is not kept warm where nothing can be mirrored back any more, and the groups follow the producers all the same', () => {
    const order = 'producers-first' as const
    const warm = { stage: 'consumers-moved' as const, order, rollback: { keepSourceWarm: true } }
    const salvages = [
      { topic: topic('orders'), partition: 0, from: 1100n, to: 1105n, status: 'done' } as Salvage,
    ]
    const sealed = { ...STATE, stage: 'producers-moved' as const, syncs: [] }
    const forwards = (parts: Parts) => {
      const { steps, problems } = plan({
        desired: migration(warm),
        state: stateWith(sealed),
        observed: observed({ source: source(1105n), target: target() }),
        ...parts,
      })
      return {
        ids: steps.map(({ id }) => id).filter((id) => /^(sync-group|mark-reverse)/.test(id)),
        said: problems.filter(({ code }) => code === 'FERRY1360' || code === 'FERRY1307'),
      }
    }
    const cold = {
      ids: ['sync-group/api'],
      said: [
        {
          code: 'FERRY1360',
          severity: 'warning',
          detail: expect.stringMatching(/^old is not kept warm for orders, .*: .*/),
          fix: expect.stringContaining('goes on forwards without it'),
        },
      ],
    }
    const salvaged = stateWith({ ...sealed, salvages })
    expect(forwards({ state: salvaged })).toMatchObject(cold)
    // Retention of the target was quicker.
    const gone = observed({ source: source(), target: target(1003n) })
    expect(forwards({ observed: gone })).toMatchObject(cold)
    // A right that is missing can be granted.
    const [name, seen] = [...source().topics][0]!
    const authorized = new Set<Operation>(['READ', 'DESCRIBE'])
    const closed = { ...seen, description: { ...seen.description, authorized } }
    const denied = observed({
      source: { ...source(), topics: new Map([[name, closed]]) },
      target: target(),
    })
    expect(forwards({ observed: denied })).toMatchObject({
      ids: ['sync-group/api', 'mark-reverse/orders'],
      said: [{ code: 'FERRY1307', severity: 'error' }],
    })
    // Before anybody has moved, what the file asks for is had or refused.
    const appended = source(1100n, { 'message.timestamp.type': 'LogAppendTime' })
    const unmoved = stateWith({ ...sealed, stage: 'mirrored', seals: [] })
    const before = { state: unmoved, observed: observed({ source: appended, target: target() }) }
    expect(forwards(before).said).toMatchObject([{ code: 'FERRY1360', severity: 'error' }])
    // Nor is one taken back that was marked by then.
    const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
    expect(forwards({ state: stateWith({ ...sealed, reverse, salvages }) })).toEqual({
      ids: ['sync-group/api'],
      said: [],
    })
  })

  it('goes on where a rollback broke off', () => {
    const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
    expect(ids({ state: stateWith({ ...STATE, reverse }) })).toEqual(
      WAY_BACK.filter((id) => id !== 'mark-reverse/orders'),
    )
    expect(back().steps.map(wantsConfirmation)).not.toContain('gives-up-rollback')
    const seals = [{ ...SEAL, sourceEnd: 1007n as SourceOffset, targetEnd: 1107n as TargetOffset }]
    const sealed = stateWith({ ...STATE, reverse: { ...reverse, seals } })
    expect(ids({ state: sealed })).toEqual(
      WAY_BACK.filter((id) => !/^(mark|mirror|seal)-reverse/.test(id)),
    )
    // Somebody wrote to the target after that seal: the rest is mirrored back and sealed again.
    const grown = observed({ source: source(), target: target(0n, 1009n) })
    expect(ids({ state: sealed, observed: grown })).toEqual(
      WAY_BACK.filter((id) => !id.startsWith('mark-reverse')),
    )
    // Forwards it may not go any more.
    expect(errors({ state: sealed, purpose: { kind: 'migrate' } })[0]).toMatch(/^FERRY1363 /)
  })

  it('has identical offsets where nothing stands against them', () => {
    const same = { seals: [{ ...SEAL, sourceEnd: 1000n as SourceOffset }] }
    const state = stateWith({ ...STATE, ...same })
    const seen = (parts: NonNullable<Parameters<typeof observed>[0]>['source'] = {}) =>
      observed({ source: { ...source(1000n), ...parts }, target: target() })
    const { cluster } = seen().source
    expect(modeOf({ state, observed: seen() })).toEqual(['identical: '])
    expect(modeOf({ state, observed: seen({ fillsHoles: false }) })).toEqual([
      'dense: old is older than 2.8',
    ])
    const without = { cluster: { ...cluster, authorized: new Set<Operation>(['DESCRIBE']) } }
    expect(modeOf({ state, observed: seen(without) })[0]).toMatch(/^dense: the right to fill/)
  })

  it('is refused with the reason where it cannot be exact', () => {
    const on = (parts: Parameters<typeof observed>[0]) =>
      errors({ observed: observed({ source: source(), target: target(), ...parts }) })
    expect(on({ source: { ...source(), takesIdempotentWrites: false } })[0]).toMatch(
      /^FERRY1360 old is older than 0\.11/,
    )
    expect(on({ source: source(1100n, { 'message.format.version': '0.10.2-IV0' }) })[0]).toMatch(
      /^FERRY1360 .*0\.10\.2-IV0/,
    )
    expect(on({ source: source(1100n, { 'message.format.version': '2.8-IV1' }) })).toEqual([])
    expect(on({ source: source(1100n, { 'message.timestamp.type': 'LogAppendTime' }) })[0]).toMatch(
      /^FERRY1360 .*timestamps/,
    )
    expect(on({ target: target(1003n) })[0]).toMatch(/^FERRY1360 orders:0: offsets 1000 to 1002/)
    const topics = source().topics
    const seen = topics.get(topic('orders'))!
    const description = {
      ...seen.description,
      authorized: new Set<Operation>(['READ', 'DESCRIBE']),
    }
    expect(
      on({
        source: { ...source(), topics: new Map([[topic('orders'), { ...seen, description }]]) },
      }),
    ).toEqual([
      "FERRY1307 Ferry's user on old lacks WRITE on topic orders, which mirroring back needs.",
    ])
    const range = { topic: topic('orders'), partition: 0, from: 1100n, to: 1105n }
    const salvage = { ...range, status: 'done' } as Salvage
    expect(errors({ state: stateWith({ ...STATE, salvages: [salvage] }) })[0]).toMatch(
      /^FERRY1360 Late records of orders \(partition 0: 1100 to 1104\)/,
    )
  })

  it('is prepared right before WRITE is granted where the source is kept warm', () => {
    const warm = migration({ stage: 'producers-moved', rollback: { keepSourceWarm: true } })
    const state = stateWith({ ...STATE, stage: 'consumers-moved', seals: [], grants: [] })
    const parts = (more: Parameters<typeof observed>[0] = {}): Parts => ({
      desired: warm,
      state,
      observed: observed({ source: source(), target: target(0n, 1000n), ...more }),
      purpose: { kind: 'migrate' },
    })
    const { steps, problems } = back(parts())
    const kinds = steps.map(({ kind }) => kind).filter((kind) => kind !== 'configure-topic')
    expect(kinds.slice(-3)).toEqual(['seal-topic', 'mark-reverse', 'grant-access'])
    expect(problems.filter((p) => p.severity === 'error')).toEqual([])
    expect(steps.at(-1)?.undo).toMatchObject({ cost: 'restores' })
    const old = { source: { ...source(), takesIdempotentWrites: false } }
    expect(errors(parts(old))).toContainEqual(expect.stringMatching(/^FERRY1360 old is older/))
    // Once it is marked, there is nothing left to do; a file that asks for it later gets it, too.
    const moved = { ...STATE, grants: [] }
    expect(ids({ ...parts(), state: stateWith(moved) })).toContain('mark-reverse/orders')
    const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
    expect(ids({ ...parts(), state: stateWith({ ...moved, reverse }) })).not.toContain(
      'mark-reverse/orders',
    )
  })

  it('says what came late to the source, and what the end costs', () => {
    const { problems } = back({ observed: observed({ source: source(1103n), target: target() }) })
    const said = problems.map(({ code, detail }) => `${code} ${detail}`)
    expect(said).toContainEqual(expect.stringMatching(/^FERRY1362 orders:0: offsets 1100 to 1102/))
    expect(said).toContainEqual(expect.stringMatching(/^FERRY1361 .*1,003 offsets/))
  })
})

/** Up to where a mirror has said that it copied back. */
const copiedBackTo = (to: bigint): Pick<Parts, 'backProgress'> => ({
  backProgress: new Map([
    [
      'orders:0' as PartitionKey,
      { producerId: MARK.producerId, mirroredTo: to, at: AT } as PartitionProgress,
    ],
  ]),
})

describe('what the retention of the target takes before it is mirrored back', () => {
  const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
  const warm = stateWith({ ...STATE, reverse })
  const taken = observed({ source: source(), target: target(1003n) })

  it('is refused with the range also where the way back is marked, before anybody is fenced', () => {
    expect(errors({ state: warm, observed: taken, ...copiedBackTo(1001n) })).toEqual([
      expect.stringMatching(/^FERRY1360 orders:0: offsets 1001 to 1002 .* gone there by retention/),
    ])
    expect(errors({ state: warm, observed: taken })).toEqual([
      expect.stringMatching(/^FERRY1360 orders:0: offsets 1000 to 1002 /),
    ])
    expect(errors({ state: warm, observed: taken, ...copiedBackTo(1003n) })).toEqual([])
    // What is sealed on the source is there.
    const seals = [{ ...SEAL, sourceEnd: 1003n as SourceOffset, targetEnd: 1103n as TargetOffset }]
    const sealed = stateWith({ ...STATE, reverse: { ...reverse, seals } })
    expect(errors({ state: sealed, observed: taken })).toEqual([])
  })

  it('is a deadline of the rollback, marked or not', () => {
    const now = new Date(Date.parse(AT) + 7 * 60_000)
    const kept = topicSeen('orders', [[0n, 1007n]], { 'retention.ms': '3600000' })
    const seen = observed({
      source: source(),
      target: { ...target(), topics: new Map([[topic('orders'), kept]]) },
    })
    const limits = (parts: Parts) =>
      back({ now, observed: seen, ...parts }).deadlines.map(({ at, about }) => ({ at, about }))
    const limit = (minutes: number, offset: string) => ({
      at: new Date(Date.parse(AT) + minutes * 60_000).toISOString(),
      about: { kind: 'back-retention', partition: 'orders:0', offset, retentionMs: '3600000' },
    })
    expect(limits({})).toEqual([limit(60, '1000')])
    expect(limits({ state: warm, ...copiedBackTo(1003n) })).toEqual([limit(63, '1003')])
    expect(limits({ state: warm, ...copiedBackTo(1007n) })).toEqual([])
  })
})

/** A topic that is compacted on the target; sealed at AT. */
const compacted = (parts: {
  readonly now: Date
  readonly end?: bigint
  /** What a mirror has heard: all that was written before is below 1003. */
  readonly heard?: string
  readonly keptMs?: number
  readonly isForgotten?: boolean
  readonly isCompacted?: boolean | undefined
  readonly configs?: Readonly<Record<string, string>>
}) =>
  ({
    now: parts.now,
    observed: observed({
      source: source(),
      target: {
        ...target(),
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [[0n, parts.end ?? 1007n]], {
              'cleanup.policy': 'compact',
              'delete.retention.ms': '3600000',
              ...parts.configs,
            }),
          ],
        ]),
      },
    }),
    ...(parts.heard && {
      backProgress: new Map([
        [
          'orders:0' as PartitionKey,
          {
            producerId: MARK.producerId,
            // A mirror may have copied on since.
            mirroredTo: 1007n,
            at: parts.now.toISOString(),
            heard: {
              at: parts.heard,
              to: 1003n,
              keptMs: parts.keptMs ?? 3_600_000,
              ...(parts.isForgotten && { isForgotten: true }),
              ...(parts.isCompacted && { isCompacted: true }),
            },
          } as PartitionProgress,
        ],
      ]),
    }),
  }) satisfies Parts
const at = (minutes: number): Date => new Date(Date.parse(AT) + minutes * 60_000)

describe('the way back of a topic that is compacted on the target', () => {
  const FORGETS = /^FERRY1366 orders is compacted on new: from (\S+) on/
  it('is exact for delete.retention.ms, less a margin, after the seal, with the moment as a deadline, and refused after it', () => {
    const until = at(55).toISOString()
    const soon = back(compacted({ now: at(54) }))
    expect(soon.problems.find(({ code }) => code === 'FERRY1366')).toMatchObject({
      severity: 'warning',
      detail: expect.stringContaining(until),
    })
    expect(soon.deadlines[0]).toMatchObject({
      at: until,
      about: { kind: 'tombstones', topic: 'orders' },
    })
    expect(errors(compacted({ now: at(56) }))[0]).toMatch(FORGETS)
  })

  it('is told as long as nobody goes back, and stands in the way of nothing', () => {
    const migrate = { kind: 'migrate' } as const
    for (const now of [at(54), at(56)]) {
      const { problems, deadlines } = back({ ...compacted({ now }), purpose: migrate })
      expect(problems.find(({ code }) => code === 'FERRY1366')).toMatchObject({
        severity: 'warning',
        detail: expect.stringContaining(at(55).toISOString()),
      })
      expect(deadlines.map(({ about }) => about.kind)).not.toContain('tombstones')
    }
  })

  const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
  const warm = stateWith({ ...STATE, reverse })
  const heard = at(100).toISOString()

  it('counts from when a mirror had last read all there was, not from how far one has copied since', () => {
    expect(errors({ state: warm, ...compacted({ now: at(154), heard }) })).toEqual([])
    expect(errors({ state: warm, ...compacted({ now: at(156), heard }) })[0]).toMatch(FORGETS)
    const whole = back({ state: warm, ...compacted({ now: at(156), heard, end: 1003n }) })
    expect(whole.problems.map(({ code }) => code)).not.toContain('FERRY1366')
    expect(whole.deadlines).toEqual([])
  })

  it('counts the shortest time that was in force, also after it was raised', () => {
    const configs = { 'delete.retention.ms': '86400000' }
    const raised = { now: at(156), heard, configs }
    expect(errors({ state: warm, ...compacted({ ...raised, keptMs: 86_400_000 }) })).toEqual([])
    expect(errors({ state: warm, ...compacted(raised) })[0]).toMatch(FORGETS)
    // What Ferry has set it to is known without a mirror.
    const cleaned = [{ topic: topic('orders'), cluster: observed().target.id!, keptMs: 3_600_000 }]
    const cold = stateWith({ ...STATE, cleaned })
    expect(errors({ state: cold, ...compacted({ now: at(56), configs }) })[0]).toMatch(FORGETS)
    expect(errors({ ...compacted({ now: at(56), configs }) })).toEqual([])
  })

  it('is kept by a rollback that protected the topic in time, and by nothing else', () => {
    const configs = { 'cleanup.policy': 'delete' }
    const one = { topic: topic('orders'), cluster: observed().target.id!, keptMs: 3_600_000 }
    const late = (protectedAt?: Date) =>
      errors({
        state: stateWith({
          ...STATE,
          cleaned: [{ ...one, ...(protectedAt && { protectedAt: protectedAt.toISOString() }) }],
        }),
        ...compacted({ now: at(500), configs }),
      })
    expect(late(at(54))).toEqual([])
    expect(late(at(56))[0]).toMatch(/^FERRY1366 /)
    expect(late()[0]).toMatch(/^FERRY1366 /)
  })

  it('says in plain words what it is counted from, also where a mirror of an older version copied back', () => {
    const [said] = errors(compacted({ now: at(56) }))
    expect(said).toContain(
      '55m (the shortest delete.retention.ms that was seen, 1h, less a margin) after the seal of',
    )
    expect(said).toContain('as no mirror copies back')
    const [older] = errors({ state: warm, ...compacted({ now: at(56) }) })
    expect(older).toMatch(
      /after the seal of \S+, since which no mirror has written down that it had read all there was \(one of an older version may have, and did not write it down\)/,
    )
    // What the next mirror finds, which counts from the seal, too.
    const found = compacted({ now: at(56), heard: AT, isForgotten: true })
    expect(errors({ state: warm, ...found })[0]).toMatch(
      /since the seal was read too late by the mirror .* one of an older version/,
    )
  })

  it('is not let through where a mirror has seen a cleaner, and it is gone by the time that the next one comes', () => {
    const configs = { 'cleanup.policy': 'delete' }
    const away = (now: Date, isCompacted?: true) =>
      errors({ state: warm, ...compacted({ now, heard, configs, isCompacted }) })
    expect(away(at(500))).toEqual([])
    expect(away(at(154), true)).toEqual([])
    expect(away(at(156), true)[0]).toMatch(
      /^FERRY1366 orders was compacted on new until a moment that is not written down: from/,
    )
  })

  it('is kept where the run died behind the protection: the next one writes down that it holds', async () => {
    const one = { topic: topic('orders'), cluster: observed().target.id!, keptMs: 3_600_000 }
    const protects = (given: Parts) =>
      back(given).steps.find((step): step is ConfigureTopic => step.kind === 'configure-topic')
    const start = stateWith({ ...STATE, cleaned: [one] })
    const { set } = protects({ state: start, ...compacted({ now: at(50) }) })!
    const configs = Object.fromEntries(
      Object.entries(set).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
    )
    /** All that protects the topic holds. */
    const protectedBy = (minute: number) => compacted({ now: at(minute), configs })
    const apply = async (state: MigrationState, minute: number, policy: string, dies = false) => {
      let decided = state
      const value = new Map([['cleanup.policy', { value: policy }]])
      const step = protects({ state, ...protectedBy(minute) }) ?? { ...base, set }
      const outcome = await configureTopic
        .apply(step, {
          state: () => decided,
          decide: async (change: (state: MigrationState) => MigrationState) => {
            const next = change(decided)
            if (dies && next.cleaned?.some((each) => each.protectedAt)) throw new Error('died')
            decided = next
          },
          clusters: {
            target: {
              id: one.cluster,
              describeTopicConfigs: async () => ({
                ok: new Map([[topic('orders'), value]]),
                failed: new Map(),
              }),
              alterTopicConfigs: async () => ({ ok: new Map(), failed: new Map() }),
            },
          },
          now: () => at(minute),
        } as unknown as Run)
        .catch((error: unknown) => String(error))
      return { outcome, decided }
    }
    const base = protects({ state: start, ...compacted({ now: at(50) }) })!

    const died = await apply(start, 51, 'compact', true)
    expect([died.outcome, died.decided.cleaned]).toEqual(['Error: died', [one]])
    // Nothing tells since when, so after the time nobody goes back; before it the next run finds that it holds.
    expect(errors({ state: died.decided, ...protectedBy(56) })[0]).toMatch(/^FERRY1366 /)
    expect(protects({ state: died.decided, ...protectedBy(52) })).toMatchObject({
      set: { 'cleanup.policy': 'delete' },
      reason: expect.stringContaining('still to be written down'),
    })
    const { outcome, decided } = await apply(died.decided, 53, 'delete')
    expect(outcome).toMatchObject({ done: true })
    const cleaned = [{ ...one, protectedAt: at(53).toISOString() }]
    expect(decided.cleaned).toEqual(cleaned)
    for (const minute of [54, 500]) {
      expect(errors({ state: decided, ...protectedBy(minute) })).toEqual([])
      expect(protects({ state: decided, ...protectedBy(minute) })).toBeUndefined()
    }
    // The same step again, of a plan that goes on later: it was protected when it was.
    expect((await apply(decided, 500, 'delete')).decided.cleaned).toEqual(cleaned)
  })

  it('has ended for good where a mirror has seen that it came too late', () => {
    const configs = { 'cleanup.policy': 'delete', 'delete.retention.ms': '86400000' }
    const parts = { now: at(101), heard, keptMs: 86_400_000, configs }
    expect(errors({ state: warm, ...compacted(parts) })).toEqual([])
    expect(errors({ state: warm, ...compacted({ ...parts, isForgotten: true }) })[0]).toMatch(
      /^FERRY1366 .* from 2026/,
    )
  })

  it('is warned of before producers move, and is the line of no return', () => {
    const moving = (keepSourceWarm: boolean, keptMs = '7200000') =>
      back({
        desired: migration({ stage: 'producers-moved', rollback: { keepSourceWarm } }),
        state: stateWith({ ...STATE, stage: 'consumers-moved', seals: [], grants: [] }),
        observed: observed({
          source: source(1100n, { 'cleanup.policy': 'compact', 'delete.retention.ms': keptMs }),
          target: target(0n, 1000n),
        }),
        purpose: { kind: 'migrate' },
      })
    const plans = [moving(false), moving(true)]
    for (const { problems } of plans) {
      const said = problems.find(({ code }) => code === 'FERRY1366')
      expect(said).toMatchObject({
        severity: 'warning',
        detail: expect.stringMatching(
          /was deleted for 2h .*exact for 1h 55m \(that, less a margin\)/,
        ),
      })
    }
    expect(plans.map((each) => noReturnOf(each)?.once)).toEqual([
      '1h 55m after producers write on new',
      '1h 55m after producers write on new',
    ])
    for (const keptMs of ['5000', '600000']) {
      for (const each of [moving(false, keptMs), moving(true, keptMs)]) {
        expect(each.problems.find(({ code }) => code === 'FERRY1366')?.detail).toContain(
          'In effect there is no way back to old once producers write on new',
        )
        expect(noReturnOf(each)?.once).toBe('once producers write on new')
      }
    }
  })

  it('what the source keeps for less is gone there at once, and the plan says so', () => {
    const { problems } = back({
      now: at(61),
      observed: observed({
        source: source(1100n, { 'retention.ms': '3600000' }),
        target: target(),
      }),
    })
    expect(problems.find(({ code }) => code === 'FERRY1367')).toMatchObject({
      severity: 'warning',
      detail: expect.stringContaining('old keeps orders for 1h'),
    })
    const young = back({
      now: at(59),
      observed: observed({
        source: source(1100n, { 'retention.ms': '3600000' }),
        target: target(),
      }),
    })
    expect(young.problems.map(({ code }) => code)).not.toContain('FERRY1367')
  })
})

describe('the right to write to the source', () => {
  it('is asked for as long as something is mirrored back, also where the way back was marked before it was taken away', () => {
    const sides = { source: source(), target: target() }
    const orders = sides.source.topics.get(topic('orders'))!
    const authorized = new Set<Operation>(['READ', 'DESCRIBE'])
    const description = { ...orders.description, authorized }
    const topics = new Map([[topic('orders'), { ...orders, description }]])
    const seen = observed({ ...sides, source: { ...sides.source, topics } })
    const reverse = { marks: [{ ...MARK, way: 'reverse' as const }], seals: [] }
    for (const state of [stateWith(STATE), stateWith({ ...STATE, reverse })]) {
      expect(errors({ state, observed: seen })).toEqual([
        expect.stringMatching(/^FERRY1307 .* lacks WRITE on topic orders, which mirroring back/),
      ])
    }
  })
})

describe('what came late after WRITE was taken from producers that had written to the target by then', () => {
  const grants = STATE.grants.filter(({ operation }) => operation !== 'WRITE')
  const state = stateWith({ ...STATE, stage: 'consumers-moved', grants })
  const forwards = (end: bigint) => {
    const seen = observed({ source: source(1103n), target: target(0n, end) })
    const { steps, problems } = back({ state, observed: seen, purpose: { kind: 'migrate' } })
    const told = problems.find(({ code }) => code === 'FERRY1342')
    return { reopens: steps.some(({ kind }) => kind === 'reopen-topic'), told }
  }

  it('is stranded and salvaged: a seal with something behind it cannot be opened again', () => {
    const { reopens, told } = forwards(1007n)
    expect(reopens).toBe(false)
    expect(told?.detail).toContain('orders-0 offsets 1100 to 1102')
    expect(told?.fix).toContain('ferry salvage orders')
    // They have written nothing: it is mirrored as ever.
    expect(forwards(1000n)).toEqual({ reopens: true, told: undefined })
  })
})

describe('what somebody wrote to the source between what was mirrored back', () => {
  const reverse = {
    marks: [{ ...MARK, way: 'reverse' as const, targetStart: 1100n as TargetOffset }],
    seals: [],
  }
  const late = { topic: topic('orders'), partition: 0, from: 1103n, to: 1105n } as Salvage
  const seen = { ...observed({ source: source(1105n), target: target() }), lateOnWayBack: [late] }

  it('is stranded with its range, and ends the way back, salvaged or not', () => {
    const state = stateWith({ ...STATE, reverse })
    const forwards = back({ state, observed: seen, purpose: { kind: 'migrate' } })
    expect(forwards.problems.find(({ code }) => code === 'FERRY1342')?.detail).toContain(
      'orders-0 offsets 1103 to 1104',
    )
    expect(errors({ state, observed: seen })[0]).toMatch(
      /^FERRY1360 orders-0 offsets 1103 to 1104 on old came between .* is not on new/,
    )
    const salvages = [{ ...late, status: 'done' as const }]
    const salvaged = stateWith({ ...STATE, reverse, salvages })
    expect(errors({ state: salvaged, observed: seen })).toEqual([
      expect.stringMatching(/^FERRY1360 .*\(partition 0: 1103 to 1104\) were salvaged/),
    ])
    // One that broke off has appended nobody knows how much yet, and is carried on; it has not salvaged anything.
    const pending = [{ ...late, status: 'pending' as const }]
    const begun = back({
      state: stateWith({ ...STATE, reverse, salvages: pending }),
      observed: seen,
    })
    expect(begun.problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      {
        code: 'FERRY1360',
        detail: expect.stringMatching(
          /\(partition 0: 1103 to 1104\) was begun and has not ended: some of them may be/,
        ),
        fix: 'Carry it to its end: ferry salvage orders --confirm orders. Stay on new.',
      },
      { code: 'FERRY1360', detail: expect.stringContaining('came between') },
    ])
    const after = back({ state: salvaged, observed: seen, purpose: { kind: 'migrate' } })
    expect(after.problems.map(({ code }) => code)).not.toContain('FERRY1342')
    // What the same producer wrote on behind it is the rest.
    const more = { ...seen, lateOnWayBack: [{ ...late, to: 1109n as SourceOffset }] }
    const rest = back({ state: salvaged, observed: more, purpose: { kind: 'migrate' } })
    expect(rest.problems.find(({ code }) => code === 'FERRY1342')?.detail).toContain(
      'orders-0 offsets 1105 to 1108',
    )
  })
})

describe('what retention took from the source between what was mirrored back, before anybody looked', () => {
  const reverse = {
    marks: [{ ...MARK, way: 'reverse' as const, targetStart: 1100n as TargetOffset }],
    seals: [],
  }
  const range = { topic: topic('orders'), partition: 0, from: 1103n, to: 1105n } as Salvage
  const unseen = { ...range, unseen: true }

  it('is named with the command that gives it up, and not taken for late on the way back', () => {
    const sides = { source: source(1105n), target: target() }
    const orders = sides.source.topics.get(topic('orders'))!
    const partitions = orders.partitions.map((part) => ({ ...part, logStart: 1105n }))
    const topics = new Map([[topic('orders'), { ...orders, partitions }]])
    const seen = {
      ...observed({ ...sides, source: { ...sides.source, topics } }),
      lateOnWayBack: [unseen],
    }
    const state = stateWith({ ...STATE, reverse })
    const forwards = back({ state, observed: seen, purpose: { kind: 'migrate' } })
    expect(forwards.problems.find(({ code }) => code === 'FERRY1342')).toMatchObject({
      detail: expect.stringMatching(/orders-0 offsets 1103 to 1104 .* nobody can know any more/),
      fix: expect.stringContaining('ferry salvage orders --accept-gap orders:0:1103-1104'),
    })
    expect(errors({ state, observed: seen }).join()).not.toContain('between what was mirrored')
    const lost = [
      { ...range, unseen: true, by: { user: 'ines', host: 'here' }, at: new Date(0).toISOString() },
    ]
    const given = back({
      state: stateWith({ ...STATE, reverse, lost }),
      observed: seen,
      purpose: { kind: 'migrate' },
    }).problems.map(({ code }) => code)
    expect(given).not.toContain('FERRY1342')
    expect(given).toContain('FERRY1352')
  })
})

describe('what somebody wrote to the source of one topic while the way back of another is sealed', () => {
  const other = topic('bills')
  const both = [MARK, { ...MARK, topic: other, targetTopicId: 'id-bills' }].map((mark) => ({
    ...mark,
    way: 'reverse' as const,
    targetStart: 1100n as TargetOffset,
  }))
  const back1 = { ...SEAL, topic: other, sourceEnd: 1007n as SourceOffset, at: AT }
  const late = { topic: topic('orders'), partition: 0, from: 1103n, to: 1105n } as Salvage
  const logs = (start: bigint, end: bigint) =>
    new Map([topic('orders'), other].map((name) => [name, topicSeen(name, [[start, end]])]))
  const seen = {
    ...observed({ source: { topics: logs(100n, 1107n) }, target: { topics: logs(0n, 1007n) } }),
    lateOnWayBack: [late],
  }
  const state = stateWith({
    ...STATE,
    marks: [MARK, { ...MARK, topic: other }],
    seals: [SEAL, { ...SEAL, topic: other }],
    reverse: { marks: both, seals: [back1] },
  })
  const fixes = (parts: Parts, code: string) =>
    back({ observed: seen, desired: migration({ topics: [] }), ...parts }).problems.flatMap(
      (each) => (each.code === code ? [each.fix] : []),
    )

  it('ends the rollback, and both ways say how it goes on: by a salvage that opens what is sealed', () => {
    const migrate = { kind: 'migrate' } as const
    expect(fixes({ state }, 'FERRY1360')).toEqual([
      expect.stringMatching(/ferry salvage orders .* opens again what is sealed of the way back/),
    ])
    expect(fixes({ state, purpose: migrate }, 'FERRY1363')).toEqual([
      expect.stringMatching(/ferry salvage orders.* opens the seals of the way back again/),
    ])
    // What the salvage decides with its intent.
    const after = {
      ...reopenedWayBack({ ...state, plan: { digest: 'of the rollback', status: 'open' } }),
      salvages: [{ ...late, status: 'done' as const }],
    }
    expect([after.plan, after.reverse.seals, after.reverse.marks]).toEqual([null, [], both])
    expect(fixes({ state: after, purpose: migrate }, 'FERRY1363')).toEqual([])
    expect(fixes({ state: after }, 'FERRY1360')).toEqual(['Stay on new.'])
    // The other topic is mirrored back again, and what others wrote behind its seal is late.
    expect(reverseView(after).marks).toEqual([both[1]])
    const later = { ...seen, lateOnWayBack: [{ ...late, topic: other }] }
    const forwards = back({ state: after, observed: later, purpose: migrate })
    expect(forwards.problems.find(({ code }) => code === 'FERRY1342')?.detail).toContain(
      'bills-0 offsets 1103 to 1104',
    )
  })

  it('opens what is sealed beside a copy that is given up to its end: that topic is marked, mirrored and sealed anew before anybody writes there', () => {
    const ends = [{ partition: 0, end: 1007n }]
    const there = stateWith({
      ...STATE,
      syncs: [],
      grants: [...ACCESS.atOnce],
      emptied: [{ topic: other, targetTopicId: 'id-bills', ends }],
      reverse: { marks: [both[0]!], seals: [{ ...back1, topic: topic('orders') }] },
    })
    const open = reopenedWayBack(there)
    expect(open.reverse.seals).toEqual([])
    const onTarget = new Map([
      [topic('orders'), topicSeen(topic('orders'), [[0n, 1007n]])],
      [other, topicSeen(other, [[1007n, 1007n]])],
    ])
    const { topics } = migration()
    const { steps, problems } = back({
      state: open,
      desired: migration({
        stage: 'producers-moved',
        topics: [...topics, { ...topics[0]!, name: other }],
        groups: [],
      }),
      observed: observed({ source: { topics: logs(100n, 1107n) }, target: { topics: onTarget } }),
      purpose: { kind: 'migrate' },
    })
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    const ofIt = steps.map(({ id }) => id).filter((id) => /bills|after-seal/.test(id))
    expect(ofIt).toEqual([
      'configure-topic/protective/bills',
      'mark-topic/bills',
      'mirror-topic/bills',
      'verify-topic/bills',
      'seal-topic/bills',
      'configure-topic/final/bills',
      'grant-access/after-seal/User:orders-api/consume-orders-as-api',
    ])
  })

  it('does not open what groups were put back behind, or a copy was given up for', () => {
    // Whatever a clock said when it was put back.
    const { producerId } = both[0]!
    const returned = { group: group('api'), status: 'pending' as const, positions: new Map() }
    const returns = [{ ...returned, at: '2020-01-01T00:00:00.000Z', behind: [producerId] }]
    const purge = { topic: other, marks: [], intent: null, copiedBackTo: [] }
    for (const far of [{ returns }, { purges: [purge] }]) {
      const there = { ...state, ...far }
      expect(reopenedWayBack(there)).toBe(there)
      expect(fixes({ state: there, purpose: { kind: 'migrate' } }, 'FERRY1363')).toEqual([
        expect.stringContaining('Carry the rollback to its end'),
      ])
    }
    // One that was put back by a rollback before that, behind no seal or another one.
    for (const before of [{}, { behind: [producerId + 1n] }]) {
      const there = {
        ...state,
        returns: [{ ...returned, at: '2999-01-01T00:00:00.000Z', ...before }],
      }
      expect(reopenedWayBack(there).reverse.seals).toEqual([])
    }
    const none = stateWith(STATE)
    expect(reopenedWayBack(none)).toBe(none)
  })
})

describe('what came late before the way back was marked, and is salvaged after it', () => {
  const late = { topic: topic('orders'), partition: 0, from: 1100n, to: 1103n } as Salvage
  const reverse = {
    marks: [{ ...MARK, way: 'reverse' as const, targetStart: 1103n as TargetOffset }],
    seals: [],
  }
  const seen = observed({ source: source(1103n), target: target() })

  it('ends that way, for mirrors from the moment on in which it is decided', () => {
    for (const [status, says] of [
      ['pending', 'was begun and has not ended'],
      ['done', 'were salvaged'],
    ] as const) {
      const state = stateWith({ ...STATE, reverse, salvages: [{ ...late, status }] })
      expect([...endedWaysBack(state)]).toEqual(['orders'])
      expect(reverseView(state).marks).toEqual([])
      expect(errors({ state, observed: seen })).toEqual([
        expect.stringMatching(new RegExp(`^FERRY1360 .*\\(partition 0: 1100 to 1102\\) ${says}`)),
      ])
    }
  })

  it('is named with both ways on', () => {
    const state = stateWith({ ...STATE, reverse })
    const { problems } = back({ state, observed: seen, purpose: { kind: 'migrate' } })
    expect(problems.find(({ code }) => code === 'FERRY1342')?.fix).toMatch(
      /ferry salvage orders, which ends the way back of orders for good.* carry on the rollback/,
    )
  })

  it('is where it belongs once the way back is sealed, and no longer said to be stranded', () => {
    const seals = [{ ...SEAL, sourceEnd: 1007n as SourceOffset, targetEnd: 1110n as TargetOffset }]
    const state = stateWith({ ...STATE, reverse: { ...reverse, seals } })
    const { problems } = back({ state, observed: seen, purpose: { kind: 'migrate' } })
    const codes = problems.map(({ code }) => code)
    expect(codes).toContain('FERRY1363')
    expect(codes).not.toContain('FERRY1342')
  })
})

describe('what was given up', () => {
  const reverse = {
    marks: [{ ...MARK, way: 'reverse' as const, targetStart: 1103n as TargetOffset }],
    seals: [],
  }
  const lost = (from: bigint, to: bigint): LostRange => ({
    topic: topic('orders'),
    partition: 0,
    from: from as SourceOffset,
    to: to as SourceOffset,
    unseen: true,
    by: { user: 'ines', host: 'here' },
    at: AT,
  })
  const seen = observed({ source: source(1110n), target: target() })

  it('between what was mirrored back ends that way: nobody mirrors it, or stops there, and no rollback begins', () => {
    const state = stateWith({ ...STATE, reverse, lost: [lost(1103n, 1105n)] })
    expect([...endedWaysBack(state)]).toEqual(['orders'])
    expect(reverseView(state).marks).toEqual([])
    expect(errors({ state, observed: seen })).toEqual([
      expect.stringMatching(/^FERRY1360 orders-0 offsets 1103 to 1104 on old.* were given up/),
    ])
  })

  it('while another topic is sealed opens that seal, as no rollback can end any more, and is refused where none may be opened', () => {
    const marks = [...reverse.marks, { ...reverse.marks[0]!, topic: topic('bills') }]
    const seals = [{ ...SEAL, topic: topic('bills') }]
    const plan = { digest: 'of the rollback', status: 'open' as const }
    const state = stateWith({ ...STATE, plan, reverse: { marks, seals } })
    const given = [lost(1103n, 1105n)]
    expect(withGivenUp(state, given)).toMatchObject({
      lost: given,
      plan: null,
      reverse: { marks, seals: [] },
    })
    const behind = [marks[0]!.producerId]
    const returns = [
      { group: group('api'), status: 'done' as const, at: AT, positions: new Map(), behind },
    ]
    expect(withGivenUp({ ...state, returns }, given)).toBeUndefined()
    // What came before the way back began is none of its business.
    const before = [lost(1100n, 1103n)]
    expect(withGivenUp(state, before)).toEqual({ ...state, lost: before })
  })

  it('before the way back began, or of another topic, changes nothing of it', () => {
    const elsewhere = { ...lost(1103n, 1105n), topic: topic('bills') }
    for (const range of [lost(1100n, 1103n), elsewhere, { ...lost(1103n, 1105n), partition: 1 }]) {
      const state = stateWith({ ...STATE, reverse, lost: [range] })
      expect([...endedWaysBack(state)]).toEqual([])
      expect(errors({ state, observed: seen })).toEqual([])
    }
  })
})

describe('partitions that came on the target after the seal', () => {
  const grown = (end: bigint): Parts => ({
    observed: observed({
      source: source(),
      target: {
        ...target(0n, 1000n),
        topics: new Map([
          [
            topic('orders'),
            topicSeen('orders', [
              [0n, 1000n],
              [end, end],
            ]),
          ],
        ]),
      },
    }),
  })
  const codesOf = (parts: Parts) =>
    back(parts).problems.flatMap(({ code, severity }) =>
      code === 'FERRY1338' || code === 'FERRY1304' ? [`${severity} ${code}`] : [],
    )

  it('keep nobody from going back before they are used, and everybody after it, however far', () => {
    expect(codesOf(grown(0n))).toEqual(['warning FERRY1338'])
    for (const to of ['prepared', 'mirrored', 'consumers-moved'] as const) {
      expect(codesOf({ ...grown(3n), purpose: { kind: 'rollback', to } })).toEqual([
        'error FERRY1338',
      ])
    }
  })

  describe('while the way back of another topic is sealed', () => {
    const other = topic('bills')
    const marks = [MARK, { ...MARK, topic: other }].map((mark) => ({
      ...mark,
      way: 'reverse' as const,
      targetStart: 1100n as TargetOffset,
    }))
    const sealed = { ...SEAL, topic: other, sourceEnd: 1007n as SourceOffset, at: AT }
    const parts = (
      orders: readonly (readonly [bigint, bigint])[],
      more: Partial<typeof STATE> & object = {},
    ) => ({
      now: at(60),
      desired: migration({ topics: [], groups: [] }),
      state: stateWith({
        ...STATE,
        syncs: [],
        marks: [MARK, { ...MARK, topic: other }],
        seals: [SEAL, { ...SEAL, topic: other }],
        reverse: { marks, seals: [sealed] },
        ...more,
      }),
      observed: observed({
        source: {
          topics: new Map(
            [topic('orders'), other].map((name) => [name, topicSeen(name, [[100n, 1107n]])]),
          ),
        },
        target: {
          topics: new Map([
            [topic('orders'), topicSeen('orders', orders)],
            [other, topicSeen(other, [[0n, 1007n]])],
          ]),
        },
      }),
    })
    const migrate = { kind: 'migrate' } as const
    const said = (given: Parts) =>
      back(given).problems.flatMap(({ code, severity }) => (code === 'FERRY1363' ? [severity] : []))
    const NEW = [
      [0n, 1007n],
      [0n, 3n],
    ] as const
    const GONE = [[1003n, 1007n]] as const

    it('keep the rollback from its end, so that the plan forwards opens that seal, and says so', () => {
      for (const orders of [NEW, GONE]) {
        const given = parts(orders)
        expect(errors(given).join()).toMatch(/FERRY13(38|60) /)
        const { steps, problems } = back({ ...given, purpose: migrate })
        expect(steps[0]).toMatchObject({ kind: 'mirror-reverse', topic: 'bills', partitions: 1 })
        expect(steps.filter(({ kind }) => kind === 'mirror-reverse')).toHaveLength(1)
        // It wants to be confirmed, and is no line of no return.
        const [opening, ...rest] = steps
        expect(wantsConfirmation(opening!)).toBe('gives-up-rollback')
        expect(noReturnOf({ ...plan(), steps: [opening!] })).toBeNull()
        expect(rest.map(wantsConfirmation)).not.toContain('gives-up-rollback')
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
        expect(problems.find(({ code }) => code === 'FERRY1363')).toMatchObject({
          severity: 'warning',
          detail: expect.stringMatching(
            /cannot be carried to its end: .*orders.* way back of bills on old/,
          ),
        })
      }
    })

    it('open nothing where the rollback can end, or where a group was put back behind that seal', () => {
      expect(said({ ...parts([[0n, 1007n]]), purpose: migrate })).toEqual(['error'])
      const returns = [
        {
          group: group('api'),
          status: 'done' as const,
          at: AT,
          positions: new Map(),
          behind: [marks[0]!.producerId],
        },
      ]
      expect(said({ ...parts(NEW, { returns } as never), purpose: migrate })).toEqual(['error'])
    })
  })

  it('are no obstacle forwards', () => {
    expect(codesOf({ ...grown(3n), purpose: { kind: 'migrate' } })).toEqual(['warning FERRY1338'])
  })
})
