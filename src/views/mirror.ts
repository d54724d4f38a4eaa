import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionReport } from '../mirror/mirror.ts'
import { sortedOnce } from './diagnostics.ts'
import { OUTPUT_FORMAT_VERSION, renderJson } from './json.ts'
import { table } from './table.ts'
import { bytes, count, thousands } from './text.ts'

/** How each partition was when the mirror ended. */
export interface MirrorResult {
  readonly partitions: readonly PartitionReport[]
  readonly problems: readonly Diagnostic[]
}

/**
 * The live line of a mirror: `12 of 12 partitions, lag 1,024, 80 MiB/s`. Remembers the look before, for the rate; the rate is over at
 * least a few seconds, so that it does not jump.
 */
export const mirrorLine = (): ((reports: readonly PartitionReport[], now: Date) => string) => {
  let before: { readonly at: number; readonly bytes: number } | undefined
  let rate = 0
  return (reports, now) => {
    const copied = sum(reports, (each) => each.bytes)
    const elapsed = before === undefined ? 0 : now.getTime() - before.at
    if (before === undefined || elapsed >= 3000) {
      // Partitions that were let go take their counts with them: no rate is below nothing.
      if (before !== undefined) rate = Math.max(0, ((copied - before.bytes) * 1000) / elapsed)
      before = { at: now.getTime(), bytes: copied }
    }
    return describe(reports, rate)
  }
}

const describe = (reports: readonly PartitionReport[], rate: number): string => {
  if (reports.length === 0) return 'nothing to mirror yet: waits for marks'
  const inState = (state: PartitionReport['state']): readonly PartitionReport[] =>
    reports.filter((each) => each.state === state)
  const mirroring = inState('mirroring')
  const others = (['checking', 'waiting', 'elsewhere', 'stopped'] as const)
    .map((state) => [state, inState(state).length] as const)
    .filter(([, n]) => n > 0)
    .map(([state, n]) => `${n} ${state}`)
  return [
    `mirrors ${mirroring.length} of ${count(reports.length, 'partition')}`,
    `lag ${thousands(sum(mirroring, (each) => each.lag))}`,
    `${bytes(rate)}/s`,
    ...others,
  ].join(', ')
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
