import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tail } from '../test/kafka/process.ts'
import { waitFor } from '../test/kafka/wait.ts'
import { type BenchCase, offsetsOf } from './cases.ts'
import { type BenchClusters, deleteTopics, offsetsIn } from './clusters.ts'
import type { Engine } from './engine.ts'
import { isOfMirrorMaker } from './mirror-maker.ts'
import { numbersOf } from './process-numbers.ts'

/** One copy of one topic by one engine. */
export interface Measurement {
  /** From the first look that found records on the target to the one that found all. */
  readonly recordsPerSecond: number
  /** User and system of the whole process, its start included. */
  readonly cpuSeconds: number
  /** The part of it that was used after its first records had arrived, scaled to all records. */
  readonly copyingCpuSeconds: number
  readonly peakRssMB: number
  /** From before its start, a new topic included, to its first records. */
  readonly secondsToFirst: number
}

const LOOK_MS = 20
/** Looking at so many log ends costs the broker as much as a look at few of them in this time. */
const LOOK_MS_PER_PARTITION = 0.2
const COPY_TIMEOUT_MS = 180_000

/** Deletes what an earlier copy left, starts the engine, watches the target's log ends, and stops it. */
export const measure = async (
  engine: Engine,
  clusters: BenchClusters,
  c: BenchCase,
): Promise<Measurement> => {
  const { from, to } = clusters
  await deleteTopics(to, (topic) => topic === c.topic || isOfMirrorMaker(topic))
  await deleteTopics(from, isOfMirrorMaker)
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'))
  try {
    const began = performance.now()
    const running = await engine.start(clusters, c, folder)
    try {
      const everyMs = Math.max(LOOK_MS, c.partitions * LOOK_MS_PER_PARTITION)
      const orFail = () => {
        if (running.exited) throw new Error(`it ended by itself: ${tail(join(folder, 'log'))}`)
      }
      const all = engine.isIdentical ? offsetsOf(c) : c.records
      let first: { at: number; offsets: number; cpuSeconds: number } | undefined
      return await waitFor(
        `${engine.name} to copy ${c.topic}`,
        { timeoutMs: COPY_TIMEOUT_MS, everyMs, orFail },
        async () => {
          const offsets = await offsetsIn(to, c)
          const at = performance.now()
          const { cpuSeconds, peakRssMB } = numbersOf(running.pid)
          if (offsets === 0) return undefined
          first ??= { at, offsets, cpuSeconds }
          if (offsets < all) return undefined
          if (offsets > all) throw new Error(`${offsets} instead of ${all} offsets`)
          const share = (all - first.offsets) / all
          if (share === 0) throw new Error('too few records: all came between two looks')
          return {
            recordsPerSecond: ((share * c.records) / (at - first.at)) * 1000,
            cpuSeconds,
            copyingCpuSeconds: (cpuSeconds - first.cpuSeconds) / share,
            peakRssMB,
            secondsToFirst: (first.at - began) / 1000,
          }
        },
      )
    } catch (error) {
      throw new Error(
        `${engine.name}, ${c.name}: ${(error as Error).message}\n${tail(join(folder, 'log'))}`,
        { cause: error },
      )
    } finally {
      await running.kill(engine.endsBy ?? 'SIGTERM', 20_000).catch(() => running.kill())
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
