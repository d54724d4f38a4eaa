import { describe, expect, it } from 'vitest'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import { Secret } from '../../src/domain/secret.ts'
import { emptyState, type MigrationState, type RecordedUser } from '../../src/domain/state.ts'
import type { SetUser } from '../../src/domain/step.ts'
import { setUser } from '../../src/steps/set-user.ts'
import type { Run } from '../../src/steps/step-kind.ts'
import { migration, observed, plan, stateWith } from '../planner/_build.ts'

/** What the step records; that a broker refuses, and with what, is for test/scenarios/rights.test.ts. */

const mechanism = 'scram-sha-512' as const
const step: SetUser = {
  kind: 'set-user',
  id: 'set-user/api/scram-sha-512',
  stage: 'prepared',
  reason: '',
  undo: { cost: 'free', says: '' },
  user: 'api',
  mechanism,
  passwordVersion: 1,
}
const spec = {
  name: 'api',
  mechanism,
  password: new Secret('p'),
  passwordVersion: 1,
  at: migration().stageAt,
}
const asked: RecordedUser = { name: 'api', mechanism, passwordVersion: 1, made: false, asked: true }
const { asked: _, ...theirs } = asked
const ours: RecordedUser = { ...theirs, made: true }

const set = async (
  users: readonly RecordedUser[],
  isThere: boolean,
  ends?: 'FERRY1207' | 'FERRY1212',
) => {
  let state: MigrationState = { ...emptyState('m', 'l'), users }
  let during: readonly RecordedUser[] = []
  const target = {
    describeUsers: async () => ({
      ok: new Map([['api', new Set(isThere ? [mechanism] : [])]]),
      failed: new Map(),
    }),
    setUser: async () => {
      during = state.users
      if (ends) throw new FerryError(diagnostic({ code: ends, detail: '', fix: '' }))
    },
  }
  const run = {
    migration: migration({ users: [spec] }),
    clusters: { target },
    state: () => state,
    decide: async (change: (now: MigrationState) => MigrationState) => {
      state = change(state)
    },
  } as unknown as Run
  const applied = Promise.resolve(setUser.apply(step, run))
  if (ends) await expect(applied).rejects.toBeInstanceOf(FerryError)
  else expect(await applied).toMatchObject({ done: true })
  return { during, after: state.users }
}

describe('a credential', () => {
  it('is Ferry’s own only once it was answered, where none was there', async () => {
    expect(await set([], false)).toEqual({ during: [asked], after: [ours] })
    expect(await set([], true)).toEqual({ during: [], after: [theirs] })
    // Somebody took it away: whoever makes it while this one is asked for is not Ferry.
    expect(await set([ours], false)).toEqual({ during: [asked], after: [ours] })
    expect(await set([ours], true)).toEqual({ during: [ours], after: [ours] })
  })

  it('that nobody answered is Ferry’s own once its password was set again', async () => {
    expect((await set([], false, 'FERRY1212')).after).toEqual([asked])
    expect((await set([asked], true)).after).toEqual([ours])
    expect((await set([asked], false)).after).toEqual([ours])
  })

  it('that was refused is nobody’s, unless it was asked for before', async () => {
    expect((await set([], false, 'FERRY1207')).after).toEqual([])
    expect((await set([ours], false, 'FERRY1207')).after).toEqual([])
    expect((await set([asked], false, 'FERRY1207')).after).toEqual([asked])
    expect((await set([asked], true, 'FERRY1207')).after).toEqual([asked])
  })
})

describe('a plan', () => {
  const made = (user: RecordedUser, isThere: boolean, purpose: 'on' | 'back' = 'on') => {
    const there: [string, ReadonlySet<typeof mechanism>][] = isThere
      ? [['api', new Set([mechanism])]]
      : []
    return plan({
      desired: migration({ users: [spec], stage: 'prepared' }),
      state: stateWith({ stage: 'prepared', users: [user] }),
      observed: observed({ target: { users: new Map(there) } }),
      ...(purpose === 'back' && { purpose: { kind: 'rollback', to: 'nothing' } }),
    })
  }
  const planned = (...of: Parameters<typeof made>) => {
    const { steps, problems } = made(...of)
    return [
      ...steps.filter(({ kind }) => /-user$/.test(kind)).map(({ kind }) => kind),
      ...problems.map(({ code }) => code).filter((code) => /1354|1312/.test(code)),
    ]
  }

  it('sets the password of one that nobody answered', () => {
    expect(planned(asked, true, 'on')).toEqual(['set-user'])
    expect(planned(asked, false, 'on')).toEqual(['set-user'])
    expect(planned(ours, true, 'on')).toEqual([])
  })

  it('of one that nobody answered is one-way only where a credential is there, which may be somebody else’s', () => {
    const undo = (user: RecordedUser, isThere: boolean) =>
      made(user, isThere).steps.find(({ kind }) => kind === 'set-user')?.undo
    expect(undo(asked, false)).toEqual({ cost: 'free', says: 'remove the credential' })
    expect(undo(asked, true)).toEqual({
      cost: 'impossible',
      says: 'if somebody else has made it meanwhile, the old password cannot be read back',
    })
  })

  it('to go back leaves and names it where it is there', () => {
    expect(planned(asked, true, 'back')).toEqual(['FERRY1354'])
    expect(planned(asked, false, 'back')).toEqual(['remove-user'])
    expect(planned(ours, true, 'back')).toEqual(['remove-user'])
    expect(planned(theirs, true, 'back')).toEqual(['FERRY1312'])
  })
})
