import { readFileSync } from 'node:fs'
import type { AcceptedGap } from '../../src/domain/accepted-gap.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { startMirror } from '../../src/mirror/start-mirror.ts'
import { connectTo, FileProgress, mirrorOptions, TIMINGS } from './_support.ts'

/**
 * A mirror in a process of its own, to be killed. Its argument is a JSON file ({@link ChildTask}); it prints a line of JSON with its
 * reports ten times a second, and ends at SIGTERM.
 */
export interface ChildTask {
  readonly source: { readonly clusterId: string; readonly bootstrapServers: readonly string[] }
  readonly target: { readonly clusterId: string; readonly bootstrapServers: readonly string[] }
  readonly progress: string
  readonly project?: string
  readonly throttle?: number
  readonly sessionMs?: number
  readonly memoryBudget?: number
  /** Bigints as decimal strings. */
  readonly marks: readonly Record<string, unknown>[]
  readonly acceptedGaps?: readonly Record<string, unknown>[]
}

const BIG = ['sourceStart', 'targetStart', 'producerId', 'fillerProducerId', 'from', 'to']
const task = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ChildTask
const parsed = (of: Record<string, unknown>): unknown =>
  Object.fromEntries(
    Object.entries(of).map(([k, v]) => [k, BIG.includes(k) ? BigInt(v as string) : v]),
  )
const marks = task.marks.map(parsed) as Mark[]
const acceptedGaps = (task.acceptedGaps ?? []).map(parsed) as AcceptedGap[]

const from = await connectTo(task.source, 'old')
const to = await connectTo(task.target, 'new')
const mirror = startMirror(
  mirrorOptions(from, to, new FileProgress(task.progress), {
    ...(task.project !== undefined && { project: task.project }),
    ...(task.throttle !== undefined && { throttle: task.throttle }),
    ...(task.memoryBudget !== undefined && { memoryBudget: task.memoryBudget }),
    timings: { ...TIMINGS, sessionTimeoutMs: task.sessionMs ?? TIMINGS.sessionTimeoutMs },
  }),
  { saveEveryMs: 200 },
)
mirror.follow([{ migration: 'm', marks, seals: [], acceptedGaps }])
const printing = setInterval(() => {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), reports: mirror.reports() })}\n`)
}, 100)
process.once('SIGTERM', async () => {
  clearInterval(printing)
  await mirror.stop()
  await Promise.all([from.close(), to.close()])
})
