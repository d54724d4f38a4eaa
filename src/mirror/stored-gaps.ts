/** How far the gaps of a partition are stored, as source offsets. What a store holds above was of a flow that ended. */
export class StoredGaps {
  /** All gaps below are stored, in chunks of this tenure; -1: it has not begun with a whole one. */
  to = -1
  tenure = ''
  /** All gaps below are stored, by whomever: only so far may others be told that the source was mirrored. */
  safeTo = 0

  /** A new tenure of chunks begins. */
  begin(tenure: string): void {
    this.tenure = tenure
    this.to = -1
  }

  /** What is known above is read again; what is stored of it must not outlive this. */
  cutTo(next: number): void {
    this.safeTo = Math.min(this.safeTo, next)
    if (this.to >= 0) this.to = Math.min(this.to, next)
  }

  written(to: number): void {
    this.to = to
    this.safeTo = to
  }

  /** What was written may end inside of a chunk: the next is a whole one, which replaces it. */
  failed(): void {
    this.to = -1
  }
}
