import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import { parsePartitionKey } from '../domain/ids.ts'
import type { Deadline } from '../domain/plan.ts'
import { partitionsNow } from '../steps/partitions-now.ts'
import type { Run } from '../steps/step-kind.ts'

/** What is needed to look. */
export type LookingRun = Pick<Run, 'clusters' | 'store' | 'migration' | 'state' | 'now'>

/**
 * The deadlines of a plan that have passed and that mattered. One is moot where what it was about is safe by now: the records were
 * copied, the topic sealed, the group synced; positions whose time is over may still be there (somebody renewed them), which the brokers
 * are asked.
 */
export const passedDeadlines = async (
  deadlines: readonly Deadline[],
  run: LookingRun,
): Promise<readonly Diagnostic[]> => {
  const now = run.now().toISOString()
  const problems: Diagnostic[] = []
  for (const deadline of deadlines) {
    if (deadline.about === undefined || deadline.at > now) continue
    if (await matters(deadline.about, run)) problems.push(passed(deadline))
  }
  return problems
}

const matters = async (
  about: NonNullable<Deadline['about']>,
  run: LookingRun,
): Promise<boolean> => {
  if (about.kind === 'source-retention') {
    const { topic } = parsePartitionKey(about.partition)
    const partition = (await partitionsNow(run, [topic])).get(about.partition)
    if (partition === undefined) return true
    return !partition.seal && partition.index.mirroredTo <= BigInt(about.offset)
  }
  const { group } = about
  const sync = run.state().syncs.find((s) => s.group === group && s.status === 'done')
  const isSource = about.kind === 'source-commits'
  if (isSource && sync) return false
  const { source, target } = run.clusters
  const answers = await (isSource ? source : target).fetchCommits([group])
  const commits = answers.ok.get(group)
  if (commits === undefined) throw new FerryError([...answers.failed.values()])
  return isSource
    ? commits.size === 0
    : [...(sync?.positions.keys() ?? [])].some((key) => !commits.has(key))
}

const passed = ({ at, says }: Deadline): Diagnostic =>
  diagnostic({
    code: 'FERRY1412',
    detail: `${at} has passed: ${says}.`,
    fix: 'Make a new plan; it says what is still there.',
  })
