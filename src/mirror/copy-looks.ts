import type { CopyLook } from '../domain/copy-progress.ts'
import type { PartitionReport } from './mirror.ts'

/** What a mirror's reports say of each topic, in their order; records and bytes since this process began. */
export const copyLooks = (reports: readonly PartitionReport[]): readonly CopyLook[] => {
  const byTopic = new Map<string, PartitionReport[]>()
  for (const report of reports) {
    const list = byTopic.get(report.topic)
    if (list === undefined) byTopic.set(report.topic, [report])
    else list.push(report)
  }
  return [...byTopic].map(([topic, own]) => ({
    topic,
    records: sum(own, ({ records }) => records),
    bytes: own.some(({ state }) => state === 'elsewhere') ? null : sum(own, ({ bytes }) => bytes),
    // Of the others the lag is not known here.
    left: sum(
      own.filter(({ state }) => state === 'mirroring'),
      ({ lag }) => lag,
    ),
  }))
}

const sum = (
  reports: readonly PartitionReport[],
  of: (report: PartitionReport) => number,
): number => reports.reduce((total, each) => total + of(each), 0)
