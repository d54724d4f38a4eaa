import { reverseView } from '../domain/reverse.ts'
import type { VerifyOptions, VerifyReport } from '../verify/index.ts'
import type { Services } from './services.ts'

/** Compares what was mirrored back, target to source. `progress` is that of the way back; groups are checked by the way there. */
export const verifyBack = async (
  services: Pick<Services, 'verifyMigration'>,
  options: VerifyOptions,
): Promise<VerifyReport> => {
  const { source, target } = options.clusters
  const report = await services.verifyMigration({
    ...options,
    clusters: { source: target, target: source },
    migration: { ...options.migration, groups: [] },
    state: reverseView(options.state),
  })
  return {
    ...report,
    topics: report.topics.map((topic) => ({ ...topic, way: 'reverse' as const })),
  }
}
