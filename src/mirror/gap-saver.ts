import type { SourceOffset } from '../domain/ids.ts'
import type { GapChunk } from '../domain/partition-progress.ts'
import type { ProgressStore } from './mirror.ts'
import type { MirroredPartition } from './partition.ts'

/** Chunks by themselves may take so much more than all gaps in one; then they are written anew. */
const SLACK_BYTES = 256 * 1024
/** What a chunk takes in a store besides its gaps, about. */
const CHUNK_BYTES = 256

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Line {
  waiting: Map<MirroredPartition, Waiting[]>
  isWriting: boolean
}

/** Stores what is learned of gaps. One write at a time for each migration, each with all partitions that waited for it. */
export class GapSaver {
  readonly #store: Pick<ProgressStore, 'appendGaps'>
  readonly #maySend: () => boolean
  readonly #lines = new Map<string, Line>()
  readonly #appended = new WeakMap<MirroredPartition, number>()

  /** Without the lock nothing is written: the gaps are somebody else's then. */
  constructor(store: Pick<ProgressStore, 'appendGaps'>, maySend: () => boolean) {
    this.#store = store
    this.#maySend = maySend
  }

  /** Resolves when all gaps that the partition knows now are stored. */
  save(p: MirroredPartition): Promise<void> {
    const line = this.#lines.get(p.migration) ?? { waiting: new Map(), isWriting: false }
    this.#lines.set(p.migration, line)
    return new Promise((resolve, reject) => {
      const waiting = line.waiting.get(p)
      if (waiting === undefined) line.waiting.set(p, [{ resolve, reject }])
      else waiting.push({ resolve, reject })
      if (!line.isWriting) void this.#write(p.migration, line)
    })
  }

  async #write(migration: string, line: Line): Promise<void> {
    line.isWriting = true
    while (line.waiting.size > 0) {
      const { waiting } = line
      line.waiting = new Map()
      try {
        if (!this.#maySend()) throw new Error('the lock is not held')
        const chunks = [...waiting.keys()].map((p) => this.#chunkOf(p))
        const stored = [...waiting.keys()].map((p) => ({ p, tenure: p.tenure, to: p.next }))
        await this.#store.appendGaps(migration, chunks)
        for (const { p, tenure, to } of stored) {
          if (p.tenure === tenure) p.storedGaps.written(to)
        }
        for (const all of waiting.values()) for (const { resolve } of all) resolve()
      } catch (error) {
        for (const p of waiting.keys()) p.storedGaps.failed()
        for (const all of waiting.values()) for (const { reject } of all) reject(error)
      }
    }
    line.isWriting = false
  }

  #chunkOf(p: MirroredPartition): GapChunk {
    const appended = this.#appended.get(p) ?? 0
    const isWhole = p.storedGaps.to < 0 || appended > 2 * p.offsets.gaps.bytes + SLACK_BYTES
    const from = isWhole ? p.offsets.sourceStart : p.storedGaps.to
    const gaps = p.offsets.gaps.bytesFrom(from)
    this.#appended.set(p, isWhole ? 0 : appended + gaps.length * 1.4 + CHUNK_BYTES)
    return {
      topic: p.topic,
      partition: p.partition,
      ...(p.mark.way && { way: p.mark.way }),
      producerId: p.mark.producerId,
      generation: p.fence,
      tenure: p.storedGaps.tenure,
      isWhole,
      from: BigInt(from) as SourceOffset,
      gaps,
    }
  }
}
