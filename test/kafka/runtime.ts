import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What brokers can be run with on this machine. */
export type Runtime =
  | { readonly kind: 'java' }
  | { readonly kind: 'container'; readonly engine: 'docker' | 'podman' }

/** Runs a command and says whether it ended well; a missing command has not. */
export type Answers = (command: string, ...args: string[]) => Promise<boolean>

export const answers: Answers = async (command, ...args) => {
  try {
    await run(command, args, { timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

/**
 * Java is preferred: it runs all versions. A container client without its engine, or without the
 * compose plugin, is as good as none.
 */
export async function detectRuntime(which: Answers = answers): Promise<Runtime> {
  const [java, javac, maven] = await Promise.all([
    which('java', '-version'),
    // Only looked up: asking them for their version takes as long as a broker's half start.
    which('/bin/sh', '-c', 'command -v javac'),
    which('/bin/sh', '-c', 'command -v mvn'),
  ])
  if (java && javac && maven) return { kind: 'java' }
  for (const engine of ['docker', 'podman'] as const) {
    if ((await which(engine, 'info')) && (await which(engine, 'compose', 'version'))) {
      return { kind: 'container', engine }
    }
  }
  throw new Error(
    'Real Kafka brokers need a JDK (17 or later) with Maven, ' +
      'or Docker or Podman with its compose plugin and a running engine: install one of them.',
  )
}
