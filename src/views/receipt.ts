import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Receipt } from '../domain/receipt.ts'
import type { ReceiptReport } from '../verify/index.ts'
import { renderJson } from './json.ts'
import { mdCellCode, mdCode, mdText } from './markdown.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count, thousands } from './text.ts'

/** `verify --receipt --json`. */
export const renderReceiptCheckJson = (report: ReceiptReport): string => renderJson(report)

export const receiptProblems = (report: ReceiptReport): readonly Diagnostic[] => [
  ...report.partitions.flatMap(({ problems }) => problems),
  ...report.groups.flatMap(({ positions }) => positions.flatMap(({ problems }) => problems)),
]

/** One table of partitions, one of group positions, and the verdict in the last line. */
export const renderReceiptCheck = (report: ReceiptReport, style: Style): string => {
  const positions = report.groups.flatMap(({ group, positions: all }) =>
    all.map((each) => ({ group, ...each })),
  )
  const confirmed = report.partitions.reduce((sum, { target }) => sum + target.confirmed, 0)
  const gone = report.partitions.reduce((sum, { target }) => sum + target.gone, 0)
  const wrong = [...report.partitions, ...positions].filter(({ ok }) => !ok).length
  const scope = `${count(confirmed, 'record')} read again on the target${
    gone === 0 ? '' : `, ${count(gone, 'record')} only counted: retention or compaction took them`
  }`
  const verdict = report.ok
    ? `${style.good('Confirmed')}: ${scope}.`
    : `${style.error('Not confirmed')}: ${count(wrong, 'row')} not as the receipt says; ${scope}.`
  const lines = [
    `Receipt of ${report.migration}, retired ${report.retiredAt}`,
    `digest ${report.digest}`,
    '',
    style.bold('Records'),
    partitionTable(report),
    ...(positions.length === 0 ? [] : ['', style.bold('Groups'), positionTable(positions)]),
    '',
    ...report.notes.map((note) => `Note: ${note}.`),
    verdict,
  ]
  return `${lines.join('\n')}\n`
}

const partitionTable = ({ partitions }: ReceiptReport): string =>
  table(
    [
      { title: 'partition' },
      { title: 'mirrored', align: 'right' },
      { title: 'target', align: 'right' },
      { title: 'only counted', align: 'right' },
      { title: 'source', align: 'right' },
      { title: 'index' },
      { title: 'result' },
    ],
    partitions.map((each) => [
      `${each.topic}:${each.partition}`,
      thousands(each.mirrored),
      thousands(each.target.confirmed),
      thousands(each.target.gone),
      each.source === null ? '-' : thousands(each.source.confirmed),
      each.indexConfirmed === null ? '-' : each.indexConfirmed ? 'same' : 'DIFFERS',
      each.ok ? 'ok' : 'DIFFERS',
    ]),
  )

const positionTable = (
  positions: readonly (ReceiptReport['groups'][number]['positions'][number] & {
    readonly group: string
  })[],
): string =>
  table(
    [
      { title: 'group' },
      { title: 'partition' },
      { title: 'written', align: 'right' },
      { title: 'now', align: 'right' },
      { title: 'result' },
    ],
    positions.map((each) => [
      each.group,
      `${each.topic}:${each.partition}`,
      thousands(each.written),
      each.target === null ? 'gone' : thousands(each.target),
      each.ok ? 'ok' : 'DIFFERS',
    ]),
  )

/** The receipt for people: the same figures but for the single blocks. */
export const renderReceiptMarkdown = (receipt: Receipt): string => {
  const { by, clusters, partitions, groups, salvaged, lost } = receipt
  const mirrored = partitions.reduce((sum, part) => sum + part.mirrored, 0)
  const gone = partitions.reduce((sum, part) => sum + part.gone, 0)
  const lines = [
    `# Receipt: ${mdCode(receipt.migration)}`,
    '',
    `${count(mirrored, 'record')} in ${count(partitions.length, 'partition')} moved from ${cluster(clusters.source)} to ${cluster(clusters.target)}.`,
    '',
    `- retired ${receipt.at} by ${mdText(`${by.user}@${by.host}`)} with ferry ${mdText(by.toolVersion)}`,
    `- plan ${mdCode(receipt.plan)}`,
    `- digest of this receipt ${mdCode(receipt.digest)}`,
    ...(gone === 0
      ? []
      : [
          `- ${count(gone, 'record')} had been removed from the target by retention or compaction: counted, not read`,
        ]),
    '',
    '## Records',
    '',
    '| partition | offsets | mark | seal | records | content (SHA-256) | index (SHA-256) |',
    '| --- | --- | --- | --- | ---: | --- | --- |',
    ...partitions.map((part) =>
      row([
        mdCellCode(`${part.topic}:${part.partition}`),
        part.offsets,
        `${thousands(part.mark.sourceStart)} → ${thousands(part.mark.targetStart)}`,
        `${thousands(part.seal.sourceEnd)} → ${thousands(part.seal.targetEnd)}`,
        thousands(part.mirrored),
        mdCellCode(part.sha256),
        mdCellCode(part.index.sha256),
      ]),
    ),
    ...groupLines(groups),
    ...(salvaged.length === 0
      ? []
      : ['', '## Salvaged after the seal', '', ...salvaged.map(rangeLine)]),
    ...lossLines(
      '## On no cluster, by decision',
      'They came after the seal, and retention of the source had taken them before they were salvaged.',
      lost.filter(({ unsure }) => !unsure),
    ),
    ...lossLines(
      '## On the target or not, by decision',
      'They came after the seal, and the salvage that sent them broke off. What would tell whether they were appended was gone from the target.',
      lost.filter(({ unsure }) => unsure),
    ),
    '',
    `Check it again: ${mdCode(`ferry verify ${receipt.migration} --receipt`)}`,
  ]
  return `${lines.join('\n')}\n`
}

const lossLines = (title: string, why: string, lost: Receipt['lost']): readonly string[] =>
  lost.length === 0
    ? []
    : [
        '',
        title,
        '',
        why,
        '',
        ...lost.map(
          (each) =>
            `${rangeLine(each)}, accepted by ${mdText(`${each.by.user}@${each.by.host}`)}${each.unseen ? '; gone before anybody saw whether they came late' : ''}`,
        ),
      ]

const groupLines = (groups: Receipt['groups']): readonly string[] =>
  groups.length === 0
    ? []
    : [
        '',
        '## Groups',
        '',
        '| group | partition | source before | target before | target after | skipped | proof | when retired |',
        '| --- | --- | ---: | ---: | ---: | ---: | --- | ---: |',
        ...groups.flatMap(({ group, positions }) =>
          positions.map((each) =>
            row([
              mdCellCode(group),
              mdCellCode(`${each.topic}:${each.partition}`),
              thousands(each.source),
              position(each.targetBefore),
              thousands(each.target),
              thousands(each.skipped ?? 0),
              each.proof,
              position(each.atRetire),
            ]),
          ),
        ),
      ]

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const position = (offset: number | null): string => (offset === null ? '-' : thousands(offset))
const cluster = ({ name, id }: { readonly name: string; readonly id: string }): string =>
  `${mdCode(name)} (${mdCode(id)})`

const rangeLine = ({ topic, partition, from, to, at }: Receipt['salvaged'][number]): string =>
  `- ${mdCode(`${topic}:${partition}`)} offsets ${from} to ${to - 1} of the source, ${at}`
