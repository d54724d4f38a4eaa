import type { TopicName } from '../src/domain/ids.ts'
import { DEFAULT_TIMINGS } from '../src/mirror/mirror.ts'
import { primeTopic } from '../src/mirror/prime.ts'
import { withPartitions } from '../src/mirror/with-partitions.ts'
import { createTopic } from '../test/mirror/_support.ts'
import type { BenchClusters } from './clusters.ts'
import { deleteTopics } from './clusters.ts'

const PARTITIONS = 4

/** Offsets a second at which empty partitions are brought to a log start, removal of the filler included. */
export const measurePriming = async ({ to }: BenchClusters, offsets: number): Promise<number> => {
  const topic = 'bench-prime' as TopicName
  await deleteTopics(to, (name) => name === topic)
  await createTopic(to, topic, PARTITIONS)
  const filler = await to.initProducerId()
  const options = {
    project: 'bench-prime',
    target: to,
    timings: DEFAULT_TIMINGS,
    log: () => {},
    signal: new AbortController().signal,
  }
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    partition,
    upTo: BigInt(offsets / PARTITIONS),
  }))
  let seconds = Number.NaN
  await withPartitions(options, new Map([[topic, PARTITIONS]]), async (lock) => {
    const began = performance.now()
    await primeTopic({ ...options, topic, partitions, filler, lock, isFirst: true })
    seconds = (performance.now() - began) / 1000
  })
  return Math.round(offsets / seconds)
}
