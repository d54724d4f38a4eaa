import type { TopicSpec } from '../domain/migration.ts'
import type { ObservedPartition, ObservedTopic } from './observed.ts'
import { effective } from './topic-configs.ts'

/** Above this many offsets to prime per topic, `auto` takes dense: it would write about 3 GB of filler. */
export const PRIME_LIMIT = 2_000_000_000n
/** Measured: five to ten million offsets a second; the lower one, for estimates. */
export const PRIME_RATE = 5_000_000n

export interface ModeChoice {
  readonly mode: 'identical' | 'dense'
  /** A clause: `the topic is compacted`. */
  readonly because: string
  /** Offsets of filler over all partitions. */
  readonly prime: bigint
  /** Set if the file asks for identical and it cannot be. */
  readonly impossible?: string
}

/**
 * Identical or dense, as design section 6 chooses. Fixed at the mark, so asked only before it. Rights that are not told (an old broker) are
 * taken to be there.
 */
export const chooseMode = (
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedTopic | undefined,
  startOf: (partition: ObservedPartition) => bigint = (p) => p.logStart,
  clusterRights?: ReadonlySet<string>,
): ModeChoice => {
  const prime = source.partitions.reduce((sum, p) => sum + startOf(p), 0n)
  const against = objections(source, target, prime, startOf, clusterRights)
  if (spec.offsets === 'dense')
    return { mode: 'dense', because: 'the plan file asks for it', prime: 0n }
  if (spec.offsets === 'identical') {
    // What the file asks for is tried even where auto would not; only what cannot be at all is refused.
    const hard = against.find((o) => o.hard)
    return {
      mode: 'identical',
      because: 'the plan file asks for it',
      prime,
      ...(hard ? { impossible: hard.says } : {}),
    }
  }
  const first = against[0]
  return first
    ? { mode: 'dense', because: first.says, prime: 0n }
    : { mode: 'identical', because: 'the target is empty and the log starts are near', prime }
}

const objections = (
  source: ObservedTopic,
  target: ObservedTopic | undefined,
  prime: bigint,
  startOf: (partition: ObservedPartition) => bigint,
  clusterRights: ReadonlySet<string> | undefined,
): readonly { readonly says: string; readonly hard: boolean }[] => {
  const found: { says: string; hard: boolean }[] = []
  const used = target?.partitions.find((p) => p.highWatermark > p.logStart)
  if (used) {
    found.push({ says: `partition ${used.partition} of the target is not empty`, hard: true })
  }
  const passed = target?.partitions.find((p) => {
    const from = source.partitions[p.partition]
    return from !== undefined && p.highWatermark > startOf(from)
  })
  if (passed && !used) {
    found.push({
      says: `the target's log end of partition ${passed.partition} is above where mirroring begins`,
      hard: true,
    })
  }
  if (target?.description.authorized && !mayDelete(target.description.authorized)) {
    found.push({ says: 'the right to delete records on the target is missing', hard: true })
  }
  if (prime > PRIME_LIMIT) {
    found.push({ says: `${prime} offsets would have to be primed`, hard: false })
  }
  if (effective(source, 'cleanup.policy')?.includes('compact')) {
    found.push({ says: 'the topic is compacted', hard: false })
  }
  if (clusterRights !== undefined && !mayPad(clusterRights)) {
    found.push({
      says: 'the right to fill holes with control markers on the target is missing (ALTER or CLUSTER_ACTION on the cluster)',
      hard: false,
    })
  }
  const transactional = source.partitions.find((p) => p.sample?.tail === 'transactional')
  if (transactional) {
    found.push({ says: `partition ${transactional.partition} holds transactions`, hard: false })
  }
  return found
}

/** Whoever may write control markers; asked of `KafkaApis.handleWriteTxnMarkersRequest`. */
export const mayPad = (authorized: ReadonlySet<string>): boolean =>
  ['ALTER', 'CLUSTER_ACTION', 'ALL'].some((right) => authorized.has(right))

const mayDelete = (authorized: ReadonlySet<string>): boolean =>
  authorized.has('DELETE') || authorized.has('ALL')
