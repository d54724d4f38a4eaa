import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { outputOf, slowness } from '../_slowness.ts'
import type { LargeSize } from './_large-cluster.ts'

const SIZE: LargeSize = { topics: 10_000, partitions: 10, groups: 50, brokers: 3 }

/**
 * Of the whole process, its start and the compiler for TypeScript not counted in CPU but in memory. Seconds of CPU, garbage collection
 * included, since a machine that does other things at the same time takes longer, but not much more CPU. Memory is the peak of RSS.
 */
const LIMIT = { cpuSeconds: 5, MB: 500 } as const

/** Caches that are shared with ten other programs cost a fifth more: the best of a few runs says what planning costs. */
const RUNS = 4

const isWithin = (took: Took): boolean =>
  took.cpuSeconds <= took.cpuAllowed && took.peakMB <= LIMIT.MB

interface Took {
  readonly cpuSeconds: number
  readonly cpuAllowed: number
  readonly peakMB: number
  readonly steps: number
  readonly problems: unknown
  readonly calls: Readonly<Record<string, Record<string, number>>>
}

const planLarge = async (state: string): Promise<Took> => {
  const plan = join(import.meta.dirname, '_plan-large.ts')
  const took = JSON.parse(await outputOf(plan, JSON.stringify(SIZE), state))
  const slower = took.cpuSeconds > LIMIT.cpuSeconds ? await slowness() : 1
  const cpuAllowed = LIMIT.cpuSeconds * slower
  process.stderr.write(
    `${state}: ${took.seconds} s (${took.cpuSeconds} s of CPU of ${cpuAllowed.toFixed(1)}; reading ${took.reading} s), ${took.peakMB} MB, a plan of ${took.steps} steps and ${took.megabytes} MB\n`,
  )
  return { ...took, cpuAllowed }
}

describe.each(['new', 'mirrored'] as const)(
  'planning 10,000 topics with 100,000 partitions, %s',
  (state) => {
    it('takes 5 s and 500 MB, plan file included, and asks each cluster a fixed number of questions', async () => {
      let took = await planLarge(state)
      for (let run = 1; run < RUNS && !isWithin(took); run++) took = await planLarge(state)
      expect(took.problems).toEqual([])
      expect(took.steps).toBeGreaterThan(SIZE.topics)
      expect(took.cpuSeconds).toBeLessThanOrEqual(took.cpuAllowed)
      expect(took.peakMB).toBeLessThanOrEqual(LIMIT.MB)
      for (const calls of Object.values(took.calls)) {
        // A link for each broker; `supports` asks nobody.
        const { supports: _, connectBroker = SIZE.brokers, ...asked } = calls
        expect(connectBroker).toBe(SIZE.brokers)
        expect(Math.max(...Object.values(asked))).toBeLessThanOrEqual(3)
      }
    })
  },
)
