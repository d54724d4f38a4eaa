import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { MigrationState } from '../domain/state.ts'
import type { SetUser } from '../domain/step.ts'
import { isRefusal } from './_refused.ts'
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

  undo: ({ state }, { stage, leadsTo }) => ({
    steps:
      stage !== 'prepared'
        ? []
        : state.users
            .filter((user) => user.made)
            .map(({ name, mechanism }) => ({
              kind: 'remove-user',
              id: `remove-user/${name}/${mechanism}`,
              stage: leadsTo,
              reason: 'there was no such credential before',
              undo: { cost: 'restores', says: 'set it again, as the plan file says' },
              user: name,
              mechanism,
            })),
    problems:
      stage !== 'prepared'
        ? []
        : state.users.filter((user) => !user.made).map((user) => keepsPassword(user.name)),
  }),

  gates: () => [],

  apply: async (step, run) => {
    const user = run.migration.users.find(
      (u) => u.name === step.user && u.mechanism === step.mechanism,
    )
    if (!user) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1401',
          detail: `The plan sets a password for ${step.user}, but the plan file has no such user any more.`,
          fix: 'Make a new plan.',
        }),
      }
    }
    const known = run
      .state()
      .users.find((u) => u.name === step.user && u.mechanism === step.mechanism)
    const described = await run.clusters.target.describeUsers([step.user])
    const there = described.ok.get(step.user)
    if (there === undefined) return { done: false, problem: described.failed.get(step.user)! }
    const made = known?.made ?? !there.has(step.mechanism)
    const others = ({ users }: MigrationState) =>
      users.filter((u) => u.name !== step.user || u.mechanism !== step.mechanism)
    const forget = () => run.decide((state) => ({ ...state, users: others(state) }))
    const record = (passwordVersion: number) =>
      run.decide((state) => ({
        ...state,
        users: [
          ...others(state),
          { name: step.user, mechanism: step.mechanism, passwordVersion, made },
        ],
      }))
    // Before it is made: after a crash in between, a credential that Ferry made is still known to be its own.
    if (made && known === undefined) await record(step.passwordVersion)
    const { name, mechanism, password } = user
    try {
      await run.clusters.target.setUser({ name, mechanism, password })
    } catch (error) {
      // What the broker refused Ferry has not made: whoever makes it later must not lose it in a rollback.
      const isRefused = error instanceof FerryError && error.diagnostics.every(isRefusal)
      if (isRefused && made && known === undefined) await forget()
      throw error
    }
    await record(step.passwordVersion)
    return { done: true, facts: { passwordVersion: step.passwordVersion } }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'user',
    name: step.user,
    says: `${step.mechanism}, password version ${step.passwordVersion}`,
  }),
}

const keepsPassword = (user: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1312',
    severity: 'warning',
    summary: 'Password stays',
    detail: `The password of ${user} stays what Ferry set: the one before cannot be read back.`,
    fix: 'Set it again by hand if the old one is needed.',
  })
