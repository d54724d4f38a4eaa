import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JarSet } from './versions.ts'
import { usesLog4j2 } from './versions.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** The root folder of the project. */
export const PROJECT_FOLDER = join(HERE, '..', '..')

/** Where jars and compiled helpers are kept between runs. Safe to delete at any time. */
export const CACHE_FOLDER = join(PROJECT_FOLDER, '.cache', 'kafka')

/** A file that belongs to this folder, such as a pom or a Java source. */
export const ownFile = (...parts: string[]): string => join(HERE, ...parts)

/** The JVM flag that makes the given jars log warnings to stderr and nothing else. */
export function loggingFlag(jars: JarSet): string {
  return usesLog4j2(jars)
    ? `-Dlog4j2.configurationFile=${ownFile('java', 'log4j2.properties')}`
    : `-Dlog4j.configuration=file:${ownFile('java', 'log4j.properties')}`
}
