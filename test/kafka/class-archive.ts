import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { JarFolder } from './jars.ts'
import { classArchive } from './java-command.ts'

const recorded = new Map<string, Promise<void>>()

/**
 * Keeps the classes that a program loads for the next JVM to map, unless that was done before: one
 * run now, and every start from now on takes about half the time. `run` starts the program with one
 * more flag and ends it by asking: killed, the JVM writes nothing.
 */
export function recordClassArchive(
  jars: JarFolder,
  run: (flag: string) => Promise<void>,
): Promise<void> {
  const known = recorded.get(jars.folder)
  if (known) return known
  const started = record(jars, run)
  recorded.set(jars.folder, started)
  return started
}

async function record(jars: JarFolder, run: (flag: string) => Promise<void>): Promise<void> {
  const archive = classArchive(jars)
  if (existsSync(archive)) return
  const fresh = `${archive}.${randomUUID()}.tmp`
  try {
    await run(`-XX:ArchiveClassesAtExit=${fresh}`)
    await rename(fresh, archive)
  } catch {
    // Programs start without it too, only later.
  } finally {
    await rm(fresh, { force: true })
  }
}
