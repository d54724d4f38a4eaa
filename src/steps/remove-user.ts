import type { RemoveUser } from '../domain/step.ts'
import type { StepKind } from './step-kind.ts'

/** Removes a SCRAM credential from the target that was not there before Ferry set it. */
export const removeUser: StepKind<RemoveUser> = {
  kind: 'remove-user',

  plan: () => ({ steps: [] }),

  gates: () => [],

  apply: async (step, run) => {
    await run.clusters.target.deleteUser(step.user, step.mechanism)
    await run.decide((state) => ({
      ...state,
      users: state.users.filter((u) => u.name !== step.user || u.mechanism !== step.mechanism),
    }))
    return { done: true, facts: {} }
  },

  describe: (step) => ({
    symbol: '-',
    noun: 'user',
    name: step.user,
    says: `remove the ${step.mechanism} credential, which Ferry made`,
  }),
}
