import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { GroupSync } from '../domain/moved-groups.ts'
import type { SyncedPosition, SyncGroup } from '../domain/step.ts'
import { provePositions } from '../verify/index.ts'
import { commitsOf } from './commits-of.ts'
import { only } from './gates/reading.ts'
import { mayHaveRun } from './gone-positions.ts'
import { movedOnSource } from './moved-since-sync.ts'
import { partitionsNow } from './partitions-now.ts'
import type { Outcome, Run } from './step-kind.ts'
import { refusal } from './sync-positions.ts'
import { positionFacts, writeOnTarget, writtenAt } from './sync-writes.ts'
import { unproved } from './write-commits.ts'

/**
 * Writes again what a sync wrote and is gone from the target.
 * 1. See that nobody has run there, as the plan says, nor has the group moved on the source.
 * 2. Prove each position as the state holds it: the source may have lost its own by now.
 * 3. Write those that are gone in one request; read them back.
 * 4. Only then they count as young: a run that died before leaves nothing but what the state says anyway.
 */
export const writeAgain = async (step: SyncGroup, run: Run): Promise<Outcome> => {
  const { source, target } = run.clusters
  const sync = run.state().syncs.find((s) => s.group === step.group && s.status === 'done')
  const there = await commitsOf(target, step.group)
  const stands =
    sync === undefined
      ? stale(step, 'it does not count as synced any more')
      : await standsInTheWay(step, run, sync, there)
  if (sync === undefined || stands) return { done: false, problem: stands! }

  const now = await partitionsNow(run, step.topics)
  const gone = new Map([...sync.positions].filter(([key]) => now.has(key) && !there.has(key)))
  const refused = refusal(step, gone, now, new Map(), run)
  if (refused) return { done: false, problem: refused }
  const proofs = await provePositions({
    clusters: run.clusters,
    positions: [...gone].map(([key, p]) => ({
      index: now.get(key)!.proven,
      source: p.source,
      target: p.target,
    })),
    cleaned: { known: run.state() },
    signal: run.signal,
  })
  const proved = new Map<PartitionKey, SyncedPosition>()
  for (const [key, position] of gone) {
    const proof = proofs.get(key)
    if (proof === undefined || 'problem' in proof) {
      const problem = proof?.problem ?? unproved(step.group, key, 'Run apply again.')
      return { done: false, problem }
    }
    proved.set(key, { ...position, proof: proof.proof })
  }

  const problem =
    (await writeOnTarget(step, run, proved)) ??
    movedSince(step, run, sync, await commitsOf(source, step.group))
  if (problem) return { done: false, problem }
  const again = writtenAt(run.now().toISOString(), proved)
  await run.decide((state) => ({
    ...state,
    syncs: state.syncs.map((each) =>
      each.group === step.group
        ? { ...each, positions: new Map([...each.positions, ...again]) }
        : each,
    ),
  }))
  return { done: true, facts: { positions: positionFacts(proved) } }
}

/** Members first: who commits and leaves after they were looked for is seen by the commits. */
const standsInTheWay = async (
  step: SyncGroup,
  run: Run,
  sync: GroupSync,
  there: Awaited<ReturnType<typeof commitsOf>>,
): Promise<Diagnostic | undefined> => {
  const { source, target } = run.clusters
  const description = only(await target.describeGroups([step.group]), step.group)
  const commits = new Map([...there, ...(await commitsOf(target, step.group))])
  const because = mayHaveRun(run.migration, run.state(), sync, { commits, description })
  const isAllowed = step.allowRewind && description.members.length === 0
  if (because !== undefined && !isAllowed) return stale(step, `on ${target.name} ${because}`)
  return movedSince(step, run, sync, await commitsOf(source, step.group))
}

/** Once consumers were let in, and are to read again, the source says nothing about where they are. */
const movedSince = (
  step: SyncGroup,
  run: Run,
  sync: GroupSync,
  here: Awaited<ReturnType<typeof commitsOf>>,
): Diagnostic | undefined => {
  const strayed = step.allowRewind ? undefined : movedOnSource(run.state(), sync, here)
  if (strayed === undefined) return undefined
  const { key, synced, now } = strayed
  const was = synced === undefined ? 'without a position' : `at ${synced}`
  return stale(
    step,
    `it is at ${now} of ${key} on ${run.clusters.source.name} and was synced ${was}`,
  )
}

const stale = ({ group }: SyncGroup, because: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1707',
    detail: `What the sync of ${group} wrote cannot be written again: ${because}.`,
    fix: 'Make a new plan: it says how the group goes on from there.',
  })
