import { canonicalLine, sha256 } from '../domain/canonical-json.ts'
import type { JournalEntry } from '../domain/journal.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { MigrationState } from '../domain/state.ts'
import { encodeStored, type Stored } from './content-codec.ts'
import { decodeDecisions } from './decisions-codec.ts'
import { count, listOf, Malformed, members, text } from './decode.ts'
import { damaged } from './records.ts'
import type { Backup } from './state-store.ts'

/** A text that is kept, and its place for people. */
interface KeptText {
  readonly where: string
  readonly text: string
}

/** What a store has of what was overwritten, and of now. */
export interface Kept {
  /** Whole states, as `encodeStored` wrote them. */
  readonly whole: readonly KeptText[]
  /** Decisions of lower serials than that of now; undefined entries: it is not known how long the journal was then. */
  readonly earlier: readonly (KeptText & { readonly entries?: number | undefined })[]
  readonly now: MigrationState | undefined
  readonly journal: readonly JournalEntry[]
}

interface Found {
  readonly backup: Backup
  /** Of the decisions alone: those kept whole need not be told once more. */
  readonly decisions: string
  /** The whole state; `progress` is that of now. */
  readonly content: (progress: readonly Stored<PartitionProgress>[]) => string
}

/** All that can be had back, by lineage and serial. */
export const backupsIn = (kept: Kept): readonly Backup[] => found(kept).map(({ backup }) => backup)

/** The text of one of them; undefined if it is not there. */
export const contentOfBackup = (
  kept: Kept,
  { lineage, serial, digest }: Backup,
  progress: readonly Stored<PartitionProgress>[],
): string | undefined =>
  found(kept)
    .find(({ backup: b }) => b.lineage === lineage && b.serial === serial && b.digest === digest)
    ?.content(progress)

/** What a whole state that is kept is named by: nothing of another lineage, serial or content has the same name. */
export const backupOf = (whole: string, where: string): Backup => lookAtWhole(whole, where).backup

const found = (kept: Kept): readonly Found[] => {
  const all = new Map<string, Found>()
  const whole = kept.whole.map(({ text, where }) => ({
    ...lookAtWhole(text, where),
    content: () => text,
  }))
  const known = new Set(whole.map(({ decisions }) => decisions))
  const earlier = kept.earlier
    .flatMap((each) => earlierOf(kept, each) ?? [])
    .filter(({ decisions }) => !known.has(decisions))
  for (const each of [...whole, ...earlier]) all.set(nameOf(each.backup), each)
  return [...all].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each)
}

/** In the order of lineage and serial. */
const nameOf = ({ lineage, serial, at, digest }: Backup): string =>
  JSON.stringify([lineage, String(serial).padStart(16, '0'), at ?? '', digest])

/** Not decoded: one that is damaged inside must not keep the others from being found. Whoever pushes it decodes it. */
const lookAtWhole = (source: string, where: string): Omit<Found, 'content'> =>
  look(source, where, ({ checksum: _, ...all }) => {
    const decisions = withoutStamp(members(all.decisions, '/decisions'))
    const last = listOf(members)(all.journal, '/journal').at(-1)
    const at = last === undefined ? null : text<string>(last.at, '/journal')
    const content = canonicalLine({ ...all, decisions })
    return { backup: named(decisions, at, content), decisions: canonicalLine(decisions) }
  })

const earlierOf = (
  { journal, now }: Kept,
  { text: source, where, entries }: Kept['earlier'][number],
): Found | undefined =>
  look(source, where, (all) => {
    const length = entries ?? (all.entries === undefined ? undefined : count(all.entries, ''))
    if (length === undefined) return undefined
    const content = canonicalLine(withoutStamp(all))
    return {
      backup: named(all, journal[length - 1]?.at ?? null, content),
      decisions: content,
      content: (progress) => {
        const value = decodeDecisions(source, where)
        return encodeStored({
          decisions: { value, text: source },
          journal: journal.slice(0, length),
          progress: progress.filter((each) => isOf(value, each.value) && isOf(now, each.value)),
        })
      },
    }
  })

/**
 * Whether progress is of a mark of these decisions. That of a mark that was given up since says nothing of what the target holds now: without
 * it the mirror looks at the target from the mark on, and stops where what it had copied is gone.
 */
const isOf = (
  decisions: MigrationState | undefined,
  { topic, partition, way, producerId }: PartitionProgress,
): boolean =>
  (way === 'reverse' ? decisions?.reverse.marks : decisions?.marks)?.some(
    (mark) =>
      mark.topic === topic && mark.partition === partition && mark.producerId === producerId,
  ) ?? false

const named = (
  decisions: Readonly<Record<string, unknown>>,
  at: string | null,
  content: string,
): Backup => ({
  lineage: text(decisions.lineage, '/lineage'),
  serial: count(decisions.serial, '/serial'),
  at,
  digest: sha256(content).slice(0, 16),
})

/** What differs between two writes of the same decisions. */
const withoutStamp = ({
  checksum: _,
  entries: __,
  ...decisions
}: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => decisions

const look = <T>(
  source: string,
  where: string,
  at: (all: Readonly<Record<string, unknown>>) => T,
): T => {
  try {
    return at(members(JSON.parse(source), ''))
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) {
      throw damaged(where, error.message, error)
    }
    throw error
  }
}
