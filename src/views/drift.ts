import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Drifted } from '../domain/drift.ts'
import { OUTPUT_FORMAT_VERSION, renderJson } from './json.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count } from './text.ts'

/** What changed on the clusters since the last apply of one migration. */
export interface DriftReport {
  readonly name: string
  /** ISO 8601, the end of the last apply; null: there is none to compare with. */
  readonly since: string | null
  readonly drift: readonly Drifted[]
  /** Steps that a plan has now; they are no drift. */
  readonly pending: number
  readonly problems: readonly Diagnostic[]
}

export const renderDrift = (reports: readonly DriftReport[], style: Style): string =>
  `${reports.map((report) => renderOne(report, style)).join('\n\n')}\n`

const renderOne = ({ name, since, drift, pending }: DriftReport, style: Style): string => {
  const plan =
    pending === 0 ? 'A plan has nothing to do.' : `A plan has ${count(pending, 'step')} to do.`
  if (since === null) return `${style.bold(name)}: nothing to compare with yet. ${plan}`
  if (drift.length === 0) {
    return `${style.bold(name)}: ${style.good('no drift')} since ${since}. ${plan}`
  }
  const ways =
    pending === 0
      ? ` Change it back, or \`ferry apply ${name}\` takes it as it is (it asks, or takes --auto-approve).`
      : ''
  return `${style.bold(name)}: ${style.warning(`${count(drift.length, 'change')} outside of Ferry`)}. ${plan}${ways}\n\n${driftTable(`changed since ${since}`, drift)}`
}

export const driftTable = (title: string, drift: readonly Drifted[]): string =>
  table(
    [{ title }, { title: 'was' }, { title: 'is' }],
    drift.map(({ what, was, is }) => [what, was ?? 'absent', is ?? 'absent']),
  )

export const renderDriftJson = (reports: readonly DriftReport[]): string =>
  renderJson({ formatVersion: OUTPUT_FORMAT_VERSION, migrations: reports })
