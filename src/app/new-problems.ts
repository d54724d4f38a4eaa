import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionReport } from '../mirror/mirror.ts'
import type { MirrorLook } from './keep-mirrored.ts'

/**
 * What a look has that is not told yet. One partition may stop again, on its way back or at another range: that is told, too. So is what went away
 * and comes back: a partition that was copied again meanwhile, a state that could be read again. One that is only looked at anew, or that another
 * process looks after for a while, has not got over what stopped it.
 */
export const newProblems = (): ((
  look: Pick<MirrorLook, 'reports' | 'stopped' | 'unread'>,
) => readonly Diagnostic[]) => {
  const told = new Map<string, Set<string>>()
  return ({ reports, stopped, unread }) => {
    // While a store is away nobody knows whether what was wrong there still is.
    if (unread.length === 0) forget(WHOLE, new Set(stopped.map(nameOf)))
    for (const report of reports) if (report.state === 'mirroring') told.delete(placeOf(report))
    const all = [
      ...stopped.map((problem) => ({ where: WHOLE, problem })),
      ...reports.flatMap((report) =>
        report.problem === undefined ? [] : [{ where: placeOf(report), problem: report.problem }],
      ),
    ]
    return all.flatMap(({ where, problem }) => {
      const before = told.get(where) ?? new Set()
      if (before.has(nameOf(problem))) return []
      told.set(where, before.add(nameOf(problem)))
      return [problem]
    })
  }

  function forget(where: string, stillThere: ReadonlySet<string>): void {
    for (const name of told.get(where) ?? [])
      if (!stillThere.has(name)) told.get(where)?.delete(name)
  }
}

/** Of migrations and pairs of clusters. */
const WHOLE = ''

const placeOf = ({ migration, way, key }: PartitionReport): string => `${migration} ${way} ${key}`

const nameOf = ({ code, detail }: Diagnostic): string => `${code} ${detail}`
