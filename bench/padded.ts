import type { TopicName } from '../src/domain/ids.ts'
import type { BenchCase } from './cases.ts'
import { type BenchClusters, fill } from './clusters.ts'
import { ferryIdentical } from './ferry.ts'
import { measure } from './measure.ts'
import { median } from './report.ts'

/**
 * Records a second of one partition whose producer commits every 100 records, copied with identical offsets: each marker of the source is
 * made up for by one on the target, and no batch may reach over it.
 */
export const measurePadding = async (
  clusters: BenchClusters,
  options: { readonly isQuick: boolean; readonly rounds: number },
): Promise<number> => {
  const c: BenchCase = {
    name: 'padded',
    topic: 'bench-padded' as TopicName,
    partitions: 1,
    records: options.isQuick ? 20_000 : 100_000,
    size: 100,
    noise: 0,
    batchSize: 16_384,
    compression: 'none',
    commitEvery: 100,
  }
  await fill(clusters, c)
  const rates: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    rates.push((await measure(ferryIdentical, clusters, c)).recordsPerSecond)
  }
  return Math.round(median(rates))
}
