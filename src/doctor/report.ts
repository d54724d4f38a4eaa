import type { CheckResult } from './check.ts'
import type { MigrationRights } from './rights.ts'

export const DOCTOR_FORMAT_VERSION = '1.0'

export interface ClusterReport {
  readonly cluster: string
  readonly checks: readonly CheckResult[]
}

export interface MigrationReport {
  readonly migration: string
  readonly from: string
  readonly to: string
  readonly checks: readonly CheckResult[]
  /** Undefined where a cluster could not be connected to. */
  readonly rights: MigrationRights | undefined
}

/** All checks of all clusters and migrations that were asked for. */
export interface DoctorReport {
  readonly clusters: readonly ClusterReport[]
  readonly migrations: readonly MigrationReport[]
}

export const checksOf = (report: DoctorReport): readonly CheckResult[] =>
  [...report.clusters, ...report.migrations].flatMap(({ checks }) => checks)
