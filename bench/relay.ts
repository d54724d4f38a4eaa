import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TopicName } from '../src/domain/ids.ts'
import { createTopic } from '../test/mirror/_support.ts'
import { deleteTopics, fill, startClusters } from './clusters.ts'
import { ferry } from './ferry.ts'
import { measure } from './measure.ts'

/**
 * How fast `ferry mirror` alone copies, run after run:
 *
 *     npm run bench:relay -- [records] [bytes per record] [bytes per batch] [partitions] [runs] [none|lz4]
 *
 * FERRY_BENCH_NODE are flags of Node for the mirror, as `--cpu-prof --cpu-prof-dir=/tmp/profiles`.
 * FERRY_BENCH_BESIDE is another relay to run in the same minutes, since figures of a machine vary by a third: a command that gets source
 * topic, target topic and partitions as arguments, and the ports as SRC and DST.
 */
const argument = (n: number, otherwise: number) => Number(process.argv[2 + n] ?? otherwise)
const runs = argument(4, 3)
const what = {
  name: '1kb',
  topic: 'bench-relay' as TopicName,
  records: argument(0, 1_000_000),
  size: argument(1, 1_000),
  noise: 0,
  batchSize: argument(2, 16_384),
  partitions: argument(3, 4),
  compression: process.argv[7] === 'lz4' ? 'lz4' : 'none',
} as const
const beside = process.env.FERRY_BENCH_BESIDE

const clusters = await startClusters()
try {
  await fill(clusters, what)
  for (let run = 1; run <= runs; run++) {
    const m = await measure(ferry, clusters, what)
    const { recordsPerSecond, cpuSeconds, copyingCpuSeconds, peakRssMB } = m
    const words = {
      run,
      MBps: Math.round((recordsPerSecond * what.size) / 1e6),
      recordsPerSecond: Math.round(recordsPerSecond),
      cpuSeconds: Number(cpuSeconds.toFixed(2)),
      copyingCpuSeconds: Number(copyingCpuSeconds.toFixed(2)),
      peakRssMB: Math.round(peakRssMB),
    }
    console.log(JSON.stringify(words))
    if (beside !== undefined) await runBeside(beside)
  }
} finally {
  await clusters.stop()
}

async function runBeside(command: string): Promise<void> {
  const { source, target, to } = clusters
  const topic = `beside-${Date.now()}` as TopicName
  await createTopic(to, topic, what.partitions)
  const ports = { SRC: String(source.brokers[0]!.port), DST: String(target.brokers[0]!.port) }
  const line = `${command} ${what.topic} ${topic} ${what.partitions}`
  const child = spawn('sh', ['-c', line], { stdio: 'inherit', env: { ...process.env, ...ports } })
  await once(child, 'exit')
  await deleteTopics(to, (name) => name === topic)
}
