import { type ChildProcess, spawn } from 'node:child_process'
import { javaCommand } from './java-command.ts'
import { type CompiledClasses, compileOracle } from './oracle-jar.ts'
import type { KafkaVersion } from './versions.ts'

/** With the optimising compiler, unlike brokers: hashing a gigabyte needs it. */
const FLAGS = ['-XX:+UseSerialGC']

/** So many JVMs with the same jars: one takes longer to start than most answers, and as long as all that start beside it. */
const MOST = 2

interface Pool {
  readonly idle: OracleProcess[]
  busy: number
  readonly waiting: (() => void)[]
}

const pools = new Map<string, Pool>()

/** Sends commands to the oracle for brokers of this version, and answers what it printed. */
export const askOracle = async (
  version: KafkaVersion,
  commands: string,
  timeoutMs: number,
): Promise<string> => {
  const classes = await compileOracle(version)
  const pool = pools.get(classes.classes) ?? { idle: [], busy: 0, waiting: [] }
  pools.set(classes.classes, pool)
  if (pool.busy === MOST) await new Promise<void>((resolve) => pool.waiting.push(resolve))
  else pool.busy++
  try {
    const process = takeRunning(pool.idle) ?? new OracleProcess(classes)
    const answer = await process.ask(commands, timeoutMs)
    pool.idle.push(process)
    return answer
  } finally {
    // Whoever waits takes the place.
    const next = pool.waiting.shift()
    if (next) next()
    else pool.busy--
  }
}

const takeRunning = (idle: OracleProcess[]): OracleProcess | undefined => {
  for (let each = idle.pop(); each; each = idle.pop()) if (each.running) return each
  return undefined
}

/** One JVM, asked for one thing at a time. It ends with this process, whose pipe it reads; whatever fails ends it. */
class OracleProcess {
  readonly #child: ChildProcess
  #output: string[] = []
  /** The last two characters of it. */
  #end = ''
  #errors = ''
  #onChange: () => void = () => {}
  running = true

  constructor({ jars, classes }: CompiledClasses) {
    const command = javaCommand({ jars, classes, main: 'Oracle', args: [], flags: FLAGS })
    const child = spawn(command[0]!, command.slice(1), { stdio: 'pipe' })
    const { stdin, stdout, stderr } = child
    // It must not keep a script from ending; while it is asked, the timeout does.
    for (const each of [child, stdin, stdout, stderr] as unknown as { unref(): void }[]) {
      each.unref()
    }
    stdin.on('error', () => {})
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output.push(text)
      this.#end = `${this.#end}${text}`.slice(-2)
      this.#onChange()
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = `${this.#errors}${text}`.slice(-4_000)
    })
    const ended = (error?: Error) => {
      this.running = false
      if (error) this.#errors += error.message
      this.#onChange()
    }
    child.once('error', ended).once('close', () => ended())
    this.#child = child
  }

  ask(commands: string, timeoutMs: number): Promise<string> {
    this.#output = []
    this.#end = ''
    this.#errors = ''
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer)
        this.#onChange = () => {}
        this.#child.kill('SIGKILL')
        reject(
          new Error(`The oracle ${why}: ${this.#errors || this.#output.join('').slice(-4_000)}`),
        )
      }
      const timer = setTimeout(() => {
        this.running = false
        fail(`was killed after ${timeoutMs / 1000} s`)
      }, timeoutMs)
      this.#onChange = () => {
        if (!this.running) return fail('failed')
        if (this.#end !== '!\n') return
        clearTimeout(timer)
        this.#onChange = () => {}
        resolve(this.#output.join('').slice(0, -2))
      }
      this.#child.stdin?.write(`${commands}!\n`)
    })
  }
}
