import { diagnostic } from '../domain/diagnostic.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { effective, targetDefault } from '../planner/topic-configs.ts'
import { durabilityRisks } from '../planner/write-fence.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'

type Seen = Pick<MigrationFacts, 'migration' | 'observed'>

/** Whether the target keeps what it acknowledged when one broker fails. */
export const targetIsDurable = ({ migration, observed }: Seen): Finding => {
  const { source, target } = observed
  const found = migration.topics.map((spec) => {
    const factor = replicationFactor(spec, observed)
    const minInsync = Number(
      spec.configs?.get('min.insync.replicas') ??
        effective(target.topics.get(spec.name), 'min.insync.replicas') ??
        overrideOf(source.topics.get(spec.name), 'min.insync.replicas') ??
        targetDefault(target, 'min.insync.replicas') ??
        1,
    )
    return { spec, risks: durabilityRisks(target, spec.name, factor, minInsync) }
  })
  const risky = found.filter(({ risks }) => risks.length > 0)
  return {
    says: `${found.length - risky.length} of ${found.length} topics survive the loss of a broker of ${target.name}`,
    problems: risky.map(({ spec, risks }) =>
      diagnostic({
        code: 'FERRY1306',
        severity: 'warning',
        detail: `${spec.name} on ${target.name}: ${risks.join(', ')}.`,
        fix: 'Use replication factor 3, min.insync.replicas 2 and unclean.leader.election.enable=false where records must not be lost.',
        at: spec.at,
      }),
    ),
  }
}

/** What the topic has or will have on the target; -1: its default cannot be seen. */
export const replicationFactor = (spec: TopicSpec, { target }: Seen['observed']): number =>
  target.topics.get(spec.name)?.description.partitions[0]?.replicas.length ??
  spec.replicationFactor ??
  Number(target.brokerConfigs.get('default.replication.factor')?.value ?? -1)

/** Min ISR of the source is carried over only if it is the topic's own. */
const overrideOf = (topic: Parameters<typeof effective>[0], key: string): string | undefined => {
  const entry = topic?.configs?.get(key)
  return entry?.isOverride === true ? (entry.value ?? undefined) : undefined
}

/** Whether every replica on the source is in sync: what its leader loses now the mirror can no longer copy. */
export const sourceIsInSync = ({ migration, observed }: Seen): Finding => {
  const behind = migration.topics.flatMap(({ name, at }) =>
    (observed.source.topics.get(name)?.description.partitions ?? [])
      .filter(({ isr, replicas }) => isr.length < replicas.length)
      .map(({ partition, isr, replicas }) =>
        diagnostic({
          code: 'FERRY2009',
          severity: 'warning',
          detail: `${name}-${partition} on ${observed.source.name} has ${isr.length} of ${replicas.length} replicas in sync.`,
          fix: 'Bring the missing brokers back before the migration begins.',
          at,
        }),
      ),
  )
  const partitions = migration.topics.reduce(
    (sum, { name }) => sum + (observed.source.topics.get(name)?.description.partitions.length ?? 0),
    0,
  )
  return { says: `${partitions - behind.length} of ${partitions} partitions`, problems: behind }
}
