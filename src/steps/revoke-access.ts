import { type AclBinding, aclKey, type When, whenOf } from '../domain/access.ts'
import type { Stage } from '../domain/stage.ts'
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
    await run.decide((state) => ({
      ...state,
      grants: state.grants.filter((acl) => !gone.has(aclKey(acl))),
    }))
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
  { state, desired }: PlanContext,
  { stage, leadsTo, mirrorsBack }: Undoing,
): readonly RevokeAccess[] => {
  const fence = FENCE_OF_STAGE[stage]
  if (fence === undefined) return []
  const byPrincipal = new Map<string, AclBinding[]>()
  for (const acl of state.grants) {
    if (FENCES[whenOf(acl)] !== fence) continue
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

const REASON: Readonly<Record<NonNullable<Fence> | 'none', string>> = {
  consumers: 'no consumer may start on the target once its group goes back',
  producers: 'nothing may be written that is only on the target',
  none: 'Ferry granted it',
}
