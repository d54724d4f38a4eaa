import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const FILE = 'log-start-offset-checkpoint'

/** Of a broker that does not make log starts durable while a test runs; the first time would be 30 s after its start. */
export const FORGETS_LOG_STARTS = makesDurableEvery(3_600_000)

/** Settings of a broker that makes log starts durable so often, and for the first time so long after its start (from 3.7 on). */
export function makesDurableEvery(ms: number): Readonly<Record<string, string>> {
  return {
    'log.flush.start.offset.checkpoint.interval.ms': String(ms),
    'log.initial.task.delay.ms': String(ms),
  }
}

/**
 * Where a log would begin if its broker were killed now, by what is on its disk: at its first segment, or behind that where the broker has written so
 * down. `place`: the folder of the partition.
 *
 *     version, count, then a line of topic, partition and offset for each log that begins within its first segment
 */
export function durableLogStart(dataFolder: string, place: string): bigint {
  const segments = readdirSync(join(dataFolder, place)).filter((name) => name.endsWith('.log'))
  const first = segments.map((name) => BigInt(name.slice(0, -'.log'.length))).sort(byValue)[0]
  if (first === undefined) throw new Error(`${place} has no segment`)
  const path = join(dataFolder, FILE)
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').slice(2) : []
  const written = lines
    .map((line) => line.split(' '))
    .find(([topic, partition]) => `${topic}-${partition}` === place)?.[2]
  return written === undefined || BigInt(written) < first ? first : BigInt(written)
}

const byValue = (one: bigint, other: bigint): number => (one < other ? -1 : one > other ? 1 : 0)

/** Of a broker that was killed: all its logs begin where their segments do again, as if it had made none of their starts durable. */
export function forgetLogStarts(dataFolder: string): void {
  rmSync(join(dataFolder, FILE), { force: true })
}
