/**
 * `ferry plan` of 10,000 topics from its files, state included, to what is printed, between in-memory clusters: `npm run bench:plan`. Each plan is
 * made in a process of its own, whose files another one has written: what that takes is not counted.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realServices } from '../src/app/real-services.ts'
import { run } from '../src/cli/run.ts'
import type { SourceOffset, TargetOffset } from '../src/domain/ids.ts'
import { GapList } from '../src/domain/offset-index.ts'
import { emptyState, STATE_FORMAT_VERSION } from '../src/domain/state.ts'
import type { Cluster } from '../src/kafka/cluster.ts'
import { FileStore } from '../src/state/file-store.ts'
import {
  END,
  groupsOf,
  type LargeSize,
  largeCluster,
  topicsOf,
} from '../test/app/_large-cluster.ts'
import { streamsForTesting } from '../test/cli/streams-for-testing.ts'
import { holder } from '../test/state/samples.ts'

const [folder = '', sizeText = '', state, ...flags] = process.argv.slice(2)
const SIZE: LargeSize = { topics: 10_000, partitions: 10, groups: 50, brokers: 3 }
const size: LargeSize = sizeText === '' ? SIZE : JSON.parse(sizeText)
const isMarked = state === 'mirrored'
const at = '2026-01-01T00:00:00.000Z'

const writeAll = async (): Promise<void> => {
  const write = (file: string, kind: string, name: string, spec: string) =>
    writeFileSync(
      join(folder, file),
      `apiVersion: ferry/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${spec}`,
    )
  for (const each of ['clusters', 'plans']) mkdirSync(join(folder, each), { recursive: true })
  write('ferry.yaml', 'Project', 'shop', '  state: { store: file }\n')
  for (const name of ['old', 'new']) {
    const spec = `  clusterId: id-of-${name}\n  bootstrapServers: [localhost:1]\n`
    write(`clusters/${name}.yaml`, 'Cluster', name, spec)
  }
  const topics = topicsOf(size).map((name) => `    - name: ${name}\n`)
  const groups = groupsOf(size).map((id) => `    - id: ${id}\n`)
  const lists = `  topics:\n${topics.join('')}  groups:\n${groups.join('')}`
  const spec = `  from: old\n  to: new\n  stage: producers-moved\n${lists}`
  write('plans/orders.yaml', 'Migration', 'orders', spec)
  if (isMarked) await writeState()
}

const writeState = async (): Promise<void> => {
  const store = new FileStore(join(folder, '.ferry'))
  const lock = await store.lock('orders', holder())
  const partitions = topicsOf(size).flatMap((topic) =>
    Array.from({ length: size.partitions }, (_, partition) => ({ topic, partition })),
  )
  await store.writeDecisions(
    {
      ...emptyState('orders', 'lineage'),
      serial: 1,
      stage: 'mirrored',
      createdTopics: topicsOf(size),
      marks: partitions.map((each) => ({
        ...each,
        sourceCluster: 'id-of-old' as never,
        targetCluster: 'id-of-new' as never,
        targetTopicId: `id-of-${each.topic}`,
        sourceStart: 0n as SourceOffset,
        targetStart: 0n as TargetOffset,
        mode: 'dense',
        producerId: 4000n,
        producerEpoch: 0,
        fillerProducerId: 4001n,
        at,
      })),
    },
    0,
  )
  await store.writeProgress(
    'orders',
    partitions.map((each) => ({
      formatVersion: STATE_FORMAT_VERSION,
      ...each,
      producerId: 4000n,
      checkedTo: END as TargetOffset,
      mirroredTo: END as SourceOffset,
      gaps: new GapList(),
      diverged: null,
      mayBeInFlight: false,
      problem: null,
      holder: { host: 'h', pid: 1, generation: 1 },
      at,
    })),
  )
  await lock.release()
}

const awaitable = (cluster: Cluster): Cluster =>
  new Proxy(cluster, {
    get: (of, key: keyof Cluster | 'then') =>
      key === 'then' ? undefined : key === 'close' ? async () => {} : of[key],
  })

const planAll = async (): Promise<void> => {
  const clusters = new Map([
    ['old', largeCluster('old', size, 'all')],
    ['new', largeCluster('new', size, isMarked ? 'records' : 'nothing')],
  ])
  const services = {
    ...realServices(process.env),
    connectCluster: async (_: unknown, name: string) => awaitable(clusters.get(name)!.cluster),
    mirrorProcesses: async () => [],
  }
  let printed = 0
  let told = ''
  const streams = {
    ...streamsForTesting({ cwd: folder }),
    stdout: {
      write: (text: string) => {
        printed += text.length
      },
    },
    stderr: {
      write: (text: string) => {
        told += text.slice(0, 2000)
      },
    },
  }
  const began = performance.now()
  const cpuBefore = process.cpuUsage()
  const code = await run(['plan', 'orders', '-o', 'large.plan.json', ...flags], streams, services)
  const cpu = process.cpuUsage(cpuBefore)
  process.stdout.write(
    JSON.stringify({
      code,
      ...(code !== 0 && { told }),
      seconds: Math.round(performance.now() - began) / 1000,
      cpuSeconds: Math.round((cpu.user + cpu.system) / 1e4) / 100,
      peakMB: Math.round((process.resourceUsage().maxRSS * 1024) / 1e6),
      printedMB: Math.round(printed / 1e5) / 10,
      ...(code === 0 && {
        megabytes: Math.round(statSync(join(folder, 'large.plan.json')).size / 1e5) / 10,
      }),
    }),
  )
}

const benchAll = (): void => {
  for (const each of ['new', 'mirrored']) {
    const place = mkdtempSync(join(tmpdir(), 'ferry-bench-plan-'))
    const ferry = (...more: readonly string[]) => {
      const argv = ['--import', 'tsx', import.meta.filename, place, JSON.stringify(SIZE), each]
      return execFileSync(process.execPath, [...argv, ...more], { encoding: 'utf8' })
    }
    ferry('write')
    process.stdout.write(`${each}, as text: ${ferry()}\n${each}, as JSON: ${ferry('--json')}\n`)
    rmSync(place, { recursive: true })
  }
}

if (folder === '') benchAll()
else await (flags[0] === 'write' ? writeAll() : planAll())
