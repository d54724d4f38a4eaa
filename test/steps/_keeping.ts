import { emptyState, type MigrationState } from '../../src/domain/state.ts'

/** The part of a run that keeps decisions, in memory. */
export const keeping = (first: Partial<MigrationState> = {}) => {
  let state: MigrationState = { ...emptyState('m', 'l'), ...first }
  return {
    state: () => state,
    decide: async (change: (now: MigrationState) => MigrationState) => {
      state = change(state)
    },
  }
}
