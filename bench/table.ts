import type { CaseName } from './cases.ts'
import { ENGINE_NAMES, type EngineName } from './engine.ts'
import { type BenchReport, bytesOf, type CaseResult, median } from './report.ts'

const TITLE: Readonly<Record<EngineName, string>> = {
  ferry: 'Ferry',
  mm2Tuned: 'MirrorMaker 2, tuned',
  mm2Default: 'MirrorMaker 2, default',
}

const HEAD = [
  'case',
  'engine',
  'records/s',
  'MB/s',
  'CPU s/GB',
  'copying',
  'peak RSS',
  'rate',
  'CPU',
  'RSS',
]

/** For people: a row for each case and engine, with the ratios of Ferry to it. */
export const renderTable = (report: BenchReport, results: readonly CaseResult[]): string => {
  const { cpu, cores, memoryGB, node } = report.machine
  const rows = results.flatMap(({ of, rounds }) => {
    const found = report.cases[of.name]!
    return ENGINE_NAMES.map((engine) => {
      const { recordsPerSecond, cpuSecondsPerGB, peakRssMB } = found[engine]
      const copying = median(rounds[engine].map((m) => m.copyingCpuSeconds)) / (bytesOf(of) / 1e9)
      return [
        engine === 'ferry' ? of.name : '',
        TITLE[engine],
        recordsPerSecond.toLocaleString('en'),
        ((recordsPerSecond * of.size) / 1e6).toFixed(0),
        cpuSecondsPerGB.toFixed(1),
        copying.toFixed(1),
        `${peakRssMB} MB`,
        ...ratiosTo(engine, found),
      ]
    })
  })
  const rounds = results[0]?.rounds.ferry.length ?? 0
  return [
    `${cores} cores (${cpu}), ${memoryGB} GB, Node ${node}; both brokers on this machine; medians of ${rounds} rounds`,
    ...aligned([HEAD, ...rows]),
    'CPU s/GB: user and system of the whole process, its start included; copying: without its start.',
    'rate, CPU, RSS: of Ferry, compared with that engine.',
    ...Object.entries(report.toPlain).map(
      ([name, ratio]) => `${name}: ${ratio.toFixed(2)} x the rate of 1kb`,
    ),
    `priming: ${report.primeOffsetsPerSecond.toLocaleString('en')} offsets/s`,
    `one partition, a transaction every 100 records: identical offsets ${perSecond(report.paddedRecordsPerSecond)}, dense ${perSecond(report.denseRecordsPerSecond)}; plain records ${perSecond(report.plainRecordsPerSecond)}`,
    '',
  ].join('\n')
}

const perSecond = (rate: number): string => `${rate.toLocaleString('en')} records/s`

const ratiosTo = (
  engine: EngineName,
  { ferry, mm2Default, ...ratios }: NonNullable<BenchReport['cases'][CaseName]>,
): readonly [rate: string, cpu: string, rss: string] => {
  if (engine === 'ferry') return ['', '', '']
  const isTuned = engine === 'mm2Tuned'
  const rate = isTuned ? ratios.ratioTuned : ratios.ratioDefault
  const cpu = isTuned ? ratios.cpuRatioTuned : mm2Default.cpuSecondsPerGB / ferry.cpuSecondsPerGB
  const rss = isTuned ? ratios.rssRatioTuned : mm2Default.peakRssMB / ferry.peakRssMB
  return [`${rate.toFixed(1)} x`, `1/${cpu.toFixed(1)}`, `1/${rss.toFixed(1)}`]
}

/** Words to the left, numbers to the right. */
const aligned = (rows: readonly (readonly string[])[]): string[] => {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((text, column) =>
        column < 2 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!),
      )
      .join('  '),
  )
}
