/**
 * A full verify beside the mirror, one after the other in each round, since the rates of a machine vary by half from minute to minute.
 * `npm run bench:verify -- [MB] [rounds] [part of a case's name]`. Fewer CPU seconds than wall seconds mean that it waits for brokers, or that
 * somebody else has the machine: the CPU time of a record is what this code alone decides. Ends with 1 where the median rate of a case is below
 * what is promised.
 */
import { randomFillSync } from 'node:crypto'
import { stdout } from 'node:process'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import type { Codec } from '../../src/records/batch.ts'
import { encodeBatch } from '../../src/records/write-batch.ts'
import { waitFor } from '../kafka/wait.ts'
import {
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  startPair,
  topicName,
  untilCopied,
  withFolder,
} from '../mirror/_support.ts'
import { produce, recordsFrom, verify } from './pair.ts'

const PARTITIONS = 4
/** Of the mirror's rate: a full verify takes no more than twice the time of the copy. */
const PROMISED = 0.5
const megabytes = Number(process.argv[2] ?? 256)
const rounds = Number(process.argv[3] ?? 3)
const wanted = process.argv[4] ?? ''

interface Case {
  readonly name: string
  /** Of a record. */
  readonly bytes: number
  /** Records in a batch of the source. */
  readonly batch: number
  readonly codec: Codec
}

const CASES: readonly Case[] = [
  { name: '1 KB, 16 KiB batches', bytes: 1024, batch: 16, codec: 'none' },
  { name: '100 B, 16 KiB batches', bytes: 100, batch: 160, codec: 'none' },
  { name: '1 KB, lz4, 64 KiB batches', bytes: 1024, batch: 64, codec: 'lz4' },
  { name: '100 B, lz4, 64 KiB batches', bytes: 100, batch: 640, codec: 'lz4' },
]

const pair = await startPair()
const clusters = { source: pair.from, target: pair.to }

/** Half of each value is noise, so that a codec makes of it what it makes of real records. */
const noisy = (count: number, bytes: number) =>
  recordsFrom(0, count, bytes - 40).map((record) => {
    const value = Buffer.from(record.value as Buffer)
    randomFillSync(value, 0, value.length >> 1)
    return { ...record, value }
  })

const fill = async ({ bytes, batch, codec }: Case, topic: string): Promise<number> => {
  const records = noisy(batch * 16, bytes)
  const batches = Array.from({ length: 16 }, (_, i) =>
    encodeBatch({ records: records.slice(i * batch, (i + 1) * batch), codec }),
  )
  const each = Math.ceil((megabytes * 1e6) / bytes / PARTITIONS / batch)
  const leaders = await pair.from.leaders([topicName(topic)], 0)
  const link = await pair.from.connectBroker([...leaders.values()][0]!.leader)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let n = 0; n < each; n++) {
      await produce(link, topicName(topic), partition, batches[n % batches.length]!)
    }
  }
  await link.close()
  return each * batch * PARTITIONS
}

/** What it took, in seconds and in seconds of this process's CPU. */
const timed = async (work: () => Promise<void>) => {
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 }
}

/** Of verify, as parts of the mirror's. */
interface Ratios {
  readonly rate: number
  readonly cpu: number
}

const round = async (each: Case, source: string, total: number): Promise<Ratios> => {
  const topic = topicName(source)
  await createTopic(pair.to, topic, PARTITIONS)
  const marks = await markTopic(pair.from, pair.to, topic, { mode: 'dense' })
  const ends = await endsOf(pair.from, marks)
  return withFolder(async (folder) => {
    const store = new FileProgress(folder)
    const mirror = startMirror(mirrorOptions(pair.from, pair.to, store))
    mirror.follow([{ migration: 'm', marks, seals: [] }])
    // Not how long it takes to get the lock.
    const moved = () => mirror.reports().reduce((sum, { records }) => sum + records, 0)
    await waitFor('the first record', { timeoutMs: 30_000, everyMs: 1 }, () => moved() || undefined)
    const before = moved()
    const copying = await timed(async () => {
      await untilCopied(mirror, ends, 120_000)
    })
    await mirror.stop()
    const progress = [...(await store.readProgress()).values()]
    const verifying = await timed(async () => {
      const { report, problems } = await verify({ clusters }, marks, { progress })
      const compared = report.topics[0]!.partitions.reduce((sum, p) => sum + p.compared, 0)
      if (problems.length > 0 || compared !== total) throw new Error(`${compared}: ${problems}`)
    })
    await pair.to.deleteTopics([topic])
    const rates = { mirror: (total - before) / copying.seconds, verify: total / verifying.seconds }
    const perRecord = { mirror: copying.cpu / (total - before), verify: verifying.cpu / total }
    const ratios = { rate: rates.verify / rates.mirror, cpu: perRecord.verify / perRecord.mirror }
    const shown = (what: 'mirror' | 'verify') =>
      `${what} ${Math.round(rates[what]).toLocaleString('en')} records/s (${Math.round((rates[what] * each.bytes) / 1e6)} MB/s), ` +
      `${Math.round(perRecord[what] * 1e9)} ns of CPU a record`
    stdout.write(
      `${each.name}: ${shown('verify')}; ${shown('mirror')}; rate ${ratios.rate.toFixed(2)}, CPU ${ratios.cpu.toFixed(2)} of the mirror's; ` +
        `${Math.round(process.memoryUsage().rss / 1e6)} MB RSS\n`,
    )
    return ratios
  })
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((one, other) => one - other)[numbers.length >> 1]!

try {
  for (const [i, each] of CASES.filter(({ name }) => name.includes(wanted)).entries()) {
    const topic = `bench-${i}`
    await createTopic(pair.from, topicName(topic), PARTITIONS)
    const total = await fill(each, topic)
    const ratios: Ratios[] = []
    for (let n = 0; n < rounds; n++) ratios.push(await round(each, topic, total))
    const [rate, cpu] = [median(ratios.map((r) => r.rate)), median(ratios.map((r) => r.cpu))]
    stdout.write(
      `${each.name}: a full verify runs at ${rate.toFixed(2)} of the mirror's rate, ` +
        `and takes ${cpu.toFixed(2)} of its CPU time a record\n`,
    )
    // Also where a ratio is no number, as nothing was copied.
    if (!(rate >= PROMISED)) {
      process.exitCode = 1
      stdout.write(`${each.name}: below ${PROMISED} of the mirror's rate, which is promised\n`)
    }
  }
} finally {
  await pair.stop()
}
