import type { TopicName } from './ids.ts'
import type { Seal } from './mark.ts'
import {
  type LostRange,
  type MigrationState,
  NO_REVERSE,
  type Reverse,
  type SourceRange,
} from './state.ts'
import { ofPartition, outside } from './stranded.ts'

/** The producer ids of the marks that are sealed: which way back it is, whatever the clocks of those say who wrote down when. */
export const sealedWayBack = ({ marks, seals }: Reverse): readonly bigint[] => [
  ...new Set(
    marks
      .filter(({ topic, partition }) =>
        seals.some((seal) => seal.topic === topic && seal.partition === partition),
      )
      .map(({ producerId }) => producerId),
  ),
]

/** Where mirrors stop: at every seal, be it confirmed or not. */
export const endsOfCopying = ({
  seals,
  sealing = [],
}: Pick<Reverse, 'seals' | 'sealing'>): readonly Seal[] =>
  sealing.length === 0 ? seals : [...seals, ...sealing]

export const isSealing = ({ sealing = [], reverse }: MigrationState): boolean =>
  sealing.length > 0 || (reverse.sealing ?? []).length > 0

/** The decisions without seals that were not confirmed: whoever stored them has died, and nothing rests on them. */
export const withoutSealing = ({
  sealing: _,
  reverse,
  ...state
}: MigrationState): MigrationState => {
  const { sealing: _back, ...back } = reverse
  return { ...state, reverse: back }
}

/** Of what was given up, what stood between what was mirrored back: what comes behind it has no place there that anybody knows. */
export const lostOnWayBack = ({
  lost,
  reverse,
}: Pick<MigrationState, 'lost' | 'reverse'>): readonly LostRange[] =>
  lost.filter(({ topic, partition, from }) =>
    reverse.marks.some(
      (mark) =>
        mark.topic === topic &&
        mark.partition === partition &&
        (mark.targetStart as bigint) <= from,
    ),
  )

/**
 * The topics whose way back has ended for good: since it was marked a record that came late to the source is, or is being, appended to the
 * target. It stands at different places on both clusters then: mirrored back it would be on the source twice, and nothing behind it has a
 * place there any more. What was salvaged before lets no way back begin. Or a range of the way back itself was given up.
 */
export const endedWaysBack = (
  state: Pick<MigrationState, 'salvages' | 'lost' | 'reverse'>,
): ReadonlySet<TopicName> => {
  const marked = new Set(state.reverse.marks.map(({ topic }) => topic))
  const salvaged = state.salvages.filter(({ topic }) => marked.has(topic))
  return new Set([...salvaged, ...lostOnWayBack(state)].map(({ topic }) => topic))
}

/** What is the mirror's own on ways back that have ended, with what was seen now. */
export const withOwn = (reverse: Reverse, seen: readonly SourceRange[]): Reverse => {
  const known = reverse.own ?? []
  const fresh = seen.flatMap((range) => outside(range, ofPartition(known, range)))
  return fresh.length === 0 ? reverse : { ...reverse, own: [...known, ...fresh] }
}

/** The way back without the topics whose way has ended for good. */
export const openReverse = (
  state: Pick<MigrationState, 'reverse' | 'salvages' | 'lost'>,
): Reverse => {
  const ended = endedWaysBack(state)
  if (ended.size === 0) return state.reverse
  return { ...state.reverse, marks: state.reverse.marks.filter(({ topic }) => !ended.has(topic)) }
}

/** The decisions as whoever mirrors, drains or verifies the way back sees them. */
export const reverseView = (state: MigrationState): MigrationState => ({
  ...state,
  ...openReverse(state),
  sealing: state.reverse.sealing ?? [],
  clusters: state.clusters && { source: state.clusters.target, target: state.clusters.source },
  reverse: NO_REVERSE,
  markIntents: [],
  purges: [],
  emptied: [],
  salvages: [],
  lost: [],
  syncs: [],
})
