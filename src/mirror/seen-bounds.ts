import type { FetchedPartition } from '../kafka/cluster.ts'

/** Where the source's log began and ended in the last answer of a flow. Its leader never takes back either. */
export class SeenBounds {
  #start = -1
  #end = -1

  /** A flow begins: the check before it has looked whether it is the same log. */
  begin(): void {
    this.#start = -1
    this.#end = -1
  }

  /** Whether the log begins or ends lower than the answer before said. */
  wentBack({
    logStartOffset,
    highWatermark,
  }: Pick<FetchedPartition, 'logStartOffset' | 'highWatermark'>): boolean {
    const isLower = logStartOffset < this.#start || highWatermark < this.#end
    this.#start = logStartOffset
    this.#end = highWatermark
    return isLower
  }
}
