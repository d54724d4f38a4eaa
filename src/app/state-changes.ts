import { openIntent } from '../applier/plan-journal.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { encodeContent } from '../state/content-codec.ts'
import {
  allProgress,
  type HeldBy,
  type Lock,
  type LockHolder,
  type StateContent,
  type StateStore,
} from '../state/state-store.ts'
import { someNames } from '../steps/_words.ts'
import { type ListedBackup, listedBackups } from './backups.ts'
import { lockHolder } from './lock-holder.ts'

/** All that is recorded of a migration; undefined if it has no decisions. */
export const contentOf = async (
  store: StateStore,
  migration: string,
): Promise<StateContent | undefined> => {
  const decisions = await store.readDecisions(migration)
  if (decisions === undefined) return undefined
  const journal = await store.readJournal(migration)
  return { decisions, journal, progress: await allProgress(store, migration) }
}

/** What `ferry state` shows of a migration: plain JSON. */
export interface StateSummary {
  readonly migration: string
  readonly lineage: string
  readonly serial: number
  readonly stage: string
  /** Of the plan that ran last. */
  readonly plan: { readonly digest: string; readonly status: 'open' | 'done' } | null
  readonly marks: number
  readonly seals: number
  readonly journalEntries: number
  /** The step that was begun last and has no result. */
  readonly openIntent: string | null
  readonly lock: (HeldBy & { readonly ageSeconds: number }) | null
  /** What `ferry state pull NAME --backup` has. */
  readonly backups: readonly ListedBackup[]
}

/** Of a migration that has decisions. */
export const summaryOf = async (
  store: StateStore,
  migration: string,
  now: Date,
): Promise<StateSummary> => {
  const content = (await contentOf(store, migration)) as StateContent
  const { decisions, journal } = content
  const lock = await store.lockHolder(migration)
  const age = lock && Math.max(0, now.getTime() - Date.parse(lock.since))
  return {
    migration,
    lineage: decisions.lineage,
    serial: decisions.serial,
    stage: decisions.stage,
    plan: decisions.plan,
    marks: decisions.marks.length,
    seals: decisions.seals.length,
    journalEntries: journal.length,
    openIntent: openIntent(journal) ?? null,
    lock: lock && age !== undefined ? { ...lock, ageSeconds: Math.round(age / 1000) } : null,
    backups: listedBackups(await store.backups(migration)),
  }
}

export interface PushedState {
  readonly serial: number
  /** Undefined: nothing was there. It is now a backup. */
  readonly replaced: MigrationState | undefined
  /** False if the very same was there already. */
  readonly changed: boolean
}

/**
 * Puts `next` in the place of what is recorded, under the lock. Refused where it does not follow: another lineage, a lower serial, or the
 * same serial with another content. Forced, it goes on from the higher of both serials, whatever the lineage: who looks at serials sees that it
 * changed, and plans made before are stale. So is one that was running then: what its journal calls done may have been taken back since.
 * `warn` is told what the marks miss, unless the very same is there already.
 */
export const pushState = (
  store: StateStore,
  migration: string,
  next: StateContent,
  {
    force,
    now,
    warn,
  }: {
    readonly force: boolean
    readonly now: Date
    warn(problems: readonly Diagnostic[]): void
  },
): Promise<PushedState> =>
  whileLocked(store, migration, lockHolder(`state push ${migration}`, now), async (lock) => {
    const found = await contentOf(store, migration)
    warn(takenOver(lock, found?.journal ?? []))
    const resting = withoutOpenRun(next)
    if (found && [next, resting].some((one) => encodeContent(one) === encodeContent(found))) {
      return { serial: found.decisions.serial, replaced: undefined, changed: false }
    }
    warn(withoutProgress(next))
    const why = found && (doesNotFollow(found, next) ?? losesIntent(found, next))
    if (why !== undefined && !force) throw refused(migration, why)
    const behind = found === undefined ? 0 : found.decisions.serial + 1
    const serial = Math.max(next.decisions.serial, behind)
    await store.replace(migration, { ...resting, decisions: { ...resting.decisions, serial } })
    return { serial, replaced: found?.decisions, changed: true }
  })

/** A plan that was running then does not go on: its own run would no longer be the last thing that has changed anything. */
const withoutOpenRun = (content: StateContent): StateContent =>
  content.decisions.plan?.status === 'open'
    ? { ...content, decisions: { ...content.decisions, plan: null } }
    : content

/** Says of which marks there is no progress: decisions that were overwritten have none where a mark was given up since. */
const withoutProgress = ({ decisions, progress }: StateContent): readonly Diagnostic[] => {
  const known = new Set(progress.map(ofMark))
  const missing = [...decisions.marks, ...decisions.reverse.marks].filter(
    (mark) => !known.has(ofMark(mark)),
  )
  if (missing.length === 0) return []
  const names = someNames(
    missing.map(
      ({ topic, partition, way }) => `${topic}:${partition}${way ? ' on the way back' : ''}`,
    ),
  )
  return [
    diagnostic({
      code: 'FERRY1424',
      severity: 'warning',
      detail: `In this state ${names} ${missing.length === 1 ? 'has a mark' : 'have marks'}, and nothing of what the mirror knew then: such a mark was given up since (by a resync or a rollback), or nothing was mirrored for it.`,
      fix: 'Where the target holds another copy by now, or the source had offsets without a record, the partition will stop: then push what was recorded before, or mirror the topic anew.',
    }),
  ]
}

const ofMark = ({
  topic,
  partition,
  way,
  producerId,
}: Pick<PartitionProgress, 'topic' | 'partition' | 'way' | 'producerId'>): string =>
  `${way ?? ''}/${topic}:${partition}/${producerId}`

/**
 * Forgets a migration, under the lock; a backup stays. Refused unless `confirmed` where that loses what can be undone, or a step that was begun
 * and of which nobody has looked what came of it. Answers what was forgotten; undefined if nothing was recorded.
 */
export const forgetState = (
  store: StateStore,
  migration: string,
  {
    confirmed,
    now,
    warn = () => undefined,
  }: {
    readonly confirmed: boolean
    readonly now: Date
    warn?(problems: readonly Diagnostic[]): void
  },
): Promise<MigrationState | undefined> =>
  whileLocked(store, migration, lockHolder(`state forget ${migration}`, now), async (lock) => {
    const state = await store.readDecisions(migration)
    if (state === undefined) return undefined
    const journal = await store.readJournal(migration)
    warn(takenOver(lock, journal))
    const intent = openIntent(journal)
    if (intent !== undefined && !confirmed) {
      throw new FerryError(
        diagnostic({
          code: 'FERRY1422',
          detail: `The last run of ${migration} had begun ${intent} when it ended, and what came of it is not recorded: it may be half done, and nothing would say so.`,
          fix: `Apply or roll back first: that looks at it. To forget it anyway: ferry state forget ${migration} --confirm ${migration}.`,
        }),
      )
    }
    if (state.marks.length > 0 && state.stage !== 'retired' && !confirmed) {
      throw new FerryError(
        diagnostic({
          code: 'FERRY1422',
          detail: `${migration} has ${state.marks.length} marks and is at stage ${state.stage}: without its state the mirror cannot go on and nothing can be undone.`,
          fix: `Apply it up to retired or roll it back first. To forget it anyway: ferry state forget ${migration} --confirm ${migration}.`,
        }),
      )
    }
    await store.replace(migration, undefined)
    return state
  })

const doesNotFollow = (found: StateContent, next: StateContent): string | undefined => {
  const [old, asked] = [found.decisions, next.decisions]
  if (old.lineage !== asked.lineage) {
    return `it is of lineage ${asked.lineage}, what is recorded is of ${old.lineage}`
  }
  if (asked.serial < old.serial) {
    return `it has serial ${asked.serial}, what is recorded has the later serial ${old.serial}`
  }
  return asked.serial === old.serial
    ? `it has serial ${asked.serial} as what is recorded, but another content`
    : undefined
}

/** Whoever goes on from `next` would not look what came of the step that was begun last. */
const losesIntent = ({ journal }: StateContent, next: StateContent): string | undefined => {
  const intent = openIntent(journal)
  if (intent === undefined) return undefined
  const begun = journal.findLast(({ what }) => what.kind === 'intent')
  return next.journal.some(({ hash }) => hash === begun?.hash)
    ? undefined
    : `the last run had begun ${intent} when it ended, which may be half done, and its journal does not say so`
}

/** Told as apply tells it. The step that its holder had begun is looked at by the next apply, as long as it is recorded. */
const takenOver = (
  { takenOverFrom: gone }: Lock,
  journal: readonly JournalEntry[],
): readonly Diagnostic[] => {
  if (gone === undefined) return []
  const intent = openIntent(journal)
  return [
    diagnostic({
      code: 'FERRY1425',
      severity: 'warning',
      detail: `The lock was taken over from ${gone.user}@${gone.host} (pid ${gone.pid}, ${gone.operation}, since ${gone.since}): that process is gone, or its lease has ended.${intent ? ` It had begun ${intent}, which may be half done.` : ''}`,
      fix: intent
        ? 'See that it does not run any more; the next apply or rollback looks at that step first.'
        : 'See that it does not run any more.',
    }),
  ]
}

const refused = (migration: string, why: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1421',
      detail: `The state of ${migration} was not replaced: ${why}.`,
      fix: `Compare it with ferry state pull ${migration}. To replace it anyway, give --force; a backup is kept.`,
    }),
  )

const whileLocked = async <T>(
  store: StateStore,
  migration: string,
  holder: LockHolder,
  work: (lock: Lock) => Promise<T>,
): Promise<T> => {
  const lock = await store.lock(migration, holder)
  try {
    return await work(lock)
  } finally {
    await lock.release()
  }
}
