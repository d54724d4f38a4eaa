import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AcceptedGap } from '../../src/domain/accepted-gap.ts'
import type { Mark } from '../../src/domain/mark.ts'
import type { PartitionReport } from '../../src/mirror/mirror.ts'
import { waitFor } from '../kafka/wait.ts'
import type { Pair } from './_support.ts'

/** A mirror in a process of its own. */
export class MirrorChild {
  readonly #child: ChildProcess
  #reports: readonly PartitionReport[] = []
  #errors = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#reports = (JSON.parse(line) as { reports: PartitionReport[] }).reports
    })
    child.stderr!.on('data', (data: Buffer) => {
      this.#errors += data.toString()
      if (process.env.FERRY_TEST_LOG) process.stderr.write(`[${child.pid}] ${data}`)
    })
  }

  static start(
    pair: Pair,
    folder: string,
    marks: readonly Mark[],
    {
      env = {},
      ...options
    }: {
      /** Mirrors of one project share the lock. Default: that of `mirrorOptions`. */
      readonly project?: string
      readonly throttle?: number
      readonly sessionMs?: number
      readonly memoryBudget?: number
      readonly env?: Readonly<Record<string, string>>
      readonly acceptedGaps?: readonly AcceptedGap[]
    } = {},
  ): MirrorChild {
    const { source, target } = pair
    const place = ({ clusterId, bootstrapServers }: typeof source) => ({
      clusterId,
      bootstrapServers,
    })
    const file = `${folder}/task-${Math.random()}.json`
    const task = {
      source: place(source),
      target: place(target),
      progress: `${folder}/progress`,
      marks,
      ...options,
    }
    writeFileSync(
      file,
      JSON.stringify(task, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    )
    const script = fileURLToPath(new URL('mirror-child.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FERRY_TEST_LOG: '1', ...env },
    })
    return new MirrorChild(child)
  }

  get log(): string {
    return this.#errors
  }

  get reports(): readonly PartitionReport[] {
    return this.#reports
  }

  get mirroring(): number {
    return this.#reports.filter((r) => r.state === 'mirroring').length
  }

  get problems(): readonly string[] {
    return this.#reports.flatMap(({ problem }) => problem?.detail ?? [])
  }

  get records(): number {
    return this.#reports.reduce((sum, r) => sum + r.records, 0)
  }

  get bytes(): number {
    return this.#reports.reduce((sum, r) => sum + r.bytes, 0)
  }

  /** The most memory that it has had so far, in bytes. */
  get peakRss(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024
  }

  async until(what: string, holds: (child: this) => boolean, timeoutMs = 60_000): Promise<void> {
    await waitFor(what, { timeoutMs, everyMs: 10 }, () => holds(this) || undefined).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${JSON.stringify(this.#reports)}\n${this.#errors}`)
      },
    )
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill(signal)
    await once(this.#child, 'exit')
  }
}
