import { diagnostic } from '../domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { ObservedTopic } from '../planner/observed.ts'
import {
  ATTRIBUTES,
  attributes,
  codecsReady,
  forEachRecord,
  MalformedBatch,
  nextBatch,
  parseRecord,
  recordSet,
} from '../records/index.ts'
import type { Finding } from './check.ts'
import type { MigrationFacts } from './facts.ts'

/** Partitions of each topic, and records of each partition, that are looked at. */
const PARTITIONS = 3
const RECORDS = 20
const SAMPLE_BYTES = 64 * 1024
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
  await codecsReady()
  const { source, observed, migration, signal } = facts
  const found = new Map<TopicName, SchemaIds>()
  for (const topic of observed.source.topics.values()) {
    if (signal.aborted) break
    found.set(topic.description.name, await sampleTopic(source.cluster, topic))
  }
  const registered = migration.topics.filter(({ name }) => {
    const ids = found.get(name)
    return ids !== undefined && looksRegistered(ids)
  })
  const sampled = [...found.values()].reduce((sum, ids) => sum + ids.sampled, 0)
  return {
    says: `${registered.length} of ${found.size} topics look like it, by ${sampled} of their newest values`,
    problems: registered.map(({ name, at }) => {
      const { ids, matching, sampled: of } = found.get(name)!
      const some = [...ids].sort((one, other) => one - other)
      return diagnostic({
        code: 'FERRY2003',
        severity: 'warning',
        detail: `${matching} of ${of} sampled values of ${name} begin like those of a schema registry (0, then an id: ${some.slice(0, 5).join(', ')}${some.length > 5 ? ' ...' : ''}). Ferry copies values unchanged, so the ids must mean the same to the clients on ${observed.target.name}.`,
        fix: 'Ask the owner which registry the clients on the target use: the same one, or one whose ids were imported with it.',
        at,
      })
    }),
  }
}

const sampleTopic = async (cluster: Cluster, topic: ObservedTopic): Promise<SchemaIds> => {
  const ids = new Set<number>()
  let sampled = 0
  let matching = 0
  const { name } = topic.description
  const filled = topic.partitions.filter((each) => each.lastStable > each.logStart)
  const leaders = await cluster.leaders([name], 30_000)
  for (const { partition, logStart, lastStable } of filled.slice(0, PARTITIONS)) {
    const leader = leaders.get(partitionKey(name, partition))?.leader ?? -1
    if (leader < 0) continue
    const from = Math.max(Number(logStart), Number(lastStable) - RECORDS)
    for (const value of await valuesFrom(cluster, leader, name, partition, from)) {
      sampled++
      const id = schemaIdOf(value)
      if (id === undefined) continue
      matching++
      ids.add(id)
    }
  }
  return { sampled, matching, ids }
}

const valuesFrom = async (
  cluster: Cluster,
  leader: number,
  topic: TopicName,
  partition: number,
  fetchOffset: number,
): Promise<readonly Buffer[]> => {
  const link = await cluster.connectBroker(leader)
  try {
    const [answer] = await link.fetch({
      topics: [{ topic, partitions: [{ partition, fetchOffset, maxBytes: SAMPLE_BYTES }] }],
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: SAMPLE_BYTES,
      isolation: 'read-committed',
    })
    return answer?.errorCode === 0 ? valuesIn(answer.records, fetchOffset) : []
  } finally {
    await link.close()
  }
}

/** The values of whole v2 batches; what cannot be read is left out, since nothing but a question depends on it. */
const valuesIn = (records: Buffer, fromOffset: number): readonly Buffer[] => {
  const values: Buffer[] = []
  const cursor = recordSet(records)
  while (values.length < RECORDS && nextBatch(cursor) === 'batch') {
    if (attributes(records, cursor.at) & ATTRIBUTES.control) continue
    try {
      forEachRecord(records, cursor.at, (record) => {
        if (record.offset < fromOffset) return
        const { value } = parseRecord(record)
        if (value !== null) values.push(value)
      })
    } catch (error) {
      if (!(error instanceof MalformedBatch)) throw error
    }
  }
  return values
}
