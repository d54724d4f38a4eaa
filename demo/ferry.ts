import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pc } from './colours.ts'

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js')

/** Runs the built `ferry`, as a person or a pipeline would. */
export class Ferry {
  readonly #directory: string
  readonly #env: NodeJS.ProcessEnv

  constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.#env = { ...process.env, ...env }
  }

  /** Runs to the end with its output on this terminal. `onLine` sees every line of stderr. Throws if it ends with another code than 0. */
  async run(args: readonly string[], onLine?: (line: string) => void): Promise<void> {
    console.log(pc.bold(`\n$ ferry ${args.join(' ')}`))
    const child = this.#spawn(args)
    child.stdout?.pipe(process.stdout, { end: false })
    let rest = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk)
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine?.(line)
    })
    const code = await exitOf(child)
    if (code !== 0) throw new Error(`ferry ${args.join(' ')} ended with ${code}`)
  }

  /** Starts one that stays; the returned function stops it with SIGTERM and waits. */
  background(args: readonly string[]): () => Promise<void> {
    console.log(pc.bold(`\n$ ferry ${args.join(' ')} &`))
    const child = this.#spawn(args)
    let tail = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-4000)
    })
    const exit = exitOf(child)
    let stopped = false
    exit.then((code) => {
      if (!stopped) console.error(`ferry ${args.join(' ')} ended by itself with ${code}:\n${tail}`)
    })
    return async () => {
      stopped = true
      child.kill('SIGTERM')
      const code = await exit
      if (code !== 0) throw new Error(`ferry ${args.join(' ')} ended with ${code}:\n${tail}`)
    }
  }

  #spawn(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [MAIN, ...args], {
      cwd: this.#directory,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 : 1)))
  })
