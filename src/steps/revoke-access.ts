import { type AclBinding, aclInWords, aclKey, hasAcl, type When, whenOf } from '../domain/access.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Stage } from '../domain/stage.ts'
import { withoutGrants } from '../domain/state.ts'
import type { RevokeAccess } from '../domain/step.ts'
import { counted } from './_words.ts'
import { groupIsEmpty, nothingOnlyOnTarget } from './gates/index.ts'
import type { PlanContext, StepKind, Undoing } from './step-kind.ts'

type Fence = RevokeAccess['fences']

/** Deletes ACLs on the target that Ferry has granted: its state tells which. */
export const revokeAccess: StepKind<RevokeAccess> = {
  kind: 'revoke-access',

  plan: () => ({ steps: [] }),

  /** Consumers are stopped first, so that their last commits are accepted; what producers write needs a way back. */
  gates: (step) => [
    ...step.groups.map((group) => groupIsEmpty(group, 'target')),
    ...(step.fences === 'producers' && !step.mirrorsBack ? [nothingOnlyOnTarget()] : []),
  ],

  apply: async (step, run) => {
    const answers = await run.clusters.target.deleteAcls(step.acls)
    const [problem] = answers.failed.values()
    if (problem) return { done: false, problem }
    const gone = new Set(step.acls.map(aclKey))
    await run.decide((state) => withoutGrants(state, gone))
    return { done: true, facts: { deleted: step.acls.length } }
  },

  describe: (step) => ({
    symbol: '~',
    noun: 'access',
    name: step.principal,
    says: `${TAKES[step.fences ?? 'none']} (${counted(step.acls.length, 'ACL')} that Ferry granted)`,
  }),
}

const TAKES: Readonly<Record<NonNullable<Fence> | 'none', string>> = {
  consumers: 'take READ on the group',
  producers: 'take WRITE on the topic',
  none: 'take its rights',
}

const FENCES: Readonly<Record<When, Fence>> = {
  atOnce: null,
  afterSync: 'consumers',
  afterSeal: 'producers',
}

const FENCE_OF_STAGE: Readonly<Partial<Record<Stage, Fence>>> = {
  prepared: null,
  'consumers-moved': 'consumers',
  'producers-moved': 'producers',
}

/** The grants of one stage, an own step for each principal. */
export const undoGrants = (
  context: PlanContext,
  { stage, leadsTo, mirrorsBack }: Undoing,
): readonly RevokeAccess[] => {
  const { state, desired } = context
  const fence = FENCE_OF_STAGE[stage]
  if (fence === undefined) return []
  const byPrincipal = new Map<string, AclBinding[]>()
  for (const acl of state.grants) {
    if (FENCES[whenOf(acl)] !== fence) continue
    if (fence === null && (hasUnknownMaker(context, acl) || whoElse(context, acl))) continue
    const list = byPrincipal.get(acl.principal)
    if (list) list.push(acl)
    else byPrincipal.set(acl.principal, [acl])
  }
  return [...byPrincipal].sort().map(([principal, acls]) => ({
    kind: 'revoke-access',
    id: `revoke-access/${fence ?? 'rest'}/${principal}`,
    stage: leadsTo,
    reason: REASON[fence ?? 'none'],
    undo: { cost: 'free', says: `grant ${counted(acls.length, 'ACL')} again` },
    principal,
    fences: fence,
    ...(mirrorsBack && fence === 'producers' && { mirrorsBack }),
    acls,
    groups: fence === 'consumers' ? desired.groups.map((group) => group.id) : [],
  }))
}

/** It was asked for, no answer came, and it is there (or cannot be seen): two that are the same cannot be told apart. */
const hasUnknownMaker = ({ state, observed }: PlanContext, acl: AclBinding): boolean => {
  const { acls } = observed.target
  return hasAcl(state.granting, acl) && (typeof acls === 'string' || hasAcl(acls, acl))
}

const whoElse = ({ aclClaims }: PlanContext, acl: AclBinding): readonly string[] | undefined =>
  aclClaims?.get(aclKey(acl))

/** What other migrations count on is left to them, but for the fences. */
export const ofOthersToo = (context: PlanContext, { stage }: Undoing): readonly Diagnostic[] => {
  const fence = FENCE_OF_STAGE[stage]
  if (fence === undefined) return []
  return context.state.grants.flatMap((acl) => {
    const names = FENCES[whenOf(acl)] === fence ? whoElse(context, acl) : undefined
    if (names === undefined) return []
    return diagnostic({
      code: 'FERRY1357',
      severity: 'warning',
      detail: `${context.desired.name} made ${aclInWords(acl)} for ${acl.principal} on ${context.observed.target.name}, and ${names.join(', ')} ${names.length === 1 ? 'counts' : 'count'} on it too. ${fence === null ? 'It is left.' : `It is taken away: ${REASON[fence]}.`}`,
      fix:
        fence === null
          ? 'Delete it by hand once no migration needs it.'
          : `Apply ${names.join(' and ')} again after the rollback: that grants it anew.`,
    })
  })
}

/** What may be somebody else's is left, but for the fences: behind those the target must not be used, whoever opened them. */
export const ofUnknownMaker = (context: PlanContext, { stage }: Undoing): readonly Diagnostic[] => {
  const fence = FENCE_OF_STAGE[stage]
  if (fence === undefined) return []
  return context.state.grants
    .filter((acl) => FENCES[whenOf(acl)] === fence && hasUnknownMaker(context, acl))
    .map((acl) =>
      diagnostic({
        code: 'FERRY1354',
        severity: 'warning',
        detail: `No answer came when Ferry asked ${context.observed.target.name} for ${aclInWords(acl)} for ${acl.principal}: if it is there, who made it cannot be told. ${fence === null ? 'It is left.' : `It is taken away: ${REASON[fence]}.`}`,
        fix:
          fence === null
            ? 'Delete it by hand if nobody needs it.'
            : 'Grant it again after the rollback if somebody else has made it.',
      }),
    )
}

const REASON: Readonly<Record<NonNullable<Fence> | 'none', string>> = {
  consumers: 'no consumer may start on the target once its group goes back',
  producers: 'nothing may be written that is only on the target',
  none: 'Ferry granted it',
}
