import { describe, expect, it } from 'vitest'
import type { PartitionKey, SourceOffset, TargetOffset } from '../../src/domain/ids.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import type { ReachedStage } from '../../src/domain/stage.ts'
import type { Salvage } from '../../src/domain/state.ts'
import {
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
import { STATE, seenOnTarget } from './_moved.ts'

type Parts = NonNullable<Parameters<typeof plan>[0]>
const rollback = (to: ReachedStage, parts: Parts = {}) =>
  plan({
    desired: migration({ stage: 'producers-moved' }),
    state: stateWith(STATE),
    observed: observed({ target: seenOnTarget() }),
    purpose: { kind: 'rollback', to },
    ...parts,
  })
const ids = (to: ReachedStage, parts: Parts = {}) => rollback(to, parts).steps.map((s) => s.id)
const errors = (to: ReachedStage, parts: Parts = {}) =>
  rollback(to, parts)
    .problems.filter((p) => p.severity === 'error')
    .map((p) => `${p.code} ${p.detail}`)

describe('a rollback', () => {
  it('runs in reverse, both fences before anything else', () => {
    expect(ids('nothing')).toEqual([
      'revoke-access/producers/User:orders-api',
      'revoke-access/consumers/User:orders-api',
      'configure-topic/protective/orders',
      'reopen-topic/orders',
      'return-group/api',
      'restore-group/api',
      'forget-mark/orders',
      'revoke-access/rest/User:orders-api',
      'restore-quota/api',
      'remove-user/api/scram-sha-512',
      'delete-topic/orders',
    ])
    expect(errors('nothing')).toEqual([])
  })

  it.each([
    ['consumers-moved', ['revoke-access/producers/', 'configure-topic/', 'reopen-topic/']],
    ['mirrored', ['return-group/', 'restore-group/', 'reopen-topic/']],
    ['prepared', ['forget-mark/', 'return-group/']],
  ] as const)('goes no further back than asked: %s', (to, some) => {
    const planned = ids(to)
    for (const each of some)
      expect(
        planned.some((id) => id.startsWith(each)),
        each,
      ).toBe(true)
    expect(planned.some((id) => id.startsWith('delete-topic/'))).toBe(false)
    expect(planned.some((id) => id.startsWith('forget-mark/'))).toBe(to === 'prepared')
    expect(rollback(to)).toMatchObject({ from: 'producers-moved', to })
  })

  it('is what a lower stage in the file means', () => {
    const lowered = plan({
      desired: migration({ stage: 'mirrored' }),
      state: stateWith(STATE),
      observed: observed({ target: seenOnTarget() }),
    })
    expect(lowered.to).toBe('mirrored')
    expect(lowered.steps.map((s) => s.id)).toEqual(ids('mirrored'))
  })

  it('says where each step leads, so that a run that ends half way knows where it is', () => {
    expect(rollback('prepared').steps.map((s) => `${s.stage} ${s.kind}`)).toEqual([
      'consumers-moved revoke-access',
      'mirrored revoke-access',
      'consumers-moved configure-topic',
      'consumers-moved reopen-topic',
      'mirrored return-group',
      'mirrored restore-group',
      'prepared forget-mark',
    ])
  })

  it('takes back only what Ferry has done', () => {
    const state = stateWith({
      ...STATE,
      createdTopics: [],
      grants: [],
      users: [],
      quotasBefore: [],
    })
    expect(ids('nothing', { state })).not.toContainEqual(
      expect.stringMatching(/^(delete-topic|revoke-access|remove-user|restore-quota)/),
    )
  })

  it('puts the configs of a topic of others back from what it has by then: it was protected again first', () => {
    const was = new Map([
      ['retention.ms', '1'],
      ['cleanup.policy', null],
    ])
    const state = stateWith({
      ...STATE,
      createdTopics: [],
      configsBefore: [{ topic: topic('orders'), was }],
    })
    const steps = rollback('nothing', { state }).steps.flatMap((step) =>
      step.kind === 'configure-topic' ? [step] : [],
    )
    expect(steps.map(({ phase }) => phase)).toEqual(['protective', 'before'])
    const [again, before] = steps
    // What is known of before, and of the rest what it has now: nothing that the first one sets is left.
    expect(before!.set).toEqual({ ...again!.was, 'retention.ms': '1', 'cleanup.policy': null })
    expect(before!.was).toEqual(again!.set)
    expect(Object.keys(again!.set)).toContain('cleanup.policy')
  })

  it.each([
    ['was made anew by others since', 'id-before', [], ['FERRY1358']],
    ['is the same one', 'id-orders', ['before'], []],
    ['had no id that was written down', undefined, ['before'], []],
  ])('of a topic of others that %s: configs %s', (_, topicId, phases, codes) => {
    const was = new Map([['retention.ms', '1']])
    const state = stateWith({
      stage: 'prepared',
      configsBefore: [{ topic: topic('orders'), ...(topicId && { topicId }), was }],
    })
    const { steps, problems } = rollback('nothing', { state })
    expect(steps.flatMap((step) => (step.kind === 'configure-topic' ? [step.phase] : []))).toEqual(
      phases,
    )
    expect(problems.flatMap(({ code }) => (code === 'FERRY1358' ? [code] : []))).toEqual(codes)
  })

  it('undoes half a stage', () => {
    const state = stateWith({ ...STATE, stage: 'mirrored', seals: [], grants: [] })
    expect(ids('mirrored', { state })).toEqual(['return-group/api', 'restore-group/api'])
  })

  it('goes on where a return was done and its commits on the target were not restored', () => {
    const returned = { group: group('api'), status: 'done' as const, at: AT, positions: new Map() }
    const state = stateWith({ ...STATE, seals: [], grants: [], returns: [returned] })
    expect(ids('mirrored', { state })).toEqual(['restore-group/api'])
  })

  it('puts a group back again that has read on on the target after an earlier return', () => {
    const positions = new Map([
      [
        'orders:0' as PartitionKey,
        {
          target: 700n as TargetOffset,
          source: 800n as SourceOffset,
          metadata: '',
          previous: null,
        },
      ],
    ])
    const returned = { group: group('api'), status: 'done' as const, at: AT, positions }
    const state = stateWith({ ...STATE, seals: [], grants: [], returns: [returned] })
    const stepsAt = (offset: bigint) =>
      ids('mirrored', {
        state,
        observed: observed({ target: seenOnTarget(1000n, { 'orders:0': offset }) }),
      })
    expect(stepsAt(700n)).toEqual(['restore-group/api'])
    expect(stepsAt(720n)).toEqual(['return-group/api', 'restore-group/api'])
  })

  it('says of a password that it cannot be read back', () => {
    const { problems } = rollback('nothing')
    expect(problems.filter(({ code }) => code !== 'FERRY1369')).toMatchObject([
      { severity: 'warning', detail: expect.stringContaining('The password of old stays') },
    ])
  })

  it('tells how many records the group has read on the target', () => {
    const target = seenOnTarget(1000n, { 'orders:0': 740n, 'orders:1': 0n })
    const step = rollback('mirrored', { observed: observed({ target }) }).steps.find(
      (s) => s.kind === 'return-group',
    )
    expect(step).toMatchObject({ positions: 2, consumed: '240' })
  })
})

describe('a rollback is refused', () => {
  it('once producers have written to the target, with the range', () => {
    const target = seenOnTarget(1007n)
    expect(errors('consumers-moved', { observed: observed({ target }) })).toEqual([
      'FERRY1330 orders:0: offsets 1000 to 1006 (7 offsets) were written to new since the seal. Going back to this stage would keep a copy there that they are no part of.',
    ])
  })

  it('with no way further back named where that is closed, too', () => {
    const given = {
      state: stateWith({
        ...STATE,
        salvages: [
          {
            topic: topic('orders'),
            partition: 0,
            from: 1100n as SourceOffset,
            to: 1110n as SourceOffset,
            status: 'done',
            producerId: 9n,
            producerEpoch: 0,
            targetFrom: 1000n as TargetOffset,
          } as Salvage,
        ],
      }),
      observed: observed({ target: seenOnTarget(1007n) }),
    }
    const advice = (to: ReachedStage, parts: Parts) =>
      rollback(to, parts).problems.find(({ code }) => code === 'FERRY1330')?.fix
    expect(advice('consumers-moved', { observed: given.observed })).toMatch(
      /`ferry rollback \S+ --to prepared`/,
    )
    expect(advice('consumers-moved', given)).toMatch(/^Stay on new: .*FERRY1360.*salvaged/)
    expect(errors('prepared', given)[0]).toMatch(/^FERRY1360/)
  })

  it('where a group would skip what retention has taken from the source', () => {
    const source = {
      topics: new Map([
        [
          topic('orders'),
          topicSeen('orders', [
            [900n, 1100n],
            [0n, 0n],
          ]),
        ],
      ]),
    }
    const target = seenOnTarget(1000n, { 'orders:0': 740n })
    const [refused] = errors('mirrored', { observed: observed({ source, target }) })
    expect(refused).toContain('840 to 899 are gone')
  })

  it('where a group is past what was mirrored', () => {
    const target = seenOnTarget(1000n, { 'orders:0': 1004n })
    const [refused] = errors('mirrored', { observed: observed({ target }) })
    expect(refused).toContain('1000 to 1003 are not on old')
  })

  it('where the group has gone on on the source', () => {
    const source = { groups: new Map([[group('api'), groupSeen('api', { 'orders:0': 900n })]]) }
    const target = seenOnTarget(1000n, { 'orders:0': 740n })
    const [refused] = errors('mirrored', { observed: observed({ source, target }) })
    expect(refused).toMatch(/^FERRY1705 api is at 900 of orders:0 on old already, past 840/)
  })

  it('where the position that the sync wrote is gone', () => {
    const target = { ...seenOnTarget(), groups: new Map([[group('api'), groupSeen('api', {})]]) }
    const [refused] = errors('mirrored', { observed: observed({ target }) })
    expect(refused).toContain('expired or was deleted')
  })

  it('where others have written to the copy', () => {
    const foreign = {
      topic: topic('orders'),
      partition: 0,
      producerId: STATE.marks[0]!.producerId,
      checkedTo: 990n,
      gaps: [],
      problem: { code: 'FERRY1604', severity: 'error', summary: 's', detail: 'theirs', fix: 'f' },
    } as unknown as PartitionProgress
    const progress = new Map([['orders:0' as PartitionKey, foreign]])
    expect(errors('prepared', { progress })).toEqual(['FERRY1331 theirs'])
    expect(errors('mirrored', { progress })).toEqual([])
  })

  it('from retired, and to a stage that lies ahead', () => {
    const state = stateWith({ ...STATE, stage: 'retired' })
    expect(errors('mirrored', { state })[0]).toContain('the migration is over')
    const early = stateWith({ stage: 'prepared' })
    expect(errors('mirrored', { state: early })[0]).toContain('lies ahead')
  })
})
