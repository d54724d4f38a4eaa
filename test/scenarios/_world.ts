import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { type StartOptions, startKafka, type TestCluster } from '../kafka/index.ts'

/** What `npm run build` made. */
const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js')

/** A command that takes longer hangs. */
const LONGEST_MS = 300_000

export interface WorldOptions {
  /** SCRAM users of the target, beside `admin`. They have no rights until ACLs give them some. */
  readonly users?: StartOptions['users']
  /** Default: 2.8. */
  readonly sourceVersion?: StartOptions['version']
  readonly sourceConfig?: Readonly<Record<string, string>>
  /** SCRAM and ACLs on the source too, with the same login. Default: false. */
  readonly isSourceSecure?: boolean
  readonly targetConfig?: Readonly<Record<string, string>>
}

/**
 * An old cluster (2.8, open) and a new one (4.x, SCRAM and ACLs), for all tests of a file; each test makes a project of its own.
 * ```ts
 * const world = await startWorld()
 * const project = world.project('shop')
 * project.write('plans/orders.yaml', '...')
 * const { code, stdout, stderr } = await project.ferry(['plan', 'orders'])
 * await world.stop()
 * ```
 */
export class World {
  readonly source: TestCluster
  readonly target: TestCluster
  readonly #folders: string[] = []
  readonly #running = new Set<Running>()

  constructor(source: TestCluster, target: TestCluster) {
    this.source = source
    this.target = target
  }

  /**
   * A folder with ferry.yaml, clusters/old.yaml and clusters/new.yaml; the migrations are the test's to write. The name is also that of
   * the mirror's group on the target, so projects with different names do not meet.
   */
  project(name: string): Project {
    const project = this.emptyProject()
    project.write('ferry.yaml', projectFile(name))
    project.write('clusters/old.yaml', clusterFile('old', this.source))
    project.write('clusters/new.yaml', clusterFile('new', this.target))
    return project
  }

  /** A folder without any file, and the login of the target in its environment. */
  emptyProject(): Project {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-scenario-'))
    this.#folders.push(folder)
    const project = new Project(folder, this.#running)
    Object.assign(project.env, {
      FERRY_USER: this.target.admin?.username,
      FERRY_PASSWORD: this.target.admin?.password,
    })
    return project
  }

  /** Kills what still runs, stops the clusters and removes the folders. */
  async stop(): Promise<void> {
    for (const each of this.#running) each.child.kill('SIGKILL')
    await Promise.allSettled([this.source.stop(), this.target.stop()])
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }
}

export const startWorld = async ({
  users = [],
  sourceVersion = '2.8',
  sourceConfig = {},
  isSourceSecure = false,
  targetConfig = {},
}: WorldOptions = {}): Promise<World> => {
  const [source, target] = await Promise.all([
    startKafka({ version: sourceVersion, secure: isSourceSecure, config: sourceConfig }),
    startKafka({ version: '4.x', secure: true, users, config: targetConfig }),
  ])
  return new World(source, target)
}

/** For the environment of ferry: as on a machine whose clock is ahead by so much. */
export const clockAhead = (ms: number): Readonly<Record<string, string>> => {
  const script = `const { now } = Date; const Real = Date
globalThis.Date = class extends Real {
  constructor(...args) { args.length > 0 ? super(...args) : super(now() + ${ms}) }
  static now() { return now() + ${ms} }
}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }
}

export const projectFile = (name: string): string => `apiVersion: ferry/v1
kind: Project
metadata: { name: ${name} }
spec:
  state: { store: file }
`

/** As ours, with the login of the environment where the cluster wants one. */
export const clusterFile = (
  name: string,
  { clusterId, bootstrapServers, admin }: TestCluster,
): string => `apiVersion: ferry/v1
kind: Cluster
metadata: { name: ${name} }
spec:
  clusterId: ${JSON.stringify(clusterId)}
  bootstrapServers: ${JSON.stringify(bootstrapServers)}
${
  admin === undefined
    ? ''
    : `  sasl:
    mechanism: scram-sha-512
    username: "\${env:FERRY_USER}"
    password: "\${env:FERRY_PASSWORD}"
`
}`

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The project of one test, and the built ferry in it. */
export class Project {
  readonly folder: string
  /** What ferry sees, and all that it sees beside PATH and HOME. */
  readonly env: Record<string, string> = {
    FERRY_MIRROR_SESSION_MS: '3000',
    FERRY_MIRROR_REQUEST_MS: '1000',
  }
  readonly #running: Set<Running>

  constructor(folder: string, running: Set<Running>) {
    this.folder = folder
    this.#running = running
  }

  path(file: string): string {
    return join(this.folder, file)
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8')
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true })
    writeFileSync(this.path(file), text)
  }

  /** Replaces a text that must be there. */
  edit(file: string, from: string | RegExp, to: string): void {
    const before = this.read(file)
    const after = before.replace(from, () => to)
    if (after === before) throw new Error(`${file} has no ${from}`)
    this.write(file, after)
  }

  /** `plans/orders.yaml:3:7`: where the text stands for the first time, as ferry names places. */
  place(file: string, text: string): string {
    const before = this.read(file).split(text, 1)[0] ?? ''
    if (before.length === this.read(file).length) throw new Error(`${file} has no ${text}`)
    const lines = before.split('\n')
    return `${file}:${lines.length}:${(lines.at(-1) ?? '').length + 1}`
  }

  /** SHA-256 of every file below a folder, by path. */
  digests(folder = '.'): Readonly<Record<string, string>> {
    const root = this.path(folder)
    return Object.fromEntries(
      filesBelow(root)
        .sort()
        .map((file) => [
          relative(root, file),
          createHash('sha256').update(readFileSync(file)).digest('hex'),
        ]),
    )
  }

  /** The state without the lock, which every apply takes, also one that is refused then. */
  state(): Readonly<Record<string, string>> {
    const files = Object.entries(this.digests('.ferry'))
    return Object.fromEntries(files.filter(([file]) => !file.includes('/lock/')))
  }

  /** Runs ferry to its end. */
  ferry(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(args, env).ended
  }

  /** Starts ferry and does not wait. */
  start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    longestMs = LONGEST_MS,
  ): Running {
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { PATH, HOME, ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running = new Running(child, args, longestMs)
    this.#running.add(running)
    const forget = () => this.#running.delete(running)
    running.ended.then(forget, forget)
    return running
  }
}

/** A ferry that runs. */
export class Running {
  readonly child: ChildProcess
  /** Rejects only if it hangs or cannot be started. A signal counts as code -1. */
  readonly ended: Promise<Ended>
  readonly #what: string
  readonly #waiting = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #hasEnded = false

  constructor(child: ChildProcess, args: readonly string[], longestMs: number) {
    this.child = child
    this.#what = `ferry ${args.join(' ')}`
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      this.#look()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#look()
    })
    this.ended = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(`${this.#what} hangs:\n${this.#stdout}${this.#stderr}`))
      }, longestMs)
      child.once('error', reject)
      // Not `exit`: there may be output left to read then.
      child.once('close', (code) => {
        clearTimeout(timer)
        this.#hasEnded = true
        this.#look()
        resolve({ code: code ?? -1, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
    // Whoever does not wait for it must not be ended by it.
    this.ended.catch(() => {})
  }

  /** What it has said so far. */
  get stderr(): string {
    return this.#stderr
  }

  /** What it has printed so far. */
  get stdout(): string {
    return this.#stdout
  }

  /** Resolves once stderr has said this; rejects if ferry ends without. */
  said(text: string): Promise<void> {
    return this.#awaited(text, () => this.#stderr)
  }

  /** The same of stdout. */
  printed(text: string): Promise<void> {
    return this.#awaited(text, () => this.#stdout)
  }

  #awaited(text: string, where: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (where().includes(text)) resolve()
        else if (this.#hasEnded) {
          reject(new Error(`${this.#what} never said "${text}":\n${this.#stdout}${this.#stderr}`))
        } else return
        this.#waiting.delete(look)
      }
      this.#waiting.add(look)
      look()
    })
  }

  #look(): void {
    for (const look of this.#waiting) look()
  }
}

const filesBelow = (folder: string): string[] => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
