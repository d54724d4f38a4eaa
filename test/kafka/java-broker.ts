import { appendFile } from 'node:fs/promises'
import type { GuardedProcess } from './process.ts'
import { spawnGuarded, tail } from './process.ts'
import { formatProperties } from './server-properties.ts'
import type { TestBroker } from './test-cluster.ts'

const RESTART_TIMEOUT_MS = 60_000

/** How one broker is run. */
export interface BrokerSetup {
  readonly id: number
  readonly port: number
  readonly dataFolder: string
  readonly propertiesFile: string
  readonly command: readonly string[]
  readonly logFile: string
  /** Resolves once all brokers that run say that this one is back; rejects if it ends before. */
  readonly untilReady: (broker: JavaBroker) => Promise<unknown>
}

/** The broker's process ended although nobody had asked for it. */
export class BrokerEnded extends Error {
  constructor(id: number, log: string) {
    super(`Kafka broker ${id} ended while starting. The end of its log:\n${log}`)
  }
}

/** A broker that runs as a Java process of its own. */
export class JavaBroker implements TestBroker {
  readonly #setup: BrokerSetup
  #process: GuardedProcess | undefined

  constructor(setup: BrokerSetup) {
    this.#setup = setup
  }

  get id(): number {
    return this.#setup.id
  }

  get port(): number {
    return this.#setup.port
  }

  get dataFolder(): string {
    return this.#setup.dataFolder
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get running(): boolean {
    return this.#process !== undefined && !this.#process.exited
  }

  log(): string {
    return tail(this.#setup.logFile)
  }

  /** Starts the process and returns at once. */
  async launch(): Promise<void> {
    this.#process = await spawnGuarded(this.#setup.command, this.#setup.logFile)
  }

  /** Throws if the process is gone. */
  assertRunning(): void {
    if (!this.running) throw new BrokerEnded(this.id, this.log())
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.kill(signal)
  }

  /** Of two lines with the same name Java takes the later one. */
  configure(config: Readonly<Record<string, string>>): Promise<void> {
    return appendFile(this.#setup.propertiesFile, formatProperties(config))
  }

  async start(): Promise<void> {
    if (this.running) throw new Error(`Kafka broker ${this.id} is running already`)
    const deadline = performance.now() + RESTART_TIMEOUT_MS
    for (;;) {
      await this.launch()
      try {
        await this.#setup.untilReady(this)
        return
      } catch (error) {
        // ZooKeeper holds the registration of the killed process for its session timeout.
        const early =
          error instanceof BrokerEnded && isStillRegistered(tail(this.#setup.logFile, 1 << 20))
        if (!early || performance.now() > deadline) throw error
      }
    }
  }
}

function isStillRegistered(log: string): boolean {
  return /NodeExists|already registered/.test(log)
}
