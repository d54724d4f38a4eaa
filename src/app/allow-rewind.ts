import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Migration } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import { nearMatches } from './near-matches.ts'

/** A migration whose named groups may be taken back: they read records again. Never of a file, always asked for by name. */
export const allowingRewind = (migration: Migration, groups: readonly string[]): Migration =>
  groups.length === 0
    ? migration
    : {
        ...migration,
        groups: migration.groups.map((group) =>
          groups.includes(group.id) ? { ...group, allowRewind: true } : group,
        ),
      }

/** A name that is in none of the migrations would allow nothing: it is refused. */
export const checkRewinds = (migrations: readonly Migration[], groups: readonly string[]): void => {
  const known = migrations.flatMap((migration) => migration.groups.map(({ id }) => id as string))
  const unknown = groups.filter((group) => !known.includes(group))
  if (unknown.length === 0) return
  throw new FerryError(
    unknown.map((group) =>
      diagnostic({
        code: 'FERRY1105',
        detail: `--allow-rewind cannot be ${JSON.stringify(group)}: no such group is moved here.`,
        fix: nearMatches(group, known, 'groups'),
      }),
    ),
  )
}

/** The groups that a plan file was made for to take back. */
export const rewindsOf = (plan: Plan): readonly string[] =>
  plan.steps.flatMap((step) =>
    step.kind === 'sync-group' && step.allowRewind ? [step.group as string] : [],
  )
