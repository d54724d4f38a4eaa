import type { TargetOffset } from '../domain/ids.ts'
import type { SentBatch } from '../domain/state.ts'

/** What can be seen on the target of the last batch that a salvage sent, once nothing of it can still arrive. */
export interface SeenOfSent {
  readonly sent: Pick<SentBatch, 'place' | 'records'>
  /** The log end before the first batch of the salvage. */
  readonly targetFrom: TargetOffset
  readonly logStart: TargetOffset
  readonly logEnd: TargetOffset
  /** Records of the salvage up to its last batch that is still there, a batch without records included; 0: none is. */
  readonly found: number
  /** The same by what the leader remembers of its producer; undefined: it does not remember it. */
  readonly remembered: number | undefined
  /** Single records, and with them whole batches, may have been removed since. */
  readonly isCleaned: boolean
}

/**
 * Whether that batch was appended, by proof alone.
 * - `there`, `missing`: it was; it was not.
 * - `unsure`: it may have been, and be gone.
 * - `another`: what was acknowledged is not there, or something that was never sent: the target has lost its end, or the state is another one.
 */
export const judgeSent = (seen: SeenOfSent): 'there' | 'missing' | 'unsure' | 'another' => {
  const { sent, targetFrom, logStart, logEnd, found, remembered, isCleaned } = seen
  const { place } = sent
  const whole = place + sent.records
  if (found === whole) return 'there'
  // Everything before it was acknowledged, and takes as many offsets.
  const places = logEnd - targetFrom
  if (found > place || places < BigInt(place)) return 'another'
  if (remembered === whole) return 'there'
  if (!isCleaned) {
    // Retention takes from the beginning: what follows something that is there would be there.
    if (found > 0) return found === place ? 'missing' : 'another'
    if (logStart <= targetFrom) return place === 0 ? 'missing' : 'another'
    // A leader that knows the producer by what a cleaner has left would know too little.
    if (place > 0 && remembered === place) return 'missing'
  }
  return places < BigInt(whole) ? 'missing' : 'unsure'
}
