import { randomUUID } from 'node:crypto'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { STATE_FORMAT_VERSION } from '../domain/state.ts'
import { identityOf, isGone, type ProcessIdentity } from '../process-identity.ts'
import { count, instant, objectOf, oneOf, optional, text } from './decode.ts'
import { damaged, decodeRecord } from './records.ts'
import type { LockHolder } from './state-store.ts'

/** A lock as every store writes it. */
export interface LockRecord {
  readonly formatVersion: typeof STATE_FORMAT_VERSION
  readonly state: 'held' | 'free'
  readonly token: string
  /** Who holds it; of a free lock: who had it last. */
  readonly holder?: LockHolder
  readonly process?: ProcessIdentity
  /** Of a lease: it ends then unless it is renewed. ISO 8601. */
  readonly expires?: string
}

const record = objectOf<LockRecord>({
  formatVersion: oneOf(STATE_FORMAT_VERSION),
  state: oneOf('held', 'free'),
  token: text,
  holder: optional(
    objectOf<LockHolder>({ user: text, host: text, pid: count, operation: text, since: text }),
  ),
  process: optional(
    objectOf<ProcessIdentity>({
      host: text,
      pid: count,
      pidNamespace: text,
      machine: text,
      boot: text,
      started: text,
    }),
  ),
  expires: optional(instant),
})

/** Fully checked; throws FERRY1402 or FERRY1403 naming `where`. */
export const decodeLock = (source: string, where: string): LockRecord => {
  const found = decodeRecord(source, where, record)
  if (found.state === 'held' && !found.holder) throw damaged(where, '/holder: missing')
  return found
}

/** A new lock of this holder, with a token that no other has. */
export const heldBy = (
  holder: LockHolder,
  process: ProcessIdentity = identityOf(holder.pid),
): LockRecord & { readonly holder: LockHolder } => ({
  formatVersion: STATE_FORMAT_VERSION,
  state: 'held',
  token: randomUUID(),
  holder,
  process,
})

export const freed = (held: LockRecord): LockRecord => ({
  formatVersion: STATE_FORMAT_VERSION,
  state: 'free',
  token: randomUUID(),
  ...(held.holder && { holder: held.holder }),
})

/** True only if it is certain that the process does not run any more. */
export const holderIsGone = (held: LockRecord): boolean =>
  held.process !== undefined && isGone(held.process)

const named = (holder: LockHolder | undefined): string =>
  holder === undefined
    ? 'somebody'
    : `${holder.user}@${holder.host} (pid ${holder.pid}, ${holder.operation}, since ${holder.since})`

/** Somebody else has it. */
export const locked = (
  name: string,
  holder: LockHolder | undefined,
  expires?: string,
): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1406',
      detail: `${name} is locked by ${named(holder)}.${expires ? ` Unless that process renews it, the lock ends at ${expires}.` : ''}`,
      fix: `Wait until it has ended. If you know that the process does not run any more: ferry unlock ${name}.`,
    }),
    { retriable: true },
  )

/** This run had it, and has it no longer. */
export const lost = (name: string, holder: LockHolder | undefined): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1407',
      detail: `The lock of ${name} was broken while this run had it${holder ? `; now ${named(holder)} holds it` : ''}.`,
      fix: 'Find out who ran ferry unlock, and apply again when nobody else does.',
    }),
  )
