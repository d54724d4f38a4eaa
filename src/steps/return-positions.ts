import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TargetOffset } from '../domain/ids.ts'
import type { Seal } from '../domain/mark.ts'
import {
  type GroupSync,
  type ReturnedPosition,
  takesBack,
  writtenBy,
} from '../domain/moved-groups.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import { translateBack } from '../domain/translate-back.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import { counted } from './_words.ts'
import type { PartitionNow } from './partitions-now.ts'

/** Where a group goes on when it is put back to the source, by what it has read on the target and what an earlier attempt did. Pure. */

/** What is to be written on the source: what moved on the target, and what did not where the source has lost its own commit meanwhile. */
export const toReturn = (
  key: PartitionKey,
  there: CommittedOffset | undefined,
  here: CommittedOffset | undefined,
  sync: GroupSync | undefined,
): CommittedOffset | undefined => (here === undefined ? there : movedTo(key, there, sync))

/** What the group has committed on the target; undefined where it is still what the sync wrote: then the source's own commit is right. */
export const movedTo = (
  key: PartitionKey,
  there: CommittedOffset | undefined,
  sync: GroupSync | undefined,
): CommittedOffset | undefined => {
  if (there === undefined) return undefined
  return writtenBy(sync, key)?.target === there.offset ? undefined : there
}

/** The source position of a commit on the target, or why the group cannot go there. Pure. */
export const backPosition = (
  group: GroupId,
  facts: Facts,
  there: CommittedOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  const { key, index } = facts
  const translated = translateBack(index, there.offset as TargetOffset)
  if (translated.kind === 'beyond') {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, ${counted(translated.beyond, 'offset')} past what is known to be mirrored: ${there.offset - translated.beyond} to ${there.offset - 1n} are not on ${names.source}.`,
      `Leave the group on ${names.target}, or set its position there to ${there.offset - translated.beyond} or lower if its service can read those records again.`,
    )
  }
  return heldBySource(group, facts, translated.source, here, names)
}

/**
 * The same for a position past the seal, by the index of the way back. What stands on the source between the seal and the mark of the way
 * back came late and is not on the target: a group that has read past the seal would never see it.
 */
export const pastSeal = (
  group: GroupId,
  facts: Facts & { readonly seal: Seal },
  { proven }: Pick<PartitionNow, 'proven'>,
  there: CommittedOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  const { key, seal } = facts
  const { mark } = proven
  const translated = translateOffset(proven, there.offset as SourceOffset)
  if (translated.kind !== 'at') {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, past what is known to be mirrored back.`,
      `Find out who set that position; set it to ${proven.mirroredTo} or lower, then roll back.`,
    )
  }
  if ((mark.targetStart as bigint) > seal.sourceEnd) {
    return refuse(
      `${group} is at ${there.offset} of ${key} on ${names.target}, past the seal; back on ${names.source} it would miss offsets ${seal.sourceEnd} to ${mark.targetStart - 1n}, which came late and were never on ${names.target}.`,
      `Set its position on ${names.target} to ${seal.targetEnd} if its service can read again what follows, then roll back.`,
    )
  }
  const source = translated.target as bigint as SourceOffset
  return heldBySource(group, facts, source, here, names)
}

const refuse = (detail: string, fix: string) => ({
  problem: diagnostic({ code: 'FERRY1332', detail, fix }),
})

type Facts = Pick<PartitionNow, 'key' | 'index' | 'sourceStart' | 'sourceEnd'>
interface Names {
  readonly source: string
  readonly target: string
}

const heldBySource = (
  group: GroupId,
  { key, sourceStart, sourceEnd }: Facts,
  source: SourceOffset,
  here: CommittedOffset | undefined,
  names: Names,
): { readonly source: SourceOffset } | { readonly problem: Diagnostic } => {
  if (source < sourceStart) {
    return refuse(
      `${group} would go on at ${source} of ${key} on ${names.source}, but that holds records from ${sourceStart} on only: ${source} to ${sourceStart - 1n} are gone there and would be skipped.`,
      `Let its consumers on ${names.target} read on past them, then roll back.`,
    )
  }
  if (source > sourceEnd) {
    return refuse(
      `${group} would go on at ${source} of ${key} on ${names.source}, whose log ends at ${sourceEnd}.`,
      'Find out what cut the source topic; until then the group cannot go back.',
    )
  }
  if (here !== undefined && here.offset > source) {
    return {
      problem: diagnostic({
        code: 'FERRY1705',
        detail: `${group} is at ${here.offset} of ${key} on ${names.source} already, past ${source}, where it would go on after what it read on ${names.target}.`,
        fix: `Find out who committed there. If that position is right, set the group's position on ${names.target} to its counterpart, then roll back.`,
      }),
    }
  }
  return { source }
}

/** What the group had on the source before the first attempt to put it back since it was synced: after that, our own commit may be there. */
export const beforeReturn = (
  { syncs, returns }: Pick<MigrationState, 'syncs' | 'returns'>,
  group: GroupId,
  key: PartitionKey,
  now: CommittedOffset | undefined,
): ReturnedPosition['previous'] => {
  const sync = syncs.find((s) => s.group === group)
  const attempt = returns.find(
    (r) =>
      r.group === group && (r.status === 'pending' || (sync !== undefined && takesBack(r, sync))),
  )
  const known = attempt?.positions.get(key)
  if (known !== undefined) return known.previous
  return now === undefined ? null : { offset: now.offset, metadata: now.metadata }
}

/** A position that Ferry has written and that is gone (expired, or deleted): what the group read on the target is not known. */
export const lostPositions = (
  group: GroupId,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
  sync: GroupSync | undefined,
  now: ReadonlyMap<PartitionKey, unknown>,
): Diagnostic | undefined => {
  if (sync?.status !== 'done') return undefined
  const gone = [...sync.positions.keys()].filter((key) => now.has(key) && !there.has(key))
  if (gone.length === 0) return undefined
  return diagnostic({
    code: 'FERRY1332',
    detail: `${group} has no position any more on the target for ${gone.slice(0, 5).join(', ')}${gone.length > 5 ? ` and ${gone.length - 5} more` : ''}, although the sync wrote one: it expired or was deleted, so that what the group has read there is not known.`,
    fix: 'Commit the position that its service knows on the target, then roll back.',
  })
}

/** True if an earlier rollback has put this group back already and only the rest is left: it has not read on on the target since. */
export const wasReturned = (
  state: MigrationState,
  sync: GroupSync,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
): boolean =>
  lastReturn(state, sync) !== undefined && movedSinceReturn(state, sync, there) === undefined

const lastReturn = (state: MigrationState, sync: GroupSync) =>
  state.returns.find((r) => r.status === 'done' && takesBack(r, sync))

/**
 * Where a group that was put back stands on the target otherwise than it was put back from, synced to, or restored to: it has read on
 * there, which its place on the source does not know. Undefined also where it was not put back.
 */
export const movedSinceReturn = (
  state: MigrationState,
  sync: GroupSync,
  there: ReadonlyMap<PartitionKey, CommittedOffset>,
): PartitionKey | undefined => {
  const returned = lastReturn(state, sync)
  if (returned === undefined) return undefined
  return [...there].find(([key, { offset }]) => {
    if (!placesOf(state).marks.has(key)) return false
    const synced = writtenBy(sync, key)
    const known = [returned.positions.get(key)?.target, synced?.target, synced?.previous?.offset]
    return !known.some((each) => each === offset)
  })?.[0]
}
