import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'

export const CHECK_STATUSES = ['ok', 'warning', 'failed', 'skipped'] as const
export type CheckStatus = (typeof CHECK_STATUSES)[number]

/** What a check found. */
export interface Finding {
  /** One line: the fact, or why nothing can be said. */
  readonly says: string
  /** Errors fail the check; warnings, questions among them, are shown with it. */
  readonly problems?: readonly Diagnostic[]
}

/** One titled look at something that must hold before a migration can go well. */
export interface Check<Facts> {
  /** Stable, for programs. */
  readonly id: string
  /** As a statement: `Every bootstrap server answers`. */
  readonly title: string
  /** Why it does not apply here; undefined: it does. */
  readonly skip?: (facts: Facts) => string | undefined
  /** True where the migration can go well without the answer: a read that is refused skips the check instead of failing it. */
  readonly optional?: boolean
  readonly look: (facts: Facts) => Finding | Promise<Finding>
}

export interface CheckResult {
  readonly id: string
  readonly title: string
  readonly status: CheckStatus
  readonly says: string
  readonly problems: readonly Diagnostic[]
}

/** Runs the checks in their order. A check never keeps another from running. */
export const runChecks = async <Facts>(
  checks: readonly Check<Facts>[],
  facts: Facts,
  report: (line: string) => void,
): Promise<readonly CheckResult[]> => {
  const results: CheckResult[] = []
  for (const check of checks) {
    report(`checks: ${check.title}`)
    results.push(await runOne(check, facts))
  }
  return results
}

const runOne = async <Facts>(check: Check<Facts>, facts: Facts): Promise<CheckResult> => {
  const { id, title } = check
  const because = check.skip?.(facts)
  if (because !== undefined) return { id, title, status: 'skipped', says: because, problems: [] }
  try {
    const { says, problems = [] } = await check.look(facts)
    return { id, title, status: statusOf(problems), says, problems }
  } catch (error) {
    if (!(error instanceof FerryError)) throw error
    const [first] = error.diagnostics
    return check.optional === true
      ? { id, title, status: 'skipped', says: first?.detail ?? '', problems: [] }
      : { id, title, status: 'failed', says: 'not answered', problems: error.diagnostics }
  }
}

const statusOf = (problems: readonly Diagnostic[]): CheckStatus => {
  if (problems.some(({ severity }) => severity === 'error')) return 'failed'
  return problems.length > 0 ? 'warning' : 'ok'
}

/** All of them skipped, for the same reason. */
export const skipped = (
  checks: readonly Pick<Check<never>, 'id' | 'title'>[],
  because: string,
): readonly CheckResult[] =>
  checks.map(({ id, title }) => ({ id, title, status: 'skipped', says: because, problems: [] }))
