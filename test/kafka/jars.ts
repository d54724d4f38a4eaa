import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CACHE_FOLDER, ownFile } from './paths.ts'
import type { JarSet } from './versions.ts'

const run = promisify(execFile)

const FETCH_TIMEOUT_MS = 10 * 60_000

const pending = new Map<JarSet, Promise<JarFolder>>()

/** Downloaded jars of one pom, ready to be put on a class path. */
export interface JarFolder {
  readonly name: JarSet
  /** Everything kept for this pom: the jars in `libs`, and archives made from them. */
  readonly folder: string
  /** Jar by jar in a fixed order: a class data archive is valid for one exact class path. */
  readonly classPath: string
}

/**
 * The jars of a pom, downloaded by Maven unless the cache holds them already.
 * Safe to call from many processes at once: each downloads into a folder of its own, the first
 * rename wins, the others use what it left.
 */
export function fetchJars(name: JarSet): Promise<JarFolder> {
  const known = pending.get(name)
  if (known) return known
  const started = fetchUnlessCached(name)
  pending.set(name, started)
  started.catch(() => pending.delete(name))
  return started
}

async function fetchUnlessCached(name: JarSet): Promise<JarFolder> {
  const pom = ownFile('poms', name, 'pom.xml')
  const stamp = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
  const folder = join(CACHE_FOLDER, name)
  if (!(await isStamped(folder, stamp))) {
    const fresh = `${folder}.${randomUUID()}.tmp`
    try {
      await copyDependencies(pom, join(fresh, 'libs'))
      await writeFile(join(fresh, 'stamp'), stamp)
      await publishFolder({ fresh, folder, isGood: () => isStamped(folder, stamp) })
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
  }
  // One class path for all work trees whose cache is a link to the same one.
  const real = await realpath(folder)
  const jars = (await readdir(join(real, 'libs'))).filter((file) => file.endsWith('.jar')).sort()
  return { name, folder: real, classPath: jars.map((jar) => join(real, 'libs', jar)).join(':') }
}

async function isStamped(folder: string, stamp: string): Promise<boolean> {
  const found = await readFile(join(folder, 'stamp'), 'utf8').catch(() => '')
  return found === stamp
}

/**
 * Moves a complete folder to its final place in one rename, so that nobody sees half of it.
 * An outdated folder is moved away first; a good one that another process put there is kept.
 */
export async function publishFolder(options: {
  fresh: string
  folder: string
  isGood: () => Promise<boolean>
}): Promise<void> {
  const { fresh, folder, isGood } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(fresh, folder)
    } catch (error) {
      if (!existsSync(folder) && attempt > 10) throw error
      if (await isGood()) return
      if (attempt > 100) throw error
      const outdated = `${folder}.${randomUUID()}.tmp`
      await rename(folder, outdated).catch(() => {})
      await rm(outdated, { recursive: true, force: true })
    }
  }
}

async function copyDependencies(pom: string, libs: string): Promise<void> {
  await mkdir(libs, { recursive: true })
  const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies']
  args.push('-DincludeScope=runtime', `-DoutputDirectory=${libs}`)
  try {
    await run('mvn', args, { timeout: FETCH_TIMEOUT_MS })
  } catch {
    // Maven's local repository is shared by all callers and not built for that: once more, alone
    // or not, finds what the others have finished.
    await run('mvn', args, { timeout: FETCH_TIMEOUT_MS })
  }
  const files = await readdir(libs)
  if (files.length === 0) throw new Error(`Maven copied no jars for ${pom}`)
  for (const file of files) await assertIsArchive(join(libs, file))
}

async function assertIsArchive(path: string): Promise<void> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    if (buffer.toString('latin1') !== 'PK') throw new Error(`Maven left a broken jar: ${path}`)
  } finally {
    await file.close()
  }
}
