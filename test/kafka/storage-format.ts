import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JarFolder, publishFolder } from './jars.ts'
import { runJava } from './java-command.ts'
import { ADMIN, type StartOptions, type TestUser } from './test-cluster.ts'

/** The `--add-scram` arguments of the storage tool for all users of a secure cluster. */
export function scramArguments(options: StartOptions): string[] {
  return scramUsers(options).flatMap(({ name, password }) =>
    ['SCRAM-SHA-512', 'SCRAM-SHA-256'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )
}

/** Everybody who can sign in to a cluster. */
export function scramUsers(options: StartOptions): readonly TestUser[] {
  return options.secure ? [ADMIN, ...(options.users ?? [])] : []
}

/** A random id as Kafka writes them; a leading dash would look like an option to its tools. */
export function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/** A broker whose storage is to be formatted. */
export interface Unformatted {
  readonly jars: JarFolder
  readonly options: StartOptions
  readonly clusterId: string
  /** Of the broker, and the one folder that it names for data. */
  readonly properties: string
  readonly dataFolder: string
  readonly id: number
}

/**
 * Formats storage with Kafka's own tool, and keeps what that wrote: the next time it is copied, which takes no JVM. It differs between
 * clusters in their id, which is put in, and in keys of passwords, which may be the same.
 */
export async function formatStorage(broker: Unformatted): Promise<void> {
  const { jars, options, clusterId, properties, dataFolder, id } = broker
  const users = scramArguments(options)
  const key = createHash('sha256')
    .update(JSON.stringify([id, options.brokers ?? 1, users, jars.classPath]))
    .digest('hex')
  const kept = join(jars.folder, 'formatted', key.slice(0, 16))
  if (!existsSync(kept)) {
    const args = ['format', '-t', clusterId, ...users, '-c', properties]
    await runJava({ jars, main: 'kafka.tools.StorageTool', args })
    const fresh = `${kept}.${randomUUID()}.tmp`
    try {
      await cp(dataFolder, fresh, { recursive: true })
      await publishFolder({ fresh, folder: kept, isGood: async () => existsSync(kept) })
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
    return
  }
  await cp(kept, dataFolder, { recursive: true })
  const meta = join(dataFolder, 'meta.properties')
  const text = await readFile(meta, 'utf8')
  await writeFile(meta, text.replace(/^cluster\.id=.*$/m, `cluster.id=${clusterId}`))
}
