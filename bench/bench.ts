/**
 * Ferry beside MirrorMaker 2 on real brokers, in one run:
 *
 *     npm run bench                      a table; at least three rounds, about half an hour
 *     npm run --silent bench -- --json   the same as JSON on stdout (`BenchReport`); not silent, npm writes there, too
 *     npm run bench -- --quick           a fifth of the records (100b: a tenth), one round, under three minutes
 *     npm run bench -- --cases 1kb,tiny  only these; --rounds N
 *
 * 1. Start a broker for each side, fill a topic for each case on the source.
 * 2. In each round, each engine copies each topic, in turn; who begins changes.
 * 3. Prime; copy a transactional topic with identical and with dense offsets, and plain records beside it.
 */
import { parseArgs } from 'node:util'
import { benchCases, CASE_NAMES, type CaseName } from './cases.ts'
import { type BenchClusters, fill, startClusters } from './clusters.ts'
import type { Engine, EngineName } from './engine.ts'
import { ferry } from './ferry.ts'
import { type Measurement, measure } from './measure.ts'
import { mm2Default, mm2Tuned, recordMirrorMaker } from './mirror-maker.ts'
import { measurePriming } from './prime.ts'
import { type CaseResult, median, reportOf } from './report.ts'
import { renderTable } from './table.ts'
import { measureTransactional } from './transactional.ts'

const PRIMED_OFFSETS = 20_000_000

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    cases: { type: 'string', default: CASE_NAMES.join(',') },
    rounds: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
const wanted = values.cases.split(',') as CaseName[]
const cases = benchCases(values.quick).filter(({ name }) => wanted.includes(name))
if (cases.length !== wanted.length || !(rounds >= 1)) {
  throw new Error(`--cases are some of ${CASE_NAMES.join(',')}; --rounds is 1 or more`)
}

// Most of what a quick run takes is MirrorMaker 2 starting ten times; otherwise it runs as it is installed.
const start = { usesArchive: values.quick }
const engines: readonly Engine[] = [ferry, mm2Tuned(start), mm2Default(start)]

const began = performance.now()
const say = (text: string): void => {
  process.stderr.write(
    `${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${text}\n`,
  )
}

const clusters = await startClusters()
try {
  const results = await compare(clusters)
  say('priming')
  const primes: number[] = []
  for (let i = 0; i < rounds; i++) primes.push(await measurePriming(clusters, PRIMED_OFFSETS))
  say('a transactional source')
  const transactional = await measureTransactional(clusters, { isQuick: values.quick, rounds })
  const report = reportOf(results, {
    primeOffsetsPerSecond: Math.round(median(primes)),
    ...transactional,
  })
  process.stdout.write(
    values.json ? `${JSON.stringify(report, null, 2)}\n` : renderTable(report, results),
  )
} finally {
  await clusters.stop()
}

async function compare(on: BenchClusters): Promise<readonly CaseResult[]> {
  const results = cases.map((of) => ({
    of,
    rounds: { ferry: [], mm2Tuned: [], mm2Default: [] } as Record<EngineName, Measurement[]>,
  }))
  // Nothing is measured here, and most of it is waiting: for a thousand new partitions, or for batches to fill.
  await Promise.all(
    cases.map(async (of) => {
      await fill(on, of)
      say(`wrote ${of.records.toLocaleString('en')} records to ${of.topic}`)
    }),
  )
  // A third of all CPU of the first copies is the compiler of the brokers: what is measured first would pay for it.
  const warmUps = values.quick ? cases.slice(0, 1) : cases
  say(`${warmUps.length} copies to warm up the brokers`)
  for (const of of warmUps) await measure(ferry, on, of)
  if (values.quick) await recordMirrorMaker((engine) => measure(engine, on, cases[0]!))
  for (let round = 0; round < rounds; round++) {
    for (const { of, rounds: measured } of results) {
      for (let turn = 0; turn < engines.length; turn++) {
        const engine = engines[(turn + round) % engines.length]!
        const m = await measure(engine, on, of)
        measured[engine.name].push(m)
        say(
          `${of.name}, round ${round + 1}, ${engine.name}: ${Math.round(m.recordsPerSecond).toLocaleString('en')} records/s, CPU ${m.cpuSeconds.toFixed(1)} s (copying ${m.copyingCpuSeconds.toFixed(1)} s), ${m.peakRssMB.toFixed(0)} MB, first after ${m.secondsToFirst.toFixed(1)} s`,
        )
      }
    }
  }
  return results
}
