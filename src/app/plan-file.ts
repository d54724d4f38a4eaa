import { readFile } from 'node:fs/promises'
import { refuseNoFile } from '../config/read-file.ts'
import { canonicalFile, canonicalJson } from '../domain/canonical-json.ts'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { PLAN_FORMAT_VERSION, type Plan } from '../domain/plan.ts'
import { planStructureProblems } from './plan-structure.ts'
import { reasonOf, replaceText } from './write-text.ts'

/** The text of a plan file: canonical, so that the same plan is the same bytes, and its digest names it. */
export const planText = (plan: Plan): string => `${canonicalJson(plan)}\n`

/** A plan names users, topics and hosts. */
export const writePlanFile = (path: string, plan: Plan): Promise<void> =>
  writePrivateFile(path, canonicalFile(plan))

/** Readable by its owner only. Throws FERRY1111. */
export const writePrivateFile = (path: string, text: string | Iterable<string>): Promise<void> =>
  replaceText(path, text, 0o600)

/** A plan file as it was shown. Anything that is not exactly what this version writes is refused, part by part. */
export const readPlanFile = async (path: string): Promise<Plan> =>
  parsePlan(
    await readTextFile(path, 'Give the path that was given to `ferry plan NAME -o FILE`.'),
    path,
  )

/** The text of a file that was named on the command line. Throws FERRY1001 with this fix. */
export const readTextFile = (path: string, fix: string): Promise<string> =>
  readRegularFile(path).catch((cause: unknown) => {
    const isThere = (cause as { readonly code?: string }).code !== 'ENOENT'
    throw new FerryError(
      diagnostic({
        code: 'FERRY1001',
        ...(isThere && { summary: 'File cannot be read' }),
        detail: `${path} cannot be read: ${reasonOf(cause)}.`,
        fix,
      }),
      { cause },
    )
  })

const readRegularFile = async (path: string): Promise<string> => {
  await refuseNoFile(path)
  return readFile(path, 'utf8')
}

/** The plan in the text, checked against `schemas/plan.schema.json`. */
export const parsePlan = async (text: string, path: string): Promise<Plan> => {
  const value = parseJson(text, path)
  const version = (value as { readonly formatVersion?: unknown } | null)?.formatVersion
  if (typeof version === 'string' && version !== PLAN_FORMAT_VERSION) {
    throw new FerryError(
      diagnostic({
        code: 'FERRY1110',
        detail: `${path} has format ${JSON.stringify(version)}; this version of Ferry reads ${PLAN_FORMAT_VERSION}.`,
        fix: 'Make the plan again with this version: `ferry plan NAME -o FILE`.',
      }),
    )
  }
  const problems = await planStructureProblems(value)
  if (problems.length > 0) throw notAPlan(path, problems.join('; '))
  return value as Plan
}

const parseJson = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    if (/\.ya?ml$/i.test(path)) throw notAPlan(path, 'it is YAML', A_NAME_IS_NO_FILE)
    throw notAPlan(path, text.trim() === '' ? 'it is empty' : 'it is not JSON, or it was cut off')
  }
}

const A_NAME_IS_NO_FILE =
  'Give the name of a migration, without a path (`ferry apply NAME`), or a file that `ferry plan NAME -o FILE` wrote.'

const notAPlan = (
  path: string,
  because: string,
  fix = 'Make the plan again: `ferry plan NAME -o FILE`.',
): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1109',
      detail: `${path} is not a plan that Ferry can run: ${because}.`,
      fix,
    }),
  )
