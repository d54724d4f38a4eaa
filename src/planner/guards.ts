import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type GroupId, parsePartitionKey, type TopicName } from '../domain/ids.ts'
import type { GroupSpec, Migration, TopicSpec } from '../domain/migration.ts'
import { notSupported } from '../domain/not-supported.ts'
import { counted } from '../steps/_words.ts'
import { plannedStart } from '../steps/start-from.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { chooseMode } from './choose-mode.ts'
import { coverageWarnings } from './coverage.ts'
import { cutoverWarnings } from './cutover-warnings.ts'
import type { ObservedTopic } from './observed.ts'
import { targetDefault, topicConfigs } from './topic-configs.ts'
import { durabilityRisks, writeFence } from './write-fence.ts'

/** Topics of other migrations of the project, with the names of those. */
export type OtherTopics = ReadonlyMap<TopicName, string>

/** What stands in the way of a plan, all of it at once: errors block apply, warnings are shown. Pure. */
export const guard = (
  context: PlanContext,
  others: OtherTopics,
  otherGroups: ReadonlySet<GroupId> = new Set(),
): readonly Diagnostic[] => [
  ...context.observed.problems,
  ...notSupported(context.desired),
  ...sameClusters(context),
  ...context.desired.topics.flatMap((spec) => topicGuards(context, spec)),
  ...context.desired.groups.flatMap((spec) => groupGuards(context, spec, others)),
  ...accessGuards(context),
  ...cutoverWarnings(context),
  ...coverageWarnings(context, otherGroups),
]

/** Source and target are two clusters, and the two that this migration began with. */
export const sameClusters = ({ desired, observed, state }: PlanContext): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  if (observed.source.id === observed.target.id) {
    found.push(
      diagnostic({
        code: 'FERRY1302',
        detail: `${observed.source.name} and ${observed.target.name} are the same cluster, ${observed.source.id}.`,
        fix: 'Correct the cluster files.',
      }),
    )
  }
  const before = state.clusters
  if (before && (before.source !== observed.source.id || before.target !== observed.target.id)) {
    found.push(
      diagnostic({
        code: 'FERRY1319',
        detail: `${desired.name} began with source ${before.source} and target ${before.target}; the files now lead to ${observed.source.id} and ${observed.target.id}.`,
        fix: 'Correct the cluster files, or give the migration another name to begin anew.',
      }),
    )
  }
  return found
}

export const topicGuards = (context: PlanContext, spec: TopicSpec): readonly Diagnostic[] => {
  const { observed, state } = context
  const source = observed.source.topics.get(spec.name)
  if (!source) {
    return observed.problems.length > 0
      ? []
      : [
          diagnostic({
            code: 'FERRY1303',
            detail: `${observed.source.name} has no topic ${spec.name}, or the user may not describe it.`,
            fix: 'Correct the name, or take the topic out of the file.',
            at: spec.at,
          }),
        ]
  }
  const target = observed.target.topics.get(spec.name)
  // What a purge that was begun has left is still the mirror's own.
  const marked = [...state.marks, ...state.purges].some((mark) => mark.topic === spec.name)
  return [
    ...countGuards(context, spec, source, target),
    ...contentGuards(context, spec, source, target, marked),
    ...configGuards(context, spec, source),
    ...(state.seals.some((seal) => seal.topic === spec.name) ? [] : fenceGuards(context, spec)),
  ]
}

const countGuards = (
  { observed }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedTopic | undefined,
): readonly Diagnostic[] => {
  const count = source.description.partitions.length
  const found: Diagnostic[] = []
  const differ = (who: string, other: number, fix: string) =>
    found.push(
      diagnostic({
        code: 'FERRY1304',
        detail: `${spec.name} has ${counted(count, 'partition')} on ${observed.source.name}, but ${other} ${who}.`,
        fix,
        at: spec.at,
      }),
    )
  if (spec.partitions !== undefined && spec.partitions !== count) {
    differ('in the plan file', spec.partitions, `Write ${count}, or leave \`partitions\` out.`)
  }
  const there = target?.description.partitions.length
  if (there !== undefined && there !== count) {
    differ(
      `on ${observed.target.name}`,
      there,
      there < count
        ? `Add partitions on ${observed.target.name}, or delete the topic there if it is nobody's.`
        : `Delete the topic on ${observed.target.name} if it is nobody's: partitions cannot be taken away.`,
    )
  }
  const headless = source.description.partitions.find((p) => p.leader < 0)
  if (headless || source.partitions.length !== count) {
    found.push(
      diagnostic({
        code: 'FERRY1316',
        detail: headless
          ? `${spec.name}-${headless.partition} has no leader on ${observed.source.name}.`
          : `The offsets of ${count - source.partitions.length} partitions of ${spec.name} on ${observed.source.name} could not be read.`,
        fix: 'Wait until the cluster is well again, then plan again.',
        at: spec.at,
      }),
    )
  }
  return found
}

const contentGuards = (
  { desired, observed, state }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedTopic | undefined,
  marked: boolean,
): readonly Diagnostic[] => {
  if (marked) return []
  const found: Diagnostic[] = []
  const ours = state.markIntents.some((intent) => intent.topic === spec.name)
  const used = target?.partitions.find((p) => p.highWatermark > p.logStart)
  if (used && !ours) {
    found.push(
      diagnostic({
        code: 'FERRY1305',
        detail: `${spec.name}-${used.partition} on ${observed.target.name} holds offsets ${used.logStart} to ${used.highWatermark - 1n}, which Ferry did not write.`,
        fix: `Delete the topic on ${observed.target.name} if nobody needs it; plan creates it again.`,
        at: spec.at,
      }),
    )
  }
  const choice = chooseMode(
    spec,
    source,
    target,
    (p) => plannedStart(desired, observed.source, spec.name, p),
    observed.target.cluster.authorized,
  )
  if (choice.impossible && !used) {
    found.push(
      diagnostic({
        code: 'FERRY1309',
        detail: `${spec.name}: ${choice.impossible}.`,
        fix: 'Take `offsets: auto`, or remove what stands in the way.',
        at: spec.at,
      }),
    )
  }
  return found
}

const configGuards = (
  { observed, now }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  if (source.configs === null && spec.configs === undefined) {
    found.push(
      diagnostic({
        code: 'FERRY1318',
        detail: `${observed.source.name} cannot describe the configs of ${spec.name}.`,
        fix: 'Write `configs` for this topic, at least retention.ms, retention.bytes, cleanup.policy and max.message.bytes.',
        at: spec.at,
      }),
    )
  }
  const { final, protective, leftBehind } = topicConfigs(spec, source, observed.target, now)
  if (leftBehind.length > 0) {
    found.push(
      diagnostic({
        code: 'FERRY1317',
        severity: 'warning',
        summary: 'Configs left behind',
        detail: `${spec.name} sets ${leftBehind.join(', ')} on ${observed.source.name}; Kafka on ${observed.target.name} does not know ${leftBehind.length === 1 ? 'it' : 'them'}.`,
        fix: 'Nothing, if the service does not need it.',
        at: spec.at,
      }),
    )
  }
  const target = observed.target.topics.get(spec.name)
  const brokers = observed.target.cluster.brokers.length
  const factor =
    target?.description.partitions[0]?.replicas.length ??
    spec.replicationFactor ??
    Number(observed.target.brokerConfigs.get('default.replication.factor')?.value ?? '-1')
  const minInsync = Number(
    final.get('min.insync.replicas') ??
      targetDefault(observed.target, 'min.insync.replicas') ??
      '1',
  )
  if (factor > brokers) {
    found.push(
      diagnostic({
        code: 'FERRY1317',
        detail: `${spec.name} asks for replication factor ${factor}; ${observed.target.name} has ${brokers} brokers.`,
        fix: 'Lower it.',
        at: spec.at,
      }),
    )
  }
  if (factor > 0 && minInsync > factor) {
    found.push(
      diagnostic({
        code: 'FERRY1317',
        detail: `${spec.name} would have min.insync.replicas ${minInsync} above its replication factor ${factor}: nobody could write to it.`,
        fix: 'Set min.insync.replicas in `configs`, or raise replicationFactor.',
        at: spec.at,
      }),
    )
  }
  const risks = durabilityRisks(
    observed.target,
    spec.name,
    factor,
    Number(protective.get('min.insync.replicas') ?? minInsync),
  )
  if (risks.length > 0) {
    found.push(
      diagnostic({
        code: 'FERRY1306',
        severity: 'warning',
        detail: `${spec.name} on ${observed.target.name}: ${risks.join(', ')}. Records that were acknowledged can be lost when a broker fails.`,
        fix: 'Replication factor 3, min.insync.replicas 2 and no unclean election are usual.',
        at: spec.at,
      }),
    )
  }
  return found
}

const fenceGuards = ({ observed }: PlanContext, spec: TopicSpec): readonly Diagnostic[] => {
  const { writers, unfenced } = writeFence(observed.target, spec.name)
  if (writers.length === 0 && unfenced === null) return []
  return [
    diagnostic({
      code: 'FERRY1310',
      severity: 'warning',
      detail:
        writers.length > 0
          ? `${writers.join(', ')} may write to ${spec.name} on ${observed.target.name} before the copy is complete.`
          : `Nothing keeps others from writing to ${spec.name} on ${observed.target.name}: ${unfenced}.`,
      fix: 'Take the WRITE right away until producers move, or make sure that no producer starts there. Ferry stops the partition if one does.',
      at: spec.at,
    }),
  ]
}

const groupGuards = (
  { desired, observed, state }: PlanContext,
  spec: GroupSpec,
  others: OtherTopics,
): readonly Diagnostic[] => {
  if (state.syncs.some((s) => s.group === spec.id && s.status === 'done')) return []
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
      fix: 'Correct the name, or take the group out of the file.',
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
        detail: `${spec.id} shows no commit on ${without.slice(0, 5).join(', ')}${without.length > 5 ? ` and ${without.length - 5} more` : ''}; on ${observed.source.name} it may have expired.`,
        fix: 'Say it in the file: `uncommitted: absent`, `start` or `end`.',
      })
    }
  }
  return found
}

const accessGuards = ({ desired, observed }: PlanContext): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  const { target } = observed
  const first = desired.access[0]
  if (first && target.acls === 'no-authorizer') {
    found.push(
      diagnostic({
        code: 'FERRY1311',
        detail: `The file lists access, but ${target.name} checks no ACLs.`,
        fix: 'Take `access` out of the file, or turn on an authorizer on the target.',
        at: first.at,
      }),
    )
  }
  found.push(...rightsGuards(desired, observed.target, first !== undefined))
  return found
}

/** Rights of Ferry's user on the target, as far as the broker tells them. Topics' own rights are checked where the topic exists. */
const rightsGuards = (
  desired: Migration,
  target: PlanContext['observed']['target'],
  managesAcls: boolean,
): readonly Diagnostic[] => {
  const has = (set: ReadonlySet<string> | undefined, right: string): boolean =>
    set === undefined || set.has(right) || set.has('ALL')
  const missing: string[] = []
  const cluster = target.cluster.authorized
  // CREATE may also be granted on the topic's name; only a dry creation can tell, and plan asks for one.
  if ((managesAcls || desired.users.length > 0) && !has(cluster, 'ALTER')) {
    missing.push('ALTER on the cluster (users and ACLs)')
  }
  for (const spec of desired.topics) {
    const rights = target.topics.get(spec.name)?.description.authorized
    for (const right of ['READ', 'WRITE', 'ALTER_CONFIGS']) {
      if (!has(rights, right)) missing.push(`${right} on topic ${spec.name}`)
    }
  }
  return missing.map((what) =>
    diagnostic({
      code: 'FERRY1307',
      detail: `Ferry's user on ${target.name} lacks ${what}.`,
      fix: 'Grant it on the target, then plan again.',
    }),
  )
}
