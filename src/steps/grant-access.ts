import { type AclBinding, aclKey, hasAcl } from '../domain/access.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { AccessSpec } from '../domain/migration.ts'
import type { Stage } from '../domain/stage.ts'
import { type MigrationState, withGranting, withoutGrants } from '../domain/state.ts'
import type { GrantAccess } from '../domain/step.ts'
import { hasWayBack } from '../planner/guards/reverse.ts'
import { isRefusal } from './_refused.ts'
import { counted } from './_words.ts'
import { groupsAreSynced, topicsAreSealed } from './gates/index.ts'
import { warmFrom } from './mark-reverse.ts'
import { ofOthersToo, ofUnknownMaker, undoGrants } from './revoke-access.ts'
import type { Gate, PlanContext, Run, StepKind } from './step-kind.ts'

type When = GrantAccess['when']

const WHEN: Readonly<
  Partial<
    Record<
      Stage,
      {
        readonly when: When
        readonly part: keyof AccessSpec & ('atOnce' | 'afterSync' | 'afterSeal')
      }
    >
  >
> = {
  prepared: { when: 'at-once', part: 'atOnce' },
  'consumers-moved': { when: 'after-sync', part: 'afterSync' },
  'producers-moved': { when: 'after-seal', part: 'afterSeal' },
}

/**
 * Creates ACLs on the target, only those that are missing. READ on a group waits for its sync and WRITE on a topic for its seal:
 * these two grants are the fences of the method.
 */
export const grantAccess: StepKind<GrantAccess> = {
  kind: 'grant-access',

  plan: (context, stage) => {
    const { desired, observed, state } = context
    const at = WHEN[stage]
    if (!at || typeof observed.target.acls === 'string') return { steps: [] }
    const there = answered(observed.target.acls, state)
    const steps = desired.access.flatMap((access): GrantAccess[] => {
      const acls = access[at.part].filter((acl) => !there.has(aclKey(acl)))
      if (acls.length === 0) return []
      return [
        {
          kind: 'grant-access',
          id: `grant-access/${at.when}/${access.principal}${access.says ? `/${slug(access.says)}` : ''}`,
          stage,
          reason: acls.some((acl) => hasAcl(state.granting, acl)) ? WAS_ASKED_FOR : REASON[at.when],
          undo: undoOf(context, at.when, acls.length),
          principal: access.principal,
          when: at.when,
          acls,
          says: access.says,
        },
      ]
    })
    return { steps }
  },

  undo: (context, undoing) => ({
    steps: undoGrants(context, undoing),
    problems: [...ofUnknownMaker(context, undoing), ...ofOthersToo(context, undoing)],
  }),

  gates: (step) => GATES[step.when],

  apply: async (step, run) => {
    const { target } = run.clusters
    const now = await target.describeAcls()
    if (now === 'no-authorizer') {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1311',
          detail: `${target.name} has no authorizer any more.`,
          fix: 'Turn it on again, or take `access` out of the plan file.',
        }),
      }
    }
    const there = answered(now, run.state())
    const missing = step.acls.filter((acl) => !there.has(aclKey(acl)))
    const problem = missing.length > 0 ? await make(missing, run) : undefined
    if (problem) return { done: false, problem }
    return { done: true, facts: { created: missing.length } }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'access',
    name: step.principal,
    says: `${LETS[step.when]}${step.says} (${counted(step.acls.length, 'ACL')})`,
  }),
}

/**
 * What is there and needs nothing. Who made what was asked for and not answered cannot be told, but asking again is answered: then it is
 * Ferry's own, as if nothing had come in between.
 */
const answered = (
  there: readonly AclBinding[],
  { granting }: Pick<MigrationState, 'granting'>,
): ReadonlySet<string> => new Set(there.filter((acl) => !hasAcl(granting, acl)).map(aclKey))

const WAS_ASKED_FOR = 'they were asked for and not all was answered: they are asked for again'

/**
 * Recorded before they are made, and as asked for until they are answered. What the broker refused is nobody's yet: whoever makes it later
 * must not lose it in a rollback; unless it was asked for before, and may have come since.
 */
const make = async (missing: readonly AclBinding[], run: Run): Promise<Diagnostic | undefined> => {
  const keys = new Set(missing.map(aclKey))
  const before = new Set(run.state().granting?.map(aclKey))
  await run.decide((state) => {
    const others = withoutGrants(state, keys)
    return {
      ...others,
      grants: [...others.grants, ...missing],
      granting: [...(others.granting ?? []), ...missing],
    }
  })
  const { ok, failed } = await run.clusters.target.createAcls(missing)
  const isRefused = (key: string) => {
    const problem = failed.get(key)
    return problem !== undefined && isRefusal(problem) && !before.has(key)
  }
  const refused = new Set([...keys].filter(isRefused))
  await run.decide((state) => {
    const left = withoutGrants(state, refused)
    return withGranting(
      left,
      (left.granting ?? []).filter((acl) => !ok.has(aclKey(acl))),
    )
  })
  const [problem] = failed.values()
  return problem
}

const REASON: Readonly<Record<When, string>> = {
  'at-once': 'the target lacks these ACLs',
  'after-sync': 'the group is synced: its consumers may start',
  'after-seal': 'the copy is complete: producers may write',
}

const LETS: Readonly<Record<When, string>> = {
  'at-once': '',
  'after-sync': 'READ on the group: ',
  'after-seal': 'WRITE on the topic: ',
}

const undoOf = (context: PlanContext, when: When, count: number): GrantAccess['undo'] => {
  if (when !== 'after-seal') {
    const cost = when === 'at-once' ? 'free' : 'restores'
    return { cost, says: `remove ${counted(count, 'ACL')}` }
  }
  // An ACL with a prefix, or one for all topics, opens more than one.
  const isOneWay = context.desired.topics.some(({ name }) => !hasWayBack(context, name))
  return isOneWay
    ? { cost: 'impossible', says: 'none: what producers then write is only on the target' }
    : context.desired.rollback.keepSourceWarm && warmFrom(context.desired) === 'producers-moved'
      ? { cost: 'restores', says: 'the source is kept warm: go back to prepared, in seconds' }
      : { cost: 'copies-back', says: 'mirror back what producers wrote, and give the copy up' }
}

/** All groups, all topics: an ACL with a prefix or for `*` would let in more than the one it was written for. */
const GATES: Readonly<Record<When, readonly Gate[]>> = {
  'at-once': [],
  'after-sync': [groupsAreSynced()],
  'after-seal': [topicsAreSealed()],
}

const slug = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
