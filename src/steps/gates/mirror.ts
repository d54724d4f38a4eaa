import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../domain/ids.ts'
import { translateOffset } from '../../domain/translate-offset.ts'
import { counted } from '../_words.ts'
import { type PartitionNow, partitionsNow } from '../partitions-now.ts'
import type { Gate, GateReading, Run } from '../step-kind.ts'
import { HOLDS, never, only, waits } from './reading.ts'

/** Facts about the copy. */

/**
 * The mirror has copied, and checked that it is its own copy, every record below every position that the group has committed on the
 * source. After the seal nothing is copied any more: a position past it stands behind records that came too late.
 */
export const mirrorPassed = (
  group: GroupId,
  topics: readonly TopicName[],
  allowRewind: boolean,
): Gate => ({
  title: `the mirror has passed every position of ${group}`,
  check: async (run) => {
    const objection = await mirrorObjects(run, topics)
    if (objection) return objection
    const [now, commits] = await Promise.all([
      partitionsNow(run, topics),
      run.clusters.source.fetchCommits([group]),
    ])
    const stopped = stoppedAmong(now)
    if (stopped) return stopped
    const committed = only(commits, group)
    let missing = 0n
    let where: PartitionKey | undefined
    for (const [key, partition] of now) {
      const commit = committed.get(key)
      if (!commit) continue
      const translation = translateOffset(partition.proven, commit.offset as SourceOffset)
      if (translation.kind !== 'ahead') continue
      const unreachable = beyond(partition, commit.offset, allowRewind)
      if (unreachable !== undefined) return never(unreachable)
      if (partition.seal) continue
      missing += translation.missing
      where ??= key
    }
    return missing === 0n ? HOLDS : waits(`${counted(missing, 'record')} to go, ${where} first`)
  },
})

/** Why the mirror will never come to a position. Past a seal it may go back to it, where that was allowed by name. */
const beyond = (
  { key, seal, sourceEnd }: PartitionNow,
  offset: bigint,
  allowRewind: boolean,
): string | undefined => {
  if (offset > sourceEnd) {
    return `its position ${offset} of ${key} is past the source's log end ${sourceEnd}`
  }
  if (seal === undefined || allowRewind) return undefined
  return (
    `it has read up to ${offset} of ${key} on the source, past the seal at ${seal.sourceEnd}: these records came too late for the copy. ` +
    'With --allow-rewind it begins at the seal, and reads them again once they are salvaged'
  )
}

/**
 * No consumer can read filler. A crash of a target broker brings it back, since a new log start becomes durable only once a minute; the
 * mirror deletes it again as soon as it looks at the partition.
 */
export const fillerIsHidden = (topics: readonly TopicName[]): Gate => ({
  title: 'no filler can be read on the target',
  check: async (run) => {
    await run.mirror()
    for (const [key, { mark, targetStart }] of await partitionsNow(run, topics)) {
      if (mark.mode !== 'identical' || targetStart >= mark.targetStart) continue
      return waits(
        `${key} begins at ${targetStart} instead of ${mark.targetStart} since a crash of its broker: the mirror deletes below that again`,
      )
    }
    return HOLDS
  },
})

/**
 * What the embedded mirror has stopped, or has not looked at yet: a log end says nothing before the mirror has seen that all below it is
 * its own. Undefined: nothing stands in the way. What another process holds, its progress tells.
 */
export const mirrorObjects = async (
  run: Run,
  topics: readonly TopicName[],
): Promise<GateReading | undefined> => {
  const reports = (await run.mirror()).reports().filter((r) => topics.includes(r.topic))
  const stopped = reports.find((r) => r.state === 'stopped')
  if (stopped) return never(`the mirror stopped ${stopped.key}: ${stopped.problem?.detail ?? ''}`)
  const open = reports.find((r) => r.state === 'waiting' || r.state === 'checking')
  if (!open) return undefined
  return waits(
    `the mirror has yet to check ${open.key}${open.waitsFor ? ` (it waits for ${open.waitsFor})` : ''}`,
  )
}

/** A partition that the mirror had to stop will not go on by itself: waiting for it is no use. */
export const stoppedAmong = (
  now: ReadonlyMap<PartitionKey, PartitionNow>,
): GateReading | undefined => {
  for (const [key, { problem }] of now) {
    if (problem) return never(`the mirror stopped ${key}: ${problem.detail}`)
  }
  return undefined
}
