import { type AcceptedGap, divergenceOf } from '../domain/accepted-gap.ts'
import type { TargetOffset } from '../domain/ids.ts'
import type { Mark } from '../domain/mark.ts'
import {
  type Divergence,
  GapList,
  mirroredToFromTargetEnd,
  type OffsetMap,
} from '../domain/offset-index.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Ours } from './check-tail.ts'

/** Sequences are 31 bits. */
const SEQUENCES = 2 ** 31

/** Which record belongs where: what the mark and the holes that were read say of both logs of one partition, in plain numbers. */
export class MarkedOffsets implements OffsetMap {
  readonly mark: Mark
  readonly sourceStart: number
  readonly targetStart: number
  /** Of the source, as far as it was read. */
  readonly gaps = new GapList()
  /** Where identical offsets ended. */
  diverged: Divergence | null = null
  /** Ranges of the source that are holes by decision, whatever stands there. */
  acceptedGaps: readonly AcceptedGap[] = []

  constructor(mark: Mark) {
    this.mark = mark
    this.sourceStart = Number(mark.sourceStart)
    this.targetStart = Number(mark.targetStart)
  }

  /** Takes what an earlier holder stored. */
  resume({ gaps, diverged }: Pick<PartitionProgress, 'gaps' | 'diverged'>): void {
    this.gaps.readInto(0, gaps.bytesFrom(0))
    this.diverged = diverged
  }

  /** Whether what stands at a source offset gets the same on the target. */
  isIdenticalAt(source: number): boolean {
    const { diverged } = this
    return this.mark.mode === 'identical' && (diverged === null || source < diverged.source)
  }

  /** The accepted gap that holds a source offset, or the next one behind it. */
  acceptedFrom(source: number): AcceptedGap | undefined {
    return this.acceptedGaps.find(({ to }) => source < to)
  }

  /** The end of the accepted gap that holds a source offset; itself where there is none. */
  behindAccepted(source: number): number {
    let next = source
    for (
      let gap = this.acceptedFrom(next);
      gap && gap.from <= next;
      gap = this.acceptedFrom(next)
    ) {
      next = Number(gap.to)
    }
    return next
  }

  /** Makes a hole of the accepted gap that holds `source`; nothing of the source is known behind it. Answers where it ends. */
  passAccepted(source: number): number {
    const next = this.behindAccepted(source)
    if (next === source) return source
    this.gaps.append(source, next)
    if (this.mark.mode === 'identical') {
      this.diverged ??= divergenceOf(this.acceptedGaps.filter(({ to }) => to <= next))
    }
    return next
  }

  /** The source offset of what stands at `target`; of the log end, the offset to go on from. */
  sourceOf(target: number): number {
    return Number(mirroredToFromTargetEnd(this, BigInt(target) as TargetOffset))
  }

  /** How many records were mirrored to below `target`. */
  rankAt(target: number): number {
    if (this.mark.mode === 'dense') return target - this.targetStart
    const { diverged } = this
    const isDense = diverged !== null && target >= diverged.target
    const first = diverged === null ? target : Math.min(target, Number(diverged.source))
    const identical = isDense ? Number(diverged.source) : first
    const rank = identical - this.sourceStart - this.gaps.missingBelow(identical)
    return isDense ? rank + target - Number(diverged.target) : rank
  }

  /** The rank modulo 2^31 of what stands at `target`. */
  sequenceOf(target: number): number {
    return this.rankAt(target) % SEQUENCES
  }

  /** Where the last record below a target offset is, on both sides; undefined if there is none. */
  lastRecordBelow(
    target: number,
  ): { readonly source: number; readonly target: number } | undefined {
    let last = target - 1
    if (this.mark.mode === 'identical') {
      const { diverged } = this
      if (diverged !== null && last < diverged.target) {
        last = Math.min(last, Number(diverged.source) - 1)
      }
      if (diverged === null || last < diverged.target) {
        last = (this.gaps.at(last)?.from ?? last + 1) - 1
      }
    }
    if (last < this.targetStart) return undefined
    return { source: this.sourceOf(last), target: last }
  }

  /** The control markers that a check of the target may meet. */
  get markers(): Pick<Ours, 'markers'> {
    if (this.mark.mode === 'dense') return {}
    const isHole = (target: number) =>
      (this.diverged === null ||
        (target < this.diverged.source && target < this.diverged.target)) &&
      this.gaps.at(target) !== undefined
    return { markers: { producerId: Number(this.mark.fillerProducerId), isHole } }
  }
}
