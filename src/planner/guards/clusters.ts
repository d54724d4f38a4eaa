import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { PlanContext } from '../../steps/step-kind.ts'

/** Source and target are two clusters, and the two that this migration began with. */
export const sameClusters = ({ desired, observed, state }: PlanContext): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  if (observed.source.id === observed.target.id) {
    found.push(
      diagnostic({
        code: 'FERRY1302',
        detail: `${observed.source.name} and ${observed.target.name} are the same cluster, ${observed.source.id}.`,
        fix: 'Correct the cluster files.',
      }),
    )
  }
  const before = state.clusters
  if (before && (before.source !== observed.source.id || before.target !== observed.target.id)) {
    found.push(
      diagnostic({
        code: 'FERRY1319',
        detail: `${desired.name} began with source ${before.source} and target ${before.target}; the files now lead to ${observed.source.id} and ${observed.target.id}.`,
        fix: 'Correct the cluster files, or give the migration another name to begin anew.',
      }),
    )
  }
  return found
}
