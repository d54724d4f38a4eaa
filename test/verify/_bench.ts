/** Rates of a full verify. `npx tsx test/verify/_bench.ts [MB per side]`. */
import { randomFillSync } from 'node:crypto'
import { stdout } from 'node:process'
import type { TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import type { Codec } from '../../src/records/batch.ts'
import { encodeBatch } from '../../src/records/write-batch.ts'
import { createTopic, markOf, produce, recordsFrom, startPair, verify } from './pair.ts'

/** Half of each value is noise, so that a codec makes of it what it makes of real records. */
const noisy = (count: number, bytes: number) =>
  recordsFrom(0, count, bytes).map((record) => {
    const value = Buffer.from(record.value as Buffer)
    randomFillSync(value, 0, value.length >> 1)
    return { ...record, value }
  })

/** The same on both sides. */
const known = new Map<number, ReturnType<typeof noisy>>()
const recordsOf = (bytes: number) => {
  const records = known.get(bytes) ?? noisy(4096, bytes - 40)
  known.set(bytes, records)
  return records
}

const PARTITIONS = 4
const megabytes = Number(process.argv[2] ?? 512)

const fill = async (
  cluster: Cluster,
  topic: TopicName,
  options: { total: number; batch: number; bytes: number; codec: Codec },
) => {
  const { total, batch, bytes, codec } = options
  // One run of records over and over, so that batches of any size hold the same records in the same order.
  const records = recordsOf(bytes)
  const batches: Buffer[] = []
  for (let i = 0; i < records.length; i += batch) {
    batches.push(encodeBatch({ records: records.slice(i, i + batch), codec }))
  }
  const leaders = await cluster.leaders([topic], 0)
  const link = await cluster.connectBroker([...leaders.values()][0]!.leader)
  await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      for (let n = 0; n < total / PARTITIONS; n += batch) {
        await produce(link, topic, partition, batches[(n / batch) % batches.length]!)
      }
    }),
  )
  await link.close()
}

const pair = await startPair()
try {
  const cases = [
    { name: '1 KB, 16 KiB -> 256 KiB', bytes: 1024, source: 16, target: 256, codec: 'none' },
    { name: '100 B, 16 KiB -> 256 KiB', bytes: 100, source: 128, target: 2048, codec: 'none' },
    { name: '100 B, one per batch -> 256 KiB', bytes: 100, source: 1, target: 2048, codec: 'none' },
    { name: '1 KB, same batches lz4', bytes: 1024, source: 64, target: 64, codec: 'lz4' },
    { name: '100 B, same batches lz4', bytes: 100, source: 512, target: 512, codec: 'lz4' },
  ] as const
  for (const { name, bytes, source, target, codec } of cases) {
    const wanted = (megabytes * 1e6) / bytes / (source === 1 ? 8 : 1)
    const total = Math.ceil(wanted / PARTITIONS / 4096) * 4096 * PARTITIONS
    const topic = await createTopic(pair, name.replaceAll(/\W+/g, '-'), { partitions: PARTITIONS })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await fill(pair.clusters.source, topic, { total, batch: source, bytes, codec })
    await fill(pair.clusters.target, topic, { total, batch: target, bytes, codec })
    const marks = Array.from({ length: PARTITIONS }, (_, partition) =>
      markOf(topic, 0, 0, { partition }),
    )
    for (let run = 0; run < 3; run++) {
      const [cpu, started] = [process.cpuUsage(), performance.now()]
      const { report, problems } = await verify(pair, marks)
      const seconds = (performance.now() - started) / 1_000
      const { user, system } = process.cpuUsage(cpu)
      const compared = report.topics[0]!.partitions.reduce((sum, each) => sum + each.compared, 0)
      if (problems.length > 0 || compared !== total) throw new Error(`${compared}: ${problems}`)
      const rate = Math.round(total / seconds)
      stdout.write(
        `${name}: ${rate.toLocaleString('en')} records/s, ${Math.round((rate * bytes) / 1e6)} MB/s per side, ` +
          `${((user + system) / 1e6).toFixed(1)} CPU s of ${seconds.toFixed(1)} s, ${Math.round(process.memoryUsage().rss / 1e6)} MB RSS\n`,
      )
    }
  }
} finally {
  await pair.stop()
}
