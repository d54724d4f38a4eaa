import type { MigrationStatus, PartitionStatus, TopicStatus } from './status-report.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count, hanging, thousands } from './text.ts'

/** A page shows those that matter; `--json` has all. */
const MOST_PARTITIONS = 12
const MOST_STOPPED = 20

interface Named extends PartitionStatus {
  readonly name: string
}

const named = (topics: readonly TopicStatus[]): readonly Named[] =>
  topics.flatMap((topic) =>
    topic.partitions.map((each) => ({ ...each, name: `${topic.name}:${each.partition}` })),
  )

/** A line for each partition that stopped: what it is is told as a diagnostic, in full. */
export const renderStopped = (
  { name, topics }: MigrationStatus,
  width: number,
  style: Style,
): readonly string[] => {
  const stopped = named(topics).flatMap(({ problem, ...each }) =>
    problem === null ? [] : [{ ...each, problem }],
  )
  if (stopped.length === 0) return []
  const shown = stopped.slice(0, MOST_STOPPED)
  const more = stopped.length - shown.length
  return [
    ...shown.map((each) =>
      hanging(
        '  STOPPED ',
        `${each.name} at ${each.mirroredTo === null ? 'its mark' : thousands(each.mirroredTo)}: ${each.problem.code} ${each.problem.summary}`,
        width,
      ).replace('STOPPED', style.error('STOPPED')),
    ),
    ...(more > 0
      ? [`          and ${thousands(more)} more: ferry status ${name} --json has all`]
      : []),
  ]
}

/** Marks and positions of the partitions that matter most: stopped ones, then those with the largest lag. None before the first mark. */
export const renderPartitions = (
  topics: readonly TopicStatus[],
  width: number,
  style: Style,
): readonly string[] => {
  const all = named(topics)
  if (all.every((each) => each.sourceStart === null)) return []
  const place = new Map(all.map((each, index) => [each, index] as const))
  const weight = (each: Named): number =>
    each.stopped ? Number.POSITIVE_INFINITY : (each.lag ?? -1)
  const shown = [...all]
    .sort((one, other) => Math.sign(weight(other) - weight(one) || 0))
    .slice(0, MOST_PARTITIONS)
    .sort((one, other) => (place.get(one) ?? 0) - (place.get(other) ?? 0))
  const rows = table(
    [
      { title: 'partition' },
      { title: 'mark', align: 'right' },
      { title: 'mirrored to', align: 'right' },
      { title: 'source end', align: 'right' },
      { title: 'lag', align: 'right' },
      { title: '' },
    ],
    shown.map((each) => [
      each.name,
      each.sourceStart === null
        ? '-'
        : `${thousands(each.sourceStart)} -> ${offset(each.targetStart)}`,
      offset(each.mirroredTo),
      offset(each.sourceEnd),
      offset(each.lag),
      wordOf(each),
    ]),
    '  ',
    width,
  )
  const more = all.length - shown.length
  return [
    '',
    rows.replaceAll(/STOPPED(?=$|, diverged)/gm, style.error('STOPPED')),
    ...(more > 0
      ? [`  and ${count(more, 'partition')} with no more lag than these; --json has all`]
      : []),
  ]
}

const offset = (value: number | null): string => (value === null ? '-' : thousands(value))

const wordOf = (each: PartitionStatus): string => {
  const diverged = each.divergedAt === null ? '' : `, diverged at ${thousands(each.divergedAt)}`
  return `${stateOf(each)}${diverged}`.replace(/^, /, '')
}

const stateOf = ({ stopped, sealed, sourceStart, lag }: PartitionStatus): string => {
  if (stopped) return 'STOPPED'
  if (sealed) return 'sealed'
  if (sourceStart === null) return 'not marked'
  return lag === 0 ? 'at the end' : ''
}
