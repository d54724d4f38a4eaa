import { setTimeout as pause } from 'node:timers/promises'
import type { Ended, Project, Running } from '../scenarios/_world.ts'

/** `ferry mirror`, started again whenever it was killed, as a supervisor does. */
export class Mirroring {
  readonly #project: Project
  readonly #migration: string
  #running: Running
  #wrong: Ended | undefined
  #isStopping = false

  constructor(project: Project, migration: string) {
    this.#project = project
    this.#migration = migration
    this.#running = this.#start()
  }

  /** Throws if it ended by itself, and not because it could not reach a broker. */
  check(): void {
    if (this.#wrong !== undefined) throw new Error(`the mirror ended: ${shown(this.#wrong)}`)
  }

  /** False: it was not running just now. */
  async kill(): Promise<boolean> {
    if (this.#running.child.exitCode !== null) return false
    this.#running.child.kill('SIGKILL')
    await this.#running.ended
    return true
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#running.child.kill('SIGKILL')
    await this.#running.ended
  }

  #start(): Running {
    const running = this.#project.start(['mirror', this.#migration], {}, 3_600_000)
    running.ended
      .then(async (ended) => {
        if (this.#isStopping) return
        if (ended.code !== -1 && ended.code !== 1) this.#wrong = ended
        await pause(500)
        if (!this.#isStopping) this.#running = this.#start()
      })
      .catch(() => {})
    return running
  }
}

export const shown = ({ code, stdout, stderr }: Ended): string =>
  `ended with ${code}:\n${stdout.slice(-4000)}\n${stderr.slice(-6000)}`

export const firstError = ({ stderr }: Ended): string => {
  const lines = stderr.split('\n')
  const at = lines.findIndex((line) => line.startsWith('error FERRY'))
  return at < 0 ? '' : lines.slice(at, at + 2).join(' ')
}
