/** Plans a large migration and says on stdout, as JSON, what it took. A process of its own, so that its memory is that of the plan. */
import { canonicalJson } from '../../src/domain/canonical-json.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import { observe, planMigration } from '../../src/planner/index.ts'
import { markAt } from '../domain/offset-model.ts'
import { group, migration, NOW, topicSpec } from '../planner/_build.ts'
import { groupsOf, type LargeSize, largeCluster, topicsOf } from './_large-cluster.ts'

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

const untouched = emptyState(desired.name, '')
const state: MigrationState = isMarked
  ? {
      ...untouched,
      stage: 'mirrored',
      createdTopics: topicsOf(size),
      marks: topicsOf(size).flatMap((topic) =>
        Array.from({ length: size.partitions }, (_, partition) => ({
          ...markAt('dense', 0n),
          topic,
          partition,
          targetTopicId: `id-of-${topic}`,
        })),
      ),
    }
  : untouched

const began = performance.now()
const cpuBefore = process.cpuUsage()
const clusters = { source: source.cluster, target: target.cluster }
const observed = await observe(clusters, desired, () => NOW, new AbortController().signal)
const read = performance.now()
const plan = planMigration({
  desired,
  observed,
  state,
  progress: new Map(),
  readers: new Map(),
  purpose: { kind: 'migrate' },
  now: NOW,
  otherTopics: new Map(),
  inputs: {},
  toolVersion: '0.0.0',
})
const planned = performance.now()
const text = canonicalJson(plan)
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
    megabytes: Math.round(text.length / 1e5) / 10,
    calls: { source: Object.fromEntries(source.calls), target: Object.fromEntries(target.calls) },
  }),
)
