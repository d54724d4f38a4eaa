import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { JarFolder } from './jars.ts'
import { fetchJars, publishFolder } from './jars.ts'
import { CACHE_FOLDER, ownFile } from './paths.ts'
import { clientJars, type JarSet, type KafkaVersion } from './versions.ts'

const run = promisify(execFile)

const compiled = new Map<string, Promise<CompiledClasses>>()

/** A program of ours, compiled against the jars that it needs. */
export interface CompiledClasses {
  readonly jars: JarFolder
  readonly classes: string
}

/** Compiles the oracle for the client that a cluster understands. */
export const compileOracle = (version: KafkaVersion): Promise<CompiledClasses> =>
  compileJava('Oracle', clientJars(version))

/** Compiles `java/<main>.java` once per set of jars and source text. */
export function compileJava(main: string, name: JarSet): Promise<CompiledClasses> {
  const key = `${main} ${name}`
  const known = compiled.get(key)
  if (known) return known
  const started = compile(main, name)
  compiled.set(key, started)
  started.catch(() => compiled.delete(key))
  return started
}

async function compile(main: string, name: JarSet): Promise<CompiledClasses> {
  const jars = await fetchJars(name)
  const source = ownFile('java', `${main}.java`)
  const hash = createHash('sha256')
    .update(jars.classPath)
    .update(await readFile(source))
  const folder = main.toLowerCase()
  const classes = join(CACHE_FOLDER, folder, `${name}-${hash.digest('hex').slice(0, 16)}`)
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
