import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { benchCases, CASE_NAMES } from '../../bench/cases.ts'
import type { Measurement } from '../../bench/measure.ts'
import { type BenchReport, type CaseResult, reportOf } from '../../bench/report.ts'
import { renderTable } from '../../bench/table.ts'

const round = (recordsPerSecond: number, cpuSeconds: number, peakRssMB: number): Measurement => ({
  recordsPerSecond,
  cpuSeconds,
  copyingCpuSeconds: cpuSeconds / 2,
  peakRssMB,
  secondsToFirst: 1,
})

/** Three rounds of each case; the machine is half as fast in the second one, and something else runs beside one engine in the third. */
const RESULTS: readonly CaseResult[] = benchCases(false).map((of) => ({
  of,
  rounds: {
    ferry: [round(400, 2, 150), round(200, 4, 170), round(390, 2, 160)],
    mm2Tuned: [round(100, 20, 1_500), round(50, 40, 1_700), round(30, 25, 1_600)],
    mm2Default: [round(80, 30, 1_400), round(40, 60, 1_400), round(80, 30, 1_400)],
  },
}))
const RATES = {
  primeOffsetsPerSecond: 5,
  paddedRecordsPerSecond: 6,
  denseRecordsPerSecond: 7,
  plainRecordsPerSecond: 8,
}

describe('the report of the bench', () => {
  it('has medians of the rounds, and medians of their ratios, for every case', () => {
    const { formatVersion, machine, cases, toPlain, ...rates } = reportOf(RESULTS, RATES)
    strictEqual(formatVersion, 1)
    deepStrictEqual(Object.keys(machine), ['cpu', 'cores', 'memoryGB', 'node'])
    deepStrictEqual(Object.keys(cases), [...CASE_NAMES])
    deepStrictEqual(cases['1kb'], {
      ferry: { recordsPerSecond: 390, cpuSecondsPerGB: 2, peakRssMB: 160 },
      mm2Tuned: { recordsPerSecond: 50, cpuSecondsPerGB: 25, peakRssMB: 1_600 },
      mm2Default: { recordsPerSecond: 80, cpuSecondsPerGB: 30, peakRssMB: 1_400 },
      // 4, 4 and 13: not 390 / 50.
      ratioTuned: 4,
      ratioDefault: 5,
      cpuRatioTuned: 10,
      rssRatioTuned: 10,
    })
    // A million records of 100 B are a tenth of a GB.
    strictEqual(cases.tiny?.ferry.cpuSecondsPerGB, 20)
    deepStrictEqual(toPlain, { lz4: 1, '1000-partitions': 1 })
    deepStrictEqual(rates, RATES)
  })

  it('is JSON: nothing is lost, and no number is missing', () => {
    const report = reportOf(RESULTS, RATES)
    deepStrictEqual(JSON.parse(JSON.stringify(report)), report)
    ok(!JSON.stringify(report).includes('null'))
  })

  it('leaves out what was not asked for', () => {
    const { cases, toPlain } = reportOf(RESULTS.slice(1, 3), RATES)
    deepStrictEqual(Object.keys(cases), ['100b', 'tiny'])
    deepStrictEqual(toPlain, {})
  })

  it('is shown with the ratios of rate, CPU and memory to each engine', () => {
    const report: BenchReport = reportOf(RESULTS, RATES)
    const lines = renderTable(report, RESULTS).split('\n')
    match(lines[1]!, /peak RSS +rate +CPU +RSS$/)
    match(lines[2]!, /^1kb +Ferry +390 +0 +2\.0 +1\.0 +160 MB *$/)
    match(lines[3]!, /MirrorMaker 2, tuned +50 .* 1600 MB +4\.0 x +1\/10\.0 +1\/10\.0$/)
    match(lines[4]!, /MirrorMaker 2, default +80 .* 1400 MB +5\.0 x +1\/15\.0 +1\/8\.8$/)
  })
})
