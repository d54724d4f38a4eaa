import { diagnostic } from '../domain/diagnostic.ts'
import type { SetUser } from '../domain/step.ts'
import type { StepKind } from './step-kind.ts'

/** Sets a SCRAM password on the target. A stored one cannot be read back: `passwordVersion` says when to set it again. */
export const setUser: StepKind<SetUser> = {
  kind: 'set-user',

  plan: ({ desired, observed, state }, stage) => {
    if (stage !== 'prepared') return { steps: [] }
    const steps = desired.users.flatMap((user): SetUser[] => {
      const exists = observed.target.users.get(user.name)?.has(user.mechanism) ?? false
      const ours = state.users.find((u) => u.name === user.name && u.mechanism === user.mechanism)
      if (exists && ours?.passwordVersion === user.passwordVersion) return []
      // Somebody else made this user: its password is not ours to overwrite until the file raises the version.
      if (exists && !ours && user.passwordVersion <= 1) return []
      return [
        {
          kind: 'set-user',
          id: `set-user/${user.name}/${user.mechanism}`,
          stage,
          reason: exists
            ? `passwordVersion is ${user.passwordVersion} now`
            : `${observed.target.name} has no ${user.mechanism} credential for this user`,
          undo: exists
            ? { cost: 'impossible', says: 'the old password cannot be read back' }
            : { cost: 'free', says: 'remove the credential' },
          user: user.name,
          mechanism: user.mechanism,
          passwordVersion: user.passwordVersion,
        },
      ]
    })
    return { steps }
  },

  gates: () => [],

  apply: async (step, run) => {
    const user = run.migration.users.find(
      (u) => u.name === step.user && u.mechanism === step.mechanism,
    )
    if (!user) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1402',
          detail: `The plan sets a password for ${step.user}, but the plan file has no such user any more.`,
          fix: 'Make a new plan.',
        }),
      }
    }
    await run.clusters.target.setUser({
      name: user.name,
      mechanism: user.mechanism,
      password: user.password,
    })
    await run.decide((state) => ({
      ...state,
      users: [
        ...state.users.filter((u) => u.name !== step.user || u.mechanism !== step.mechanism),
        { name: step.user, mechanism: step.mechanism, passwordVersion: step.passwordVersion },
      ],
    }))
    return { done: true, facts: { passwordVersion: step.passwordVersion } }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'user',
    name: step.user,
    says: `${step.mechanism}, password version ${step.passwordVersion}`,
  }),
}
