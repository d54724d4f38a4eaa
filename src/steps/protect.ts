import type { Protectable } from '../domain/protectable.ts'
import { isProtected } from '../domain/protection.ts'
import type { Protect } from '../domain/step.ts'
import type { StepKind } from './step-kind.ts'

/**
 * Writes `lifecycle.preventDelete` into the state, so that it holds after the line was taken out of the file. Only `false`, once applied,
 * lifts it. A rollback leaves it as it is.
 */
export const protect: StepKind<Protect> = {
  kind: 'protect',

  plan: ({ desired, state }, stage) => {
    if (stage !== 'prepared') return { steps: [] }
    const said: readonly (readonly [Protectable, boolean | undefined])[] = [
      ...desired.topics.map((t) => [{ kind: 'topic', name: t.name }, t.preventDelete] as const),
      ...desired.groups.map((g) => [{ kind: 'group', name: g.id }, g.preventDelete] as const),
      ...desired.users.map((u) => [{ kind: 'user', name: u.name }, u.preventDelete] as const),
    ]
    return {
      steps: said.flatMap(([object, preventDelete]): Protect[] =>
        preventDelete === undefined || preventDelete === isProtected(object, state)
          ? []
          : [
              {
                kind: 'protect',
                id: `protect/${object.kind}/${object.name}`,
                stage,
                reason: `the file says preventDelete: ${preventDelete}`,
                undo: { cost: 'free', says: `write preventDelete: ${!preventDelete}` },
                object,
                preventDelete,
              },
            ],
      ),
    }
  },

  gates: () => [],

  apply: async ({ object, preventDelete }, run) => {
    await run.decide((state) => {
      const others = state.protected.filter(
        ({ kind, name }) => kind !== object.kind || name !== object.name,
      )
      return { ...state, protected: preventDelete ? [...others, object] : others }
    })
    return { done: true, facts: {} }
  },

  describe: ({ object, preventDelete }) => ({
    symbol: '~',
    noun: object.kind,
    name: object.name,
    says: preventDelete
      ? `from now on no plan may ${KEPT_FROM[object.kind]}`
      : 'plans may delete it again, from the next one on',
  }),
}

/** What a sync has written for a group a rollback takes back: it deletes nothing that was there before. */
const KEPT_FROM: Readonly<Record<Protectable['kind'], string>> = {
  topic: 'delete or empty it',
  group: 'remove its positions',
  user: 'delete it',
}
