import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { survey } from '../survey/survey.ts'
import { coverageOfSurvey } from './coverage.ts'
import type { ObservedCoverage } from './observed.ts'

/** Who uses a cluster changes slowly, and a status that is watched looks every few seconds. */
const FRESH_MS = 60_000
const LOOKS = new WeakMap<
  Cluster,
  Map<string, { readonly at: number; readonly seen: Promise<ObservedCoverage> }>
>()

/** {@link lookAtCoverage}, remembered for a minute per connected cluster. */
export const observeCoverage = (
  source: Cluster,
  topics: readonly TopicName[],
): Promise<ObservedCoverage> => {
  const looks = LOOKS.get(source) ?? new Map()
  LOOKS.set(source, looks)
  const key = topics.join('\n')
  const known = looks.get(key)
  if (known !== undefined && performance.now() - known.at < FRESH_MS) return known.seen
  const seen = lookAtCoverage(source, topics)
  looks.set(key, { at: performance.now(), seen })
  seen.catch(() => looks.delete(key))
  return seen
}

/**
 * Who uses the topics of a migration, as far as the source shows it: groups by their positions, transactional ids by the producers that
 * the leaders remember, principals by ACLs. Advice rests on it, no step does: what cannot be read is named, not an error.
 */
const lookAtCoverage = async (
  source: Cluster,
  topics: readonly TopicName[],
): Promise<ObservedCoverage> => {
  const notVisible: string[] = []
  const note = (what: string, [first]: readonly Diagnostic[]) => {
    if (first) notVisible.push(`${what} (${first.detail})`)
  }
  const seen = async <T>(what: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof FerryError)) throw error
      note(what, error.diagnostics)
      return null
    }
  }
  const [surveyed, acls] = await Promise.all([
    seen('groups and transactional ids of others', () => survey(source, topics)),
    seen('ACLs', async () => {
      const found = await source.describeAcls()
      return found === 'no-authorizer' ? null : found
    }),
  ])
  if (surveyed === null) {
    return { groups: null, internalTopics: [], transactionalIds: null, acls, notVisible }
  }
  note('some of who uses its topics', surveyed.unread)
  const { groups, ...rest } = coverageOfSurvey(surveyed, topics)
  const described = await source.describeGroups(groups.map(({ id }) => id))
  // Not answered is not "no members".
  note('the members of some groups', [...described.failed.values()])
  return {
    ...rest,
    groups: groups.map((group) => ({
      ...group,
      members: described.ok.get(group.id)?.members.length ?? 0,
    })),
    acls,
    notVisible,
  }
}
