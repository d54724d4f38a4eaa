import { describe, expect, it } from 'vitest'
import type { MigrationState } from '../../src/domain/state.ts'
import type { StepKindName } from '../../src/domain/step.ts'
import { STEP_KINDS } from '../../src/steps/index.ts'
import { migration, observed, plan, stateWith, topic } from '../planner/_build.ts'
import { mark, STATE, seenOnTarget } from '../planner/_moved.ts'

/**
 * Every kind of step, and what takes it back; that these steps do it is for test/scenarios/kill-apply.test.ts, on brokers.
 * A rollback plans from what is recorded: without it (`without`) it plans none of them.
 */
interface TakenBack {
  readonly by: readonly StepKindName[]
  readonly without: Partial<MigrationState>
  /** What was done, where it is not a migration whose producers have moved. */
  readonly from?: Partial<MigrationState>
  /** Where the target's log ends; 1000 is the sealed end. */
  readonly targetEnd?: bigint
}

const acl = STATE.grants[0]!
const removed = {
  object: { kind: 'acl' as const, acl: { ...acl, principal: 'User:left' } },
  commits: new Map(),
}
const reverseMark = mark(0, 1000n, 1100n)

const TABLE: Readonly<Record<StepKindName, TakenBack | string>> = {
  protect: 'stays: a rollback must not lift it, only `preventDelete: false` in the file does',
  'create-topic': { by: ['delete-topic'], without: { createdTopics: [] } },
  'add-partitions': 'Kafka cannot take partitions away: they stay, empty, or go with the topic',
  'set-user': { by: ['remove-user'], without: { users: [] } },
  'set-quota': { by: ['restore-quota'], without: { quotasBefore: [] } },
  'mark-topic': { by: ['forget-mark'], without: { marks: [], seals: [], syncs: [] } },
  'mirror-topic': { by: ['forget-mark'], without: { marks: [], seals: [], syncs: [] } },
  'verify-topic': 'changes nothing',
  'sync-group': { by: ['return-group', 'restore-group'], without: { syncs: [] } },
  'reopen-topic': 'is itself the way back of a seal; the next plan seals again',
  'seal-topic': { by: ['reopen-topic'], without: { seals: [] } },
  'configure-topic': {
    by: ['configure-topic'],
    from: {
      ...STATE,
      seals: [],
      configsBefore: [{ topic: topic('orders'), was: new Map([['retention.ms', '1']]) }],
    },
    without: { configsBefore: [] },
  },
  'mark-reverse': {
    by: ['reopen-topic'],
    from: { ...STATE, reverse: { marks: [reverseMark], seals: [] } },
    without: { seals: [], reverse: { marks: [], seals: [] } },
  },
  'grant-access': { by: ['revoke-access'], without: { grants: [] } },
  retire: 'none: the migration is over, and the plan says so (FERRY1312)',
  'remove-object': {
    by: ['put-back', 'restore-quota'],
    from: { ...STATE, removals: [removed] },
    without: { removals: [], quotasBefore: [] },
  },
  'put-back': 'part of a rollback: while the file lists it as removed, the next plan removes it',
  'revoke-access': 'part of a rollback: the next plan grants again',
  'mirror-reverse': {
    by: ['forget-mark'],
    targetEnd: 1007n,
    without: { marks: [], seals: [], syncs: [] },
  },
  'seal-reverse': 'part of a rollback, which gives the copy up behind it; the next plan marks anew',
  'verify-reverse': 'changes nothing',
  'return-group': 'part of a rollback: the next plan syncs again',
  'restore-group': 'part of a rollback: the next plan syncs again',
  'forget-mark': 'part of a rollback: the next plan marks and mirrors again',
  'accept-gap': { by: ['forget-mark'], without: { marks: [], seals: [], syncs: [] } },
  'delete-topic': 'part of a rollback: the next plan makes it again',
  'remove-user': 'part of a rollback: the next plan sets it again, as the file says',
  'restore-quota': 'part of a rollback: the next plan sets it again',
}

const rollback = (state: Partial<MigrationState>, end?: bigint) =>
  plan({
    desired: migration({ stage: 'producers-moved' }),
    state: stateWith(state),
    observed: observed({ target: seenOnTarget(end) }),
    purpose: { kind: 'rollback', to: 'nothing' },
  })
const kindsOf = (...args: Parameters<typeof rollback>): ReadonlySet<StepKindName> =>
  new Set(rollback(...args).steps.map(({ kind }) => kind))

describe('every kind of step', () => {
  it('is in the table', () => {
    expect(Object.keys(TABLE).sort()).toEqual([...STEP_KINDS].sort())
  })

  const takenBack = STEP_KINDS.flatMap((kind) => {
    const entry = TABLE[kind]
    return typeof entry === 'string' ? [] : [[kind, entry] as const]
  })
  it.each(takenBack)('%s is taken back, if it was done', (_, entry) => {
    const { by, from = STATE, without, targetEnd } = entry
    expect([...kindsOf(from, targetEnd)]).toEqual(expect.arrayContaining([...by]))
    const clean = kindsOf({ ...from, ...without }, targetEnd)
    for (const kind of by) expect(clean, kind).not.toContain(kind)
  })

  it('that only a rollback has is done again by the next plan', () => {
    const forwards = plan({
      desired: migration({ stage: 'producers-moved' }),
      observed: observed(),
    }).steps.map(({ kind }) => kind)
    expect(forwards).toEqual(
      expect.arrayContaining([
        'create-topic',
        'mark-topic',
        'mirror-topic',
        'sync-group',
        'seal-topic',
        'grant-access',
      ]),
    )
  })

  it('of a retired migration stays, and the plan says so', () => {
    const { problems } = rollback({ ...STATE, stage: 'retired' })
    expect(problems.map(({ code }) => code)).toContain('FERRY1312')
  })
})
