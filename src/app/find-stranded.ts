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
  watchedEnd,
} from '../domain/stranded.ts'
import { upperFirst } from '../domain/upper-first.ts'
import { reopenedWayBack, rollbackUnderWay } from '../planner/guards/reverse.ts'
import { openInWords, openTransactions } from '../steps/gates/index.ts'
import type { Session } from './open-session.ts'

/** What stands on the source alone, and what of it the source's retention has taken. */
export interface Stranded {
  readonly held: readonly StrandedRange[]
  readonly gone: readonly StrandedRange[]
  /** Transactions that were begun after a seal and have not ended, for people: what of them is late nobody knows yet. Absent: none is. */
  readonly open?: string
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
  // Not past an open transaction: what it will have been nobody knows yet. In this order: what is written in between is no transaction.
  const logEnds = valuesOf(await source.listOffsets(state.seals, 'latest'))
  const ends = valuesOf(await source.listOffsets(state.seals, 'stable'))
  const behind = strandedRanges(state, ({ topic, partition }) =>
    ends.get(partitionKey(topic, partition)),
  )
  const late = notSalvaged(between, state)
  const unsettled = state.seals.flatMap((seal) => {
    const key = partitionKey(seal.topic, seal.partition)
    const sourceStable = ends.get(key)!
    const [end, stable] = [logEnds.get(key)!, sourceStable].map((at) => watchedEnd(seal, state, at))
    return end! > stable! ? [{ ...seal, key, sourceStable }] : []
  })
  const topics = new Set([...behind, ...late, ...unsettled].map(({ topic }) => topic))
  const seals = state.seals.filter(({ topic }) => topics.has(topic))
  const there = valuesOf(await target.listOffsets(seals, 'latest'))
  const isStranded = ({ topic }: Pick<StrandedRange, 'topic'>) =>
    sealsStay(topic, state, migration.order, (seal) =>
      there.get(partitionKey(seal.topic, seal.partition)),
    )
  const stranded = behind.filter(isStranded)
  // Appended behind a sealed way back they would stop the rollback, which alone may go on then. What came between has ended that way already.
  const underWay = rollbackUnderWay({ desired: migration, state })
  if (stranded.length > 0 && underWay.length > 0) throw new FerryError(underWay)
  const ranges = [...stranded, ...late.filter(isStranded)]
  const found = heldAndGone(ranges, valuesOf(await source.listOffsets(ranges, 'earliest')))
  const waiting = underWay.length > 0 ? [] : unsettled.filter(isStranded)
  const [first] = waiting
  if (first === undefined) return found
  const transaction = openInWords(await openTransactions(source, waiting), first.topic)
  return { ...found, ...(transaction !== undefined && { open: transaction }) }
}

/** Nothing is late by what is known, and a transaction that came after a seal has not ended. */
export const notEnded = ({ name, from, to }: Migration, open: string, done = ''): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1710',
      detail: `A transaction came to ${from} after the seal and has not ended: what of it is to be appended to ${to} nobody knows before it has. ${upperFirst(open)}.${done}`,
      fix: `See that it ends, and that its producer is stopped. Then: ferry salvage ${name} --confirm ${name}.`,
    }),
  )

/** What is printed before anything is appended, or written down, if nobody confirmed it. `begun` was given up by a run that broke off. */
export const unconfirmedSalvage = (
  { name, from, to }: Migration,
  { held, gone, open }: Stranded,
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
    open !== undefined &&
      `${upperFirst(open)}: what it wrote after the seal is not late before it ends.`,
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
