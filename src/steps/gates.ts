import { FerryError } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../domain/ids.ts'
import { translateOffset } from '../domain/translate-offset.ts'
import type { GroupDescription } from '../kafka/cluster.ts'
import { counted, humanDuration } from './_words.ts'
import { lagOf, type PartitionNow, partitionsNow } from './partitions-now.ts'
import type { Clusters, Gate, GateReading, Run } from './step-kind.ts'

/** The facts that steps wait for. Each is read from the brokers when it is asked and says in words what is missing. */

const HOLDS: GateReading = { holds: true }
const waits = (because: string): GateReading => ({ holds: false, because, worthWaiting: true })
const never = (because: string): GateReading => ({ holds: false, because, worthWaiting: false })

const describeGroup = async (
  run: Run,
  side: keyof Clusters,
  group: GroupId,
): Promise<GroupDescription> => {
  const answers = await run.clusters[side].describeGroups([group])
  const description = answers.ok.get(group)
  if (!description) throw new FerryError(answers.failed.get(group)!)
  return description
}

/** No members and no rebalance under way: nobody can commit, and a commit with generation -1 is accepted. */
export const groupIsEmpty = (group: GroupId, side: keyof Clusters): Gate => ({
  title: `${group} has no consumers on the ${side}`,
  after: true,
  check: async (run) => {
    const { state, type, members } = await describeGroup(run, side, group)
    if (type === 'share' || type === 'streams') {
      return never(`it is a ${type} group, whose positions cannot be carried over yet`)
    }
    if (state === 'absent' || (state === 'empty' && members.length === 0)) return HOLDS
    if (state === 'dead' && members.length === 0) return HOLDS
    const who = members.map((m) => `${m.clientId} on ${m.host}`).join(', ')
    return waits(
      `stop its consumers on ${run.clusters[side].name}: ${members.length > 0 ? who : `state ${state}`}`,
    )
  },
})

/** The mirror holds every record below every position that the group has committed on the source. */
export const mirrorPassed = (group: GroupId, topics: readonly TopicName[]): Gate => ({
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
    const committed = commits.ok.get(group)
    if (!committed) throw new FerryError(commits.failed.get(group)!)
    let missing = 0n
    let where: PartitionKey | undefined
    for (const [key, partition] of now) {
      const commit = committed.get(key)
      if (!commit) continue
      const translation = translateOffset(partition.index, commit.offset as SourceOffset)
      if (translation.kind !== 'ahead') continue
      if (commit.offset > partition.sourceEnd) {
        return never(
          `its position ${commit.offset} of ${key} is past the source's log end ${partition.sourceEnd}`,
        )
      }
      missing += translation.missing
      where ??= key
    }
    return missing === 0n ? HOLDS : waits(`${counted(missing, 'record')} to go, ${where} first`)
  },
})

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
    `the mirror has yet to check ${open.key}${open.waitsFor ? ` (${open.waitsFor})` : ''}`,
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

/** Since when the source log ends of a topic are what they are. */
interface Stillness {
  readonly ends: string
  readonly since: number
  readonly moved: boolean
}

/**
 * Of each run, the stillness of all its topics: they are watched together from the first time that one is asked about, so that ten topics
 * take as long as one.
 */
const WATCHES = new WeakMap<Clusters, Map<TopicName, Stillness>>()

const watchAll = async (
  run: Run,
): Promise<{
  now: ReadonlyMap<PartitionKey, PartitionNow>
  stillness(topic: TopicName): Stillness
}> => {
  const topics = run.migration.topics.map((t) => t.name)
  const now = await partitionsNow(run, topics)
  const time = run.now().getTime()
  const watch = WATCHES.get(run.clusters) ?? new Map<TopicName, Stillness>()
  WATCHES.set(run.clusters, watch)
  for (const topic of topics) {
    const ends = [...now.values()]
      .filter((p) => p.mark.topic === topic)
      .map((p) => `${p.key}=${p.sourceEnd}`)
      .join(' ')
    const before = watch.get(topic)
    if (before?.ends !== ends) watch.set(topic, { ends, since: time, moved: before !== undefined })
  }
  return { now, stillness: (topic) => watch.get(topic)! }
}

/**
 * Source log ends stand still for `quietMs`, no transaction is open, and the mirror is at the end. One gate, because only all of it
 * over the same stretch of time says that the producers are gone and nothing is left to copy.
 */
export const sourceIsDrained = (topic: TopicName, quietMs: number): Gate => ({
  title: `${topic} stands still on the source for ${humanDuration(quietMs)}, and all of it is mirrored`,
  check: async (run) => {
    const objection = await mirrorObjects(run, [topic])
    const { now, stillness } = await watchAll(run)
    const { since, moved } = stillness(topic)
    const partitions = [...now.values()].filter((p) => p.mark.topic === topic)
    const stopped = stoppedAmong(new Map(partitions.map((p) => [p.key, p])))
    if (stopped) return stopped
    if (objection) return objection
    const quiet = run.now().getTime() - since
    if (quiet === 0 && quietMs > 0) {
      return waits(
        moved ? 'producers still write to the source: stop them' : 'watching the source log ends',
      )
    }
    for (const p of partitions) {
      if (p.sourceStable !== p.sourceEnd) {
        return waits(`an open transaction on ${p.key} from offset ${p.sourceStable}`)
      }
    }
    const lag = partitions.reduce((sum, p) => sum + lagOf(p), 0n)
    if (lag > 0n) return waits(`${counted(lag, 'record')} still to mirror`)
    return quiet < quietMs
      ? waits(`quiet so far, ${Math.ceil((quietMs - quiet) / 1000)} s to go`)
      : HOLDS
  },
})

/** These topics, or all of the migration, were sealed, and nothing came after: the copy is complete. */
export const topicsAreSealed = (only?: readonly TopicName[]): Gate => ({
  title: `nothing came after the seal of ${only ? only.join(', ') : 'any topic'}`,
  check: async (run) => {
    const topics = only ?? run.migration.topics.map((t) => t.name)
    const now = await partitionsNow(run, topics)
    for (const topic of topics) {
      const partitions = [...now.values()].filter((p) => p.mark.topic === topic)
      if (partitions.length === 0 || partitions.some((p) => !p.seal))
        return never(`${topic} is not sealed`)
    }
    for (const { key, seal, sourceEnd } of now.values()) {
      if (seal && sourceEnd !== seal.sourceEnd) {
        return never(
          `${key} has grown on the source from ${seal.sourceEnd} to ${sourceEnd} since the seal: ` +
            'stop its producers; the next plan opens the seal again and copies the rest',
        )
      }
    }
    return HOLDS
  },
})

/** The service lives on the target now. */
export const groupHasMoved = (group: GroupId): Gate => ({
  title: `${group} has consumers on the target and none on the source`,
  check: async (run) => {
    const [there, here] = await Promise.all([
      describeGroup(run, 'target', group),
      describeGroup(run, 'source', group),
    ])
    if (here.members.length > 0) {
      return waits(
        `${here.members.map((m) => `${m.clientId} on ${m.host}`).join(', ')} still on ${run.clusters.source.name}`,
      )
    }
    return there.members.length > 0
      ? HOLDS
      : waits(`start its consumers on ${run.clusters.target.name}`)
  },
})

/** The positions of every group were written and proved. */
export const groupsAreSynced = (): Gate => ({
  title: 'every group is synced',
  check: async (run) => {
    const synced = new Set(
      run
        .state()
        .syncs.filter((s) => s.status === 'done')
        .map((s) => s.group),
    )
    const missing = run.migration.groups.filter((g) => !synced.has(g.id))
    return missing.length === 0 ? HOLDS : never(`${missing.map((g) => g.id).join(', ')} not synced`)
  },
})
