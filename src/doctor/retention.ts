import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { partitionKey } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { effective } from '../planner/topic-configs.ts'
import { humanDuration, humanSeconds, someNames } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'
import { sourceSizes, type TopicSizes } from './sizes.ts'

/** What one mirror copies at least, bytes per second, where no throttle says less: on purpose low. */
const ASSUMED_RATE = 20 * 1024 * 1024
const DAY_MS = 86_400_000

/** Whether the mirror stays ahead of retention: the first copy must take a small part of it, and a mirror may be down for a night. */
export const retentionLeavesTime = async (facts: MigrationFacts): Promise<Finding> =>
  judgeRetention(facts, await sourceSizes(facts))

export const judgeRetention = (
  { migration, observed }: Pick<MigrationFacts, 'migration' | 'observed'>,
  sizes: TopicSizes,
): Finding => {
  const { source } = observed
  const rate = migration.mirror.throttle ?? ASSUMED_RATE
  const total = [...sizes.of.values()].reduce((sum, size) => sum + size, 0)
  const copyMs = (total / rate) * 1000
  const problems: Diagnostic[] = []
  let shortest: number | undefined
  const untold: TopicSpec[] = []
  for (const spec of migration.topics) {
    const { name, at } = spec
    const topic = source.topics.get(name)
    if (topic?.configs === null) {
      untold.push(spec)
      continue
    }
    const retention = Number(effective(topic, 'retention.ms') ?? -1)
    const bytes = Number(effective(topic, 'retention.bytes') ?? -1)
    // A compacted topic deletes by key, which the mirror sees as gaps and not as loss.
    const deletes = (effective(topic, 'cleanup.policy') ?? 'delete').includes('delete')
    if (!deletes) continue
    if (retention >= 0) shortest = Math.min(retention, shortest ?? retention)
    const warn = (detail: string, fix: string): void => {
      problems.push(diagnostic({ code: 'FERRY2004', severity: 'warning', detail, fix, at }))
    }
    if (retention >= 0 && retention < Math.max(DAY_MS, 3 * copyMs)) {
      warn(
        `${name} keeps records for ${humanDuration(retention)} on ${source.name}; the first copy of this migration takes ${humanSeconds(copyMs / 1000)}, and a mirror that is down for longer than the rest loses records.`,
        `Raise retention.ms of ${name} on ${source.name} until its producers have moved.`,
      )
    }
    if (bytes >= 0) {
      warn(
        `${name} has retention.bytes=${bytes} on ${source.name}: it deletes by size, at a moment that nobody can foresee.`,
        `Raise or remove retention.bytes of ${name} on ${source.name} until its producers have moved.`,
      )
    }
  }
  problems.push(...lostPositions({ migration, observed }))
  problems.push(...retentionIsUntold(untold, source.name))
  const known =
    shortest === undefined ? 'nothing is deleted by time' : `shortest ${humanDuration(shortest)}`
  const least = untold.length === 0 ? known : 'retention is not told'
  return {
    says: `${least}; first copy in ${humanSeconds(copyMs / 1000)} (${sizes.how}, at ${Math.round(rate / 2 ** 20)} MiB/s)`,
    problems,
  }
}

/** One question for all of them. */
const retentionIsUntold = (topics: readonly TopicSpec[], source: string): readonly Diagnostic[] => {
  const [first] = topics
  if (first === undefined) return []
  const names = someNames(topics.map(({ name }) => name))
  return [
    diagnostic({
      code: 'FERRY2003',
      severity: 'warning',
      detail: `${source} does not tell how long it keeps ${names} (brokers tell configs from 0.11 on): nobody sees whether the mirror stays ahead of retention.`,
      fix: 'Ask the operators for retention.ms and retention.bytes, and have them raised where they are below a day.',
      at: first.at,
    }),
  ]
}

/** Groups that retention has overtaken already. */
const lostPositions = ({
  migration,
  observed: { source },
}: Pick<MigrationFacts, 'migration' | 'observed'>): readonly Diagnostic[] =>
  migration.groups.flatMap(({ id, at }) =>
    migration.topics.flatMap(({ name }) =>
      (source.topics.get(name)?.partitions ?? []).flatMap(({ partition, logStart }) => {
        const commit = source.groups.get(id)?.commits.get(partitionKey(name, partition))
        if (commit === undefined || commit.offset >= logStart) return []
        return [
          diagnostic({
            code: 'FERRY2005',
            severity: 'warning',
            detail: `${id} stands at ${commit.offset} of ${name}-${partition} on ${source.name}, whose log begins at ${logStart}: ${logStart - commit.offset} offsets were deleted before it read them.`,
            fix: 'Ask the owner whether the consumers still run, before they move.',
            at,
          }),
        ]
      }),
    ),
  )
