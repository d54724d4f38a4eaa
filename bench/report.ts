import { cpus, totalmem } from 'node:os'
import type { BenchCase, CaseName, TableCase } from './cases.ts'
import type { EngineName } from './engine.ts'
import { ENGINE_NAMES } from './engine.ts'
import type { Measurement } from './measure.ts'
import type { TransactionalRates } from './transactional.ts'

/** Raised when a field changes its meaning or goes. */
const FORMAT_VERSION = 1

export interface EngineFigures {
  readonly recordsPerSecond: number
  readonly cpuSecondsPerGB: number
  readonly peakRssMB: number
}

/** What `npm run bench -- --json` prints. Medians of the rounds, ratios too; one above 1 is good for Ferry, whatever it compares. */
export interface BenchReport extends TransactionalRates {
  readonly formatVersion: typeof FORMAT_VERSION
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryGB: number
    readonly node: string
  }
  readonly cases: Partial<
    Record<
      CaseName,
      Record<EngineName, EngineFigures> & {
        /** Rate of Ferry over that of MirrorMaker 2. */
        readonly ratioTuned: number
        readonly ratioDefault: number
        /** CPU of tuned MirrorMaker 2 over that of Ferry, for the same records. */
        readonly cpuRatioTuned: number
        /** Peak RSS of tuned MirrorMaker 2 over that of Ferry. */
        readonly rssRatioTuned: number
      }
    >
  >
  /** Rate of Ferry where a case differs from `1kb` in one thing only, over that of `1kb`; absent where one of them was not measured. */
  readonly toPlain: Readonly<Partial<Record<VariantName, number>>>
  readonly primeOffsetsPerSecond: number
}

/** As many records of the same size as in `1kb`. */
const VARIANTS = ['lz4', '1000-partitions'] as const satisfies readonly CaseName[]
type VariantName = (typeof VARIANTS)[number]

/** All that was measured of one case. */
export interface CaseResult {
  readonly of: TableCase
  readonly rounds: Readonly<Record<EngineName, readonly Measurement[]>>
}

export const reportOf = (
  results: readonly CaseResult[],
  rates: Omit<BenchReport, 'formatVersion' | 'machine' | 'cases' | 'toPlain'>,
): BenchReport => ({
  formatVersion: FORMAT_VERSION,
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  },
  cases: Object.fromEntries(
    results.map((result) => {
      const { rounds, of } = result
      const figures = Object.fromEntries(
        ENGINE_NAMES.map((engine) => [engine, figuresOf(of, rounds[engine])]),
      ) as Record<EngineName, EngineFigures>
      const { ferry, mm2Tuned, mm2Default } = rounds
      return [
        of.name,
        {
          ...figures,
          ratioTuned: medianRatio(ferry, mm2Tuned, (m) => m.recordsPerSecond),
          ratioDefault: medianRatio(ferry, mm2Default, (m) => m.recordsPerSecond),
          cpuRatioTuned: medianRatio(mm2Tuned, ferry, (m) => m.cpuSeconds),
          rssRatioTuned: medianRatio(mm2Tuned, ferry, (m) => m.peakRssMB),
        },
      ]
    }),
  ),
  toPlain: Object.fromEntries(
    VARIANTS.flatMap((name) => {
      const [variant, plain] = [name, '1kb'].map(
        (each) => results.find(({ of }) => of.name === each)?.rounds.ferry,
      )
      if (variant === undefined || plain === undefined) return []
      return [[name, medianRatio(variant, plain, (m) => m.recordsPerSecond)]]
    }),
  ),
  ...rates,
})

/** A GB is 10^9 bytes of keys and values as the producer had them, so that a compressed case says what its records cost. */
export const bytesOf = ({ records, size }: Pick<BenchCase, 'records' | 'size'>): number =>
  records * size

const figuresOf = (of: BenchCase, rounds: readonly Measurement[]): EngineFigures => ({
  recordsPerSecond: Math.round(median(rounds.map((m) => m.recordsPerSecond))),
  cpuSecondsPerGB: rounded(median(rounds.map((m) => m.cpuSeconds)) / (bytesOf(of) / 1e9)),
  peakRssMB: Math.round(median(rounds.map((m) => m.peakRssMB))),
})

/** Of the ratios of each round: its engines ran within a minute of each other, while a machine changes from round to round. */
const medianRatio = (
  over: readonly Measurement[],
  under: readonly Measurement[],
  of: (m: Measurement) => number,
): number => rounded(median(over.map((m, round) => of(m) / of(under[round]!))))

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : ((sorted[middle - 1] ?? Number.NaN) + sorted[middle]!) / 2
}

const rounded = (value: number): number => Math.round(value * 100) / 100
