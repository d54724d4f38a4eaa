import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { MirrorCounters, MirrorFacts, PartitionReport } from '../mirror/mirror.ts'

/** What one look at a mirror showed, for its metrics. */
export interface MirrorSample {
  readonly reports: readonly PartitionReport[]
  readonly mirrors: readonly {
    readonly source: string
    readonly target: string
    readonly facts: MirrorFacts
  }[]
  readonly isHealthy: boolean
  /** Of each migration, where that is known. */
  readonly deadlines: ReadonlyMap<string, MigrationDeadlines>
  readonly now: Date
}

/** When a plan stops working first, and how fast the copy and retention of the source are where retention is closest behind it. */
export interface MigrationDeadlines {
  readonly first: Date | undefined
  /** Of what producers have written to the target, and is still to be mirrored back. */
  readonly firstBack: Date | undefined
  /** When retention takes what is not copied although the mirror runs. */
  readonly overtaken: Date | undefined
  /** Offsets of the source that came late, and are neither salvaged nor given up. */
  readonly stranded: number
  /** Records. */
  readonly copiedPerSecond?: number
  readonly takenPerSecond?: number
}

export interface MirrorMetrics {
  readonly contentType: string
  take(sample: MirrorSample): void
  /** In the exposition format of Prometheus. */
  text(): Promise<string>
}

const STATES = ['mirroring', 'checking', 'waiting', 'elsewhere', 'stopped'] as const

/** How batches were made, by the label of `ferry_mirror_batches_total`. */
const MADE = {
  'passed-through': 'batchesPassedThrough',
  're-encoded': 'batchesReEncoded',
  merged: 'batchesMerged',
} as const satisfies Record<string, keyof MirrorCounters>

/** The metrics of `ferry mirror`. Imports prom-client, so it is itself imported only where metrics are served. */
export const mirrorMetrics = (): MirrorMetrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const perTopic = ['migration', 'topic'] as const
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `ferry_mirror_${name}`, help, labelNames, registers })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `ferry_mirror_${name}_total`, help, labelNames, registers })

  const lag = gauge(
    'lag_records',
    'Records of the source not yet copied, of partitions held here',
    perTopic,
  )
  const backLag = gauge(
    'back_lag_records',
    'Records of the target not yet copied back to the source, of partitions held here',
    perTopic,
  )
  const partitions = gauge('partitions', 'Partitions by state', ['migration', 'state'])
  const backPartitions = gauge('back_partitions', 'Partitions on their way back, by state', [
    'migration',
    'state',
  ])
  const lock = gauge('lock_held', "1 while a member of the mirror's group on the target", [
    'source',
    'target',
  ])
  const healthy = gauge('healthy', '1 if /healthz answers 200', [])
  const deadline = gauge(
    'seconds_to_first_deadline',
    'Until retention or expiry first takes something that the plan needs; negative: it is past',
    ['migration'],
  )
  const backDeadline = gauge(
    'back_seconds_to_first_deadline',
    'Until retention of the target first takes something that is still to be mirrored back',
    ['migration'],
  )
  const overtaken = gauge(
    'seconds_to_overtaken',
    'Until retention of the source takes what is not copied, at the rates of now; absent: the mirror is quicker',
    ['migration'],
  )
  const copiedRate = gauge(
    'copied_records_per_second',
    'Copied of the partition that retention of the source is closest to, over all the time since its mark',
    ['migration'],
  )
  const takenRate = gauge(
    'retention_records_per_second',
    'Taken by retention of the source where it is closest behind the mirror',
    ['migration'],
  )
  const stranded = gauge(
    'stranded_offsets',
    'Offsets of the source that came after the seal, neither salvaged nor given up',
    ['migration'],
  )
  const records = counter('records', 'Records copied by this process', perTopic)
  const bytes = counter('bytes', 'Bytes of batches copied by this process', perTopic)
  const errors = counter('errors', 'Times that a partition had to start over or stopped', perTopic)
  const backRecords = counter('back_records', 'Records copied back by this process', perTopic)
  const backBytes = counter('back_bytes', 'Bytes of batches copied back by this process', perTopic)
  const backErrors = counter(
    'back_errors',
    'Times that a partition had to start over or stopped on its way back',
    perTopic,
  )
  const batches = counter('batches', 'Batches sent, by how they were made', ['made'])
  const merged = counter('source_batches_merged', 'Source batches in merged ones', [])
  const requests = counter('produce_requests', 'Produce requests', [])

  const there = { lag, partitions, records, bytes, errors }
  const back = {
    lag: backLag,
    partitions: backPartitions,
    records: backRecords,
    bytes: backBytes,
    errors: backErrors,
  }
  const times = [deadline, backDeadline, overtaken, copiedRate, takenRate, stranded]
  // What was let go takes its counts with it, and begins again at 0: counters follow what was added.
  const added = growth()
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    take: ({ reports, mirrors, isHealthy, deadlines, now }) => {
      for (const each of [lag, backLag, partitions, backPartitions, lock, ...times]) each.reset()
      for (const report of reports) {
        const { migration, topic, key, way = '' } = report
        const labels = { migration, topic }
        const of = way === 'reverse' ? back : there
        of.lag.inc(labels, report.state === 'mirroring' ? report.lag : 0)
        of.records.inc(labels, added(`records ${migration} ${key} ${way}`, report.records))
        of.bytes.inc(labels, added(`bytes ${migration} ${key} ${way}`, report.bytes))
        of.errors.inc(labels, added(`errors ${migration} ${key} ${way}`, report.errors))
      }
      for (const { migration, way } of reports) {
        const of = way === 'reverse' ? back : there
        for (const state of STATES) of.partitions.inc({ migration, state }, 0)
      }
      for (const { migration, state, way } of reports) {
        const of = way === 'reverse' ? back : there
        of.partitions.inc({ migration, state })
      }
      for (const { source, target, facts } of mirrors) {
        const pair = `${source} ${target}`
        lock.set({ source, target }, facts.lock === 'held' ? 1 : 0)
        for (const [made, name] of Object.entries(MADE)) {
          batches.inc({ made }, added(`${name} ${pair}`, facts.counters[name]))
        }
        merged.inc(added(`merged ${pair}`, facts.counters.sourceBatchesMerged))
        requests.inc(added(`requests ${pair}`, facts.counters.requests))
      }
      healthy.set(isHealthy ? 1 : 0)
      for (const [migration, of] of deadlines) {
        const until = (gauge: typeof deadline, at: Date | undefined): void => {
          if (at !== undefined) gauge.set({ migration }, (at.getTime() - now.getTime()) / 1000)
        }
        until(deadline, of.first)
        until(backDeadline, of.firstBack)
        until(overtaken, of.overtaken)
        stranded.set({ migration }, of.stranded)
        if (of.copiedPerSecond !== undefined) copiedRate.set({ migration }, of.copiedPerSecond)
        if (of.takenPerSecond !== undefined) takenRate.set({ migration }, of.takenPerSecond)
      }
    },
  }
}

const growth = (): ((what: string, now: number) => number) => {
  const before = new Map<string, number>()
  return (what, now) => {
    const last = before.get(what) ?? 0
    before.set(what, now)
    return now >= last ? now - last : now
  }
}
