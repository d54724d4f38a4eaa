import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { mirrorMetrics } from '../../src/views/mirror-metrics.ts'

const report = (partition: number, change: Partial<PartitionReport>): PartitionReport => ({
  migration: 'orders',
  key: `a:${partition}` as PartitionKey,
  topic: 'a' as TopicName,
  partition,
  state: 'mirroring',
  next: 0,
  lag: 0,
  records: 0,
  bytes: 0,
  errors: 0,
  ...change,
})

const counters = {
  requests: 3,
  batchesPassedThrough: 5,
  batchesMerged: 2,
  sourceBatchesMerged: 20,
  batchesReEncoded: 1,
}

/** The lines of one metric. */
const of = (text: string, name: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(`ferry_mirror_${name}`))

describe('mirrorMetrics', () => {
  it('sums up partitions by topic and by state, and batches by how they were made', async () => {
    const metrics = mirrorMetrics()
    const now = new Date('2025-03-02T10:00:00Z')
    metrics.take({
      reports: [
        report(0, { lag: 7, records: 10, bytes: 100 }),
        report(1, { lag: 5, records: 1, bytes: 10, errors: 2 }),
        report(2, { state: 'elsewhere', lag: 1_000 }),
      ],
      mirrors: [{ source: 'old', target: 'new', facts: { lock: 'held', counters } }],
      isHealthy: true,
      deadlines: new Map([
        [
          'orders',
          {
            first: new Date('2025-03-02T10:01:30Z'),
            firstBack: undefined,
            overtaken: undefined,
            stranded: 12,
          },
        ],
      ]),
      now,
    })
    const text = await metrics.text()
    const labels = '{migration="orders",topic="a"}'
    deepStrictEqual(of(text, 'lag_records'), [`ferry_mirror_lag_records${labels} 12`])
    deepStrictEqual(of(text, 'records_total'), [`ferry_mirror_records_total${labels} 11`])
    deepStrictEqual(of(text, 'bytes_total'), [`ferry_mirror_bytes_total${labels} 110`])
    deepStrictEqual(of(text, 'errors_total'), [`ferry_mirror_errors_total${labels} 2`])
    deepStrictEqual(
      of(text, 'partitions').map((line) => line.replace(/.*state="([a-z]+)"} /, '$1 ')),
      ['mirroring 2', 'checking 0', 'waiting 0', 'elsewhere 1', 'stopped 0'],
    )
    deepStrictEqual(of(text, 'batches_total'), [
      'ferry_mirror_batches_total{made="passed-through"} 5',
      'ferry_mirror_batches_total{made="re-encoded"} 1',
      'ferry_mirror_batches_total{made="merged"} 2',
    ])
    deepStrictEqual(of(text, 'lock_held'), ['ferry_mirror_lock_held{source="old",target="new"} 1'])
    deepStrictEqual(of(text, 'healthy'), ['ferry_mirror_healthy 1'])
    deepStrictEqual(of(text, 'seconds_to_first_deadline'), [
      'ferry_mirror_seconds_to_first_deadline{migration="orders"} 90',
    ])
    deepStrictEqual(of(text, 'stranded'), ['ferry_mirror_stranded_offsets{migration="orders"} 12'])
  })

  it('shows the way back by itself: lag, states, errors, its own first deadline', async () => {
    const metrics = mirrorMetrics()
    const now = new Date('2025-03-02T10:00:00Z')
    const back = { way: 'reverse' } as const
    const deadlines = {
      first: new Date('2025-03-02T12:00:00Z'),
      firstBack: new Date('2025-03-02T10:00:30Z'),
      overtaken: new Date('2025-03-02T11:00:00Z'),
      stranded: 0,
      copiedPerSecond: 80,
      takenPerSecond: 100.5,
    }
    const take = (reports: readonly PartitionReport[], of = deadlines) =>
      metrics.take({
        reports,
        mirrors: [],
        isHealthy: true,
        deadlines: new Map([['orders', of]]),
        now,
      })
    take([
      report(0, { lag: 3, records: 5, errors: 1 }),
      report(0, { ...back, lag: 7, records: 2, bytes: 20 }),
      report(1, { ...back, lag: 4, errors: 2 }),
      report(2, { ...back, state: 'stopped', lag: 100 }),
    ])
    const text = await metrics.text()
    const labels = '{migration="orders",topic="a"}'
    deepStrictEqual(of(text, 'lag_records'), [`ferry_mirror_lag_records${labels} 3`])
    deepStrictEqual(of(text, 'back_lag_records'), [`ferry_mirror_back_lag_records${labels} 11`])
    const states = (name: string) =>
      of(text, name).map((line) => line.replace(/.*state="([a-z]+)"} /, '$1 '))
    deepStrictEqual(states('partitions'), [
      'mirroring 1',
      'checking 0',
      'waiting 0',
      'elsewhere 0',
      'stopped 0',
    ])
    deepStrictEqual(states('back_partitions'), [
      'mirroring 2',
      'checking 0',
      'waiting 0',
      'elsewhere 0',
      'stopped 1',
    ])
    deepStrictEqual(
      ['records', 'back_records', 'bytes', 'back_bytes', 'errors', 'back_errors'].flatMap((name) =>
        of(text, `${name}_total`).map((line) => `${name} ${line.split(' ')[1]}`),
      ),
      ['records 5', 'back_records 2', 'bytes 0', 'back_bytes 20', 'errors 1', 'back_errors 2'],
    )
    const seconds = (name: string, text: string) => of(text, name).map((line) => line.split(' ')[1])
    deepStrictEqual(
      [
        'seconds_to_first_deadline',
        'back_seconds_to_first_deadline',
        'seconds_to_overtaken',
        'copied_records_per_second',
        'retention_records_per_second',
      ].flatMap((name) => seconds(name, text)),
      ['7200', '30', '3600', '80', '100.5'],
    )
    // What is no longer in danger is gone, and not left at its last value.
    take([], { first: undefined, firstBack: undefined, overtaken: undefined, stranded: 0 } as never)
    const after = await metrics.text()
    deepStrictEqual(
      ['seconds', 'back_seconds', 'copied', 'retention', 'back_lag'].flatMap((name) =>
        of(after, name),
      ),
      [],
    )
  })

  it('never lets a counter go back: what a partition counted stays when it is let go and taken again', async () => {
    const metrics = mirrorMetrics()
    const looks = [[report(0, { records: 10 })], [], [report(0, { records: 4 })]]
    for (const reports of looks) {
      const rest = { mirrors: [], isHealthy: false, deadlines: new Map(), now: new Date(0) }
      metrics.take({ reports, ...rest })
    }
    deepStrictEqual(of(await metrics.text(), 'records_total'), [
      'ferry_mirror_records_total{migration="orders",topic="a"} 14',
    ])
  })
})
