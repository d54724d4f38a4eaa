/** Plans a large migration and says on stdout, as JSON, what it took. A process of its own, so that its memory is that of the plan. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writePlanFile } from '../../src/app/plan-file.ts'
import {
  type PartitionKey,
  partitionKey,
  type SourceOffset,
  type TargetOffset,
  type TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import type { PartitionProgress } from '../../src/domain/partition-progress.ts'
import { emptyState, type MigrationState, STATE_FORMAT_VERSION } from '../../src/domain/state.ts'
import { observe, planMigration } from '../../src/planner/index.ts'
import { group, migration, NOW, topicSpec } from '../planner/_build.ts'
import { END, groupsOf, type LargeSize, largeCluster, topicsOf } from './_large-cluster.ts'

const size = JSON.parse(process.argv[2]!) as LargeSize
/** Whether all of it is mirrored already. */
const isMarked = process.argv[3] === 'mirrored'
const source = largeCluster('old', size, 'all')
const target = largeCluster('new', size, isMarked ? 'records' : 'nothing')
const desired = migration({
  topics: topicsOf(size).map((name) => topicSpec(name)),
  groups: groupsOf(size).map((id) => ({
    id: group(id),
    at: { file: 'plans/orders.yaml', line: 15, column: 5, pointer: '/spec' },
    uncommitted: 'absent',
    uncommittedSaid: false,
  })),
  access: [],
  stage: 'producers-moved',
})

/** Written out: V8 gives each copy of an object that gets more keys a shape of its own, 450 bytes a mark, which what is read from a store has not. */
const markOf = (topic: TopicName, partition: number): Mark => ({
  topic,
  partition,
  sourceCluster: source.cluster.id,
  targetCluster: target.cluster.id,
  targetTopicId: `id-of-${topic}`,
  sourceStart: 0n as SourceOffset,
  targetStart: 0n as TargetOffset,
  mode: 'dense',
  producerId: 4000n,
  producerEpoch: 0,
  fillerProducerId: 4001n,
  at: '2026-01-01T00:00:00.000Z',
})

/** As the stores give it: read from their text, each with a list of gaps of its own; every second partition has had a transaction. */
const progressOf = (topic: TopicName, partition: number): PartitionProgress => ({
  formatVersion: STATE_FORMAT_VERSION,
  topic,
  partition,
  producerId: 4000n,
  checkedTo: END as TargetOffset,
  mirroredTo: END as SourceOffset,
  gaps: GapList.of(partition % 2 === 0 ? [] : [{ from: 10n, to: 11n }]),
  diverged: null,
  mayBeInFlight: false,
  problem: null,
  holder: { host: 'h', pid: 1, generation: 1 },
  at: '2026-01-01T00:00:00.000Z',
})

const untouched = emptyState(desired.name, '')
const state: MigrationState = isMarked
  ? {
      ...untouched,
      stage: 'mirrored',
      createdTopics: topicsOf(size),
      marks: topicsOf(size).flatMap((topic) =>
        Array.from({ length: size.partitions }, (_, partition) => markOf(topic, partition)),
      ),
    }
  : untouched

const progress = new Map<PartitionKey, PartitionProgress>()
if (isMarked) {
  for (const topic of topicsOf(size)) {
    for (let partition = 0; partition < size.partitions; partition++) {
      progress.set(partitionKey(topic, partition), progressOf(topic, partition))
    }
  }
}

const began = performance.now()
const cpuBefore = process.cpuUsage()
const clusters = { source: source.cluster, target: target.cluster }
const observed = await observe(clusters, desired, () => NOW, new AbortController().signal)
const read = performance.now()
const plan = planMigration({
  desired,
  observed,
  state,
  progress,
  readers: new Map(),
  purpose: { kind: 'migrate' },
  now: NOW,
  otherTopics: new Map(),
  inputs: {},
  toolVersion: '0.0.0',
})
const planned = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'ferry-plan-'))
const file = join(folder, 'large.plan.json')
await writePlanFile(file, plan)
const cpu = process.cpuUsage(cpuBefore)
const seconds = (from: number, to: number) => Math.round(to - from) / 1000
process.stdout.write(
  JSON.stringify({
    seconds: seconds(began, performance.now()),
    cpuSeconds: Math.round((cpu.user + cpu.system) / 1e4) / 100,
    reading: seconds(began, read),
    planning: seconds(read, planned),
    peakMB: Math.round((process.resourceUsage().maxRSS * 1024) / 1e6),
    steps: plan.steps.length,
    problems: plan.problems.filter(({ severity }) => severity === 'error'),
    warnings: plan.problems.length,
    megabytes: Math.round(statSync(file).size / 1e5) / 10,
    calls: { source: Object.fromEntries(source.calls), target: Object.fromEntries(target.calls) },
  }),
)
rmSync(folder, { recursive: true })
