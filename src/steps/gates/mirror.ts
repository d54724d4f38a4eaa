import { type Diagnostic, FerryError } from '../../domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../domain/ids.ts'
import { hidesBelow } from '../../domain/mark.ts'
import { translateOffset } from '../../domain/translate-offset.ts'
import type { Cluster, CommitsSeen } from '../../kafka/cluster.ts'
import { hideBelowMark } from '../../mirror/below-mark.ts'
import { LogReader } from '../../mirror/log-reader.ts'
import type { PartitionReport } from '../../mirror/mirror.ts'
import { counted } from '../_words.ts'
import { lagOf, type PartitionNow, partitionsNow } from '../partitions-now.ts'
import type { Gate, GateReading, Run } from '../step-kind.ts'
import { allOf, type Fact, gateOf } from './fact.ts'
import { HOLDS, never, notFinal, only, stopped, waits } from './reading.ts'

/** Facts about the copy. */

type Now = ReadonlyMap<PartitionKey, PartitionNow>

interface MirrorSeen {
  /** Of the embedded mirror. */
  readonly reports: readonly PartitionReport[]
  readonly now: Now
}

/**
 * Nothing is stopped, and the embedded mirror has looked at all of it: a log end says nothing before the mirror has seen that all below it
 * is its own. What another process holds, its progress tells. A partition that was stopped will not go on by itself.
 */
export const MIRROR_SOUND: Fact<null, MirrorSeen> = {
  name: 'mirror-sound',
  title: () => 'the mirror has checked what it goes on from, and has stopped nowhere',
  reads: 'the embedded mirror, and the progress that mirrors store',
  judge: ({ reports, now }) => {
    const first = reports.find((r) => r.state === 'stopped')
    if (first) return stoppedAt(first.key, first.problem?.detail ?? '')
    for (const [key, { problem }] of now) if (problem) return stoppedAt(key, problem.detail)
    const open = reports.find((r) => r.state === 'waiting' || r.state === 'checking')
    if (!open) return HOLDS
    return waits(
      `the mirror has yet to check ${open.key}${open.waitsFor ? ` (it waits for ${open.waitsFor})` : ''}`,
    )
  },
}

const stoppedAt = (key: PartitionKey, why: string): GateReading =>
  stopped(`the mirror stopped ${key}: ${why}`)

/**
 * What the embedded mirror says of these topics. After a step only where it stopped counts: that it looks at a partition again, say since
 * its leader has changed, takes back nothing of what it had checked.
 */
export const reportsOf = async (
  run: Run,
  topics: readonly TopicName[],
  moment: 'before' | 'after',
): Promise<readonly PartitionReport[]> =>
  (await run.mirror())
    .reports()
    .filter((r) => topics.includes(r.topic) && (moment === 'before' || r.state === 'stopped'))

/** Nothing of these topics has stopped: what a stage rests on, also one that no step leads to. */
export const mirrorIsSound = (topics: readonly TopicName[]): Gate =>
  gateOf(MIRROR_SOUND, null, {
    after: true,
    look: async (run, moment) => {
      const reports = await reportsOf(run, topics, moment)
      return { reports, now: await partitionsNow(run, topics) }
    },
  })

interface LagOf {
  readonly topic: TopicName
  /** Records. */
  readonly allowed: number
}

/** Records that the source holds and the target does not. Past a seal nothing is copied any more. */
export const MIRROR_LAG: Fact<LagOf, readonly PartitionNow[]> = {
  name: 'mirror-lag',
  title: ({ topic, allowed }) =>
    allowed === 0
      ? `all of ${topic} is mirrored`
      : `${topic} is mirrored but for ${counted(allowed, 'record')}`,
  reads: 'ListOffsets of both sides, and the gaps that the mirror stores',
  judge: (partitions, { allowed }) => {
    const late = partitions.find((p) => p.seal !== undefined && lagOf(p) > 0n)
    if (late?.seal) {
      return never(
        `${late.key} has grown to ${late.sourceEnd} since it was sealed at ${late.seal.sourceEnd}: stop its producers; a new plan copies the rest`,
      )
    }
    const lag = lagAmong(partitions)
    return lag <= BigInt(allowed) ? HOLDS : waits(`${counted(lag, 'record')} still to mirror`)
  },
}

export const lagAmong = (partitions: Iterable<PartitionNow>): bigint => {
  let sum = 0n
  for (const p of partitions) sum += lagOf(p) > 0n ? lagOf(p) : 0n
  return sum
}

interface PassedOf {
  readonly group: GroupId
  readonly allowRewind: boolean
}
interface PassedSeen {
  readonly now: Now
  readonly committed: CommitsSeen
}

/**
 * The mirror has copied, and checked that it is its own copy, every record below every position that the group has committed on the
 * source. After the seal nothing is copied any more: a position past it stands behind records that came too late.
 */
export const MIRROR_PASSED: Fact<PassedOf, PassedSeen> = {
  name: 'mirror-passed',
  title: ({ group }) => `the mirror has passed every position of ${group}`,
  reads: 'OffsetFetch and ListOffsets of the source, and the progress that the mirror stores',
  judge: ({ now, committed: { commits, pending } }, { allowRewind }) => {
    if (pending.length > 0) return notFinal(pending)
    let missing = 0n
    let where: PartitionKey | undefined
    for (const [key, partition] of now) {
      const commit = commits.get(key)
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
}

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

export const mirrorPassed = (
  group: GroupId,
  topics: readonly TopicName[],
  allowRewind: boolean,
): Gate => ({
  title: MIRROR_PASSED.title({ group, allowRewind }),
  after: true,
  check: async (run, moment = 'before') => {
    const reports = await reportsOf(run, topics, moment)
    const [now, seen] = await Promise.all([
      partitionsNow(run, topics),
      run.clusters.source.lookAtCommits([group]),
    ])
    const committed = only(seen, group)
    return allOf([
      MIRROR_SOUND.judge({ reports, now }, null),
      MIRROR_PASSED.judge({ now, committed }, { group, allowRewind }),
    ])
  },
})

interface BelowSeen {
  readonly now: Now
  /** Why what lies below a mark is not deleted. */
  readonly kept: ReadonlyMap<PartitionKey, Diagnostic>
}

/**
 * No consumer can read filler, or an earlier copy. A crash of a target broker brings it back until its new log start is durable (`durable.ts`); the mirror deletes it again as soon as it looks at the partition, and this gate where nothing is mirrored any more.
 */
export const BELOW_MARK_HIDDEN: Fact<null, BelowSeen> = {
  name: 'below-mark-hidden',
  title: () => 'nothing below the marks can be read on the target',
  reads: 'ListOffsets of the target',
  judge: ({ now, kept }) => {
    const [first] = kept.values()
    if (first) return never(`${first.detail} ${first.fix}`)
    for (const [key, { mark, seal, targetStart, problem }] of now) {
      if (!hidesBelow(mark) || targetStart >= mark.targetStart) continue
      // What is sealed no mirror looks at any more.
      if (problem && seal === undefined) return never(`${problem.detail} ${problem.fix}`)
      return waits(
        `${key} begins at ${targetStart} instead of ${mark.targetStart} since a crash of its broker: that is deleted again`,
      )
    }
    return HOLDS
  },
}

export const belowMarkIsHidden = (topics: readonly TopicName[]): Gate =>
  gateOf(BELOW_MARK_HIDDEN, null, {
    after: true,
    look: (run) => belowMarks(run, topics),
  })

/** What the mirror copies it deletes below the mark itself; what it does not, is deleted here. */
export const belowMarks = async (run: Run, topics: readonly TopicName[]): Promise<BelowSeen> => {
  await run.mirror()
  return hideBelowSeals(await partitionsNow(run, topics), run.clusters.target)
}

/** Nobody mirrors these any more, so nobody else would. */
const hideBelowSeals = async (now: Now, target: Cluster): Promise<BelowSeen> => {
  const hidden = new Map(now)
  const kept = new Map<PartitionKey, Diagnostic>()
  const targetLog = new LogReader(target)
  try {
    for (const [key, p] of now) {
      if (p.seal === undefined || !hidesBelow(p.mark) || p.targetStart >= p.mark.targetStart) {
        continue
      }
      const marked = { key, mark: p.mark, copiedTo: Number(p.seal.targetEnd) }
      try {
        const { ends, problem } = await hideBelowMark(marked, { target, targetLog })
        if (problem) kept.set(key, problem)
        else hidden.set(key, { ...p, targetStart: BigInt(ends.start) })
      } catch (error) {
        // A leader that is not ready right after a crash, say: then it is still where it was, and looked at again.
        if (error instanceof FerryError) throw error
      }
    }
  } finally {
    await targetLog.close()
  }
  return { now: hidden, kept }
}
