import type { Protectable } from './protectable.ts'
import type { MigrationState } from './state.ts'
import type { Step } from './step.ts'

export const isProtected = (
  { kind, name }: Protectable,
  state: Pick<MigrationState, 'protected'>,
) => state.protected.some((each) => each.kind === kind && each.name === name)

/** The thing that a step deletes or empties, of those that can be protected; undefined: none. */
export const destroyedBy = (step: Step): Protectable | undefined => {
  switch (step.kind) {
    case 'delete-topic':
    case 'forget-mark':
      return { kind: 'topic', name: step.topic }
    case 'remove-user':
      return { kind: 'user', name: step.user }
    case 'remove-object':
      if (step.isGone) return undefined
      switch (step.object.kind) {
        case 'topic':
          return { kind: 'topic', name: step.object.topic }
        case 'group':
          return { kind: 'group', name: step.object.group }
        case 'user':
          return { kind: 'user', name: step.object.user }
        default:
          return undefined
      }
    default:
      return undefined
  }
}
