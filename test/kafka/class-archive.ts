import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { JarFolder } from './jars.ts'
import { classArchive, FAST_START_FLAGS } from './java-command.ts'
import type { TestCluster } from './test-cluster.ts'

const recorded = new Map<string, Promise<void>>()

/**
 * Keeps the classes that a broker loads for the next JVM to map, unless that was done before: one
 * start and stop now, and every start from now on takes about half the time.
 */
export function recordClassArchive(
  jars: JarFolder,
  start: (jvmFlags: readonly string[]) => Promise<TestCluster>,
): Promise<void> {
  const known = recorded.get(jars.folder)
  if (known) return known
  const started = record(jars, start)
  recorded.set(jars.folder, started)
  return started
}

async function record(
  jars: JarFolder,
  start: (jvmFlags: readonly string[]) => Promise<TestCluster>,
): Promise<void> {
  const archive = classArchive(jars)
  if (existsSync(archive)) return
  const fresh = `${archive}.${randomUUID()}.tmp`
  try {
    const cluster = await start([...FAST_START_FLAGS, `-XX:ArchiveClassesAtExit=${fresh}`])
    // The JVM writes it while it ends, and only if it is asked to end, not killed.
    await cluster.brokers[0]!.kill('SIGTERM').finally(() => cluster.stop())
    await rename(fresh, archive)
  } catch {
    // Brokers start without it too, only later.
  } finally {
    await rm(fresh, { force: true })
  }
}
