import { partitionKey } from '../domain/ids.ts'
import type { Deadline, Invariant } from '../domain/plan.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { effective } from './topic-configs.ts'

/** Broker default of `offsets.retention.minutes` since 2.0: seven days. */
const OFFSETS_RETENTION_MINUTES = 7 * 24 * 60

/**
 * The moments after which this plan no longer works, earliest first: retention of what is still to be copied, and expiry of commits
 * that Ferry wrote for groups that have no members yet. Only moments that can be computed are given.
 */
export const deadlines = (context: PlanContext): readonly Deadline[] =>
  [...retentionDeadlines(context), ...commitDeadlines(context)].sort((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
  )

const retentionDeadlines = ({
  desired,
  observed,
  state,
  now,
}: PlanContext): readonly Deadline[] => {
  let first: { readonly at: number; readonly partition: string } | undefined
  for (const topic of desired.topics) {
    if (state.seals.some((seal) => seal.topic === topic.name)) continue
    const source = observed.source.topics.get(topic.name)
    const retention = Number(effective(source, 'retention.ms') ?? '-1')
    if (!source || retention < 0) continue
    for (const { partition, sample } of source.partitions) {
      if (!sample || sample.headTimestamp < 0) continue
      const at = sample.headTimestamp + retention
      // The oldest batch is already past it: the broker deletes whole segments, so nothing can be said about when.
      if (at <= now.getTime()) continue
      if (!first || at < first.at) first = { at, partition: `${topic.name}-${partition}` }
    }
  }
  return first
    ? [
        {
          at: new Date(first.at).toISOString(),
          says: `retention of ${first.partition} on ${observed.source.name} is the first deadline`,
        },
      ]
    : []
}

const commitDeadlines = ({ desired, observed, state }: PlanContext): readonly Deadline[] => {
  const minutes = Number(
    observed.target.brokerConfigs.get('offsets.retention.minutes')?.value ??
      OFFSETS_RETENTION_MINUTES,
  )
  const names = new Set(desired.groups.map((g) => g.id))
  return state.syncs
    .filter((sync) => names.has(sync.group) && sync.status === 'done')
    .filter(
      (sync) => (observed.target.groups.get(sync.group)?.description.members.length ?? 0) === 0,
    )
    .map((sync) => ({
      at: new Date(Date.parse(sync.at) + minutes * 60_000).toISOString(),
      says: `the synced positions of ${sync.group} expire on ${observed.target.name} unless its consumers start`,
    }))
}

/** What must still hold at apply: the source still has every record that the mirror has yet to copy. */
export const invariants = ({ observed, state }: PlanContext): readonly Invariant[] =>
  state.marks
    .filter(
      (mark) => !state.seals.some((s) => s.topic === mark.topic && s.partition === mark.partition),
    )
    .map((mark) => ({
      says: `${observed.source.name} still holds what is left to copy of ${mark.topic}-${mark.partition}`,
      check: { kind: 'source-holds' as const, partition: partitionKey(mark.topic, mark.partition) },
    }))
