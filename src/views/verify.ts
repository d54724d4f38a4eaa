import type { Diagnostic } from '../domain/diagnostic.ts'
import type { VerifyReport } from '../verify/index.ts'
import { renderJson } from './json.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count, thousands } from './text.ts'

/** Design section 8, field by field. */
export const renderVerifyJson = (report: VerifyReport): string => renderJson(report)

/** Everything that the report has to say of single partitions and positions. */
export const verifyProblems = (report: VerifyReport): readonly Diagnostic[] => [
  ...report.topics.flatMap(({ partitions }) => partitions.flatMap((each) => each.problems)),
  ...report.groups.flatMap(({ partitions }) => partitions.flatMap((each) => each.problems ?? [])),
]

/** One table of partitions, one of group positions, and the verdict in the last line. */
export const renderVerify = (report: VerifyReport, style: Style): string => {
  const partitions = report.topics.flatMap((topic) =>
    topic.partitions.map((each) => ({
      topic: topic.way === 'reverse' ? `back: ${topic.name}` : topic.name,
      mode: topic.mode,
      ...each,
    })),
  )
  const positions = report.groups.flatMap((group) =>
    group.partitions.map((each) => ({ group: group.id, ...each })),
  )
  const blocks = [
    ...(partitions.length === 0 ? [] : [style.bold('Records'), partitionTable(partitions)]),
    ...(positions.length === 0
      ? []
      : [...(partitions.length === 0 ? [] : ['']), style.bold('Groups'), positionTable(positions)]),
  ]
  const wrong =
    partitions.filter((each) => !each.ok).length + positions.filter((each) => !each.ok).length
  const compared = partitions.reduce((total, each) => total + each.compared, 0)
  const gone = partitions.reduce((total, each) => total + each.gone, 0)
  const counted =
    gone === 0
      ? []
      : [
          `${count(gone, 'record')} only counted, by the offset index: retention or compaction took them.`,
        ]
  const scope = `${count(compared, 'record')} compared in ${count(partitions.length, 'partition')}, ${count(positions.length, 'group position')} checked`
  const verdict =
    partitions.length + positions.length === 0
      ? 'Nothing to verify: nothing is marked or synced yet.'
      : report.ok
        ? `${style.good('Verified')}: ${scope}.`
        : `${style.error('Not verified')}: ${wrong} of ${partitions.length + positions.length} rows differ; ${scope}.`
  return `${[...blocks, ...(blocks.length > 0 ? [''] : []), ...counted, verdict].join('\n')}\n`
}

type Partition = VerifyReport['topics'][number]['partitions'][number] & {
  readonly topic: string
  readonly mode: string
}
type Position = VerifyReport['groups'][number]['partitions'][number] & { readonly group: string }

const partitionTable = (partitions: readonly Partition[]): string => {
  const someGone = partitions.some((each) => each.gone > 0)
  return table(
    [
      { title: 'partition' },
      { title: 'offsets' },
      { title: 'source', align: 'right' },
      { title: 'target', align: 'right' },
      { title: 'mirrored', align: 'right' },
      { title: 'compared', align: 'right' },
      ...(someGone ? [{ title: 'only counted', align: 'right' } as const] : []),
      { title: 'result' },
    ],
    partitions.map((each) => [
      `${each.topic}:${each.partition}`,
      each.mode,
      `${thousands(each.sourceStart)}..${thousands(each.sourceEnd)}`,
      `${thousands(each.targetStart)}..${thousands(each.targetEnd)}`,
      thousands(each.mirrored),
      thousands(each.compared),
      ...(someGone ? [thousands(each.gone)] : []),
      verdictOf(each.ok, each.problems),
    ]),
  )
}

const positionTable = (positions: readonly Position[]): string =>
  table(
    [
      { title: 'group' },
      { title: 'partition' },
      { title: 'source', align: 'right' },
      { title: 'target', align: 'right' },
      { title: 'expected', align: 'right' },
      { title: 'proof' },
      { title: 'result' },
    ],
    positions.map((each) => [
      each.group,
      `${each.topic}:${each.partition}`,
      offset(each.source),
      offset(each.target),
      offset(each.expected),
      each.proof ?? '-',
      verdictOf(each.ok, each.problems ?? []),
    ]),
  )

/** A row may be fine and still have something to say, such as a range that retention took on both sides. */
const verdictOf = (ok: boolean, problems: readonly Diagnostic[]): string =>
  ok ? (problems.length === 0 ? 'ok' : `ok, ${count(problems.length, 'note')}`) : 'DIFFERS'

const offset = (value: number | null): string => (value === null ? '-' : thousands(value))
