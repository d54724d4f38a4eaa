import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupDescription } from '../kafka/cluster.ts'
import { someNames } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'
import { refusesOldClients } from './versions.ts'

/** The versions that KIP-896 measured against. */
const LEAST_VERSIONS =
  'Java clients 2.1 (Connect and Streams too), librdkafka 1.8.2, KafkaJS 1.15.0, Sarama 1.30.1, kafka-python 2.0.2'

/** What kafka-python calls itself unless it is told otherwise: its `DEFAULT_CONFIG['client_id']` has the version. No other library of the list does. */
const NAMED_BY_VERSION = /^kafka-python-(\d+)\.(\d+)\.(\d+)/
const LEAST_NAMED = [2, 0, 2]

/**
 * A broker from 4.0 on closes the connection of a client that speaks only old versions (KIP-896). No broker reveals the version of a
 * group's members: DescribeGroups has their client id and host. What these tell is told: members of the new protocols (KIP-848 and later)
 * are new enough, and one library has its version in the client id. The rest is a question, with whom to ask about.
 */
export const clientsAreNew = ({
  migration,
  observed,
  target,
}: Pick<MigrationFacts, 'migration' | 'observed'> & {
  readonly target: Pick<MigrationFacts['target'], 'probe' | 'spec'>
}): Finding => {
  const { name } = target.spec
  if (!target.probe.advertised.some(refusesOldClients)) {
    return { says: `${name} still takes clients of every age` }
  }
  const problems = migration.groups.flatMap(({ id, at }): Diagnostic[] => {
    const description = observed.source.groups.get(id)?.description
    const members = description?.members ?? []
    if (members.length > 0 && NEW_PROTOCOLS.has(description!.type)) return []
    const isSilent = ({ clientId }: Member) => !NAMED_BY_VERSION.test(clientId)
    const old = members.filter(({ clientId }) => isTooOld(clientId))
    const silent = members.filter(isSilent)
    const problems: Diagnostic[] = []
    if (old.length > 0) {
      problems.push(
        diagnostic({
          code: 'FERRY2015',
          severity: 'warning',
          detail: `${name} is Kafka 4 or later and refuses members of ${id} that call themselves by their version: ${named(old)}. It takes ${LEAST_VERSIONS}.`,
          fix: `Have the owner of ${id} upgrade the client library before its consumers move.`,
          at,
        }),
      )
    }
    if (silent.length > 0 || members.length === 0) {
      problems.push(
        diagnostic({
          code: 'FERRY2003',
          severity: 'warning',
          detail: `${name} is Kafka 4 or later and refuses clients older than these: ${LEAST_VERSIONS}. No broker tells the versions of ${id}${silent.length > 0 ? ` (${named(silent)})` : ', which has no members now'}.`,
          fix: `Ask the owner of ${id}, and of the producers of its topics: which client library, in which version?`,
          at,
        }),
      )
    }
    return problems
  })
  return { says: `${name} refuses clients from before 2.1 (KIP-896)`, problems }
}

type Member = GroupDescription['members'][number]

/** They came with Kafka 3.7 and later. */
const NEW_PROTOCOLS: ReadonlySet<GroupDescription['type']> = new Set([
  'consumer',
  'share',
  'streams',
])

const isTooOld = (clientId: string): boolean => {
  const version = NAMED_BY_VERSION.exec(clientId)?.slice(1).map(Number)
  if (version === undefined) return false
  const differs = version.findIndex((part, i) => part !== LEAST_NAMED[i])
  return differs >= 0 && version[differs]! < LEAST_NAMED[differs]!
}

const named = (members: readonly Member[]): string => {
  const who = new Set(members.map(({ clientId, host }) => `${clientId} on ${host}`))
  return someNames([...who].sort())
}
