import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { BothClusters } from './partition-facts.ts'

const MISSING_RIGHT = 'FERRY1207'

/**
 * Asks both clusters whether they would let everything be read. A right that is missing is no difference between them, so it is said
 * instead of a report: throws FERRY1207.
 */
export const requireRights = async (
  { source, target }: BothClusters,
  topics: readonly TopicName[],
  groups: Migration['groups'],
): Promise<void> => {
  const ids = groups.map(({ id }) => id)
  const missing = await Promise.all(
    [source, target].map(async (cluster) => {
      const [described, commits] = await Promise.all([
        cluster.describeTopics(topics),
        cluster.lookAtCommits(ids),
      ])
      const refused = [...described.failed.values(), ...commits.failed.values()]
      return [
        ...refused.filter(({ code }) => code === MISSING_RIGHT),
        ...[...described.ok.values()].flatMap((topic) =>
          topic === 'absent' ||
          topic.authorized === undefined ||
          topic.authorized.has('READ') ||
          topic.authorized.has('ALL')
            ? []
            : [mayNotRead(cluster, topic.name)],
        ),
      ]
    }),
  )
  const problems = missing.flat()
  if (problems.length > 0) throw new FerryError(problems)
}

const mayNotRead = ({ name }: Pick<Cluster, 'name'>, topic: TopicName): Diagnostic =>
  diagnostic({
    code: MISSING_RIGHT,
    detail: `Ferry's user on ${name} lacks READ on topic ${topic}, so that its records cannot be compared.`,
    fix: 'Grant it, then verify again: `ferry doctor NAME --print-acls` prints the commands.',
  })
