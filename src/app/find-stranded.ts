import { valuesOf } from '../domain/answers.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { partitionKey } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import type { LostRange, MigrationState } from '../domain/state.ts'
import {
  giveUpCommand,
  goneInWords,
  heldAndGone,
  lateBetween,
  nameRange,
  notSalvaged,
  type StrandedRange,
  sealsStay,
  strandedRanges,
} from '../domain/stranded.ts'
import { reopenedWayBack, rollbackUnderWay } from '../planner/guards/reverse.ts'
import type { Session } from './open-session.ts'

/** What stands on the source alone, and what of it the source's retention has taken. */
export interface Stranded {
  readonly held: readonly StrandedRange[]
  readonly gone: readonly StrandedRange[]
}

/** The late records of a migration, as they are now. Reads both clusters, changes nothing. */
export const findStranded = async (
  session: Session,
  migration: Migration,
  signal: AbortSignal,
): Promise<Stranded> => {
  const state = await session.store.readDecisions(migration.name)
  return state === undefined
    ? { held: [], gone: [] }
    : strandedNow(session, migration, state, signal)
}

/** The same by decisions that were read already. */
export const strandedNow = async (
  session: Session,
  migration: Migration,
  state: MigrationState,
  signal: AbortSignal,
): Promise<Stranded> => {
  const { lateOnWayBack } = await import('../mirror/late-on-way-back.ts')
  const { source, target } = await session.clustersOf(migration)
  const progress = await session.store.readProgress(migration.name, 'reverse')
  const between = await lateOnWayBack(source, state.reverse, progress, signal)
  const open = reopenedWayBack(state)
  // The rollback cannot end any more: the migration goes on forwards, and what others wrote behind the seals of the way back is late again.
  if (open !== state && lateBetween(between, state).length > 0) {
    return strandedNow(session, migration, open, signal)
  }
  // Not past an open transaction: what it will have been nobody knows yet.
  const ends = valuesOf(await source.listOffsets(state.seals, 'stable'))
  const behind = strandedRanges(state, ({ topic, partition }) =>
    ends.get(partitionKey(topic, partition)),
  )
  const late = notSalvaged(between, state)
  const topics = new Set([...behind, ...late].map(({ topic }) => topic))
  const seals = state.seals.filter(({ topic }) => topics.has(topic))
  const there = valuesOf(await target.listOffsets(seals, 'latest'))
  const isStranded = ({ topic }: StrandedRange) =>
    sealsStay(topic, state, migration.order, (seal) =>
      there.get(partitionKey(seal.topic, seal.partition)),
    )
  const stranded = behind.filter(isStranded)
  // Appended behind a sealed way back they would stop the rollback, which alone may go on then. What came between has ended that way already.
  const underWay = rollbackUnderWay({ desired: migration, state })
  if (stranded.length > 0 && underWay.length > 0) throw new FerryError(underWay)
  const ranges = [...stranded, ...late.filter(isStranded)]
  return heldAndGone(ranges, valuesOf(await source.listOffsets(ranges, 'earliest')))
}

/** What is printed before anything is appended, or written down, if nobody confirmed it. `begun` was given up by a run that broke off. */
export const unconfirmedSalvage = (
  { name, from, to }: Migration,
  { held, gone }: Stranded,
  begun: readonly LostRange[],
): FerryError => {
  const topics = [...new Set(held.map(({ topic }) => topic))].join(', ')
  const unseen = [...new Set(gone.flatMap(({ topic, unseen }) => (unseen ? [topic] : [])))]
  const says = [
    begun.length > 0 &&
      `${begun.map(nameRange).join(', ')} on ${from} were given up by a run that broke off: what is the mirror's own behind them is not written down yet.`,
    held.length > 0 &&
      `${held.map(nameRange).join(', ')} would be appended to ${to}, behind what producers have written there since. No rollback leads behind the seal of ${topics} from then on.`,
    gone.length > 0 && `${goneInWords(from, gone)}.`,
    unseen.length > 0 &&
      `Giving that up ends the way back of ${unseen.join(', ')}: no rollback leads behind its seal.`,
  ].filter((each) => each !== false)
  const [why, command] =
    gone.length > 0
      ? [
          'If the late producers are stopped, to append what is there and to go on without what is gone',
          giveUpCommand(name, gone),
        ]
      : [
          held.length > 0
            ? 'If the late producers are stopped and these records are wanted'
            : 'To go on',
          `ferry salvage ${name}`,
        ]
  return new FerryError(
    diagnostic({
      code: 'FERRY1411',
      detail: says.length > 0 ? says.join(' ') : `Nothing of ${name} is stranded.`,
      fix: `${why}: ${command} --confirm ${name}.`,
    }),
  )
}
