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
  /** Since when nobody is known to have read all there was. */
  readonly since: string
}

/**
 * Whether one partition of a compacted topic was copied before its cleaner may have forgotten which keys were deleted. What was complete at a
 * moment stays so until something is written; what was written since must be copied within the time that tombstones are kept, counted from
 * that moment. Where it was not, the moment never moves on again, whatever is copied, and whoever comes next finds it in the progress.
 */
export class Hearing {
  #heard: Heard | undefined
  #look: Look | undefined
  /** The decisions know of a cleaner there: that it is not compacted now says nothing of before. */
  #isCleaned = false

  /** Before the first look, what came after the mark's beginning came after `since`; without that nothing is ever known. */
  constructor({ since, sourceStart }: Pick<Mark, 'since' | 'sourceStart'>) {
    if (since !== undefined) {
      this.#heard = { at: since, to: sourceStart, keptMs: Number.MAX_SAFE_INTEGER }
    }
  }

  get heard(): Heard | undefined {
    return this.#heard
  }

  /** Takes that Ferry had the topic compacted. */
  knowCleaned(): void {
    this.#isCleaned = true
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
    const shortest = Math.min(heard.keptMs, keptMs)
    // Nothing was written since: there was nothing to forget.
    if (look.end <= heard.to) return this.#complete(look, { isCompacted, keptMs })
    const wasCompacted = isCompacted || heard.isCompacted === true
    this.#heard = { ...heard, keptMs: shortest, ...(wasCompacted && { isCompacted: true }) }
    const isComplete = mirroredTo >= look.end
    if (now - Date.parse(heard.at) < surelyKeptMs(shortest)) {
      if (isComplete) this.#complete(look, { isCompacted, keptMs })
      return undefined
    }
    if (isCompacted || heard.isForgotten) {
      this.#heard = { ...this.#heard, isForgotten: true }
      return { from: Number(heard.to), to: Math.max(look.end, mirroredTo), since: heard.at }
    }
    // Nobody knows of a cleaner there: what was copied while there was none lacks nothing, however late it was copied. Where one was there, the
    // decisions say until when: see the plan of a rollback.
    if (!this.#isCleaned && !wasCompacted && isComplete) {
      this.#complete(look, { isCompacted, keptMs })
    }
    return undefined
  }

  #complete({ end, at }: Look, { isCompacted, keptMs }: CleanerFacts): undefined {
    const to = BigInt(Math.max(end, Number(this.#heard!.to))) as SourceOffset
    this.#heard = {
      at: new Date(at).toISOString(),
      to,
      keptMs,
      ...(isCompacted && { isCompacted }),
    }
    this.#look = undefined
  }
}
