import { randomBytes } from 'node:crypto'
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
