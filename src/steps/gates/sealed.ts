import { type PartitionKey, partitionKey, type TopicName } from '../../domain/ids.ts'
import type { Seal } from '../../domain/mark.ts'
import type { Order } from '../../domain/stage.ts'
import type { MigrationState } from '../../domain/state.ts'
import { coveredTo, sealsStay, watchedEnd } from '../../domain/stranded.ts'
import { type PartitionNow, partitionsNow } from '../partitions-now.ts'
import type { Gate } from '../step-kind.ts'
import { type Fact, gateOf } from './fact.ts'
import { HOLDS, never } from './reading.ts'
import { filledUnmarked } from './unmarked.ts'

interface SealedOf {
  /** Absent: all of the migration. */
  readonly topics?: readonly TopicName[]
}
interface SealedSeen {
  readonly migration: string
  readonly topics: readonly TopicName[]
  readonly now: readonly PartitionNow[]
  /** Partitions that came after the seal, and hold something. */
  readonly unsealed: readonly PartitionKey[]
  readonly state: MigrationState
  readonly order: Order
}

/** These topics, or all of the migration, were sealed, and nothing came after: the copy is complete. */
export const NOTHING_LATE: Fact<SealedOf, SealedSeen> = {
  name: 'nothing-late',
  title: ({ topics }) =>
    `nothing came after the seal of ${topics ? topics.join(', ') : 'any topic'}`,
  reads: 'ListOffsets and Metadata of the source',
  judge: ({ migration, topics, now, unsealed, state, order }) => {
    for (const topic of topics) {
      const partitions = now.filter((p) => p.mark.topic === topic)
      if (partitions.length === 0 || partitions.some((p) => !p.seal))
        return never(`${topic} is not sealed`)
    }
    const [added] = unsealed
    if (added !== undefined) {
      return never(
        `${added} came on the source after the seal, and holds records that nothing copies: move them by hand and delete them there`,
      )
    }
    const targetEnd = ({ topic, partition }: Seal) =>
      now.find(({ key }) => key === partitionKey(topic, partition))?.targetEnd
    for (const { key, seal, sourceEnd } of now) {
      const covered = seal && coveredTo(seal, state)
      if (covered === undefined || seal === undefined) continue
      if (watchedEnd(seal, state, sourceEnd) === covered) continue
      const what = `${key} has grown on the source from ${covered} to ${sourceEnd} since the seal: stop its producers`
      return never(
        sealsStay(seal.topic, state, order, targetEnd)
          ? `${what}; then ferry salvage ${migration} appends what came late`
          : `${what}; the next plan opens the seal again and copies the rest`,
      )
    }
    return HOLDS
  },
}

export const topicsAreSealed = (topics?: readonly TopicName[]): Gate =>
  gateOf(NOTHING_LATE, topics ? { topics } : {}, {
    after: true,
    look: async (run) => {
      const all = topics ?? run.migration.topics.map((t) => t.name)
      const now = [...(await partitionsNow(run, all)).values()]
      return {
        migration: run.migration.name,
        topics: all,
        now,
        unsealed: await filledUnmarked(run.clusters.source, now),
        state: run.state(),
        order: run.migration.order,
      }
    },
  })
