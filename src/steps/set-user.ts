import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { MigrationState, RecordedUser } from '../domain/state.ts'
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
      const isOpen = exists && ours?.asked === true
      if (exists && !isOpen && ours?.passwordVersion === user.passwordVersion) return []
      // Somebody else made this user: its password is not ours to overwrite until the file raises the version.
      if (exists && !ours && user.passwordVersion <= 1) return []
      return [
        {
          kind: 'set-user',
          id: `set-user/${user.name}/${user.mechanism}`,
          stage,
          reason: isOpen
            ? 'it was asked for and no answer came: whose password it has is not known'
            : exists
              ? `passwordVersion is ${user.passwordVersion} now`
              : `${observed.target.name} has no ${user.mechanism} credential for this user`,
          // Also one that nobody answered: it may be somebody else's, whose password ends here. Who confirms says that it is not.
          undo: exists
            ? { cost: 'impossible', says: isOpen ? MAY_BE_THEIRS : KEPT_SECRET }
            : { cost: 'free', says: 'remove the credential' },
          user: user.name,
          mechanism: user.mechanism,
          passwordVersion: user.passwordVersion,
        },
      ]
    })
    return { steps }
  },

  undo: ({ state, observed: { target } }, { stage, leadsTo }) => {
    if (stage !== 'prepared') return { steps: [] }
    const isThere = ({ name, mechanism }: RecordedUser) =>
      target.users.get(name)?.has(mechanism) ?? false
    const isOurs = (user: RecordedUser) => user.made || (user.asked === true && !isThere(user))
    return {
      steps: state.users.filter(isOurs).map(({ name, mechanism }) => ({
        kind: 'remove-user',
        id: `remove-user/${name}/${mechanism}`,
        stage: leadsTo,
        reason: 'there was no such credential before',
        undo: { cost: 'restores', says: 'set it again, as the plan file says' },
        user: name,
        mechanism,
      })),
      problems: state.users
        .filter((user) => !isOurs(user))
        .map((user) => (user.asked ? ofUnknownMaker(user, target.name) : keepsPassword(user.name))),
    }
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
    const isThere = there.has(step.mechanism)
    const put = (user: RecordedUser | undefined) =>
      run.decide((state) => ({ ...state, users: [...others(state), ...(user ? [user] : [])] }))
    const others = ({ users }: MigrationState) =>
      users.filter((u) => u.name !== step.user || u.mechanism !== step.mechanism)
    const { passwordVersion } = step
    const { name, mechanism, password } = user
    // Before it is made: until the answer nobody can tell who made one that is there after a crash.
    const asked = { name, mechanism, passwordVersion, made: false, asked: true }
    if (!isThere) await put(asked)
    try {
      await run.clusters.target.setUser({ name, mechanism, password })
    } catch (error) {
      // What the broker refused nobody has made; unless it was asked for before, and may have come since.
      const isRefused = error instanceof FerryError && error.diagnostics.every(isRefusal)
      if (isRefused && !isThere && !known?.asked) await put(undefined)
      throw error
    }
    // Nothing was there when it was asked for, and its password is the file's now, whoever made it.
    const made = !isThere || known?.made === true || known?.asked === true
    await put({ name, mechanism, passwordVersion, made })
    return { done: true, facts: { passwordVersion: step.passwordVersion } }
  },

  describe: (step) => ({
    symbol: '+',
    noun: 'user',
    name: step.user,
    says: `${step.mechanism}, password version ${step.passwordVersion}`,
  }),
}

const KEPT_SECRET = 'the old password cannot be read back'
const MAY_BE_THEIRS = `if somebody else has made it meanwhile, ${KEPT_SECRET}`

const ofUnknownMaker = ({ name, mechanism }: RecordedUser, target: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1354',
    severity: 'warning',
    detail: `No answer came when Ferry asked ${target} for the ${mechanism} credential of ${name}: who made the one that is there cannot be told. It is left.`,
    fix: 'Delete it by hand if nobody needs it.',
  })

const keepsPassword = (user: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1312',
    severity: 'warning',
    summary: 'Password stays',
    detail: `The password of ${user} stays what Ferry set: the one before cannot be read back.`,
    fix: 'Set it again by hand if the old one is needed.',
  })
