import { type PartitionKey, partitionKey, type TopicName } from '../../domain/ids.ts'
import type { Seal } from '../../domain/mark.ts'
import type { Order } from '../../domain/stage.ts'
import type { MigrationState } from '../../domain/state.ts'
import { coveredTo, sealsStay, watchedEnd } from '../../domain/stranded.ts'
import { type PartitionNow, partitionsNow } from '../partitions-now.ts'
import type { Gate } from '../step-kind.ts'
import { type Fact, gateOf } from './fact.ts'
import { NOTHING_OPEN, type OpenSeen, openInWords, openTransactions } from './open-transactions.ts'
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
  /** Transactions that hold back what came after the seal; absent: none does. */
  readonly open?: OpenSeen
}

/** How far a sealed partition has grown behind what accounts for it, up to its log end and to its last stable offset. Undefined: not at all. */
const grownBehind = (
  { seal, sourceEnd, sourceStable }: PartitionNow,
  state: MigrationState,
): { readonly covered: bigint; readonly isSettled: boolean } | undefined => {
  if (seal === undefined) return undefined
  const covered = coveredTo(seal, state)
  if (watchedEnd(seal, state, sourceEnd) === covered) return undefined
  return { covered, isSettled: watchedEnd(seal, state, sourceStable) > covered }
}

/** These topics, or all of the migration, were sealed, and nothing came after: the copy is complete. */
export const NOTHING_LATE: Fact<SealedOf, SealedSeen> = {
  name: 'nothing-late',
  title: ({ topics }) =>
    `nothing came after the seal of ${topics ? topics.join(', ') : 'any topic'}`,
  reads:
    'ListOffsets and Metadata of the source; DescribeProducers and ListTransactions where an open transaction came after the seal',
  judge: ({ migration, topics, now, unsealed, state, order, open: seenOpen = NOTHING_OPEN }) => {
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
    const grown = now.flatMap((p) => {
      const found = grownBehind(p, state)
      return found === undefined ? [] : [{ ...p, ...found }]
    })
    // What nobody knows yet whether it came says less.
    const first = grown.find(({ isSettled }) => isSettled) ?? grown[0]
    if (first === undefined) return HOLDS
    const { key, mark, covered, sourceEnd, isSettled } = first
    const open = isSettled ? undefined : openInWords(seenOpen, mark.topic)
    const what = `${key} has grown on the source from ${covered} to ${sourceEnd} since the seal: stop its producers${open === undefined ? '' : `; ${open}`}`
    return never(
      sealsStay(mark.topic, state, order, targetEnd)
        ? `${what}; then ferry salvage ${migration} appends what came late`
        : `${what}; the next plan opens the seal again and copies the rest`,
    )
  },
}

export const topicsAreSealed = (topics?: readonly TopicName[]): Gate =>
  gateOf(NOTHING_LATE, topics ? { topics } : {}, {
    after: true,
    look: async (run) => {
      const all = topics ?? run.migration.topics.map((t) => t.name)
      const now = [...(await partitionsNow(run, all)).values()]
      const state = run.state()
      const held = now.filter((p) => grownBehind(p, state)?.isSettled === false)
      return {
        migration: run.migration.name,
        topics: all,
        now,
        unsealed: await filledUnmarked(run.clusters.source, now),
        state,
        order: run.migration.order,
        ...(held.length > 0 && { open: await openTransactions(run.clusters.source, held) }),
      }
    },
  })
