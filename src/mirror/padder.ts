import type { BrokerLink } from '../kafka/cluster.ts'
import { errorName, isRetriable } from '../kafka/error-codes.ts'
import type { MirroredPartition } from './partition.ts'
import { paddingFails, paddingRefused } from './problems.ts'

/** Control markers of one request. */
const MARKERS_PER_REQUEST = 500
/** Answered before any is written. */
const MARKERS_REFUSED = new Set<number>([
  31, // CLUSTER_AUTHORIZATION_FAILED
  35, // UNSUPPORTED_VERSION
])

export interface PadderOptions {
  /** The target's log end now, as far as it is replicated. */
  readonly targetEnd: (p: MirroredPartition) => Promise<number>
  readonly requestTimeoutMs: number
  readonly counters: PadCounters
  /** A partition has room again, or what was sent of it was acknowledged. */
  readonly drained: (p: MirroredPartition) => void
}

export interface PadCounters {
  /** Offsets that were padded because the source has holes there. */
  markersWritten: number
}

/** Markers may only follow what was acknowledged, and records only follow markers that were: neither can be taken back. */
export const mustPad = (p: MirroredPartition): boolean =>
  p.flowing && !p.padding && p.inFlight.count === 0 && p.missingMarkers > 0

/** Fills holes of the source with control markers, on the connection that the partition's records take. */
export class Padder {
  readonly #link: BrokerLink
  readonly #options: PadderOptions

  constructor(link: BrokerLink, options: PadderOptions) {
    this.#link = link
    this.#options = options
  }

  /** Only where {@link mustPad}. One request; resolves when nothing of it is on its way any more, however it ended. */
  async pad(p: MirroredPartition): Promise<void> {
    const { tenure } = p
    const count = Math.min(p.missingMarkers, MARKERS_PER_REQUEST)
    p.padding = true
    let late: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(() => {
        void this.#link.close()
        reject(new Error('not in time'))
      }, this.#options.requestTimeoutMs)
    })
    try {
      const { code, end } = await Promise.race([this.#write(p, count), tooLate])
      if (p.tenure !== tenure) return
      // Also where the flow has ended: whoever goes on must know that some may stand there, behind what can be read now.
      if (code !== 0) this.#failed(p, code)
      else if (end !== p.sendBase + count) {
        const why = `control markers end at ${end} instead of ${p.sendBase + count}`
        p.end({ why, uncertain: true })
      } else if (p.flowing) {
        p.padded(count)
        this.#options.counters.markersWritten += count
        this.#options.drained(p)
      }
    } catch (error) {
      await this.#link.close()
      const why = `the answer to control markers was lost (${(error as Error).message})`
      if (p.tenure === tenure) p.end({ why, uncertain: true })
    } finally {
      clearTimeout(late)
      p.paddingEnded()
    }
  }

  /**
   * Markers of one request are answered together, with the code of the last one that was written or refused: where there are several, only the
   * log end tells whether all of them stand there.
   */
  async #write(
    p: MirroredPartition,
    count: number,
  ): Promise<{ readonly code: number; readonly end: number }> {
    const end = p.sendBase + count
    const code = await this.#link.writeMarkers({
      topic: p.topic,
      partition: p.partition,
      count,
      producerId: p.mark.fillerProducerId,
      producerEpoch: 0,
      coordinatorEpoch: p.fence,
    })
    return { code, end: code === 0 && count > 1 ? await this.#options.targetEnd(p) : end }
  }

  /** Some of them may have been written: the log end is read before it is tried again. */
  #failed(p: MirroredPartition, code: number): void {
    const error = errorName(code)
    const why = `the target answered ${error} to control markers`
    if (MARKERS_REFUSED.has(code)) {
      p.end({ why, uncertain: false, problem: paddingRefused(p.key, p.sendBase, error) })
      return
    }
    const ifItLasts = paddingFails(p.key, p.sendBase, error)
    p.end({ why, uncertain: true, ...(!isRetriable(code) && { ifItLasts }) })
  }
}
