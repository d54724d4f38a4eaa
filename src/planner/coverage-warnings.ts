import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Migration } from '../domain/migration.ts'
import { stageRank } from '../domain/stage.ts'
import { counted, someNames } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { type CoverageFinding, coverage, type Elsewhere } from './coverage.ts'

/** What is said once somebody moves: before, it would be noise. */
const LATER: ReadonlySet<CoverageFinding['kind']> = new Set<CoverageFinding['kind']>([
  'no-access',
  'no-group',
  'not-visible',
])

/** The findings as warnings of a plan. A target without an authorizer lets everybody in. */
export const coverageWarnings = (
  { desired, observed, state }: PlanContext,
  elsewhere: Elsewhere | undefined,
): readonly Diagnostic[] => {
  if (state.stage === 'retired') return []
  const moves = stageRank(desired.stage, desired.order) > stageRank('mirrored', desired.order)
  const lets = observed.target.acls === 'no-authorizer'
  return coverage(desired, observed.source, elsewhere)
    .filter(({ kind }) => (moves || !LATER.has(kind)) && !(lets && kind === 'no-access'))
    .map((finding) => coverageWarning(finding, desired, observed.source.name))
}

/** A finding as a warning, with what to do. */
export const coverageWarning = (
  finding: CoverageFinding,
  { name }: Pick<Migration, 'name'>,
  cluster: string,
): Diagnostic => {
  const warn = (parts: Pick<Diagnostic, 'code' | 'detail' | 'fix'>): Diagnostic =>
    diagnostic({ ...parts, severity: 'warning' })
  switch (finding.kind) {
    case 'group':
      return warn({
        code: 'FERRY1344',
        detail: `${finding.id} has positions on ${finding.topics.join(', ')} of ${cluster} and is in no plan file${finding.members > 0 ? `; it has ${finding.members === 1 ? 'a member' : `${finding.members} members`} now` : ''}.`,
        fix: `Add it to the groups of ${name}; if nobody needs it any more, delete it on ${cluster}.`,
      })
    case 'connect':
      return warn({
        code: 'FERRY1347',
        detail: `${finding.id} is the group of a sink connector that reads ${finding.topics.join(', ')} of ${cluster}.`,
        fix: `Stop the connector, add the group to ${name}, and create the connector on workers of the new cluster under the same name. Source connectors keep offsets in a topic of their workers instead: see where that one is.`,
      })
    case 'streams':
      return warn({
        code: 'FERRY1347',
        detail: `${finding.id} is a Streams application with internal topics on ${cluster} that are not in ${name}: ${finding.internal.join(', ')}.`,
        fix: 'Move them along, all in one migration (changelogs hold its state, repartition topics what is on the way); or reset the application on the new cluster and let it read its input again.',
      })
    case 'principal':
      return warn({
        code: 'FERRY1345',
        detail: `${finding.principal} may ${finding.operations.join(', ')} on ${finding.topics.join(', ')} on ${cluster}; no \`access\` of ${name} lets it in on the new cluster.`,
        fix: 'Add an `access` entry for it, or take the old grant away.',
      })
    case 'transactional-id':
      return warn({
        code: 'FERRY1346',
        detail: `The transactional id ${finding.id} has written to ${finding.topics.join(', ')} on ${cluster}; no \`access\` of ${name} lets it in on the new cluster.`,
        fix: 'Add it to `transactionalIds` of an `access` entry.',
      })
    case 'no-access':
      return warn({
        code: finding.principals.length > 0 ? 'FERRY1345' : 'FERRY1346',
        detail: `${name} manages no access, and no other plan file lets in on the new cluster who uses its topics on ${cluster}: ${usersListed(finding)}.`,
        fix: 'Write an `access` entry for each that moves along, or see that the ACLs of the new cluster let it in.',
      })
    case 'no-group':
      return warn({
        code: 'FERRY1348',
        detail: `No group has a position on ${finding.topic} of ${cluster}. A consumer that assigns itself partitions and keeps its offsets elsewhere (Flink, Spark, a database) cannot be seen there.`,
        fix: `Ask who reads it. With identical offsets its positions stay true; else ferry index export ${name} writes what they become.`,
      })
    case 'not-visible':
      return warn({
        code: 'FERRY1348',
        detail: `On ${cluster} this cannot be seen: ${finding.what}.`,
        fix: 'Ask the owners of the topics, or give the user the right that is missing.',
      })
  }
}

type NoAccess = Extract<CoverageFinding, { readonly kind: 'no-access' }>

const usersListed = ({ principals, transactionalIds }: NoAccess): string =>
  [listed('principal', principals), listed('transactional id', transactionalIds)]
    .filter((part) => part !== '')
    .join('; ')

const listed = (what: string, names: readonly string[]): string => {
  if (names.length === 0) return ''
  return `${counted(names.length, what)} (${someNames(names)})`
}
