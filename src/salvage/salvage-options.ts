import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { SourceOffset, TargetOffset } from '../domain/ids.ts'
import type { Salvage, SentBatch } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { KnownCleaned } from '../verify/cleaned-topics.ts'

export interface SalvageOptions {
  readonly source: Cluster
  readonly target: Cluster
  /** Recorded before the first attempt: its producer id tells later what of it is on the target already. */
  readonly salvage: Salvage
  /** The mirror's producer and where the partition was sealed on the target: what it wrote behind that is there already. */
  readonly mirror: { readonly producerId: bigint; readonly sealedEnd: TargetOffset }
  /** True if an earlier attempt did not come to its end: what it sent may still be on its way. */
  readonly isResumed: boolean
  /** What the decisions know of cleaners that are no longer at work. */
  readonly known: KnownCleaned
  readonly requestTimeoutMs: number
  /** Writes down what is about to be sent: the next attempt goes on from there. */
  remember(sent: SentBatch): Promise<void>
  pause(ms: number, signal: AbortSignal): Promise<unknown>
  readonly report: (line: string) => void
  readonly signal: AbortSignal
}

/** What nobody can tell any more of the last batch that an earlier attempt sent: whether it is on the target. Nothing was appended. */
export interface Unsure {
  readonly unsure: SentBatch
  /** Why, for people; without a full stop. */
  readonly why: string
}

/** How far a salvage came. */
export interface SalvagedTo {
  /** Records that are on the target. */
  readonly records: number
  /** Everything of the range below is there. Less than the whole range: retention of the source has taken what comes next. */
  readonly to: SourceOffset
}

/** Why a salvage stops, and what to see to before it goes on. */
export const failed = (
  { salvage }: Pick<SalvageOptions, 'salvage'>,
  detail: string,
  retriable: boolean,
  first = 'See to the cause',
): FerryError => {
  const problem: Diagnostic = diagnostic({
    code: 'FERRY1710',
    detail: `${detail}.`,
    fix: `${first} and run ferry salvage again: it goes on where it stopped (${salvage.from} to ${salvage.to - 1n} of ${salvage.topic}-${salvage.partition}).`,
  })
  return new FerryError(problem, { retriable })
}
