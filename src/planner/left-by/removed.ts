import { type RemovedObject, removedKey } from '../../domain/migration.ts'
import type { Step } from '../../domain/step.ts'
import type { Given, Judged } from './given.ts'

/**
 * What `removed` lists. Also other steps make such a thing, or take it away: a rollback puts back, and takes what Ferry had made before it was
 * listed. What they leave is judged by parts of its own.
 */
export const removedParts = ({ now, steps, isDone }: Given): Judged =>
  steps.flatMap((step): Judged => {
    if (step.kind === 'remove-object') {
      const key = removedKey(step)
      return [[`removed ${key}`, !isDone(step) || !now.observed.removed?.has(key)]]
    }
    return touchedBy(step).map((key) => [`removed ${key}`, true] as const)
  })

/** By {@link removedKey}. */
const touchedBy = (step: Step): readonly string[] => {
  const onTarget = (object: RemovedObject) => removedKey({ on: 'target', object })
  switch (step.kind) {
    case 'put-back':
      return [onTarget(step.object)]
    case 'set-quota':
    case 'restore-quota':
      return [onTarget({ kind: 'quota', user: step.user })]
    case 'set-user':
    case 'remove-user':
      return [onTarget({ kind: 'user', user: step.user })]
    case 'grant-access':
    case 'revoke-access':
      return step.acls.map((acl) => onTarget({ kind: 'acl', acl }))
    case 'create-topic':
    case 'delete-topic':
    case 'add-partitions':
      return [onTarget({ kind: 'topic', topic: step.topic })]
    case 'sync-group':
    case 'restore-group':
      return [onTarget({ kind: 'group', group: step.group })]
    case 'return-group':
      return [removedKey({ on: 'source', object: { kind: 'group', group: step.group } })]
    default:
      return []
  }
}

/** Topics that are deleted there, and groups that go back. */
export const sourceParts = ({ now, steps, isDone }: Given): Judged =>
  steps.flatMap((step): Judged => {
    if (step.kind === 'return-group') return [[`group ${step.group} on the source`, true]]
    if (step.kind !== 'remove-object') return []
    if (step.on !== 'source' || step.object.kind !== 'topic') return []
    const { topic } = step.object
    const isGone = !now.observed.source.topics.has(topic)
    return [[`topic ${topic} on the source`, isGone || !isDone(step)]]
  })
