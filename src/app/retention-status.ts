import type { CopyProgress } from '../domain/copy-progress.ts'
import type { Migration } from '../domain/migration.ts'
import { races } from '../planner/overtaken.ts'
import type { CopyContext } from '../planner/uncopied.ts'
import type { RetentionStatus } from '../views/status-report.ts'

interface Parts extends Omit<CopyContext, 'desired' | 'now'> {
  readonly migration: Migration
  readonly copied: readonly CopyProgress[]
}

/** Where retention of the source is closest behind the mirror, by the rates of this look where there are any. Pure. */
export const retentionStatus = (parts: Parts): RetentionStatus | undefined => {
  const { migration, observed, copied } = parts
  const measured = new Map(
    copied.flatMap(({ topic, recordsPerSecond }) =>
      recordsPerSecond === null || recordsPerSecond <= 0 ? [] : [[topic, recordsPerSecond]],
    ),
  )
  const now = new Date(observed.at)
  const { closest, overtaken } = races({ ...parts, desired: migration, now }, measured)
  const race = overtaken ?? closest
  if (race === undefined) return undefined
  return {
    topic: race.topic,
    partition: race.seen.partition,
    copiedPerSecond: race.copied,
    by: race.by,
    takenPerSecond: race.taken,
    overtakenAt: overtaken === undefined ? null : new Date(overtaken.at).toISOString(),
  }
}
