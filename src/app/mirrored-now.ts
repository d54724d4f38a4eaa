import { cleanedOfTarget } from '../domain/cleaned.ts'
import { endsOfCopying, openReverse } from '../domain/reverse.ts'
import type { MigrationState } from '../domain/state.ts'
import type { MirroredMigration } from '../mirror/mirror.ts'

/** What of a migration is to be copied there, and back, by its decisions; undefined: nothing is marked for it, or the migration is over. */
export const mirroredNow = (
  state: MigrationState | undefined,
  way: 'forward' | 'reverse',
): MirroredMigration | undefined => {
  if (state === undefined || state.stage === 'retired' || state.marks.length === 0) return undefined
  const { migration, acceptedGaps } = state
  if (way === 'forward') {
    return { migration, marks: state.marks, seals: endsOfCopying(state), acceptedGaps }
  }
  const { marks } = openReverse(state)
  if (marks.length === 0) return undefined
  return { migration, marks, seals: endsOfCopying(state.reverse), cleaned: cleanedOfTarget(state) }
}
