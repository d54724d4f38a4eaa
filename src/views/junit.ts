import type { Diagnostic } from '../domain/diagnostic.ts'
import type { VerifiedPartition, VerifiedPosition, VerifyReport } from '../verify/index.ts'
import { thousands } from './text.ts'

interface Case {
  readonly name: string
  readonly says: string
  readonly ok: boolean
  readonly problems: readonly Diagnostic[]
}

/** A verification as JUnit XML: a suite for each topic with a case for each partition, and one suite with a case for each group. */
export const renderJunit = (report: VerifyReport): string => {
  const suites = [
    ...report.topics.map(({ name, partitions }) => suite(name, partitions.map(partitionCase))),
    ...(report.groups.length === 0 ? [] : [suite('groups', report.groups.map(groupCase))]),
  ]
  const all = [
    ...report.topics.flatMap((t) => t.partitions.map(({ ok }) => ok)),
    ...groupsOk(report),
  ]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="ferry verify" tests="${all.length}" failures="${all.filter((ok) => !ok).length}" errors="0">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n')
}

const groupsOk = ({ groups }: VerifyReport): readonly boolean[] =>
  groups.map(({ partitions }) => partitions.every(({ ok }) => ok))

const suite = (name: string, cases: readonly Case[]): string =>
  [
    `  <testsuite name="${xml(name)}" tests="${cases.length}" failures="${cases.filter(({ ok }) => !ok).length}" errors="0" skipped="0">`,
    ...cases.map((each) => testCase(name, each)),
    '  </testsuite>',
  ].join('\n')

const testCase = (suiteName: string, { name, says, ok, problems }: Case): string => {
  const [first] = problems
  const text = problems.map(({ code, summary, detail, fix }) =>
    [`${code} ${summary}: ${detail}`, ...(fix === '' ? [] : [`fix: ${fix}`])].join('\n'),
  )
  return [
    `    <testcase classname="${xml(suiteName)}" name="${xml(name)}">`,
    ...(ok
      ? []
      : [
          `      <failure type="${xml(first?.code ?? 'differs')}" message="${xml(first?.summary ?? 'it differs')}">${xml(text.join('\n'))}</failure>`,
        ]),
    `      <system-out>${xml([says, ...(ok ? text : [])].join('\n'))}</system-out>`,
    '    </testcase>',
  ].join('\n')
}

const partitionCase = (each: VerifiedPartition): Case => ({
  name: `partition ${each.partition}`,
  says: `${thousands(each.compared)} of ${thousands(each.mirrored)} mirrored records compared${each.gone === 0 ? '' : `, ${thousands(each.gone)} only counted: retention or compaction took them`}; source ${each.sourceStart}..${each.sourceEnd}, target ${each.targetStart}..${each.targetEnd}`,
  ok: each.ok,
  problems: each.problems,
})

const groupCase = ({ id, partitions }: VerifyReport['groups'][number]): Case => ({
  name: id,
  says: partitions.map(positionLine).join('\n'),
  ok: partitions.every(({ ok }) => ok),
  problems: partitions.flatMap(({ problems }) => problems ?? []),
})

const positionLine = ({
  topic,
  partition,
  source,
  target,
  expected,
  proof,
}: VerifiedPosition): string =>
  `${topic}:${partition} source ${source ?? '-'}, target ${target ?? '-'}, expected ${expected ?? '-'}${proof === undefined ? '' : `, proved by ${proof}`}`

/** For text and attributes alike. What XML 1.0 cannot hold, not even as a reference, is shown as an escape. */
const xml = (text: string): string =>
  text
    .replace(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
    .replace(/[\t\n\r]/g, (char) => (char === '\n' ? '&#10;' : `&#${char.charCodeAt(0)};`))
