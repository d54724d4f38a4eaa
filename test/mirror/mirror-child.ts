import { readFileSync } from 'node:fs'
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
  readonly throttle?: number
  readonly sessionMs?: number
  /** Bigints as decimal strings. */
  readonly marks: readonly Record<string, unknown>[]
}

const BIG = ['sourceStart', 'targetStart', 'producerId', 'fillerProducerId']
const task = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ChildTask
const marks = task.marks.map((mark) =>
  Object.fromEntries(
    Object.entries(mark).map(([k, v]) => [k, BIG.includes(k) ? BigInt(v as string) : v]),
  ),
) as unknown as Mark[]

const from = await connectTo(task.source, 'old')
const to = await connectTo(task.target, 'new')
const mirror = startMirror(
  mirrorOptions(from, to, new FileProgress(task.progress), {
    throttle: task.throttle,
    timings: { ...TIMINGS, sessionTimeoutMs: task.sessionMs ?? TIMINGS.sessionTimeoutMs },
  }),
  { saveEveryMs: 200 },
)
mirror.follow([{ migration: 'm', marks, seals: [] }])
const printing = setInterval(() => {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), reports: mirror.reports() })}\n`)
}, 100)
process.once('SIGTERM', async () => {
  clearInterval(printing)
  await mirror.stop()
  await Promise.all([from.close(), to.close()])
})
