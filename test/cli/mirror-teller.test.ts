import { expect, test } from 'vitest'
import { teller } from '../../src/cli/commands/mirror.ts'
import type { Context } from '../../src/cli/context.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'

test('while it mirrors, the live line has rates, and each topic a line with its rate and when it is ready', async () => {
  const said: { readonly line: string; readonly details: readonly string[] }[] = []
  let now = 0
  const tell = await teller({
    tell: () => {},
    log: () => {},
    streams: { now: () => new Date(now) },
    progress: {
      report: (line: string, details: readonly string[] = []) => void said.push({ line, details }),
    },
  } as unknown as Context)
  const reportsAt = (seconds: number) =>
    [1, 2].map((each): PartitionReport => {
      const records = 1_000 * each * seconds
      const topic = `t${each}`
      const place = { migration: 'm', key: `${topic}:0`, topic, partition: 0 }
      const numbers = { next: records, lag: 100_000 - records, records, bytes: records << 10 }
      return { ...place, state: 'mirroring', errors: 0, ...numbers } as PartitionReport
    })
  for (const seconds of [0, 5]) {
    now = seconds * 1_000
    tell({ reports: reportsAt(seconds), mirrors: [], unread: [], stopped: [] })
  }
  expect(said[0]?.line).toBe('mirrors 2 of 2 partitions, lag 200,000')
  expect(said[1]?.line).toBe('mirrors 2 of 2 partitions, lag 185,000, 3,000 records/s, 2.9 MiB/s')
  expect(said[1]?.details.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['topic', 'copied', 'bytes', 'records/s', 'bytes/s', 'left', 'ready in'],
    ['t1', '5,000', '4.9 MiB', '1,000', '1000 KiB/s', '95,000', '95 s'],
    ['t2', '10,000', '9.8 MiB', '2,000', '2.0 MiB/s', '90,000', '45 s'],
  ])
})
