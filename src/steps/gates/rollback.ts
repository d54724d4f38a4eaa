import type { GroupId, PartitionKey, TopicName } from '../../domain/ids.ts'
import { expectedTargetEnd } from '../../domain/offset-index.ts'
import { endedWaysBack } from '../../domain/reverse.ts'
import {
  giveUpCommand,
  goneInWords,
  nameRange,
  notSalvaged,
  type StrandedRange,
} from '../../domain/stranded.ts'
import type { CommitsSeen } from '../../kafka/cluster.ts'
import { lateOnWayBack } from '../../mirror/late-on-way-back.ts'
import type { PartitionReport } from '../../mirror/mirror.ts'
import { offsetsOf, type PartitionNow, partitionsNow } from '../partitions-now.ts'
import { reversed } from '../reversed.ts'
import type { Gate, Run } from '../step-kind.ts'
import { type Fact, gateOf } from './fact.ts'
import { reportsOf } from './mirror.ts'
import { HOLDS, never, notFinal, only, stopped, waits } from './reading.ts'
import { filledUnmarked } from './unmarked.ts'

/** The facts that only a rollback, or the end of a migration with a way back, waits for. */

interface CheckedSeen {
  readonly reports: readonly PartitionReport[]
  readonly now: ReadonlyMap<PartitionKey, PartitionNow>
  /** What the group has committed on the target. */
  readonly committed: CommitsSeen
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
    if (committed.pending.length > 0) return notFinal(committed.pending)
    const open = reports.find((r) => r.state === 'waiting' || r.state === 'checking')
    if (open) {
      return waits(
        `${open.key} is still to be checked${open.waitsFor ? ` (it waits for ${open.waitsFor})` : ''}`,
      )
    }
    for (const [key, { proven, problem, seal, targetEnd }] of now) {
      const at = committed.commits.get(key)?.offset
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
          run.clusters.target.lookAtCommits([group]),
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
  SideSeen & {
    readonly migration?: string
    readonly late?: readonly StrandedRange[]
    /** Where a transaction is open: not the mirror's. */
    readonly open?: readonly PartitionKey[]
  }
> = {
  name: 'nothing-late-on-way-back',
  title: () => 'the source holds nothing after the seal but what was mirrored back',
  reads:
    'the producers of what stands on the source behind what the mirror has checked, by Fetch; ListOffsets of the source',
  judge: ({ cluster, now, migration = '', late: [late] = [], open: [open] = [] }) => {
    if (late?.unseen) {
      // A mirror that is there knows what was its own, and says so within seconds.
      return waits(
        `${goneInWords(cluster, [late])}: run the mirror, or give them up with ${giveUpCommand(migration, [late])}`,
      )
    }
    if (late !== undefined) {
      return never(
        `${nameRange(late)} on ${cluster} came late: stop its producers; then ferry salvage ${migration} appends what they wrote`,
      )
    }
    for (const { key, problem } of now) {
      if (problem) return stopped(`${key} has stopped on its way back: ${problem.detail}`)
    }
    return open === undefined
      ? HOLDS
      : waits(`a producer has a transaction open in ${open} on ${cluster}: stop it`)
  },
}

/** The mirror is never at the end of a target that producers write to: so who wrote counts, and not how far the mirror is. */
export const nothingLateOnWayBack = (topics: readonly TopicName[]): Gate =>
  gateOf(NOTHING_LATE_ON_WAY_BACK, null, {
    after: true,
    look: async (run) => {
      const { source } = run.clusters
      const now = [...(await partitionsNow(reversed(run), topics)).values()]
      const stable = await offsetsOf(
        source,
        now.map(({ mark }) => mark),
        'stable',
      )
      const open = now.filter((p) => (stable.get(p.key) ?? p.targetEnd) < p.targetEnd)
      return {
        cluster: source.name,
        now,
        migration: run.migration.name,
        late: await lateOf(run, topics),
        open: open.map(({ key }) => key),
      }
    },
  })

const lateOf = async (
  run: Run,
  topics: readonly TopicName[],
): Promise<readonly StrandedRange[]> => {
  const state = run.state()
  const marks = state.reverse.marks.filter(({ topic }) => topics.includes(topic))
  if (marks.length === 0) return []
  const ended = endedWaysBack(state)
  const seals = state.reverse.seals.filter(({ topic }) => !ended.has(topic))
  const progress = await run.store.readProgress(run.migration.name, 'reverse')
  const reverse = { ...state.reverse, marks, seals }
  const late = await lateOnWayBack(run.clusters.source, reverse, progress, run.signal)
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
    for (const { key, mark, seal, sourceEnd } of now) {
      if (seal === undefined) {
        // It begins at the seal: nothing was written behind that.
        if (sourceEnd === (mark.sourceStart as bigint)) continue
        return never(`${key} is not sealed on its way back`)
      }
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
