import type { TopicName } from '../src/domain/ids.ts'
import type { BenchCase } from './cases.ts'
import { type BenchClusters, fill } from './clusters.ts'
import type { Engine } from './engine.ts'
import { ferry, ferryIdentical } from './ferry.ts'
import { measure } from './measure.ts'
import { median } from './report.ts'

/** Records a second of one partition, medians of the rounds. */
export interface TransactionalRates {
  /** Identical offsets: each marker of the source is made up for by one on the target, and no batch may reach over it. */
  readonly paddedRecordsPerSecond: number
  readonly denseRecordsPerSecond: number
  /** Of the same records without transactions. */
  readonly plainRecordsPerSecond: number
}

/** Copies one partition whose producer commits every 100 records in both modes, and one of plain records beside it. */
export const measureTransactional = async (
  clusters: BenchClusters,
  options: { readonly isQuick: boolean; readonly rounds: number },
): Promise<TransactionalRates> => {
  const plain: BenchCase = {
    name: 'one partition',
    topic: 'bench-one-partition' as TopicName,
    partitions: 1,
    records: options.isQuick ? 60_000 : 200_000,
    size: 100,
    noise: 0,
    batchSize: 16_384,
    compression: 'none',
  }
  const transactional: BenchCase = {
    ...plain,
    name: 'a transaction every 100 records',
    topic: 'bench-transactional' as TopicName,
    commitEvery: 100,
  }
  await Promise.all([fill(clusters, plain), fill(clusters, transactional)])
  const kinds = {
    paddedRecordsPerSecond: [ferryIdentical, transactional],
    denseRecordsPerSecond: [ferry, transactional],
    plainRecordsPerSecond: [ferry, plain],
  } as const satisfies Record<keyof TransactionalRates, readonly [Engine, BenchCase]>
  const rates: Record<keyof TransactionalRates, number[]> = {
    paddedRecordsPerSecond: [],
    denseRecordsPerSecond: [],
    plainRecordsPerSecond: [],
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const [kind, [engine, of]] of Object.entries(kinds)) {
      const { recordsPerSecond } = await measure(engine, clusters, of)
      rates[kind as keyof TransactionalRates].push(recordsPerSecond)
    }
  }
  return {
    paddedRecordsPerSecond: Math.round(median(rates.paddedRecordsPerSecond)),
    denseRecordsPerSecond: Math.round(median(rates.denseRecordsPerSecond)),
    plainRecordsPerSecond: Math.round(median(rates.plainRecordsPerSecond)),
  }
}
