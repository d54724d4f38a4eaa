import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { LargeSize } from './_large-cluster.ts'

const SIZE: LargeSize = { topics: 10_000, partitions: 10, groups: 50, brokers: 3 }

/**
 * Of the whole process, its start and the compiler for TypeScript not counted in CPU but in memory. Seconds of CPU, garbage collection
 * included, since a machine that does other things at the same time takes longer, but not much more CPU. Memory is the peak of RSS.
 */
const LIMIT = { cpuSeconds: 5, MB: 500 } as const

/** Caches that are shared with ten other programs cost a fifth more: the best of a few runs says what planning costs. */
const RUNS = 4

const isWithin = ({ cpuSeconds, peakMB }: { cpuSeconds: number; peakMB: number }): boolean =>
  cpuSeconds <= LIMIT.cpuSeconds && peakMB <= LIMIT.MB

const planLarge = async (state: string) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, '_plan-large.ts'), JSON.stringify(SIZE), state],
    { maxBuffer: 1 << 26 },
  )
  const took = JSON.parse(stdout)
  process.stderr.write(
    `${state}: ${took.seconds} s (${took.cpuSeconds} s of CPU; reading ${took.reading} s), ${took.peakMB} MB, a plan of ${took.steps} steps and ${took.megabytes} MB\n`,
  )
  return took
}

describe.each(['new', 'mirrored'] as const)(
  'planning 10,000 topics with 100,000 partitions, %s',
  (state) => {
    it('takes 5 s and 500 MB, plan file included, and asks each cluster a fixed number of questions', async () => {
      let took = await planLarge(state)
      for (let run = 1; run < RUNS && !isWithin(took); run++) took = await planLarge(state)
      expect(took.problems).toEqual([])
      expect(took.steps).toBeGreaterThan(SIZE.topics)
      expect(took.cpuSeconds).toBeLessThanOrEqual(LIMIT.cpuSeconds)
      expect(took.peakMB).toBeLessThanOrEqual(LIMIT.MB)
      for (const calls of Object.values<Record<string, number>>(took.calls)) {
        // A link for each broker; `supports` asks nobody.
        const { supports: _, connectBroker = SIZE.brokers, ...asked } = calls
        expect(connectBroker).toBe(SIZE.brokers)
        expect(Math.max(...Object.values(asked))).toBeLessThanOrEqual(3)
      }
    })
  },
)
