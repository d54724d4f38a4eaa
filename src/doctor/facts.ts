import type { Diagnostic } from '../domain/diagnostic.ts'
import type { ClusterSpec, Migration, Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Probe } from '../kafka/inquiry.ts'
import type { Observed } from '../planner/observed.ts'
import type { Survey } from '../survey/survey.ts'

/** What is known of a cluster before its checks. */
export interface ClusterFacts {
  readonly spec: ClusterSpec
  readonly probe: Probe
  /** Undefined: it could not be connected to. */
  readonly cluster: Cluster | undefined
  /** Why not. */
  readonly connectProblems: readonly Diagnostic[]
  /** What migrations use it as; both, if one moves there and another away. */
  readonly roles: ReadonlySet<'source' | 'target'>
  readonly now: () => Date
}

/** What is known of a migration whose clusters both answer. */
export interface MigrationFacts {
  readonly project: Project
  readonly migration: Migration
  readonly source: ClusterFacts & { readonly cluster: Cluster }
  readonly target: ClusterFacts & { readonly cluster: Cluster }
  readonly observed: Observed
  /** Of the source; made at the first call, and once for all migrations from there. */
  readonly survey: () => Promise<Survey>
  readonly signal: AbortSignal
}
