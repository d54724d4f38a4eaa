import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { type GroupId, type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { Deadline } from '../domain/plan.ts'
import { commitsNow } from '../steps/commits-of.ts'
import { DEADLINE_AHEAD, type DeadlineSeen, only } from '../steps/gates/index.ts'
import { offsetsOf, type PartitionNow, partitionsNow } from '../steps/partitions-now.ts'
import { reversedLook } from '../steps/reversed.ts'
import type { Run } from '../steps/step-kind.ts'

/** What is needed to look. */
export type LookingRun = Pick<Run, 'clusters' | 'store' | 'migration' | 'state' | 'now'>

/** The deadlines of a plan that have passed and that mattered. Nothing is read for those that are still to come. */
export const passedDeadlines = async (
  deadlines: readonly Deadline[],
  run: LookingRun,
): Promise<readonly Diagnostic[]> => {
  const now = run.now()
  const problems: Diagnostic[] = []
  for (const deadline of deadlines) {
    if (deadline.at > now.toISOString()) continue
    const reading = DEADLINE_AHEAD.judge(await seen(deadline.about, run), { deadline, now })
    if (!reading.holds) problems.push(passed(reading.because))
  }
  return problems
}

const seen = async (about: Deadline['about'], run: LookingRun): Promise<DeadlineSeen> => {
  const { source, target } = run.clusters
  switch (about.kind) {
    case 'source-retention':
      return { kind: about.kind, partition: await partitionOf(run, about.partition) }
    case 'back-retention': {
      const place = parsePartitionKey(about.partition)
      const configs = only(await target.describeTopicConfigs([place.topic]), place.topic)
      return {
        kind: about.kind,
        partition: await partitionOf(reversedLook(run), about.partition),
        logStart: (await offsetsOf(target, [place], 'earliest')).get(about.partition)!,
        retentionMs: configs.get('retention.ms')?.value ?? undefined,
      }
    }
    case 'target-retention':
      return {
        kind: about.kind,
        isSynced: syncOf(run, about.group) !== undefined,
        partition: await partitionOf(run, about.partition),
        committed: (await commitsNow(source, about.group)).get(about.partition)?.offset,
      }
    case 'source-commits':
      return {
        kind: about.kind,
        isSynced: syncOf(run, about.group) !== undefined,
        commits: (await commitsNow(source, about.group)).size,
      }
    case 'tombstones': {
      const configs = only(await target.describeTopicConfigs([about.topic]), about.topic)
      const policy = configs.get('cleanup.policy')?.value
      return { kind: about.kind, isCompacted: policy?.includes('compact') ?? false }
    }
    case 'target-commits': {
      const there = await commitsNow(target, about.group)
      const synced = [...(syncOf(run, about.group)?.positions.keys() ?? [])]
      return { kind: about.kind, missing: synced.filter((key) => !there.has(key)).length }
    }
  }
}

const partitionOf = async (run: LookingRun, key: PartitionKey): Promise<PartitionNow | undefined> =>
  (await partitionsNow(run, [parsePartitionKey(key).topic])).get(key)

const syncOf = (run: LookingRun, group: GroupId) =>
  run.state().syncs.find((sync) => sync.group === group && sync.status === 'done')

const passed = (because: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1412',
    detail: `${because}.`,
    fix: 'Make a new plan; it says what is still there.',
  })
