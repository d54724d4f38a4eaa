import type { CopyProgress } from '../domain/copy-progress.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionReport } from '../mirror/mirror.ts'
import { renderRates, renderTopicLines, sumOfProgress } from './copy-progress.ts'
import { sortedOnce } from './diagnostics.ts'
import { OUTPUT_FORMAT_VERSION, renderJson } from './json.ts'
import type { LiveLines } from './live.ts'
import { table } from './table.ts'
import { bytes, count, thousands } from './text.ts'

/** How each partition was when the mirror ended. */
export interface MirrorResult {
  readonly partitions: readonly PartitionReport[]
  readonly problems: readonly Diagnostic[]
}

/** `mirrors 12 of 12 partitions, lag 1,024, 80 MiB/s`, and a line for each topic where there are several. */
export const renderMirrorLive = (
  reports: readonly PartitionReport[],
  topics: readonly CopyProgress[],
): LiveLines => {
  if (reports.length === 0) return { line: 'nothing to mirror yet: waits for marks', details: [] }
  const inState = (state: PartitionReport['state']): readonly PartitionReport[] =>
    reports.filter((each) => each.state === state)
  const mirroring = inState('mirroring')
  const others = (['checking', 'waiting', 'elsewhere', 'stopped'] as const)
    .map((state) => [state, inState(state).length] as const)
    .filter(([, n]) => n > 0)
    .map(([state, n]) => `${thousands(n)} ${state}`)
  const line = [
    `mirrors ${thousands(mirroring.length)} of ${count(reports.length, 'partition')}`,
    `lag ${thousands(sum(mirroring, (each) => each.lag))}`,
    ...renderRates(sumOfProgress(topics)),
    ...others,
  ].join(', ')
  return { line, details: renderTopicLines(topics) }
}

/** What was copied, and the partitions that did not end well. */
export const renderMirror = ({ partitions }: MirrorResult): string => {
  const stopped = partitions.filter((each) => each.state === 'stopped')
  const copied = count(
    sum(partitions, (each) => each.records),
    'record',
  )
  const lines = [`Mirrored ${copied}, ${bytes(sum(partitions, (each) => each.bytes))}.`]
  if (stopped.length > 0) {
    lines.push(
      `${count(stopped.length, 'partition')} stopped:`,
      table(
        [{ title: 'migration' }, { title: 'partition' }, { title: 'problem' }],
        stopped.map((each) => [
          each.migration,
          each.key,
          each.problem === undefined ? '' : `${each.problem.code} ${each.problem.summary}`,
        ]),
      ),
    )
  }
  return `${lines.join('\n')}\n`
}

export const renderMirrorJson = ({ partitions, problems }: MirrorResult): string =>
  renderJson({
    formatVersion: OUTPUT_FORMAT_VERSION,
    partitions: partitions.map(({ problem: _, key: __, ...rest }) => rest),
    problems: sortedOnce(problems),
  })

const sum = (
  reports: readonly PartitionReport[],
  of: (report: PartitionReport) => number,
): number => reports.reduce((total, each) => total + of(each), 0)
