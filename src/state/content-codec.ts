import { randomUUID } from 'node:crypto'
import { type PartitionKey, partitionKey, type SourceOffset } from '../domain/ids.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import { type MigrationState, STATE_FORMAT_VERSION } from '../domain/state.ts'
import { decodeDecisions, encodeDecisions } from './decisions-codec.ts'
import { listOf, members, objectOf, oneOf, text } from './decode.ts'
import { decodeChunk, encodeChunk, GapsReader } from './gaps-codec.ts'
import { readEntry } from './journal-chain.ts'
import { decodeProgress, encodeProgress } from './progress-codec.ts'
import { damaged, decodeRecord, encodeRecord } from './records.ts'
import type { StateContent } from './state-store.ts'

interface Exported {
  readonly formatVersion: typeof STATE_FORMAT_VERSION
  readonly kind: 'ferry-state'
  readonly migration: string
  readonly decisions: Readonly<Record<string, unknown>>
  readonly journal: readonly Readonly<Record<string, unknown>>[]
  readonly progress: readonly Readonly<Record<string, unknown>>[]
  /** One whole chunk for each progress, in the same order. */
  readonly gaps: readonly Readonly<Record<string, unknown>>[]
}

const exported = objectOf<Exported>({
  formatVersion: oneOf(STATE_FORMAT_VERSION),
  kind: oneOf('ferry-state'),
  migration: text,
  decisions: members,
  journal: listOf(members),
  progress: listOf(members),
  gaps: listOf(members),
})

/** All gaps of some partitions as chunks of a tenure of their own. */
export const wholeChunks = (
  progress: readonly PartitionProgress[],
  tenure: string = randomUUID(),
): readonly GapChunk[] =>
  progress.map(({ topic, partition, way, producerId, holder, gaps }) => ({
    topic,
    partition,
    ...(way && { way }),
    producerId,
    generation: holder.generation,
    tenure,
    isWhole: true,
    from: 0n as SourceOffset,
    gaps: gaps.bytesFrom(0),
  }))

/** A record as it was read, and its text, which may be of an older format. */
export interface Stored<T> {
  readonly value: T
  readonly text: string
}

/** Of what is stored of both ways, one. */
export const progressOfWay = (
  stored: readonly Stored<PartitionProgress>[],
  way: 'reverse' | undefined,
): ReadonlyMap<PartitionKey, PartitionProgress> =>
  new Map(
    stored
      .filter(({ value }) => value.way === way)
      .map(({ value }) => [partitionKey(value.topic, value.partition), value]),
  )

/** A migration's state as a store holds it. */
export interface StoredContent {
  readonly decisions: Stored<MigrationState>
  readonly journal: readonly JournalEntry[]
  readonly progress: readonly Stored<PartitionProgress>[]
}

/** All of a migration's state as one text: what `ferry state pull` prints. Canonical, checksummed, without secrets. */
export const encodeContent = ({ decisions, journal, progress }: StateContent): string =>
  encodeStored({
    decisions: { value: decisions, text: encodeDecisions(decisions) },
    journal,
    progress: progress.map((value) => ({ value, text: encodeProgress(value) })),
  })

/** The same of what is stored, in the format that it has: what backups hold. The version that wrote it can push it. */
export const encodeStored = ({ decisions, journal, progress }: StoredContent): string =>
  encodeRecord({
    formatVersion: formatOf(decisions.text),
    kind: 'ferry-state',
    migration: decisions.value.migration,
    decisions: JSON.parse(decisions.text),
    journal,
    progress: progress.map(({ text }) => JSON.parse(text)),
    gaps: wholeChunks(
      progress.map(({ value }) => value),
      'export',
    ).map((each) => JSON.parse(encodeChunk(each))),
  })

/** True for what an older version wrote: before it is overwritten, it is kept as it is. */
export const isOlder = (text: string): boolean => formatOf(text) < STATE_FORMAT_VERSION

/** Of a record that was decoded before. */
const formatOf = (text: string): number => JSON.parse(text).formatVersion

/** Fully checked, the chain of the journal too; throws FERRY1402 or FERRY1403 naming `where`. */
export const decodeContent = (source: string, where: string): StateContent => {
  const found = decodeRecord(source, where, exported)
  const decisions = decodeDecisions(JSON.stringify(found.decisions), `${where} /decisions`)
  if (decisions.migration !== found.migration) {
    throw damaged(where, `/decisions: is of ${decisions.migration}, not of ${found.migration}`)
  }
  const journal: JournalEntry[] = []
  for (const [i, entry] of found.journal.entries()) {
    journal.push(readEntry(JSON.stringify(entry), journal.at(-1), `${where} /journal/${i}`))
  }
  const progress = found.progress.map((each, i) => {
    const one = decodeProgress(JSON.stringify(each), `${where} /progress/${i}`)
    const chunk = decodeChunk(JSON.stringify(found.gaps[i] ?? {}), `${where} /gaps/${i}`)
    if (chunk.topic !== one.topic || chunk.partition !== one.partition || chunk.way !== one.way) {
      throw damaged(`${where} /gaps/${i}`, `is of ${chunk.topic}:${chunk.partition}`)
    }
    new GapsReader(one.gaps, one.producerId).take(chunk, `${where} /gaps/${i}`)
    return one
  })
  return { decisions, journal, progress }
}
