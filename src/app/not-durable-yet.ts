import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { durableAfter } from '../domain/durable-starts.ts'
import { hidesBelow } from '../domain/mark.ts'
import type { Migration } from '../domain/migration.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Observed } from '../planner/observed.ts'
import { someNames } from '../steps/_words.ts'
import { type MirrorProcess, mirrorsOf } from './mirror-processes.ts'

/**
 * Until when a crash of all brokers of the target may bring back what was deleted below the marks, where no mirror is alive that would delete it
 * again at once. Nothing in Kafka's protocol says that a log start is durable: this goes by the time since the mark. Pure.
 */
export const notDurableYet = ({
  migration,
  state,
  observed: { at, target },
  processes,
}: {
  readonly migration: Migration
  readonly state: MigrationState
  readonly observed: Observed
  readonly processes: readonly MirrorProcess[] | undefined
}): readonly Diagnostic[] => {
  const hiding = state.stage === 'retired' ? [] : state.marks.filter(hidesBelow)
  if (hiding.length === 0 || mirrorsOf(processes ?? [], migration).length > 0) return []
  const takesMs = durableAfter(target.brokerConfigs).ms
  const now = Date.parse(at)
  const fresh = hiding.filter((mark) => Date.parse(mark.at) + takesMs > now)
  if (fresh.length === 0) return []
  const until = fresh.reduce((latest, { at }) => Math.max(latest, Date.parse(at) + takesMs), 0)
  const topics = [...new Set(fresh.map(({ topic }) => topic))].sort()
  return [
    diagnostic({
      code: 'FERRY1324',
      severity: 'warning',
      detail: `Until ${new Date(until).toISOString()} a crash of all brokers of ${target.name} can make readable what was deleted below the marks of ${someNames(topics)}, and no mirror is known to run that would delete it again.`,
      fix: `Run \`ferry mirror ${migration.name}\`, or let nobody read these topics from the beginning until then.`,
    }),
  ]
}
