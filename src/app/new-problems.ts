import type { Diagnostic } from '../domain/diagnostic.ts'
import type { MirrorLook } from './keep-mirrored.ts'

/** What a look has that none before it had. One partition may stop again, on its way back or at another range: that is told, too. */
export const newProblems = (): ((
  look: Pick<MirrorLook, 'reports' | 'stopped'>,
) => readonly Diagnostic[]) => {
  const told = new Set<string>()
  return ({ reports, stopped }) => {
    const all = [
      ...stopped.map((problem) => ({ where: '', problem })),
      ...reports.flatMap(({ migration, key, way, problem }) =>
        problem === undefined ? [] : [{ where: `${migration} ${way} ${key}`, problem }],
      ),
    ]
    return all.flatMap(({ where, problem }) => {
      const name = `${where} ${problem.code} ${problem.detail}`
      if (told.has(name)) return []
      told.add(name)
      return [problem]
    })
  }
}
