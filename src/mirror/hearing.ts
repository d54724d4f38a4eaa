import type { Cleaned } from '../domain/cleaned.ts'
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
  /** What the decisions know of a cleaner there: that it is not compacted now says nothing of before, unless they say since when. */
  #cleaned: Pick<Cleaned, 'keptMs' | 'protectedAt'> | undefined

  /** Before the first look, what came after the mark's beginning came after `since`; without that nothing is ever known. */
  constructor({ since, sourceStart }: Pick<Mark, 'since' | 'sourceStart'>) {
    if (since !== undefined) {
      this.#heard = { at: since, to: sourceStart, keptMs: Number.MAX_SAFE_INTEGER }
    }
  }

  get heard(): Heard | undefined {
    return this.#heard
  }

  /** Takes that Ferry had the topic compacted, and whether it has protected it again. */
  knowCleaned(cleaned: Pick<Cleaned, 'keptMs' | 'protectedAt'>): void {
    this.#cleaned = cleaned
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
    const forgotten = () => ({
      from: Number(heard.to),
      to: Math.max(look.end, mirroredTo),
      since: heard.at,
    })
    // First of all: whoever saw it knows better than a clock that is behind.
    if (heard.isForgotten) return forgotten()
    const shortest = Math.min(heard.keptMs, keptMs)
    // Nothing was written since: there was nothing to forget.
    if (look.end <= heard.to) return this.#complete(look, { isCompacted, keptMs })
    const isProtected = !isCompacted && this.#wasProtectedInTime(heard, shortest)
    const isInTime = now - Date.parse(heard.at) < surelyKeptMs(shortest)
    const { isCompacted: wasSeen = false, ...rest } = heard
    // A cleaner that was sent away in time took nothing: only one that is seen after that matters.
    const wasCompacted = isCompacted || (wasSeen && !(isProtected && isInTime))
    this.#heard = { ...rest, keptMs: shortest, ...(wasCompacted && { isCompacted: true }) }
    const isComplete = mirroredTo >= look.end
    if (isInTime) {
      if (isComplete) this.#complete(look, { isCompacted, keptMs })
      return undefined
    }
    if (isCompacted) {
      this.#heard = { ...this.#heard, isForgotten: true }
      return forgotten()
    }
    // What was copied while no cleaner was there lacks nothing, however late it was copied: nobody knows of one, or a rollback has protected the
    // topic in time. Where one was there longer, the decisions say until when: see the plan of a rollback.
    const isWhole = !wasCompacted && (this.#cleaned === undefined || isProtected)
    if (isWhole && isComplete) this.#complete(look, { isCompacted, keptMs })
    return undefined
  }

  /** Whether Ferry has protected the topic while all that was deleted since `heard` was still to be read. */
  #wasProtectedInTime(heard: Heard, shortest: number): boolean {
    const { protectedAt, keptMs } = this.#cleaned ?? {}
    if (protectedAt === undefined || keptMs === undefined) return false
    const kept = surelyKeptMs(Math.min(shortest, keptMs))
    return Date.parse(protectedAt) - Date.parse(heard.at) < kept
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
