import type { CheckResult, CheckStatus } from '../doctor/check.ts'
import { checksOf, DOCTOR_FORMAT_VERSION, type DoctorReport } from '../doctor/report.ts'
import { renderJson } from './json.ts'
import type { Style } from './style.ts'
import { count, hanging, listed, MAX_COLUMNS } from './text.ts'

export const renderDoctorJson = (report: DoctorReport): string =>
  renderJson({
    formatVersion: DOCTOR_FORMAT_VERSION,
    ok: !checksOf(report).some(({ status }) => status === 'failed'),
    clusters: report.clusters,
    migrations: report.migrations.map(({ rights, ...rest }) => ({
      ...rest,
      rights: rights === undefined ? null : { source: rights.source, target: rights.target },
    })),
  })

/** A part for each cluster and each migration, a line for each check, and below it what is wrong and what to do. */
export const renderDoctor = (report: DoctorReport, style: Style, columns: number): string => {
  const width = Math.min(Math.max(columns, 40), MAX_COLUMNS)
  const parts = [
    ...report.clusters.map(({ cluster, checks }) => ({ title: cluster, checks })),
    ...report.migrations.map(({ migration, from, to, checks }) => ({
      title: `${migration}: ${from} -> ${to}`,
      checks,
    })),
  ]
  const texts = parts.map(({ title, checks }) =>
    [style.bold(title), ...checks.map((check) => renderCheck(check, style, width))].join('\n'),
  )
  return `${[...texts, summary(checksOf(report))].join('\n\n')}\n`
}

const renderCheck = (check: CheckResult, style: Style, width: number): string => {
  const { title, status, says, problems } = check
  const head = `  ${status.padEnd(7)}  `
  const line = hanging(head, says === '' ? title : `${title}: ${says}`, width)
  const coloured = line.replace(status, colour(status, style)(status))
  const below = problems.flatMap(({ severity, code, detail, fix }) => {
    const kind = code === 'FERRY2003' ? 'question' : severity
    return [
      hanging(`           ${kind} ${code}: `, detail, width),
      ...(fix === '' ? [] : [hanging('             fix: ', fix, width)]),
    ]
  })
  return [coloured, ...below].join('\n')
}

const colour = (status: CheckStatus, style: Style): ((text: string) => string) => {
  switch (status) {
    case 'ok':
      return style.good
    case 'warning':
      return style.warning
    case 'failed':
      return style.error
    case 'skipped':
      return style.dim
  }
}

/** `12 checks: 10 ok, 1 warning, 1 failed.` */
const summary = (checks: readonly CheckResult[]): string => {
  const having = (status: CheckStatus): number =>
    checks.filter((check) => check.status === status).length
  const counts = (['ok', 'warning', 'failed', 'skipped'] as const)
    .filter((status) => having(status) > 0)
    .map((status) => `${having(status)} ${status}`)
  return `${count(checks.length, 'check')}: ${listed(counts)}.`
}
