import type { VerifyReport } from '../verify/index.ts'

/** Reports of several migrations as one. A topic and a group belong to one migration only, so nothing is there twice. */
export const mergedReports = (reports: readonly VerifyReport[]): VerifyReport => ({
  formatVersion: '1.0',
  ok: reports.every((report) => report.ok),
  topics: reports.flatMap((report) => report.topics),
  groups: reports.flatMap((report) => report.groups),
})
