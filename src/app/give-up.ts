import { type NamedRange, parseRangeName, rangeName } from '../domain/accepted-gap.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { Migration } from '../domain/migration.ts'
import { withOwn } from '../domain/reverse.ts'
import type { LostRange, MigrationState, Salvage, SourceRange } from '../domain/state.ts'
import { giveUpCommand, nameRange, type StrandedRange } from '../domain/stranded.ts'
import { rollbackUnderWay, withGivenUp } from '../planner/guards/reverse.ts'
import type { Unsure } from '../salvage/salvage-options.ts'

/** What giving up needs of the salvage that does it. */
export interface GivingUp {
  readonly migration: Migration
  /** Ranges by name: `orders.events:3:100-149`. */
  readonly accept: readonly string[]
  readonly by: LostRange['by']
  now(): Date
  report(line: string): void
  /** Writes the decisions, and answers with what was written. */
  decide(state: MigrationState): Promise<MigrationState>
  journal(what: JournalEntry['what']): Promise<void>
  /** What is the mirror's own on the ways back of these topics that have ended, once every mirror has let go of them. */
  ownOnWayBack(state: MigrationState, topics: readonly TopicName[]): Promise<readonly SourceRange[]>
}

/**
 * Writes down what was named, if it is gone: all of it, or nothing. Where that ends a way back, no rollback under way can end any more. The
 * same state if nothing of it is new. {@link finishGivingUp} does the rest.
 */
export const giveUp = async (
  state: MigrationState,
  gone: readonly StrandedRange[],
  parts: GivingUp,
): Promise<MigrationState> => {
  const { migration, by } = parts
  const at = parts.now().toISOString()
  const there = new Set(onTargetAfterAll(state, parts.accept).map(rangeName))
  const isKnown = (name: string) =>
    there.has(name) || state.lost.some((each) => rangeName(each) === name)
  const given = parts.accept
    .filter((name) => !isKnown(name))
    .map((name): LostRange => {
      const range = parseRangeName(name)
      const within = gone.find((each) => range !== undefined && holds(each, range))
      if (range === undefined || within === undefined) throw notGone(migration, name, gone)
      return { ...range, unseen: within.unseen === true, by, at, pending: true }
    })
  return given.length === 0 ? state : writeLost(state, given, parts)
}

/**
 * What was named to be given up, and was salvaged: it was not known whether it is on the target when it was named, and by now it is. There is
 * nothing to give up. Only the very batch that a message can have named: anything else is a slip of whoever typed it.
 */
export const onTargetAfterAll = (
  { salvages }: Pick<MigrationState, 'salvages'>,
  accept: readonly string[],
): readonly NamedRange[] =>
  accept.flatMap((name) => {
    const range = parseRangeName(name)
    const isThere = salvages.some((each) => {
      const { topic, partition, status, sent } = each
      if (status !== 'done' || sent === undefined) return false
      const batch = { topic, partition, from: sent.from, to: sent.to }
      return rangeName(batch) === name && holds(each, batch)
    })
    return range !== undefined && isThere ? [range] : []
  })

/** Throws unless just that batch of a salvage was named that is on the target or not. `salvages`: all that there were. */
export const requireSentNamed = (
  salvage: Salvage,
  end: Unsure,
  { accept, migration }: Pick<GivingUp, 'accept' | 'migration'>,
  salvages: readonly Salvage[],
): void => {
  if (!accept.includes(rangeName(ofUnsure(salvage, end)))) {
    throw isUnsure(migration, salvage, end, salvages)
  }
}

const ofUnsure = (
  { topic, partition }: Salvage,
  { unsure: { from, to } }: Unsure,
): StrandedRange => ({ topic, partition, from, to })

/**
 * Gives up the batch of a salvage that is on the target or not, which is no longer among the salvages of this state. Everything before it is
 * there; what follows it was never sent.
 */
export const giveUpSent = async (
  state: MigrationState,
  salvage: Salvage,
  end: Unsure,
  parts: GivingUp,
): Promise<MigrationState> => {
  const range = ofUnsure(salvage, end)
  const at = parts.now().toISOString()
  const given = { ...range, unseen: false, unsure: true, by: parts.by, at, pending: true }
  const salvages = [...state.salvages, ...beforeSent(salvage, end.unsure)]
  return writeLost({ ...state, salvages }, [given], parts)
}

/** What of a salvage is on the target for certain, if anything was sent before its last batch. */
export const beforeSent = (
  { sent: _, ...salvage }: Salvage,
  { from }: Unsure['unsure'],
): readonly Salvage[] => (from > salvage.from ? [{ ...salvage, to: from, status: 'done' }] : [])

const writeLost = async (
  state: MigrationState,
  given: readonly LostRange[],
  { migration, report, decide }: GivingUp,
): Promise<MigrationState> => {
  const after = withGivenUp(state, given)
  if (after === undefined) throw new FerryError(rollbackUnderWay({ desired: migration, state }))
  if (after.reverse !== state.reverse) report('opens the seals of the way back again')
  return decide(after)
}

/**
 * Finishes what was given up, by this run or by one that died behind that decision: mirrors let go only of a way back that has ended, so what is
 * their own there is known after it. The journal may name a range twice, never not at all.
 */
export const finishGivingUp = async (
  state: MigrationState,
  parts: Pick<GivingUp, 'ownOnWayBack' | 'journal' | 'decide'>,
): Promise<{ readonly state: MigrationState; readonly lost: readonly LostRange[] }> => {
  const begun = state.lost.filter(({ pending }) => pending).map(finished)
  if (begun.length === 0) return { state, lost: [] }
  const topics = [...new Set(begun.map(({ topic }) => topic))]
  const reverse = withOwn(state.reverse, await parts.ownOnWayBack(state, topics))
  for (const range of begun) {
    const facts = { lost: nameRange(range), ...range.by }
    const step = `accept-gap/${rangeName(range)}`
    await parts.journal({ kind: 'result', step, outcome: 'done', facts })
  }
  const next = { ...state, reverse, lost: state.lost.map(finished) }
  return { state: await parts.decide(next), lost: begun }
}

const finished = ({ pending: _, ...range }: LostRange): LostRange => range

const holds = (whole: StrandedRange, { topic, partition, from, to }: NamedRange): boolean =>
  whole.topic === topic && whole.partition === partition && whole.from <= from && to <= whole.to

const isUnsure = (
  { name, to }: Migration,
  salvage: Salvage,
  end: Unsure,
  salvages: readonly Salvage[],
): FerryError => {
  const range = ofUnsure(salvage, end)
  const done = salvages.filter(({ status }) => status === 'done')
  const there = [...done, ...beforeSent(salvage, end.unsure)].map(nameRange).join(', ')
  const rest = range.to < salvage.to ? `${nameRange({ ...salvage, from: range.to })}, and ` : ''
  return new FerryError(
    diagnostic({
      code: 'FERRY1711',
      detail: `${nameRange(range)} of the source was sent to ${to} by a salvage that broke off, and is there or not: ${end.why}. Appended again it could be there twice. Salvaged, and on ${to} for certain: ${there || 'nothing'}. Not sent yet: ${rest}whatever else came late.`,
      fix: `Look for these records on ${to}, by their keys and times. Then go on without them (the rest is appended): ${giveUpCommand(name, [range])} --confirm ${name}. If they are not there and are needed, let their producer write them anew.`,
    }),
  )
}

/** A range that was named and is not gone as it was named. */
const notGone = ({ name }: Migration, named: string, gone: readonly StrandedRange[]): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1351',
      detail: `${named} cannot be given up: ${gone.length === 0 ? 'no late record is gone from the source' : `what is gone from the source is ${gone.map(rangeName).join(', ')}`}.`,
      fix:
        gone.length === 0
          ? `Leave it out: ferry salvage ${name} --confirm ${name} appends what is there.`
          : `Name that, if it is to be given up: ${giveUpCommand(name, gone)} --confirm ${name}.`,
    }),
  )
