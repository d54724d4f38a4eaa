import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { ApiName } from '../kafka/cluster.ts'
import type { ProbedAddress } from '../kafka/inquiry.ts'
import type { Finding } from './check.ts'
import type { ClusterFacts } from './facts.ts'

/**
 * No request asks for a broker's version, but the highest version of Fetch changes with releases.
 * Source: FetchRequest.json of Apache Kafka, and the release in which each version appeared.
 */
const FETCH_OF_RELEASES: readonly (readonly [highest: number, releases: string])[] = [
  [18, '4.1 or later'],
  [17, '3.9 or 4.0'],
  [16, '3.7 or 3.8'],
  [15, '3.5 or 3.6'],
  [13, '3.1 to 3.4'],
  [12, '2.7 to 3.0'],
  [11, '2.3 to 2.6'],
  [10, '2.1 or 2.2'],
  [8, '2.0'],
  [7, '1.1'],
  [6, '1.0'],
  [5, '0.11'],
  [3, '0.10.1 or 0.10.2'],
  [0, 'before 0.10.1'],
]

/** `4.1 or later`: the releases whose brokers announce what this one does. */
export const releasesOf = ({ versions }: Pick<ProbedAddress, 'versions'>): string => {
  const highest = versions.get('Fetch')?.[1] ?? 0
  return FETCH_OF_RELEASES.find(([least]) => highest >= least)?.[1] ?? 'unknown'
}

/** Since 4.0 brokers refuse Fetch below v4, and with it every client from before 0.11 (KIP-896). */
export const refusesOldClients = ({ versions }: Pick<ProbedAddress, 'versions'>): boolean =>
  (versions.get('Fetch')?.[0] ?? 0) >= 4

interface Lack {
  readonly api: ApiName
  /** The least highest version that has it. */
  readonly version: number
  readonly since: string
  readonly of: 'source' | 'target'
  readonly severity: Diagnostic['severity']
  /** What it means for a migration. */
  readonly means: string
  readonly fix: string
}

/** What old brokers lack, and what follows from it. */
const LACKS: readonly Lack[] = [
  {
    api: 'Fetch',
    version: 4,
    since: '0.11',
    of: 'source',
    severity: 'warning',
    means:
      'its records are in the old formats (v0, v1): every batch is encoded anew, which takes more CPU than passing it through.',
    fix: 'Allow for a longer first copy.',
  },
  {
    api: 'DescribeConfigs',
    version: 0,
    since: '0.11',
    of: 'source',
    severity: 'warning',
    means: 'topic configs cannot be read, so nothing follows the source.',
    fix: 'Write `configs` for every topic in the plan file.',
  },
  {
    api: 'DescribeAcls',
    version: 0,
    since: '0.11',
    of: 'source',
    severity: 'warning',
    means: 'its ACLs cannot be read, nor whether it checks any.',
    fix: 'Ask the operators what the user of Ferry may do there.',
  },
  {
    api: 'InitProducerId',
    version: 0,
    since: '0.11',
    of: 'source',
    severity: 'warning',
    means:
      'it knows no idempotent producer, so what producers write on the target cannot be mirrored back: once they have moved there is no way back.',
    fix: 'Be sure of the target before producers move.',
  },
  {
    api: 'DescribeLogDirs',
    version: 0,
    since: '1.0',
    of: 'source',
    severity: 'warning',
    means: 'sizes cannot be measured: they are estimated from the newest batch of each partition.',
    fix: 'Ask the operators how large the topics are.',
  },
  {
    api: 'OffsetCommit',
    version: 5,
    since: '2.1',
    of: 'source',
    severity: 'warning',
    means:
      'a commit expires a day after it was made even while its group is in use, so a missing one means nothing.',
    fix: 'Say `uncommitted: absent`, `start` or `end` for every group.',
  },
  {
    api: 'Metadata',
    version: 8,
    since: '2.3',
    of: 'source',
    severity: 'warning',
    means:
      'the broker does not tell what rights Ferry has: a missing one is found when it is used.',
    fix: 'Compare what `ferry doctor --print-acls` prints with the ACLs of the source.',
  },
  {
    api: 'OffsetFetch',
    version: 7,
    since: '2.5',
    of: 'source',
    severity: 'warning',
    means:
      'positions that an open transaction has written cannot be told from final ones (RequireStable).',
    fix: 'Where consumers commit in transactions, stop them and wait for the longest transaction timeout before consumers move.',
  },
  {
    api: 'Metadata',
    version: 10,
    since: '2.8',
    of: 'source',
    severity: 'warning',
    means:
      'topics have no ids: that one was deleted and created again is noticed by its log ends only.',
    fix: 'Do not delete or create topics of a migration that is under way.',
  },
  {
    api: 'ListTransactions',
    version: 0,
    since: '3.0',
    of: 'source',
    severity: 'warning',
    means:
      'who writes in transactions cannot be seen: `ferry import` and `ferry graph` do not know which topics one transactional id writes to.',
    fix: 'Ask the owners which topics their transactional producers write to, and move those together.',
  },
  {
    api: 'IncrementalAlterConfigs',
    version: 0,
    since: '2.3',
    of: 'target',
    severity: 'error',
    means: 'single topic configs cannot be changed, so a topic could not be protected and opened.',
    fix: 'Upgrade the target to 2.8 or later.',
  },
  {
    api: 'AlterUserScramCredentials',
    version: 0,
    since: '2.7',
    of: 'target',
    severity: 'error',
    means: 'SCRAM users cannot be made over the protocol.',
    fix: 'Upgrade the target to 2.8 or later.',
  },
  {
    api: 'Metadata',
    version: 10,
    since: '2.8',
    of: 'target',
    severity: 'error',
    means: 'Ferry supports targets from 2.8 on.',
    fix: 'Upgrade the target to 2.8 or later.',
  },
]

/** What the cluster speaks is what its oldest broker speaks. */
export const brokersSpeakEnough = ({ spec, probe, roles }: ClusterFacts): Finding => {
  const answered = probe.advertised.filter((each) => each.problem === undefined)
  const releases = [...new Set(answered.map(releasesOf))]
  const problems = LACKS.filter(({ of }) => roles.has(of)).flatMap((lack) => {
    const without = answered.filter(
      ({ versions }) => (versions.get(lack.api)?.[1] ?? -1) < lack.version,
    )
    if (without.length === 0) return []
    const who = without.length === answered.length ? spec.name : `${without.length} brokers of it`
    return [
      diagnostic({
        code: 'FERRY2001',
        severity: lack.severity,
        detail: `${who} (${lack.of}) lacks ${lack.api} v${lack.version}, which came with ${lack.since}: ${lack.means}`,
        fix: lack.fix,
        at: spec.bootstrapAt,
      }),
    ]
  })
  return { says: `as Kafka ${releases.join(' and ')}, by their Fetch versions`, problems }
}
