import type { Diagnostic } from '../domain/diagnostic.ts'
import type { SyncedPosition } from '../domain/step.ts'

export const VERIFY_FORMAT_VERSION = '1.0'

/** One partition of `verify --json`. Offsets are log positions as they are now, but for the `targetEnd` of a sealed partition. */
export interface VerifiedPartition {
  readonly partition: number
  readonly sourceStart: number
  /** The last stable offset: what consumers with read_committed can reach. */
  readonly sourceEnd: number
  readonly targetStart: number
  readonly targetEnd: number
  /** Records since the mark. */
  readonly mirrored: number
  readonly compared: number
  /** Records since the mark that retention or compaction took on one side: only counted, from the offset index. */
  readonly gone: number
  readonly ok: boolean
  /** Source offsets `from` to `to` (exclusive) that are not on the target, by decision. */
  readonly acceptedGaps: readonly {
    readonly from: number
    readonly to: number
    /** Why mirroring had stopped there. */
    readonly code: string
    readonly at: string
  }[]
  readonly problems: readonly Diagnostic[]
}

/** One position of a group. Null: no commit; for `expected`, nothing to expect. */
export interface VerifiedPosition {
  readonly topic: string
  readonly partition: number
  readonly source: number | null
  readonly target: number | null
  /** What Ferry wrote on the target, or, before the group was synced, what it would write now. */
  readonly expected: number | null
  readonly ok: boolean
  /** Absent where there is nothing to prove: no commit, or a position that the mirror has not reached yet. */
  readonly proof?: SyncedPosition['proof']
  readonly problems?: readonly Diagnostic[]
}

/** `verify --json`. */
export interface VerifyReport {
  readonly formatVersion: typeof VERIFY_FORMAT_VERSION
  readonly ok: boolean
  readonly topics: readonly {
    readonly name: string
    /** Set for what was mirrored back, target to source: then source and target have changed places. */
    readonly way?: 'reverse'
    readonly mode: 'identical' | 'dense'
    readonly partitions: readonly VerifiedPartition[]
  }[]
  readonly groups: readonly {
    readonly id: string
    readonly partitions: readonly VerifiedPosition[]
  }[]
}
