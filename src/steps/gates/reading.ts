import { type Answers, failureOf } from '../../domain/answers.ts'
import { FerryError } from '../../domain/diagnostic.ts'
import type { PartitionKey } from '../../domain/ids.ts'
import type { GroupMember } from '../../kafka/cluster.ts'
import type { GateReading } from '../step-kind.ts'

export const HOLDS: GateReading = { holds: true }
/** It will hold once somebody has done what `because` says, or by itself. */
export const waits = (because: string): GateReading => ({
  holds: false,
  because,
  worthWaiting: true,
})
/** Waiting alone changes nothing. */
export const never = (because: string): GateReading => ({
  holds: false,
  because,
  worthWaiting: false,
})
/** The same where a partition has stopped, which ends apply as a step does that has failed. */
export const stopped = (because: string): GateReading => ({
  holds: false,
  because,
  worthWaiting: false,
  hasStopped: true,
})

/** Why a gate could not be read. A broker that does not answer for a moment must not end a wait of many minutes; every other error is thrown on. */
export const unread = (error: unknown): string => {
  if (!(error instanceof FerryError && error.retriable)) throw error
  return `it cannot be read: ${error.diagnostics.map((d) => d.detail).join('; ')}`
}

/** Of positions that a transaction is about to change. */
export const notFinal = (pending: readonly PartitionKey[]): GateReading =>
  waits(`its position in ${firstOf(pending)} is not final before the end of a transaction`)

/** The one answer that was asked for; else throws the failures, see {@link failureOf}. */
export const only = <K, V>(answers: Answers<K, V>, key: K): V => {
  const answer = answers.ok.get(key)
  if (answer === undefined) throw failureOf(answers)
  return answer
}

/** The first few partitions, and how many there are more. */
export const firstOf = (keys: readonly PartitionKey[]): string => {
  const some = keys.slice(0, 5).join(', ')
  return keys.length > 5 ? `${some} and ${keys.length - 5} more` : some
}

/** `orders-1 on /10.0.0.7`, as the broker knows them. A static member stays after its process is gone, until its session ends. */
export const named = (members: readonly GroupMember[]): string =>
  members
    .map(({ clientId, host, instanceId }) =>
      instanceId === undefined
        ? `${clientId} on ${host}`
        : `${clientId} on ${host} (static member ${instanceId}: once stopped, it stays until its session ends)`,
    )
    .join(', ')
