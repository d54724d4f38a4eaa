import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { JarFolder } from './jars.ts'
import { fetchJars, publishFolder } from './jars.ts'
import { CACHE_FOLDER, ownFile } from './paths.ts'
import { clientJars, type KafkaVersion } from './versions.ts'

const run = promisify(execFile)

const compiled = new Map<string, Promise<OracleClasses>>()

/** The oracle, compiled for the client that a cluster understands. */
export interface OracleClasses {
  readonly jars: JarFolder
  readonly classes: string
}

/** Compiles the oracle once per client version and source text. */
export function compileOracle(version: KafkaVersion): Promise<OracleClasses> {
  const name = clientJars(version)
  const known = compiled.get(name)
  if (known) return known
  const started = compile(name)
  compiled.set(name, started)
  started.catch(() => compiled.delete(name))
  return started
}

async function compile(name: '2.8' | '4.x'): Promise<OracleClasses> {
  const jars = await fetchJars(name)
  const source = ownFile('java', 'Oracle.java')
  const hash = createHash('sha256')
    .update(jars.classPath)
    .update(await readFile(source))
  const classes = join(CACHE_FOLDER, 'oracle', `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(classes)) return { jars, classes }
  const fresh = `${classes}.${randomUUID()}.tmp`
  await mkdir(fresh, { recursive: true })
  try {
    await run('javac', ['-cp', jars.classPath, '-d', fresh, source], { timeout: 120_000 })
    await publishFolder({ fresh, folder: classes, isGood: async () => existsSync(classes) })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return { jars, classes }
}
