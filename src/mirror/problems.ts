import { acceptCommand } from '../domain/accepted-gap.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey, type SourceOffset } from '../domain/ids.ts'
import type { ReEncodeReason } from '../records/index.ts'
import type { Forgotten } from './hearing.ts'
import type { Block } from './intake.ts'

/** Offsets `from` (inclusive) to `to` (exclusive), as people read them. */
export const range = (from: number | bigint, to: number | bigint): string =>
  BigInt(to) - BigInt(from) === 1n ? `offset ${from}` : `offsets ${from} to ${BigInt(to) - 1n}`

const resyncOf = (migration: string): string =>
  `Once the cause is gone: \`ferry resync ${migration}\`, which gives the copy up and makes it anew (before any group has moved).`

/** The way on where the copy has lost its counterpart, or holds what is not the mirror's. */
const resync = resyncOf('NAME')

/** The same of a partition that is known by its way: behind a seal nothing is copied anew, neither there nor back. */
const wayOn = ({ migration, mark }: Stopped): string =>
  mark?.way === undefined
    ? resyncOf(migration)
    : `Stay on the new cluster: the way back of this topic has ended, a rollback stops here, too, and a resync is refused behind the seal. Only where nothing was lost after all (a topic or a log that is back as it was, with its id) does \`ferry mirror ${migration}\` go on from here by itself once it is started again.`

/** Why records cannot be carried, in words, and what to do. What is carried by re-encoding never comes here. */
const REASONS: Partial<Readonly<Record<ReEncodeReason, readonly [string, string]>>> = {
  'unknown-magic': [
    'are in a format that is not known',
    'The brokers of the source are newer than this Ferry: use one that names their version among those it supports.',
  ],
  'crc-mismatch': [
    'do not match their checksum',
    'Repair the source replica or move the leader, then start the mirror again.',
  ],
  'unknown-attributes': [
    'have attributes or a codec that are not known',
    'The brokers of the source are newer than this Ferry: use one that names their version among those it supports.',
  ],
  'too-large': [
    'form a batch larger than the target takes, and a single record cannot be split',
    'Raise max.message.bytes of the target topic, then start the mirror again.',
  ],
}

const MALFORMED = [
  'are no well-formed batch',
  'Look at the log segment on the source; it is damaged.',
] as const

/** What of a partition its messages need: also the migration, for commands that are ready to be run. */
export interface Stopped {
  readonly migration: string
  readonly key: PartitionKey
  /** What goes back cannot do without a record: everything that is there is nowhere else. */
  readonly mark?: { readonly way?: 'reverse' }
}

/** The partition, and on its way back what is what there. */
const placeOf = ({ key, mark }: Stopped): string =>
  mark?.way === undefined
    ? key
    : `On the way back, where target means the source and source the target: ${key}`

/** The way on without a range: offered only where all of what cannot be mirrored is known. */
const goOnWithout = ({ migration, key }: Stopped, from: number, to: number): string => {
  const range = {
    ...parsePartitionKey(key),
    from: BigInt(from) as SourceOffset,
    to: BigInt(to) as SourceOffset,
  }
  return `\`${acceptCommand(migration, range)}\`, which goes on behind them`
}

export const cannotCarry = (
  stopped: Stopped,
  { reason, from, to, detail, isWhole }: Block,
): Diagnostic => {
  const { key } = stopped
  const [why, mend] = REASONS[reason] ?? MALFORMED
  const fix =
    isWhole && stopped.mark?.way === undefined
      ? `${mend} If the service can do without them: ${goOnWithout(stopped, from, to)}.`
      : mend
  const said = detail === undefined ? '' : ` (${detail})`
  return diagnostic({
    code: reason === 'crc-mismatch' ? 'FERRY1612' : 'FERRY1601',
    detail: `${key}: the records at source ${range(from, to)} ${why}${said}. Everything before was copied; the partition stopped there.`,
    fix,
  })
}

export const lostOnSource = (stopped: Stopped, from: number, to: number): Diagnostic => {
  const { migration, mark } = stopped
  return diagnostic({
    code: 'FERRY1602',
    detail: `${placeOf(stopped)}: the records at source ${range(from, to)} (${to - from} at most) were removed from the source before they were copied.`,
    fix:
      mark?.way === 'reverse'
        ? wayOn(stopped)
        : `If the service can do without them: ${goOnWithout(stopped, from, to)}; or \`ferry resync ${migration}\`, which begins anew with what the source still holds (before any group has moved). Else stop here: they are nowhere any more.`,
  })
}

export const sourceCut = (stopped: Stopped, copiedTo: number, sourceEnd: number): Diagnostic =>
  diagnostic({
    code: 'FERRY1603',
    detail: `${placeOf(stopped)}: the source log ends at ${sourceEnd}, but everything below ${copiedTo} was copied from it: it was truncated or recreated. On the target ${range(sourceEnd, copiedTo)} of the source have no counterpart any more.`,
    fix: wayOn(stopped),
  })

/** Source offsets. */
interface Copied {
  readonly from: number
  readonly to: number
}

const orphaned = ({ from, to }: Copied): string =>
  from === to
    ? 'Nothing was copied.'
    : `The target holds what was copied from source ${range(from, to)}, which has no counterpart any more.`

export const sourceRecreated = (
  stopped: Stopped,
  id: { readonly was: string; readonly is: string },
  copied: Copied,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1603',
    detail: `${placeOf(stopped)}: the source topic has id ${id.is}; at the mark it was ${id.was}. It was deleted and created again. ${orphaned(copied)}`,
    fix: wayOn(stopped),
  })

/** From the source offset `source` on, which is the target's `from`; `to`, exclusive, is how far was copied. */
export const contentDiffers = (
  stopped: Stopped,
  source: number,
  from: number,
  to: number,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1603',
    detail: `${placeOf(stopped)}: from source offset ${source} on the source holds other records than those that were copied from there to target ${range(from, to)}. It was truncated (an unclean election) and written again, or recreated.`,
    fix: wayOn(stopped),
  })

export const sourceAbsent = (stopped: Stopped, copied: Copied): Diagnostic =>
  diagnostic({
    code: 'FERRY1603',
    detail: `${placeOf(stopped)}: the source topic does not exist any more. ${orphaned(copied)}`,
    fix: wayOn(stopped),
  })

export const targetGone = (stopped: Stopped, why: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1613',
    detail: `${placeOf(stopped)}: ${why}`,
    fix: wayOn(stopped),
  })

/** Who wrote a control marker that nothing asks for any more. */
export const MARKERS_TOO_LATE =
  'the mirror itself: markers where offsets are not identical any more'

export const foreignWrite = (
  key: PartitionKey,
  from: number,
  to: number,
  who: string,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1604',
    detail: `${key}: the records at target ${range(from, to)} were not written by this mirror (${who}). What was copied before them is right.`,
    fix: `Find the writer and take its WRITE right. ${resync}`,
  })

/** Somebody else's, or taken for it: below a mark lies nothing that is not to be deleted. */
export const foreignBelow = (key: PartitionKey, from: number, mark: number, who: string) =>
  diagnostic({
    code: 'FERRY1604',
    detail: `${key}: since a crash of its broker the target's log begins at ${from} instead of the mark at ${mark}, and what stands there does not show that it is only what Ferry had deleted (${who}). Nothing of target ${range(from, mark)} was deleted.`,
    fix: `Look at what it is. If nobody needs it, delete the records below ${mark} on the target (\`kafka-delete-records\`), then run it again.`,
  })

/** On the way back the others are producers that were forgotten on the source. What they wrote is on no target. */
export const onItsWay = ({ mark, migration }: Stopped, foreign: Diagnostic): Diagnostic =>
  mark?.way === undefined
    ? foreign
    : {
        ...foreign,
        detail: onTheWayBack(foreign),
        fix: `Stop that producer. Then \`ferry salvage ${migration}\` appends what it wrote to the target, once; the way back of this topic has ended with it. Until then the migration is not retired.`,
      }

const onTheWayBack = ({ detail }: Diagnostic): string =>
  `On the way back, where target means the source: ${detail}`

export const goneUnseen = (
  { key, migration, mark }: Stopped,
  from: number,
  to: number,
): Diagnostic => {
  const gone = diagnostic({
    code: 'FERRY1604',
    detail: `${key}: the records at target ${range(from, to)} were deleted before this mirror had seen whose they were, and nothing of the mirror stands behind them that would tell. What was copied before them is right.`,
    fix: `Find who wrote to the target, or deleted from it, and take that right. ${resync}`,
  })
  if (mark?.way === undefined) return gone
  return {
    ...gone,
    detail: onTheWayBack(gone),
    fix: `If a producer still writes there, stop it. Then \`ferry salvage ${migration}\` has the command that gives this range up; the way back of this topic has ended with it. Until then the migration is not retired.`,
  }
}

/** `gone`: source offsets that would have to be copied again, and cannot. */
export const lostOnTarget = (
  stopped: Stopped,
  from: number,
  to: number,
  gone?: { readonly from: number; readonly to: number },
): Diagnostic =>
  diagnostic({
    code: 'FERRY1605',
    detail: `${placeOf(stopped)}: the target log ends at ${from}, but had acknowledged everything below ${to}: the records at target ${range(from, to)} are lost.${gone === undefined ? '' : ` The source does not hold ${range(gone.from, gone.to)} any more, so they cannot be copied again.`}`,
    fix:
      gone === undefined || stopped.mark?.way === 'reverse'
        ? wayOn(stopped)
        : `If the service can do without them: ${goOnWithout(stopped, gone.from, gone.to)}. Else: ${wayOn(stopped)}`,
  })

export const refused = (key: PartitionKey, from: number, to: number, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1606',
    detail: `${key}: the target refuses the records at source ${range(from, to)}: ${error}.`,
    fix: 'Change what the error names (rights, max.message.bytes, message.timestamp.* of the target topic), then start the mirror again.',
  })

/** Shown, and mirrored on from there. */
export const divergence = (key: PartitionKey, from: number, to: number): Diagnostic =>
  diagnostic({
    code: 'FERRY1614',
    severity: 'warning',
    detail: `${key}: ${to - from} control markers too many stand on the target at ${range(from, to)}, since the answer to a request was lost. Offsets are identical below ${from}; from there on records are ${to - from} or more further on the target, and the index maps them.`,
    fix: `Positions of groups stay exact. If something keeps offsets of this partition outside of Kafka, mirror it anew before it moves: \`ferry resync NAME --topic ${parsePartitionKey(key).topic}\`.`,
  })

export const paddingRefused = (key: PartitionKey, at: number, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1606',
    detail: `${key}: offsets are to be identical, and the source has a hole at offset ${at} (a transaction marker, aborted or compacted records), which takes control markers on the target. It refuses them: ${error}.`,
    fix: `Grant the mirror ALTER or CLUSTER_ACTION on the target cluster, then start it again. Or use \`offsets: dense\`: ${resync.charAt(0).toLowerCase()}${resync.slice(1)}`,
  })

/** An answer that says nothing, so often that waiting for another one is no plan. */
export const paddingFails = (key: PartitionKey, at: number, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1606',
    detail: `${key}: offsets are to be identical, and the source has a hole at offset ${at} (a transaction marker, aborted or compacted records), which takes control markers on the target. It answers ${error} to them, every time.`,
    fix: `Look for that error in the log of the partition's leader on the target, then start the mirror again. Or use \`offsets: dense\`: ${resync.charAt(0).toLowerCase()}${resync.slice(1)}`,
  })

export const sourceRefuses = (key: PartitionKey, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1611',
    detail: `${key}: the source answers ${error}.`,
    fix: 'Grant the mirror READ on the source topic, then start it again.',
  })

/** Either cluster: what is mirrored is looked at on both before it goes on. */
export const readDenied = (key: PartitionKey, cluster: string, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1611',
    detail: `${key}: ${cluster} answers ${error} to a read of its last batches.`,
    fix: `Grant the mirror READ on that topic of ${cluster}, then start it again.`,
  })

/** An answer that says nothing of the records, or that they are damaged, so often that waiting for another one is no plan. */
export const sourceFails = (key: PartitionKey, at: number, error: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1611',
    detail: `${key}: the source answers ${error} to a read at source offset ${at}, every time. Everything before was copied; the partition stopped there.`,
    fix: "Look for that error in the log of the partition's leader on the source. Repair its replica or move the leader, then start the mirror again.",
  })

/** Only on the way back, which reads from a cleaner that Ferry has let at the copy. */
export const forgottenDeletions = (key: PartitionKey, { from, to, since }: Forgotten): Diagnostic =>
  diagnostic({
    code: 'FERRY1615',
    detail: `${key}: ${range(from, to)} are mirrored back too late: the topic is compacted, and no mirror is known to have read all there was since ${since} (one of an older version did not write it down). The cleaner may have removed tombstones among them by now (delete.retention.ms), and the old cluster would keep keys that were deleted.`,
    fix: 'Stay on the new cluster: the way back of this topic has ended. Forwards nothing is wrong. To go back all the same, delete those keys on the old cluster yourself.',
  })

/** Ends the mirroring of one partition until a person acted. */
export class StopPartition extends FerryError {}
