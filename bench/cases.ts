import type { TopicName } from '../src/domain/ids.ts'

/** In the order of the table. */
export const CASE_NAMES = ['1kb', '100b', 'tiny', 'lz4', '1000-partitions'] as const
export type CaseName = (typeof CASE_NAMES)[number]

/** What is copied once. */
export interface BenchCase {
  readonly name: string
  readonly topic: TopicName
  readonly partitions: number
  readonly records: number
  /** Of a record's value. */
  readonly size: number
  /** Bytes of the value that do not compress. */
  readonly noise: number
  /** Of a source batch; 0: one record in each. */
  readonly batchSize: number
  readonly compression: 'none' | 'lz4'
  /** Records of a transaction; absent: none. */
  readonly commitEvery?: number
}

/** What its topic takes up in its log: a transaction ends in a marker. */
export const offsetsOf = ({ records, commitEvery }: BenchCase): number =>
  records + (commitEvery === undefined ? 0 : Math.ceil(records / commitEvery))

/** One that is compared, in the table. */
export interface TableCase extends BenchCase {
  readonly name: CaseName
}

/** Ten partitions, so that a thousand can be compared with ten. Quick ones have fewer records. */
export const benchCases = (isQuick: boolean): readonly TableCase[] => {
  const make = (name: CaseName, over: Partial<Omit<BenchCase, 'name'>>): TableCase => {
    return {
      name,
      topic: `bench-${name}` as TopicName,
      partitions: 10,
      size: 1_000,
      noise: 0,
      batchSize: 16_384,
      compression: 'none',
      records: isQuick ? 200_000 : 1_000_000,
      ...over,
    }
  }
  return [
    make('1kb', {}),
    // As many bytes as above: fewer are copied in a second, and the start of a process would be most of what is measured.
    make('100b', { records: isQuick ? 1_000_000 : 10_000_000, size: 100 }),
    make('tiny', { size: 100, batchSize: 0 }),
    make('lz4', { compression: 'lz4', noise: 500 }),
    make('1000-partitions', { partitions: 1_000 }),
  ]
}
