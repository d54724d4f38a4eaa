import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { TopicSpec } from '../../domain/migration.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import type { ObservedTopic } from '../observed.ts'
import { parityWarnings } from '../parity.ts'
import { targetDefault, topicConfigs } from '../topic-configs.ts'
import { durabilityRisks } from '../write-fence.ts'
import type { TopicFindings } from './topic-warning.ts'

export const configGuards = (
  context: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
): TopicFindings => {
  const { observed, now } = context
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
  const warnings = [...parityWarnings(context, spec, source, { final })]
  if (leftBehind.length > 0) {
    warnings.push({
      code: 'FERRY1317',
      spec,
      summary: 'Configs left behind',
      says: (topics, isOne) =>
        `${topics} ${isOne ? 'sets' : 'set'} ${leftBehind.join(', ')} on ${observed.source.name}; Kafka on ${observed.target.name} does not know ${leftBehind.length === 1 ? 'it' : 'them'}.`,
      fix: 'Nothing, if the service does not need it.',
    })
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
  // Of a topic that is there they were enough: now some are away, which keeps nobody from going on.
  if (target === undefined && factor > brokers) {
    found.push(
      diagnostic({
        code: 'FERRY1317',
        detail: `${spec.name} asks for replication factor ${factor}; ${observed.target.name} has ${brokers === 1 ? 'one broker' : `${brokers} brokers`} now.`,
        fix: 'If a broker is away wait until it is back, and plan again; else lower replicationFactor.',
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
    warnings.push({
      code: 'FERRY1306',
      spec,
      says: (topics) =>
        `${topics} on ${observed.target.name}: ${risks.join(', ')}. Records that were acknowledged can be lost when a broker fails.`,
      fix: 'Replication factor 3, min.insync.replicas 2 and no unclean election are usual.',
    })
  }
  return { problems: found, warnings }
}
