import { type Heard, surelyKeptMs } from '../domain/heard.ts'
import type { SourceOffset } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'

/** Settings of a topic that decide how long a cleaner leaves tombstones there, as read now. */
export interface CleanerFacts {
  readonly isCompacted: boolean
  /** `delete.retention.ms`, whether it is compacted or not. */
  readonly keptMs: number
}

/** Where the log ended at a moment: nothing behind it was written before. */
interface Look {
  readonly end: number
  /** Milliseconds since 1970, before the broker was asked. */
  readonly at: number
}

/** Source offsets of which tombstones may have been removed unread. */
export interface Forgotten {
  readonly from: number
  readonly to: number
}

/**
 * Whether one partition of a compacted topic was copied before its cleaner may have forgotten which keys were deleted. What was complete at a
 * moment stays so until something is written; what was written since must be copied within the time that tombstones are kept, counted from
 * that moment. Where it was not, the moment never moves on again, whatever is copied, and whoever comes next finds it in the progress.
 */
export class Hearing {
  #heard: Heard | undefined
  #look: Look | undefined

  /** Before the first look, what came after the mark's beginning came after `since`; without that nothing is ever known. */
  constructor({ since, sourceStart }: Pick<Mark, 'since' | 'sourceStart'>) {
    if (since !== undefined) {
      this.#heard = { at: since, to: sourceStart, keptMs: Number.MAX_SAFE_INTEGER }
    }
  }

  get heard(): Heard | undefined {
    return this.#heard
  }

  /** Takes what an earlier holder stored. */
  resume(heard: Heard | undefined): void {
    this.#heard = heard ?? this.#heard
    this.#look = undefined
  }

  /** The first one counts until all of it is copied: while producers write without a pause no copy is at the very end. */
  looked(end: number, at: number): void {
    this.#look ??= { end, at }
  }

  /** The answer is what the way back of the partition has ended with; undefined: nothing is known to be missing. */
  judge(
    mirroredTo: number,
    { isCompacted, keptMs }: CleanerFacts,
    now: number,
  ): Forgotten | undefined {
    const [heard, look] = [this.#heard, this.#look]
    if (heard === undefined || look === undefined) return undefined
    const isNew = look.end > heard.to
    const shortest = Math.min(heard.keptMs, keptMs)
    // Nothing was written since: there was nothing to forget.
    if (!isNew) return this.#complete(look, keptMs)
    this.#heard = { ...heard, keptMs: shortest }
    if (now - Date.parse(heard.at) >= surelyKeptMs(shortest)) {
      // Where it is not compacted now, the decisions say since when: see the plan of a rollback.
      if (!isCompacted && !heard.isForgotten) return undefined
      this.#heard = { ...heard, keptMs: shortest, isForgotten: true }
      return { from: Number(heard.to), to: Math.max(look.end, mirroredTo) }
    }
    if (mirroredTo >= look.end) this.#complete(look, keptMs)
    return undefined
  }

  #complete({ end, at }: Look, keptMs: number): undefined {
    const to = BigInt(Math.max(end, Number(this.#heard!.to))) as SourceOffset
    this.#heard = { at: new Date(at).toISOString(), to, keptMs }
    this.#look = undefined
  }
}
