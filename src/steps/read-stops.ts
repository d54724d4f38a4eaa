import { maxBatchBytes } from '../domain/batch-limit.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type GroupId, type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import { offsetMapOf, type PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { LogReader } from '../mirror/log-reader.ts'
import { stopNow } from '../mirror/stop-now.ts'
import { readAllCommits } from '../planner/read-readers.ts'
import { offsetsOf } from './partitions-now.ts'
import type { Clusters } from './step-kind.ts'
import type { StopFacts } from './stop-facts.ts'

/** Reads what stands in the way of marked partitions, and who has read how far there. Writes nothing. Throws FerryError. */
export const readStops = async (
  { source, target }: Clusters,
  {
    state,
    progress,
  }: {
    readonly state: MigrationState
    readonly progress: ReadonlyMap<PartitionKey, PartitionProgress>
  },
  keys: readonly PartitionKey[],
): Promise<ReadonlyMap<PartitionKey, StopFacts>> => {
  const marks = state.marks.filter(({ topic, partition }) =>
    keys.some((key) => {
      const named = parsePartitionKey(key)
      return named.topic === topic && named.partition === partition
    }),
  )
  const facts = new Map<PartitionKey, StopFacts>()
  if (marks.length === 0) return facts
  const [ends, onSource, onTarget, configs] = await Promise.all([
    offsetsOf(target, marks, 'latest'),
    readAllCommits(source, marks),
    readAllCommits(target, marks),
    target.describeTopicConfigs([...new Set(marks.map(({ topic }) => topic))]),
  ])
  const reader = new LogReader(source)
  try {
    for (const mark of marks) {
      const key = keys.find((each) => each === `${mark.topic}:${mark.partition}`)!
      const stored = progress.get(key)
      const ours = stored?.producerId === mark.producerId ? stored : undefined
      const { gaps } = offsetMapOf(mark, ours)
      const mirroredTo = Number(ours?.mirroredTo ?? mark.sourceStart)
      // A hole that is known was read already, and holds nothing.
      const next = gaps.at(mirroredTo)?.to ?? mirroredTo
      const maxBytes = maxBatchBytes(configs.ok.get(mark.topic))
      facts.set(key, {
        stop: await stopNow(reader, key, next, maxBytes).catch((error: unknown) => {
          throw error instanceof FerryError ? error : unreadable(key, error)
        }),
        targetEnd: ends.get(key)!,
        positions: { source: at(key, source, onSource), target: at(key, target, onTarget) },
      })
    }
  } finally {
    await reader.close()
  }
  return facts
}

type Commits = Awaited<ReturnType<typeof readAllCommits>>

const at = (
  key: PartitionKey,
  { name }: Pick<Cluster, 'name'>,
  seen: Commits,
): ReadonlyMap<GroupId, bigint> =>
  new Map(
    [...seen]
      .flatMap(([group, { commits, pending }]) => {
        if (pending.includes(key)) throw notFinalYet(key, group, name)
        const commit = commits.get(key)
        return commit === undefined ? [] : [[group, commit.offset] as const]
      })
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )

/** What a group has not read is given up by its position. */
const notFinalYet = (key: PartitionKey, group: GroupId, cluster: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1214',
      detail: `${group} has its position in ${key} on ${cluster} in a transaction that is still open: how far it has read there only its end says.`,
      fix: 'Wait until the transaction ends, then run it again.',
    }),
  )

const unreadable = (key: PartitionKey, error: unknown): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1316',
      detail: `${key}: what stands on the source where it stopped cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      fix: 'See that its leader answers, then run it again.',
    }),
  )
