import { type AclBinding, aclKey } from '../../domain/access.ts'
import type { Step } from '../../domain/step.ts'
import { aclPart } from '../fingerprint.ts'
import type { Given, Judged } from './given.ts'

export const aclParts = ({ now, steps, isDone }: Given): Judged => {
  const { acls } = now.observed.target
  if (typeof acls === 'string') return []
  const there = new Set(acls.map(aclKey))
  const left = new Map<string, boolean>()
  for (const step of steps) {
    const { made, gone } = aclsOf(step)
    for (const key of made.map(aclKey)) left.set(key, !isDone(step) || there.has(key))
    for (const key of gone.map(aclKey)) left.set(key, !isDone(step) || !there.has(key))
  }
  return [...left].map(([key, isOwn]) => [aclPart(key), isOwn])
}

const aclsOf = (
  step: Step,
): { readonly made: readonly AclBinding[]; readonly gone: readonly AclBinding[] } => {
  switch (step.kind) {
    case 'grant-access':
      return { made: step.acls, gone: [] }
    case 'revoke-access':
      return { made: [], gone: step.acls }
    case 'put-back':
      return { made: step.object.kind === 'acl' ? [step.object.acl] : [], gone: [] }
    case 'remove-object': {
      const isAcl = step.on === 'target' && step.object.kind === 'acl'
      return { made: [], gone: isAcl ? [step.object.acl] : [] }
    }
    default:
      return { made: [], gone: [] }
  }
}
