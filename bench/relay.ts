import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpuUsage, hrtime } from 'node:process'
import { startMirror } from '../src/mirror/start-mirror.ts'
import { startKafka } from '../test/kafka/index.ts'
import { oracle } from '../test/kafka/oracle.ts'
import { waitFor } from '../test/kafka/wait.ts'
import {
  connectTo,
  createTopic,
  endsOf,
  FileProgress,
  markTopic,
  mirrorOptions,
  topicName,
  withFolder,
} from '../test/mirror/_support.ts'

/**
 * How fast records are mirrored from one real broker to another on this machine.
 *
 *     npm run bench:relay -- [records] [bytes per record] [bytes per batch] [partitions] [runs] [timestamp] [compression]
 */
const argument = (n: number, otherwise: number) => Number(process.argv[2 + n] ?? otherwise)
const records = argument(0, 1_000_000)
const size = argument(1, 1_000)
const batchSize = argument(2, 16_384)
const partitionCount = argument(3, 4)
const runs = argument(4, 3)
const timestamp = process.argv[7]
const compression = (process.argv[8] ?? 'none') as 'none' | 'gzip'

/** A command that gets source topic, target topic and partitions as arguments, and the ports as SRC and DST. */
const beside = process.env.FERRY_BENCH_BESIDE

const source = await startKafka({ version: '4.x', heap: '1g', jvmFlags: [] })
const target = await startKafka({ version: '4.x', heap: '1g', jvmFlags: [] })
console.log(`resident before: ${Math.round(process.memoryUsage.rss() / 1e6)} MB`)
console.log(`source ${source.bootstrapServers[0]}, target ${target.bootstrapServers[0]}`)
const from = await connectTo(source, 'source')
const to = await connectTo(target, 'target')
const partitions = Array.from({ length: partitionCount }, (_, i) => i)
const topic = topicName('bench')
await createTopic(from, topic, partitionCount)
console.log(`writing ${records} records of ${size} bytes in batches of ${batchSize}`)
await oracle.produce(source, topic, {
  count: records,
  size,
  batchSize,
  lingerMs: batchSize === 0 ? 0 : 5,
  partitions,
  compression,
  timeoutMs: 600_000,
  ...(timestamp !== undefined && timestamp !== '-' && { timestamp: Number(timestamp) }),
})
const ends = await endsOf(
  from,
  partitions.map((partition) => ({ topic, partition })),
)
await withFolder(async (folder) => {
  for (let run = 1; run <= runs; run++) {
    if (run > 1) {
      await to.deleteTopics([topic])
      await waitFor('the topic to be gone', { timeoutMs: 30_000 }, async () => {
        const described = await to.describeTopics([topic])
        return described.ok.get(topic) === 'absent' ? true : undefined
      })
    }
    await createTopic(to, topic, partitionCount)
    const marks = await markTopic(from, to, topic, { mode: 'dense' })
    const mirror = startMirror(
      mirrorOptions(from, to, new FileProgress(`${folder}/${run}`), { project: `bench-${run}` }),
    )
    mirror.follow([{ migration: 'bench', marks, seals: [] }])
    await waitFor('the lock', { timeoutMs: 60_000, everyMs: 1 }, () =>
      mirror.reports().some((r) => r.state === 'mirroring') ? true : undefined,
    )
    const start = hrtime.bigint()
    const cpu = cpuUsage()
    let peak = 0
    await waitFor('the end', { timeoutMs: 600_000, everyMs: 10 }, () => {
      peak = Math.max(peak, process.memoryUsage.rss())
      const reports = mirror.reports()
      const stopped = reports.find((r) => r.state === 'stopped')
      if (stopped) throw new Error(stopped.problem?.detail)
      return reports.every((r) => BigInt(r.next) >= (ends.get(r.key) ?? 0n)) ? true : undefined
    })
    const seconds = Number(hrtime.bigint() - start) / 1e9
    const { user, system } = cpuUsage(cpu)
    const bytes = mirror.reports().reduce((sum, r) => sum + r.bytes, 0)
    console.log(
      JSON.stringify({
        run,
        seconds: round(seconds),
        MBps: round(bytes / seconds / 1e6),
        recordsPerSecond: Math.round(records / seconds),
        cpuSeconds: round((user + system) / 1e6),
        peakRssMB: Math.round(peak / 1e6),
        ...mirror.counters,
      }),
    )
    await mirror.stop()
    if (beside !== undefined) await runBeside(beside)
  }
})
await Promise.all([from.close(), to.close()])
await Promise.all([source.stop(), target.stop()])

/** Another relay in the same minute, on the same brokers: figures of this machine vary by a third. */
async function runBeside(command: string): Promise<void> {
  const name = topicName(`beside-${Date.now()}`)
  await createTopic(to, name, partitionCount)
  const env = {
    ...process.env,
    SRC: String(source.brokers[0]!.port),
    DST: String(target.brokers[0]!.port),
  }
  const line = `${command} ${topic} ${name} ${partitionCount}`
  const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'inherit', 'inherit'], env })
  await once(child, 'exit')
  await to.deleteTopics([name])
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
