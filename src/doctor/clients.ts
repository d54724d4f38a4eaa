import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'
import { refusesOldClients } from './versions.ts'

/** The versions that KIP-896 measured against. */
const LEAST_VERSIONS =
  'Java clients 2.1 (Connect and Streams too), librdkafka 1.8.2, KafkaJS 1.15.0, Sarama 1.30.1, kafka-python 2.0.2'

/**
 * A broker from 4.0 on closes the connection of a client that speaks only old versions (KIP-896). No broker reveals the version of a
 * group's members: DescribeGroups has their client id and host. So this is a question, with whom to ask about.
 */
export const clientsAreNew = ({
  migration,
  observed,
  target,
}: Pick<MigrationFacts, 'migration' | 'observed'> & {
  readonly target: Pick<MigrationFacts['target'], 'probe' | 'spec'>
}): Finding => {
  if (!target.probe.advertised.some(refusesOldClients)) {
    return { says: `${target.spec.name} still takes clients of every age` }
  }
  const problems = migration.groups.flatMap(({ id, at }): Diagnostic[] => {
    const members = observed.source.groups.get(id)?.description.members ?? []
    const who = [...new Set(members.map(({ clientId, host }) => `${clientId} on ${host}`))].sort()
    return [
      diagnostic({
        code: 'FERRY2003',
        severity: 'warning',
        detail: `${target.spec.name} is Kafka 4 or later and refuses clients older than these: ${LEAST_VERSIONS}. No broker tells the versions of ${id}${who.length > 0 ? ` (${who.slice(0, 5).join(', ')}${who.length > 5 ? ` and ${who.length - 5} more` : ''})` : ', which has no members now'}.`,
        fix: `Ask the owner of ${id}, and of the producers of its topics: which client library, in which version?`,
        at,
      }),
    ]
  })
  return { says: `${target.spec.name} refuses clients from before 2.1 (KIP-896)`, problems }
}
