import type { GroupId, TopicName } from '../../domain/ids.ts'
import { expectedTargetEnd } from '../../domain/offset-index.ts'
import { partitionsNow } from '../partitions-now.ts'
import { reversed } from '../reversed.ts'
import type { Gate } from '../step-kind.ts'
import { HOLDS, never, only, waits } from './reading.ts'

/** The facts that only a rollback waits for. */

/**
 * The mirror has checked what the group has read on the target. Where it stopped nothing more will be checked: what it had checked before
 * may be all that the group has read, which the step sees.
 */
export const copyIsChecked = (group: GroupId, topics: readonly TopicName[]): Gate => ({
  title: `the mirror has checked what ${group} has read on the target`,
  check: async (run) => {
    const open = (await run.mirror())
      .reports()
      .filter((r) => topics.includes(r.topic))
      .find((r) => r.state === 'waiting' || r.state === 'checking')
    if (open) {
      return waits(
        `${open.key} is still to be checked${open.waitsFor ? ` (it waits for ${open.waitsFor})` : ''}`,
      )
    }
    const [now, commits] = await Promise.all([
      partitionsNow(run, topics),
      run.clusters.target.fetchCommits([group]),
    ])
    const committed = only(commits, group)
    for (const [key, { proven, problem, seal, targetEnd }] of now) {
      const at = committed.get(key)?.offset
      if (at === undefined || problem !== null || seal !== undefined || at > targetEnd) continue
      if (at > expectedTargetEnd(proven))
        return waits(`${key} is checked up to ${expectedTargetEnd(proven)}`)
    }
    return HOLDS
  },
})

/** Target logs of sealed topics end at their seals: what producers write there has no way back. */
export const nothingOnlyOnTarget = (topics?: readonly TopicName[]): Gate => ({
  title: `no producer has written to ${topics ? topics.join(', ') : 'the topics'} on the target`,
  after: true,
  check: async (run) => {
    const wanted = topics ?? run.state().seals.map((seal) => seal.topic)
    for (const { key, seal, targetEnd } of (await partitionsNow(run, wanted)).values()) {
      if (seal === undefined || targetEnd <= seal.targetEnd) continue
      return never(
        `offsets ${seal.targetEnd} to ${targetEnd - 1n} of ${key} are only on ${run.clusters.target.name}`,
      )
    }
    return HOLDS
  },
})

/**
 * Where the source is kept warm, what stands there beyond the mirror's own came late, from a producer that was forgotten: it is on no
 * target, and once the migration is retired nobody would look for it.
 */
export const nothingLateOnWayBack = (topics: readonly TopicName[]): Gate => ({
  title: 'the source holds nothing after the seal but what was mirrored back',
  check: async (run) => {
    const now = await partitionsNow(reversed(run), topics)
    for (const { key, problem, proven, targetEnd } of now.values()) {
      const { name } = run.clusters.source
      if (problem) return never(`${key} has stopped on its way back: ${problem.detail}`)
      const ours = expectedTargetEnd(proven)
      if (targetEnd <= ours) continue
      await run.reverseMirror()
      return waits(
        `offsets ${ours} to ${targetEnd - 1n} of ${key} on ${name} are not known to be mirrored back: a producer may still write there`,
      )
    }
    return HOLDS
  },
})

/**
 * What was mirrored back is all that the target holds: nothing came after the seal of the way back. A topic without a way back, or whose
 * copy is being given up already, has nothing to wait for.
 */
export const wayBackIsSealed = (topics: readonly TopicName[]): Gate => ({
  title: 'all that producers wrote to the target is on the source',
  after: true,
  check: async (run) => {
    for (const { key, seal, sourceEnd } of (await partitionsNow(reversed(run), topics)).values()) {
      if (seal === undefined) return never(`${key} is not sealed on its way back`)
      if (sourceEnd === seal.sourceEnd) continue
      return never(
        `${key} has grown on ${run.clusters.target.name} from ${seal.sourceEnd} to ${sourceEnd} since it was sealed on its way back: stop its producers; the next plan mirrors the rest back`,
      )
    }
    return HOLDS
  },
})
