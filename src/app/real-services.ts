import { hostname } from 'node:os'
import { FerryError } from '../domain/diagnostic.ts'
import type { ClusterSpec, Project } from '../domain/migration.ts'
import type { Services } from './services.ts'

/** An address that takes longer to answer is as good as none. */
const PROBE_MS = 5000

const clientId = (): string => `ferry-${hostname()}-${process.pid}`

/** The parsers made sure that every cluster a migration names exists. */
const specOf = (project: Project, name: string): ClusterSpec => {
  const spec = project.clusters.get(name) as ClusterSpec
  const missing = project.unresolved?.get(spec.file)
  if (missing !== undefined) throw new FerryError(missing)
  return spec
}

/** The parts that Ferry is really made of, each imported when it is first used. */
export const realServices = (env: Readonly<Record<string, string | undefined>>): Services => ({
  loadProject: async ({ cwd, projectFile, reach }) => {
    const { loadProject } = await import('../config/index.ts')
    return loadProject({
      directory: cwd,
      env,
      ...(projectFile === undefined ? {} : { projectFile }),
      ...(reach === undefined ? {} : { reach }),
    })
  },
  openStore: async (...args) => (await import('./open-store.ts')).openStore(...args),
  connectCluster: async (project, name, signal) => {
    const { connectCluster } = await import('../kafka/kafkajs-cluster.ts')
    return connectCluster(specOf(project, name), { clientId: clientId(), signal })
  },
  probeCluster: async (project, name) => {
    const { probeCluster } = await import('../kafka/probe.ts')
    return probeCluster(specOf(project, name), {
      clientId: clientId(),
      connectTimeoutMs: PROBE_MS,
    })
  },
  observe: async (...args) => (await import('../planner/index.ts')).observe(...args),
  planMigration: async (parts) => (await import('../planner/index.ts')).planMigration(parts),
  readReaders: async (...args) => (await import('../planner/index.ts')).readReaders(...args),
  readStops: async (...args) => (await import('../steps/read-stops.ts')).readStops(...args),
  checkCreations: async (...args) => (await import('../planner/index.ts')).checkCreations(...args),
  stepWords: async () => {
    const { kindOf } = await import('../steps/index.ts')
    return {
      describe: (step) => kindOf(step.kind).describe(step),
      gates: (step) =>
        kindOf(step.kind)
          .gates(step)
          .filter((gate) => !gate.unnamed)
          .map((gate) => gate.title),
    }
  },
  mirrorProcesses: async (...args) =>
    (await import('./mirror-processes.ts')).mirrorProcesses(...args),
  applyPlan: async (options) => (await import('../applier/index.ts')).applyPlan(options),
  applyParts: async () => {
    const { kindOf } = await import('../steps/index.ts')
    const { checkAgain, checkOpen, seenOf, withState } = await import('../planner/index.ts')
    const { checkInvariants, passedDeadlines } = await import('../applier/index.ts')
    return {
      kinds: kindOf,
      checkAgain,
      checkOpen,
      seenOf,
      withState,
      checkInvariants,
      passedDeadlines,
    }
  },
  startMirror: async (options) => (await import('../mirror/start-mirror.ts')).startMirror(options),
  verifyMigration: async (request) => (await import('../verify/index.ts')).verifyMigration(request),
})
