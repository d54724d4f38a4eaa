import { setTimeout } from 'node:timers/promises'
import { copyMeter } from '../domain/copy-progress.ts'
import { type PartitionKey, partitionKey } from '../domain/ids.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { ObservedSide } from '../planner/observed.ts'
import type { MigrationStatus } from '../views/status-report.ts'
import { type MadePlan, makePlan, type PlanOptions } from './make-plan.ts'
import { mirrorsOf } from './mirror-processes.ts'
import type { Session } from './open-session.ts'
import { type LookParts, looksOf } from './places.ts'
import { statusOf } from './status.ts'
import { foreignOnTarget, withForeign } from './status-foreign.ts'

/** A rate needs two looks, so far apart that it means something. */
const BETWEEN_LOOKS_MS = 2000

/**
 * Where the migrations of a session are. Each call looks once; the rates of a later look are those since the looks before.
 * Read-only, takes no lock.
 */
export const statusLooker = (
  session: Session,
  options: PlanOptions,
): ((alone: boolean) => Promise<readonly MigrationStatus[]>) => {
  const meters = new Map(session.migrations.map(({ name }) => [name, copyMeter()]))
  const { services, now } = options
  return async (alone) => {
    const words = await services.stepWords()
    const found: MigrationStatus[] = []
    for (const migration of session.migrations) {
      const meter = meters.get(migration.name) as ReturnType<typeof copyMeter>
      const made = await makePlan(session, migration, options)
      // After the log ends, see there.
      const progress = await session.store.readProgress(migration.name)
      const foreign = await foreignOnTarget({ ...made, progress }, made.clusters.target, () =>
        session.store.readDecisions(migration.name),
      )
      const processes = await services.mirrorProcesses(session.project.name, made.clusters.target)
      const isBack = made.state.reverse.marks.length > 0
      const back = {
        backProgress: isBack
          ? await session.store.readProgress(migration.name, 'reverse')
          : new Map<PartitionKey, PartitionProgress>(),
        backProcesses: isBack
          ? await services.mirrorProcesses(session.project.name, made.clusters.source)
          : undefined,
      }
      const lock = await session.store.lockHolder(migration.name)
      const parts = {
        ...made,
        progress: withForeign(progress, foreign),
        unread: foreign.problems,
        words,
        processes,
        lock,
        ...back,
      }
      const first = looksOf(parts)
      let copied = meter(first, now())
      const moves = mirrorsOf(processes ?? [], migration).length > 0
      if (alone && moves && first.some(({ left }) => left > 0)) {
        options.report('looks again, to see how fast it is')
        await setTimeout(BETWEEN_LOOKS_MS, undefined, { signal: options.signal })
        copied = meter(looksOf(await endsNow(parts, made)), now())
      }
      found.push(statusOf({ ...parts, copied }))
    }
    return found
  }
}

/** The same with the log ends as they are now; what is not answered stays as it was. */
const endsNow = async (
  parts: LookParts,
  { clusters, observed }: Pick<MadePlan, 'clusters' | 'observed'>,
): Promise<LookParts> => {
  const { marks } = parts.state
  const [stable, ends] = await Promise.all([
    clusters.source.listOffsets(marks, 'stable'),
    clusters.target.listOffsets(marks, 'latest'),
  ])
  return {
    ...parts,
    observed: {
      ...observed,
      source: withOffsets(observed.source, stable.ok, 'lastStable'),
      target: withOffsets(observed.target, ends.ok, 'highWatermark'),
    },
  }
}

const withOffsets = (
  side: ObservedSide,
  offsets: ReadonlyMap<PartitionKey, bigint>,
  name: 'lastStable' | 'highWatermark',
): ObservedSide => ({
  ...side,
  topics: new Map(
    [...side.topics].map(([topic, seen]) => [
      topic,
      {
        ...seen,
        partitions: seen.partitions.map((each) => ({
          ...each,
          [name]: offsets.get(partitionKey(topic, each.partition)) ?? each[name],
        })),
      },
    ]),
  ),
})
