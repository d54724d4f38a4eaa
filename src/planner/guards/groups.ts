import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import { type GroupId, parsePartitionKey, partitionKey, type TopicName } from '../../domain/ids.ts'
import type { GroupSpec } from '../../domain/migration.ts'
import type { Step } from '../../domain/step.ts'
import { someNames } from '../../steps/_words.ts'
import { firstOf } from '../../steps/gates/index.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import { growthOf } from '../grown.ts'
import type { ObservedSide } from '../observed.ts'

/** Topics of other migrations of the project, with the names of those. */
export type OtherTopics = ReadonlyMap<TopicName, string>

export const groupGuards = (
  context: PlanContext,
  spec: GroupSpec,
  others: OtherTopics,
): readonly Diagnostic[] => {
  const { desired, observed, state } = context
  if (state.syncs.some((s) => s.group === spec.id && s.status === 'done'))
    return withoutNewPositions(context, spec)
  const group = observed.source.groups.get(spec.id)
  if (!group) return []
  const found: Diagnostic[] = []
  const add = (parts: Parameters<typeof diagnostic>[0]) =>
    found.push(diagnostic({ ...parts, at: spec.at }))
  const { state: groupState, type, protocolType } = group.description
  if (
    type === 'share' ||
    type === 'streams' ||
    (protocolType !== '' && protocolType !== 'consumer')
  ) {
    add({
      code: 'FERRY1314',
      detail: `${spec.id} on ${observed.source.name} is a ${type === 'classic' || type === 'unknown' ? protocolType : type} group.`,
      fix: 'Take it out of the file and move it by its own means.',
    })
  }
  if (groupState === 'absent' && group.commits.size === 0) {
    add({
      code: 'FERRY1315',
      detail: `${observed.source.name} knows no group ${spec.id}.`,
      fix: 'Correct the name, or take the group out of the file. If its commits have expired there, commit where its service goes on.',
    })
    return found
  }
  const ours = new Set(desired.topics.map((t) => t.name))
  const foreign = new Map<TopicName, string | undefined>()
  for (const key of group.commits.keys()) {
    const { topic } = parsePartitionKey(key)
    if (!ours.has(topic)) foreign.set(topic, others.get(topic))
  }
  for (const [topic, migration] of foreign) {
    add({
      code: 'FERRY1308',
      detail: `${spec.id} has committed positions on ${topic}, which ${migration ? `belongs to migration ${migration}` : 'is in no plan file'}.`,
      fix: migration
        ? `Put both into one migration: ${desired.name} and ${migration} share this group.`
        : `Add ${topic} to the topics, or delete the group's commits on it if they are old.`,
    })
  }
  if (observed.source.commitsExpireEarly && !spec.uncommittedSaid) {
    const without = desired.topics.flatMap((t) =>
      (observed.source.topics.get(t.name)?.partitions ?? [])
        .filter((p) => !group.commits.has(`${t.name}:${p.partition}` as never))
        .map((p) => `${t.name}-${p.partition}`),
    )
    if (without.length > 0) {
      add({
        code: 'FERRY1313',
        detail: `${spec.id} shows no commit on ${someNames(without)}; on ${observed.source.name} it may have expired.`,
        fix: 'Say it in the file: `uncommitted: absent`, `start` or `end`.',
      })
    }
  }
  return found
}

/**
 * Steps that wait for a transaction which holds positions of their group: what the plan counts is of before. Nothing of a group that no step
 * touches: a service that commits in transactions has one open nearly all the time.
 */
export const pendingGuards = (
  { observed: { source, target } }: Pick<PlanContext, 'observed'>,
  steps: readonly Step[],
): readonly Diagnostic[] =>
  steps.flatMap((step) => {
    switch (step.kind) {
      case 'sync-group':
        return [...pendingOn(source, step.group), ...pendingOn(target, step.group)]
      case 'return-group':
      case 'restore-group':
        return pendingOn(target, step.group)
      default:
        return []
    }
  })

const pendingOn = ({ name, groups }: ObservedSide, id: GroupId): readonly Diagnostic[] => {
  const pending = groups.get(id)?.pending ?? []
  if (pending.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1355',
      severity: 'warning',
      detail: `${id} has its position in ${firstOf(pending)} on ${name} in a transaction that is open: this plan counts what was committed before it.`,
      fix: 'Nothing: apply waits for its end before it reads where the group goes on. One that hangs is shown by `kafka-transactions.sh find-hanging`.',
    }),
  ]
}

/** It was synced, and partitions came since: the absence of its position there is copied, as for all others. */
const withoutNewPositions = (context: PlanContext, spec: GroupSpec): readonly Diagnostic[] => {
  const { desired, observed } = context
  if (spec.uncommitted !== 'absent') return []
  const there = observed.target.groups.get(spec.id)?.commits
  return desired.topics.flatMap(({ name }) => {
    const growth = growthOf(context, name)
    if (growth === undefined || growth.isSealed) return []
    const first = partitionKey(name, growth.marked)
    if (there?.has(first)) return []
    return [
      diagnostic({
        code: 'FERRY1340',
        severity: 'warning',
        detail: `${spec.id} was synced before ${name} got partition ${growth.marked}${growth.source > growth.marked + 1 ? ` to ${growth.source - 1}` : ''}, and has no position there: its consumers on ${observed.target.name} do what their auto.offset.reset says.`,
        fix: 'Nothing with `earliest`. Else write `uncommitted: start` for the group, and stop its consumers for the moment of the sync.',
        at: spec.at,
      }),
    ]
  })
}
