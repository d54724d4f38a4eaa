import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import type { CopyProgress } from '../../src/domain/copy-progress.ts'
import type { TopicName } from '../../src/domain/ids.ts'
import { copyLooks } from '../../src/mirror/copy-looks.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { renderLive } from '../../src/views/live.ts'
import { renderMirrorLive } from '../../src/views/mirror.ts'

const topic = (name: string, change: Partial<CopyProgress> = {}): CopyProgress => ({
  topic: name,
  records: 1_234_567,
  bytes: 1_288_490_189,
  left: 4_000_000,
  recordsPerSecond: 81_000.4,
  bytesPerSecond: 83_886_080,
  secondsLeft: 50,
  ...change,
})
const copying = (topics: readonly CopyProgress[], waitsFor: string | null = null) =>
  renderLive({ kind: 'copying', topics, waitsFor })

describe('renderLive', () => {
  it('says how far the copy of a topic is, and needs no more lines for it', () => {
    deepStrictEqual(copying([topic('a')]), {
      line: '1,234,567 records, 1.2 GiB copied; 81,000 records/s, 80 MiB/s; 4,000,000 left, about 50 s',
      details: [],
    })
  })

  it('leaves out what is not known', () => {
    const unknown = {
      records: 1,
      bytes: null,
      recordsPerSecond: null,
      bytesPerSecond: null,
      secondsLeft: null,
    }
    deepStrictEqual(
      copying([topic('a', unknown)], 'the lock').line,
      '1 record copied; 4,000,000 left (waits for the lock)',
    )
    deepStrictEqual(
      copying([topic('a', { ...unknown, left: 0, secondsLeft: 0 })]).line,
      '1 record copied; nothing left',
    )
  })

  it('has a line for each of several topics, those with the most left first', () => {
    const small = topic('orders.dlq', {
      records: 12,
      bytes: 800,
      left: 0,
      recordsPerSecond: 0,
      bytesPerSecond: null,
      secondsLeft: 0,
    })
    deepStrictEqual(copying([small, topic('orders.events')]).details, [
      '  topic             copied    bytes  records/s   bytes/s       left  ready in',
      '  orders.events  1,234,567  1.2 GiB     81,000  80 MiB/s  4,000,000      50 s',
      '  orders.dlq            12    800 B          0         -          0       now',
    ])
  })

  it('counts the topics that would push everything else off the screen', () => {
    const many = Array.from({ length: 20 }, (_, n) => topic(`t${n}`, { left: n }))
    const { details } = copying(many)
    deepStrictEqual([details.length, details.at(-1)], [10, '  and 12 topics more, 66 left'])
  })

  it('names the gates that are waited for', () => {
    const gates = [
      { title: 'api has no consumers on the source', because: 'stop api-1 on /10.0.0.7' },
      { title: 'b', because: 'c' },
    ]
    deepStrictEqual(
      renderLive({ kind: 'waiting', gates }).line,
      'waits for: api has no consumers on the source — stop api-1 on /10.0.0.7; b — c',
    )
  })
})

describe('the live lines of ferry mirror', () => {
  const report = (change: Partial<PartitionReport>): PartitionReport => ({
    migration: 'orders',
    key: 'a:0' as PartitionReport['key'],
    topic: 'a' as TopicName,
    partition: 0,
    state: 'mirroring',
    next: 10,
    lag: 1024,
    records: 100,
    bytes: 1000,
    errors: 0,
    ...change,
  })

  it('sums up partitions by topic, and says what is not known of those of other processes', () => {
    const other = 'b' as TopicName
    deepStrictEqual(
      copyLooks([
        report({}),
        report({ partition: 1, lag: 6 }),
        report({ topic: other }),
        report({ topic: other, partition: 1, state: 'elsewhere', records: 0, bytes: 0 }),
      ]),
      [
        { topic: 'a', records: 200, bytes: 2000, left: 1030 },
        { topic: 'b', records: 100, bytes: null, left: 1024 },
      ],
    )
  })

  it('counts partitions by what they do', () => {
    const reports = [
      report({}),
      report({ partition: 1, state: 'stopped', lag: 99 }),
      report({ partition: 2, state: 'waiting', waitsFor: 'the lock' }),
    ]
    deepStrictEqual(renderMirrorLive(reports, [topic('a')]), {
      line: 'mirrors 1 of 3 partitions, lag 1,024, 81,000 records/s, 80 MiB/s, 1 waiting, 1 stopped',
      details: [],
    })
    deepStrictEqual(renderMirrorLive([], []).line, 'nothing to mirror yet: waits for marks')
  })
})
