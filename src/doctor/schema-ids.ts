import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { counted, someNames } from '../steps/_words.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'
import { type NewestValues, newestValues } from './newest-values.ts'

/** A few other bytes that happen to begin alike must not raise the question. */
const SHARE = 0.8
/** Registries count ids from 1; real ones stay far below this. */
const LARGEST_ID = 10_000_000

/** Ids found in the values of one topic. */
export interface SchemaIds {
  readonly sampled: number
  readonly ids: ReadonlySet<number>
  readonly matching: number
}

/** The wire format of schema registries: a byte 0, then the id in four bytes (big-endian), then the payload. */
export const schemaIdOf = (value: Buffer | null): number | undefined => {
  if (value === null || value.length < 6 || value[0] !== 0) return undefined
  const id = value.readUInt32BE(1)
  return id > 0 && id < LARGEST_ID ? id : undefined
}

export const looksRegistered = ({ sampled, matching }: SchemaIds): boolean =>
  sampled > 0 && matching / sampled >= SHARE

/** Reads a few of the newest records of each topic. */
export const registryIsKnown = async (facts: MigrationFacts): Promise<Finding> => {
  const { source, observed, migration, signal } = facts
  const topics = [...observed.source.topics.values()]
  const found = await newestValues(source.cluster, topics, signal)
  return judgeValues(
    migration.topics.flatMap((topic) => {
      const newest = found.get(topic.name)
      return newest === undefined ? [] : [{ topic, newest }]
    }),
    { source: source.spec.name, target: observed.target.name },
  )
}

export const judgeValues = (
  found: readonly {
    readonly topic: Pick<TopicSpec, 'name' | 'at'>
    readonly newest: NewestValues
  }[],
  names: { readonly source: string; readonly target: string },
): Finding => {
  const looked = found.map((each) => ({ ...each, ids: schemaIdsIn(each.newest.values) }))
  const registered = looked.filter(({ ids }) => looksRegistered(ids)).length
  const sampled = looked.reduce((sum, { ids }) => sum + ids.sampled, 0)
  const empty = found.filter(({ newest }) => newest.partitions === 0).length
  return {
    says: `${registered} of ${found.length} topics look like it, by ${sampled} of their newest values${empty > 0 ? `; ${counted(empty, 'topic')} of them without records` : ''}`,
    problems: looked.flatMap(({ topic, newest, ids }): readonly Diagnostic[] => {
      if (looksRegistered(ids)) return [whichRegistry(topic, ids, names.target)]
      return newest.notLooked.length > 0 || (newest.partitions > 0 && ids.sampled === 0)
        ? [notSeen(topic, newest, names)]
        : []
    }),
  }
}

const schemaIdsIn = (values: readonly Buffer[]): SchemaIds => {
  const found = values.map(schemaIdOf).filter((id) => id !== undefined)
  return { sampled: values.length, matching: found.length, ids: new Set(found) }
}

const whichRegistry = (
  { name, at }: Pick<TopicSpec, 'name' | 'at'>,
  { ids, matching, sampled }: SchemaIds,
  target: string,
): Diagnostic => {
  const some = [...ids].sort((one, other) => one - other)
  return diagnostic({
    code: 'FERRY2003',
    severity: 'warning',
    detail: `${matching} of ${sampled} sampled values of ${name} begin like those of a schema registry (0, then an id: ${some.slice(0, 5).join(', ')}${some.length > 5 ? ' ...' : ''}). Ferry copies values unchanged, so the ids must mean the same to the clients on ${target}.`,
    fix: 'Ask the owner which registry the clients on the target use: the same one, or one whose ids were imported with it.',
    at,
  })
}

/** Nothing that was seen speaks for a registry, but not all was seen. */
const notSeen = (
  { name, at }: Pick<TopicSpec, 'name' | 'at'>,
  { values, partitions, notLooked }: NewestValues,
  { source, target }: { readonly source: string; readonly target: string },
): Diagnostic => {
  const because =
    notLooked.length > 0
      ? `${someNames(notLooked)} could not be looked at${values.length > 0 ? `, ${counted(values.length, 'value')} of other partitions hold none` : ''}`
      : `none of the newest records of ${counted(partitions, 'partition')} has a value`
  return diagnostic({
    code: 'FERRY2003',
    severity: 'warning',
    detail: `Whether values of ${name} on ${source} hold ids of a schema registry cannot be told: ${because}. Ferry copies values unchanged, so ids in them must mean the same to the clients on ${target}.`,
    fix: 'Ask the owner whether the values are written with a schema registry, and which one the clients on the target use.',
    at,
  })
}
