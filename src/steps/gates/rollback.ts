import type { GroupId, PartitionKey, TopicName } from '../../domain/ids.ts'
import { expectedTargetEnd } from '../../domain/offset-index.ts'
import { endedWaysBack } from '../../domain/state.ts'
import { nameRange, notSalvaged, type StrandedRange } from '../../domain/stranded.ts'
import type { CommittedOffset } from '../../kafka/cluster.ts'
import { lateOnWayBack } from '../../mirror/late-on-way-back.ts'
import type { PartitionReport } from '../../mirror/mirror.ts'
import { type PartitionNow, partitionsNow } from '../partitions-now.ts'
import { reversed } from '../reversed.ts'
import type { Gate, Run } from '../step-kind.ts'
import { type Fact, gateOf } from './fact.ts'
import { reportsOf } from './mirror.ts'
import { HOLDS, never, only, waits } from './reading.ts'
import { filledUnmarked } from './source.ts'

/** The facts that only a rollback, or the end of a migration with a way back, waits for. */

interface CheckedSeen {
  readonly reports: readonly PartitionReport[]
  readonly now: ReadonlyMap<PartitionKey, PartitionNow>
  /** What the group has committed on the target. */
  readonly committed: ReadonlyMap<PartitionKey, CommittedOffset>
}

/**
 * The mirror has checked what the group has read on the target. Where it stopped nothing more will be checked: what it had checked before
 * may be all that the group has read, which the step sees.
 */
export const COPY_CHECKED: Fact<{ readonly group: GroupId }, CheckedSeen> = {
  name: 'copy-checked',
  title: ({ group }) => `the mirror has checked what ${group} has read on the target`,
  reads: 'OffsetFetch and ListOffsets of the target, and the progress that the mirror stores',
  judge: ({ reports, now, committed }) => {
    const open = reports.find((r) => r.state === 'waiting' || r.state === 'checking')
    if (open) {
      return waits(
        `${open.key} is still to be checked${open.waitsFor ? ` (it waits for ${open.waitsFor})` : ''}`,
      )
    }
    for (const [key, { proven, problem, seal, targetEnd }] of now) {
      const at = committed.get(key)?.offset
      if (at === undefined || problem !== null || seal !== undefined || at > targetEnd) continue
      if (at > expectedTargetEnd(proven))
        return waits(`${key} is checked up to ${expectedTargetEnd(proven)}`)
    }
    return HOLDS
  },
}

export const copyIsChecked = (group: GroupId, topics: readonly TopicName[]): Gate =>
  gateOf(
    COPY_CHECKED,
    { group },
    {
      after: true,
      look: async (run, moment) => {
        const reports = await reportsOf(run, topics, moment)
        const [now, commits] = await Promise.all([
          partitionsNow(run, topics),
          run.clusters.target.fetchCommits([group]),
        ])
        return { reports, now, committed: only(commits, group) }
      },
    },
  )

interface SideSeen {
  readonly cluster: string
  readonly now: readonly PartitionNow[]
  /** Partitions that came after the seal, and hold something. */
  readonly added?: readonly PartitionKey[]
}

const ADDED = 'was added after the seal and holds records, for which there is no way back'

/** Target logs of sealed topics end at their seals: what producers write there has no way back. */
export const NOTHING_ONLY_ON_TARGET: Fact<{ readonly topics?: readonly TopicName[] }, SideSeen> = {
  name: 'nothing-only-on-target',
  title: ({ topics }) =>
    `no producer has written to ${topics ? topics.join(', ') : 'the topics'} on the target`,
  reads: 'ListOffsets and Metadata of the target',
  judge: ({ cluster, now, added: [added] = [] }) => {
    if (added !== undefined) return never(`${added} on ${cluster} ${ADDED}`)
    for (const { key, seal, targetEnd } of now) {
      if (seal === undefined || targetEnd <= seal.targetEnd) continue
      return never(
        `offsets ${seal.targetEnd} to ${targetEnd - 1n} of ${key} are only on ${cluster}`,
      )
    }
    return HOLDS
  },
}

export const nothingOnlyOnTarget = (topics?: readonly TopicName[]): Gate =>
  gateOf(NOTHING_ONLY_ON_TARGET, topics ? { topics } : {}, {
    after: true,
    look: async (run) => {
      const wanted = topics ?? run.state().seals.map((seal) => seal.topic)
      const now = [...(await partitionsNow(run, wanted)).values()]
      const { target } = run.clusters
      return { cluster: target.name, now, added: await filledUnmarked(target, now) }
    },
  })

/**
 * Where the source is kept warm, what stands there beyond the mirror's own came late, from a producer that was forgotten: it is on no
 * target, and once the migration is retired nobody would look for it. The partitions are those of the way back; a topic whose way has ended has
 * none there any more: all that others wrote must have been salvaged.
 */
export const NOTHING_LATE_ON_WAY_BACK: Fact<
  null,
  SideSeen & { readonly migration?: string; readonly late?: readonly StrandedRange[] }
> = {
  name: 'nothing-late-on-way-back',
  title: () => 'the source holds nothing after the seal but what was mirrored back',
  reads: 'ListOffsets of the source, and the progress that the mirror stores',
  judge: ({ cluster, now, migration = '', late: [late] = [] }) => {
    if (late !== undefined) {
      return never(
        `${nameRange(late)} on ${cluster} came late: stop its producers; then ferry salvage ${migration} appends what they wrote`,
      )
    }
    for (const { key, problem, proven, targetEnd } of now) {
      if (problem) return never(`${key} has stopped on its way back: ${problem.detail}`)
      const ours = expectedTargetEnd(proven)
      if (targetEnd <= ours) continue
      return waits(
        `offsets ${ours} to ${targetEnd - 1n} of ${key} on ${cluster} are not known to be mirrored back: a producer may still write there`,
      )
    }
    return HOLDS
  },
}

export const nothingLateOnWayBack = (topics: readonly TopicName[]): Gate =>
  gateOf(NOTHING_LATE_ON_WAY_BACK, null, {
    after: true,
    look: async (run) => {
      const now = [...(await partitionsNow(reversed(run), topics)).values()]
      // What the mirror may just not have checked yet: it does once it runs.
      if (now.some((p) => p.problem === null && p.targetEnd > expectedTargetEnd(p.proven))) {
        await run.reverseMirror()
      }
      const late = await lateWhereEnded(run, topics)
      return { cluster: run.clusters.source.name, now, migration: run.migration.name, late }
    },
  })

const lateWhereEnded = async (
  run: Run,
  topics: readonly TopicName[],
): Promise<readonly StrandedRange[]> => {
  const state = run.state()
  const ended = endedWaysBack(state)
  const isEnded = ({ topic }: { readonly topic: TopicName }) =>
    ended.has(topic) && topics.includes(topic)
  const marks = state.reverse.marks.filter(isEnded)
  if (marks.length === 0) return []
  const progress = await run.store.readProgress(run.migration.name, 'reverse')
  const late = await lateOnWayBack(run.clusters.source, { marks, seals: [] }, progress, run.signal)
  return notSalvaged(late, state)
}

/**
 * What was mirrored back is all that the target holds: nothing came after the seal of the way back. A topic without a way back, or whose
 * copy is being given up already, has nothing to wait for. The partitions are those of the way back.
 */
export const WAY_BACK_SEALED: Fact<null, SideSeen> = {
  name: 'way-back-sealed',
  title: () => 'all that producers wrote to the target is on the source',
  reads: 'ListOffsets and Metadata of the target',
  judge: ({ cluster, now, added: [added] = [] }) => {
    if (added !== undefined) return never(`${added} on ${cluster} ${ADDED}`)
    for (const { key, seal, sourceEnd } of now) {
      if (seal === undefined) return never(`${key} is not sealed on its way back`)
      if (sourceEnd === seal.sourceEnd) continue
      return never(
        `${key} has grown on ${cluster} from ${seal.sourceEnd} to ${sourceEnd} since it was sealed on its way back: stop its producers; the next plan mirrors the rest back`,
      )
    }
    return HOLDS
  },
}

export const wayBackIsSealed = (topics: readonly TopicName[]): Gate =>
  gateOf(WAY_BACK_SEALED, null, {
    after: true,
    look: async (run) => {
      const { target } = run.clusters
      const now = [...(await partitionsNow(reversed(run), topics)).values()]
      return { cluster: target.name, now, added: await filledUnmarked(target, now) }
    },
  })
