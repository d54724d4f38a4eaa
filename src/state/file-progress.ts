import { join } from 'node:path'
import { setImmediate as turnOfOthers } from 'node:timers/promises'
import { type GapChunk, type PartitionProgress, SpokenFor } from '../domain/partition-progress.ts'
import { type Stored, wholeChunks } from './content-codec.ts'
import {
  claimFile,
  folderIdOf,
  inParallel,
  makeFolder,
  moveFolder,
  namesIn,
  readIfThere,
  readNowIfThere,
  removeFolder,
  replaceFile,
  syncFolder,
} from './durable-files.ts'
import { appendGapFiles, type Begun, gapFileOf, readGapFile } from './file-gaps.ts'
import { GapsReader } from './gaps-codec.ts'
import { decodeProgress, encodeProgress, isOfOther } from './progress-codec.ts'
import {
  type NamedFile,
  namedFile,
  type OfPartition,
  removeEarlierThan,
  stemOf,
} from './progress-names.ts'
import { damaged } from './records.ts'

/**
 * One for each generation of holders: what one says at its end may be written when the next has begun, and must not stand for what that one
 * says. The highest counts.
 */
const fileNameOf = (
  of: OfPartition & { readonly holder: { readonly generation: number } },
): string => `${stemOf(of)}.${of.holder.generation}.json`

/** As it was called by versions that knew one holder only. */
const oldFileNameOf = (of: OfPartition): string => `${stemOf(of)}.json`

/** Undefined: it is something else. */
const progressFileOf = (name: string): NamedFile | undefined =>
  namedFile(/^(.+?)(?:\.([0-9]+))?\.json$/, name)

/** Files; about a millisecond. */
const READ_IN_A_TURN = 64

/**
 * The progress of a migration in a folder: `<topic>-<n>.<generation>.json` and `<topic>-<n>.<generation>.gaps.jsonl` for each partition, and
 * `<topic>-<n>.reverse…` of the way back. Whoever reads finds what the latest holder has said, at every moment.
 *
 * All of it is replaced by a folder beside it, which counts from the moment when the old one is moved away, and takes its name then.
 */
export class FileProgress {
  readonly #folder: string
  /** By what the names of a partition begin with: the generation that this process speaks for, beside which nothing earlier is left. */
  readonly #alone = new Map<string, number>()
  readonly #begun: Begun = new Map()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Of both ways. */
  async read(): Promise<readonly Stored<PartitionProgress>[]> {
    for (;;) {
      const found = await this.#readOnce()
      if (found !== 'changed') return found
    }
  }

  /** All but the gaps. Throws {@link SpokenFor} where another process speaks for a partition under the same generation; the others are written. */
  async write(progress: readonly PartitionProgress[]): Promise<void> {
    if (progress.length === 0) return
    await this.#ready()
    const written: PartitionProgress[] = []
    const others: PartitionProgress[] = []
    await inParallel(progress, async (each) => {
      const other = await this.#put(each)
      if (other === undefined) written.push(each)
      else others.push(other)
    })
    await syncFolder(this.#folder)
    await this.#removeEarlier(written)
    if (others.length > 0) throw new SpokenFor(others)
  }

  async appendGaps(chunks: readonly GapChunk[]): Promise<void> {
    if (chunks.length === 0) return
    await this.#ready()
    await appendGapFiles(this.#folder, chunks, this.#begun)
  }

  /** All of it at once, whatever generation it is of: whenever this is interrupted, what was there stands, or what is put there. Only under the lock. */
  async replace(next: readonly PartitionProgress[]): Promise<void> {
    await this.#ready()
    await removeFolder(this.#successor)
    await makeFolder(this.#successor)
    await appendGapFiles(this.#successor, wholeChunks(next), new Map())
    await inParallel(next, (each) =>
      replaceFile(join(this.#successor, fileNameOf(each)), encodeProgress(each)),
    )
    await syncFolder(this.#successor)
    this.#alone.clear()
    await removeFolder(this.#predecessor)
    await moveFolder(this.#folder, this.#predecessor)
    await this.#ready()
    await removeFolder(this.#predecessor)
  }

  /** What a crash left of a replacement that was complete. Only under the lock. */
  async removeReplaced(): Promise<void> {
    if ((await folderIdOf(this.#folder)) !== undefined) await removeFolder(this.#predecessor)
  }

  get #successor(): string {
    return `${this.#folder}.next`
  }

  get #predecessor(): string {
    return `${this.#folder}.old`
  }

  /** There is a folder to write to, and it is the one that counts. */
  async #ready(): Promise<void> {
    if ((await folderIdOf(this.#folder)) !== undefined) return
    if ((await folderIdOf(this.#successor)) === undefined) await makeFolder(this.#folder)
    else await moveFolder(this.#successor, this.#folder)
  }

  /** The names in the folder that counts. */
  async #list(): Promise<Listing> {
    const id = await folderIdOf(this.#folder)
    if (id !== undefined) return listing(this.#folder, id, await namesIn(this.#folder))
    const next = await folderIdOf(this.#successor)
    return listing(this.#successor, next, await namesIn(this.#successor))
  }

  /** Changed: something was gone or came while this read, which names that were listed before do not tell. */
  async #readOnce(): Promise<readonly Stored<PartitionProgress>[] | 'changed'> {
    const listed = await this.#list()
    const found: Stored<PartitionProgress>[] = []
    for (const [stem, files] of listed.progress) {
      if (found.length % READ_IN_A_TURN === 0) await turnOfOthers()
      const stored = latestOf(listed.folder, files)
      if (stored === undefined) return 'changed'
      const { gaps, producerId } = stored.value
      const reader = new GapsReader(gaps, producerId)
      for (const { name } of listed.gaps.get(stem) ?? []) {
        if (!(await readGapFile(join(listed.folder, name), reader))) return 'changed'
      }
      found.push(stored)
    }
    return isShortOf(listed, await this.#list()) ? 'changed' : found
  }

  /** Answers who else speaks for the partition under the same generation: nothing was written then. */
  async #put(each: PartitionProgress): Promise<PartitionProgress | undefined> {
    const file = join(this.#folder, fileNameOf(each))
    const text = encodeProgress(each)
    const isOwn = this.#alone.get(stemOf(each)) === each.holder.generation
    if (!isOwn && (await claimFile(file, text))) return undefined
    const there = isOwn ? undefined : (await readIfThere(file))?.toString()
    const first = there === undefined ? undefined : decodeProgress(there, file)
    if (first !== undefined && isOfOther(first.holder, each.holder)) return first
    await replaceFile(file, text)
    return undefined
  }

  /** Only tidiness: what is left of earlier holders is passed over. */
  async #removeEarlier(written: readonly PartitionProgress[]): Promise<void> {
    const latest = new Map<string, number>()
    for (const each of written) {
      const [stem, { generation }] = [stemOf(each), each.holder]
      if (this.#alone.get(stem) !== generation) latest.set(stem, generation)
    }
    if (latest.size === 0) return
    await removeEarlierThan(latest, this.#folder, progressFileOf)
    for (const [stem, generation] of latest) this.#alone.set(stem, generation)
  }
}

interface Listing {
  readonly folder: string
  readonly id: string | undefined
  /** By stem, the latest generation first. */
  readonly progress: ReadonlyMap<string, readonly Listed[]>
  /** By stem, the latest generation last. */
  readonly gaps: ReadonlyMap<string, readonly Listed[]>
}

interface Listed extends NamedFile {
  readonly name: string
}

const listing = (folder: string, id: string | undefined, names: readonly string[]): Listing => ({
  folder,
  id,
  progress: byStem(names, progressFileOf, (one, other) => other.generation - one.generation),
  gaps: byStem(names, gapFileOf, (one, other) => one.generation - other.generation),
})

const byStem = (
  names: readonly string[],
  parse: (name: string) => NamedFile | undefined,
  order: (one: Listed, other: Listed) => number,
): ReadonlyMap<string, readonly Listed[]> => {
  const found = new Map<string, Listed[]>()
  for (const name of names) {
    const file = parse(name)
    if (file === undefined) continue
    const known = found.get(file.stem)
    if (known === undefined) found.set(file.stem, [{ ...file, name }])
    else known.push({ ...file, name })
  }
  for (const files of found.values()) files.sort(order)
  return found
}

/**
 * Whether something was not listed that is there now: a folder is not listed at one moment, and a file may go while another takes its place.
 * Gaps by name: those of an earlier holder that are there again, stored late, are not those that stand beside what the next one has said.
 */
const isShortOf = (listed: Listing, now: Listing): boolean =>
  listed.id !== now.id ||
  [...now.progress.keys()].some((stem) => !listed.progress.has(stem)) ||
  [...now.gaps].some(([stem, files]) => {
    const known = new Set(listed.gaps.get(stem)?.map(({ name }) => name))
    return files.some(({ name }) => !known.has(name))
  })

/** What the latest holder said; undefined: a file is gone. An earlier version wrote one without a generation, which is in the file. */
const latestOf = (
  folder: string,
  files: readonly Listed[],
): Stored<PartitionProgress> | undefined => {
  let latest: Stored<PartitionProgress> | undefined
  for (const { name, generation } of files) {
    if (latest !== undefined && generation >= 0) continue
    const file = join(folder, name)
    const text = readNowIfThere(file)?.toString()
    if (text === undefined) return undefined
    const value = decodeProgress(text, file)
    // A copied file would answer for another partition, or for one twice.
    if (![fileNameOf(value), oldFileNameOf(value)].includes(name)) {
      throw damaged(file, `holds the progress of ${value.topic}:${value.partition}`)
    }
    if (latest === undefined || value.holder.generation > latest.value.holder.generation) {
      latest = { value, text }
    }
  }
  return latest
}
