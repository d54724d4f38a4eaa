import { FerryError } from '../domain/diagnostic.ts'
import { graphOf, type SourceGraph } from '../survey/graph.ts'
import { survey } from '../survey/survey.ts'
import type { SessionOptions } from './open-session.ts'

/** Surveys every cluster that a migration of the project leaves. Reads only; opens no state. */
export const drawGraphs = async (
  options: Omit<SessionOptions, 'names'>,
): Promise<readonly SourceGraph[]> => {
  const { services, report, signal, cwd, projectFile } = options
  const reach = { of: 'sources', migrations: [] } as const
  const loaded = await services.loadProject({ cwd, projectFile, reach })
  if (loaded.project === undefined || loaded.diagnostics.some((d) => d.severity === 'error')) {
    throw new FerryError(loaded.diagnostics)
  }
  options.warn(loaded.diagnostics)
  const { project } = loaded
  const migrations = [...project.migrations.values()]
  const graphs: SourceGraph[] = []
  for (const from of [...new Set(migrations.map((migration) => migration.from))].sort()) {
    report(`surveys ${from}`)
    const cluster = await services.connectCluster(project, from, signal)
    try {
      const leaving = migrations.filter((migration) => migration.from === from)
      graphs.push(graphOf(await survey(cluster), leaving))
    } finally {
      await cluster.close()
    }
  }
  return graphs
}
