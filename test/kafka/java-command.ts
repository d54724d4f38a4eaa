import { type ExecFileException, execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { JarFolder } from './jars.ts'
import { loggingFlag } from './paths.ts'

const run = promisify(execFile)

/** A short start is what matters to a broker that lives for one test. */
export const FAST_START_FLAGS: readonly string[] = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** Old brokers reach into the JDK by reflection, which Java 17 forbids unless told otherwise. */
const OPEN_TO_OLD_KAFKA = ['--add-opens', 'java.base/java.lang=ALL-UNNAMED']

/** One run of a Java main class. */
export interface JavaProgram {
  readonly jars: JarFolder
  readonly main: string
  readonly args: readonly string[]
  readonly heap?: string
  readonly flags?: readonly string[]
  /** Behind the jars on the class path, where it leaves the archive of the jars valid. */
  readonly classes?: string
  /** False: it loads its classes from the jars, as any installation does. */
  readonly usesArchive?: boolean
}

/** The command line of a Java program with our logging and a short start. */
export function javaCommand(program: JavaProgram): string[] {
  const { jars, main, args, heap = '512m', flags = FAST_START_FLAGS, classes } = program
  const archive = classArchive(jars)
  const isArchived = program.usesArchive !== false && existsSync(archive)
  return [
    'java',
    `-Xmx${heap}`,
    '-XX:-UsePerfData',
    '-Djava.net.preferIPv4Stack=true',
    '-Djava.awt.headless=true',
    loggingFlag(jars.name),
    ...(isArchived ? [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds*=off'] : []),
    ...OPEN_TO_OLD_KAFKA,
    ...flags,
    '-cp',
    classes ? `${jars.classPath}:${classes}` : jars.classPath,
    main,
    ...args,
  ]
}

/**
 * Where the classes that a broker loads are kept for the next JVM with these jars. A missing or
 * unsuitable archive does no harm, but nor any good: one is valid for the class path it was
 * recorded with, to the letter, so that a cache that was moved gets another.
 */
export function classArchive({ folder, classPath }: JarFolder): string {
  const digest = createHash('sha256').update(classPath).digest('hex')
  return join(folder, `classes-${digest.slice(0, 12)}.jsa`)
}

/** Runs a Java program to its end and returns its output. */
export async function runJava(
  program: JavaProgram,
  options: { readonly timeoutMs?: number; readonly input?: string } = {},
): Promise<string> {
  const { timeoutMs = 180_000, input = '' } = options
  const [command, ...args] = javaCommand(program)
  const running = run(command!, args, {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 29,
  })
  // A program that ends without reading its input is judged by how it ends.
  running.child.stdin?.on('error', () => {})
  running.child.stdin?.end(input)
  try {
    return (await running).stdout
  } catch (error) {
    const { stderr = '', stdout = '', killed } = error as Partial<ExecFileException & Output>
    const late = killed ? ` (killed after ${timeoutMs / 1000} s)` : ''
    const output = stderr.slice(-4_000) || stdout.slice(-4_000)
    throw new Error(`${program.main} failed${late}: ${output}`, { cause: error })
  }
}

interface Output {
  readonly stdout: string
  readonly stderr: string
}
