import { deepStrictEqual, ok } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { MirroredMigration } from '../../src/mirror/mirror.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { oracle } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { MirrorChild } from './_child.ts'
import { assertRate } from './_rate.ts'
import {
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  type Pair,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from './_support.ts'

const MB = 1_000_000

describe('many partitions of one mirror', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await startPair()
  })
  afterAll(() => pair?.stop())

  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
  const partitionsOf = (topic: string, count: number) =>
    numbers(count).map((partition) => ({ topic: topicName(topic), partition }))

  /** A topic on both sides, with records of 1 KB in turn on its partitions. */
  const filled = async (name: string, partitions: number, count: number) => {
    const topic = topicName(name)
    await createTopic(pair.from, topic, partitions)
    await createTopic(pair.to, topic, partitions)
    await oracle.produce(pair.source, topic, {
      count,
      size: 1_000,
      partitions: numbers(partitions),
    })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    return { marks, all: partitionsOf(name, partitions) }
  }

  /** Records on the target. */
  const arrived = async (all: ReturnType<typeof partitionsOf>): Promise<number> =>
    [...(await endsOf(pair.to, all)).values()].reduce((sum, end) => sum + Number(end), 0)

  it('starve none beside those that have far more', async () => {
    const HOT = 64_000
    // As many as a request names at first, and enough to fill every answer by themselves.
    const hot = await filled('hot', 16, HOT)
    const small = await filled('small', 60, 600)
    await withFolder(async (folder) => {
      // Slow enough for the hot ones to go on all the while on any machine, until nothing more depends on it.
      let throttle: number | undefined = 1.5 * MB
      const mirror = startMirror({
        ...mirrorOptions(pair.from, pair.to, new FileProgress(folder), {
          memoryBudget: 12 * 1024 * 1024,
        }),
        throttle: () => throttle,
      })
      const follow = () =>
        mirror.follow([{ migration: 'm', marks: [...hot.marks, ...small.marks], seals: [] }])
      try {
        follow()
        for (const expected of [600, 1_200]) {
          const before = await arrived(hot.all)
          await waitFor('the small ones to be copied', { timeoutMs: 60_000 }, async () =>
            (await arrived(small.all)) === expected ? true : undefined,
          )
          const meanwhile = (await arrived(hot.all)) - before
          ok(meanwhile < HOT / 3, `the hot ones got ${meanwhile} of ${HOT} records meanwhile`)
          // While the hot ones go on.
          const count = expected === 600 ? 600 : 0
          if (count > 0)
            await oracle.produce(pair.source, 'small', {
              count,
              size: 1_000,
              partitions: numbers(60),
            })
        }
        const left = HOT - (await arrived(hot.all))
        ok(left > 0, 'the hot ones were done before the small ones')
        throttle = undefined
        follow()
        deepStrictEqual(
          (await untilCopied(mirror, await endsOf(pair.from, hot.all))).filter((r) => r.problem),
          [],
        )
      } finally {
        await mirror.stop()
      }
    })
  })

  it('share the throttle of their cluster, whatever topic and migration they belong to', async () => {
    // Eight seconds: one in which the machine stands still must not count for much.
    const THROTTLE = 2 * MB
    const COUNT = 8_000
    const one = await filled('throttled-a', 3, COUNT)
    const other = await filled('throttled-b', 3, COUNT)
    const all = [...one.all, ...other.all]
    const disks = await pair.from.describeDisks(all)
    if (disks === 'unsupported') throw new Error('no sizes')
    const bytes = disks.flatMap(({ sizes }) => [...sizes.values()]).reduce((a, b) => a + b, 0)
    const ofRecord = bytes / (2 * COUNT)
    await withFolder(async (folder) => {
      const mirror = await startMirror(
        mirrorOptions(pair.from, pair.to, new FileProgress(folder), {
          throttle: THROTTLE / 2,
        }),
      )
      try {
        const migrations: readonly MirroredMigration[] = [
          { migration: 'a', marks: one.marks, seals: [] },
          { migration: 'b', marks: other.marks, seals: [] },
        ]
        mirror.follow(migrations)
        await assertRate(async () => (await arrived(all)) * ofRecord, {
          // All but what comes last: how much was copied before the first look is nobody's to say.
          until: 2 * COUNT * 0.95 * ofRecord,
          allowed: THROTTLE,
        })
      } finally {
        await mirror.stop()
      }
    })
  })

  it('take no more memory than the budget allows, however large their batches are', async () => {
    const BUDGET = 32 * MB
    const PARTITIONS = 1_000
    const topic = topicName('wide')
    await Promise.all([pair.from, pair.to].map((side) => createTopic(side, topic, PARTITIONS)))
    // A batch each, nearly as large as brokers take.
    const [count, size] = [400, 900_000]
    await oracle.produce(pair.source, topic, { count, size, partitions: numbers(count) })
    const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
    await withFolder(async (folder) => {
      const child = MirrorChild.start(pair, folder, marks, { memoryBudget: BUDGET })
      try {
        const isCopied = ({ reports }: MirrorChild) =>
          reports.length === PARTITIONS &&
          reports.every(({ state, lag }) => state === 'mirroring' && lag === 0)
        await child.until('the copy', isCopied)
        const peak = child.peakRss
        process.stderr.write(
          `${(peak / MB).toFixed(0)} MB at most, with a budget of ${BUDGET / MB} MB\n`,
        )
        ok(peak < 8 * BUDGET, `${peak}`)
        ok(child.bytes >= count * size)
        deepStrictEqual(child.problems, [])
      } finally {
        await child.end('SIGTERM')
      }
    })
  })
})
