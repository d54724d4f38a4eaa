import { join } from 'node:path'
import { setImmediate as turnOfOthers } from 'node:timers/promises'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import { type Stored, wholeChunks } from './content-codec.ts'
import {
  folderIdOf,
  makeFolder,
  moveFolder,
  namesIn,
  readIfThere,
  removeFolder,
  replaceFile,
  syncFolder,
} from './durable-files.ts'
import { appendGapFiles, type Begun, gapFileOf, readGapFile } from './file-gaps.ts'
import { GapsReader } from './gaps-codec.ts'
import { oldProgressFileOf, readOldProgress } from './old-progress-files.ts'
import { PackWriter } from './pack-writer.ts'
import { encodeProgressLine } from './progress-codec.ts'
import type { NamedFile } from './progress-names.ts'
import { decodePack, encodePack, packNameOf, packsAmong } from './progress-pack.ts'
import { isPassedBy } from './standing-words.ts'

/** Files; about a millisecond. */
const READ_IN_A_TURN = 64

/** Packs that are claimed in a folder before all of it is replaced are fewer. */
const ROOM = 1_000_000

/**
 * The progress of a migration in a folder: `pack.<number>.json` for each process that speaks for partitions, and
 * `<topic>-<n>.<generation>.gaps.jsonl` for each partition that has gaps, `<topic>-<n>.reverse…` of the way back. Whoever reads finds what
 * the latest holder has said, at every moment.
 *
 * All of it is replaced by a folder beside it, which counts from the moment when the old one is moved away, and takes its name then.
 */
export class FileProgress {
  readonly #folder: string
  readonly #writer: PackWriter
  readonly #begun: Begun = new Map()
  #last: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
    this.#writer = new PackWriter(folder)
  }

  /** Of both ways. */
  async read(): Promise<readonly Stored<PartitionProgress>[]> {
    for (;;) {
      const found = await this.#readOnce()
      if (found !== 'changed') return found
    }
  }

  /** All but the gaps. Throws `SpokenFor` where another process speaks for a partition under the same generation; the others are written. */
  async write(progress: readonly PartitionProgress[]): Promise<void> {
    if (progress.length === 0) return
    await this.#inTurn(async () => {
      await this.#ready()
      await this.#writer.write(progress)
    })
  }

  async appendGaps(chunks: readonly GapChunk[]): Promise<void> {
    if (chunks.length === 0) return
    await this.#ready()
    await appendGapFiles(this.#folder, chunks, this.#begun)
  }

  /** All of it at once, whatever generation it is of: whenever this is interrupted, what was there stands, or what is put there. Only under the lock. */
  async replace(next: readonly PartitionProgress[]): Promise<void> {
    await this.#inTurn(async () => {
      await this.#ready()
      await removeFolder(this.#successor)
      await makeFolder(this.#successor)
      await appendGapFiles(this.#successor, wholeChunks(next), new Map())
      await this.#putFirstPack(next)
      await syncFolder(this.#successor)
      await removeFolder(this.#predecessor)
      await moveFolder(this.#folder, this.#predecessor)
      await this.#ready()
      await removeFolder(this.#predecessor)
    })
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

  /** A write looks first, and then replaces what is its own. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  /**
   * Its number is above all that a process comes to which had looked before and goes on: none of them replaces a pack of the next folder for its own.
   * So there is one also where nothing is left.
   */
  async #putFirstPack(next: readonly PartitionProgress[]): Promise<void> {
    const last = packsAmong(await namesIn(this.#folder)).at(-1) ?? 0
    const number = (Math.floor(last / ROOM) + 1) * ROOM
    const text = encodePack(number, next.map(encodeProgressLine))
    await replaceFile(join(this.#successor, packNameOf(number)), text)
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
    const latest = await latestIn(listed)
    if (latest === 'changed') return 'changed'
    for (const [stem, files] of listed.gaps) {
      const found = latest.get(stem)
      if (found === undefined) continue
      const { gaps, producerId } = found.stored.value
      const reader = new GapsReader(gaps, producerId)
      for (const { name } of files) {
        if (!(await readGapFile(join(listed.folder, name), reader))) return 'changed'
      }
    }
    if (isShortOf(listed, await this.#list())) return 'changed'
    return [...latest.keys()].sort().map((stem) => latest.get(stem)!.stored)
  }
}

interface Listing {
  readonly folder: string
  readonly id: string | undefined
  /** Numbers, the lowest first. */
  readonly packs: readonly number[]
  /** Of versions before packs, by stem, the latest generation first. */
  readonly old: ReadonlyMap<string, readonly Listed[]>
  /** By stem, the latest generation last. */
  readonly gaps: ReadonlyMap<string, readonly Listed[]>
}

interface Listed extends NamedFile {
  readonly name: string
}

const listing = (folder: string, id: string | undefined, names: readonly string[]): Listing => ({
  folder,
  id,
  packs: packsAmong(names),
  old: byStem(names, oldProgressFileOf, (one, other) => other.generation - one.generation),
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
  now.packs.some((number) => !listed.packs.includes(number)) ||
  [...now.old.keys()].some((stem) => !listed.old.has(stem)) ||
  [...now.gaps].some(([stem, files]) => {
    const known = new Set(listed.gaps.get(stem)?.map(({ name }) => name))
    return files.some(({ name }) => !known.has(name))
  })

interface Latest {
  readonly stored: Stored<PartitionProgress>
  readonly holder: PartitionProgress['holder']
  /** Of its pack; 0: it has a file of its own. */
  readonly number: number
}

/** By stem, what the latest holder said. Changed: a file is gone. */
const latestIn = async (listed: Listing): Promise<ReadonlyMap<string, Latest> | 'changed'> => {
  const latest = new Map<string, Latest>()
  const take = (stem: string, stored: Stored<PartitionProgress>, number: number) => {
    const before = latest.get(stem)
    const each = { stored, holder: stored.value.holder, number }
    if (before === undefined || isPassedBy(before, each)) latest.set(stem, each)
  }
  for (const number of listed.packs) {
    const file = join(listed.folder, packNameOf(number))
    const content = await readIfThere(file)
    if (content === undefined) return 'changed'
    for (const each of await decodePack(content, number, file)) take(each.stem, each, number)
  }
  let read = 0
  for (const [stem, files] of listed.old) {
    if (read++ % READ_IN_A_TURN === 0) await turnOfOthers()
    const stored = latestOf(listed.folder, files)
    if (stored === undefined) return 'changed'
    take(stem, stored, 0)
  }
  return latest
}

/** What the latest holder said in files of its own; undefined: one is gone. An earlier version wrote one without a generation, which is in the file. */
const latestOf = (
  folder: string,
  files: readonly Listed[],
): Stored<PartitionProgress> | undefined => {
  let latest: Stored<PartitionProgress> | undefined
  for (const { name, generation } of files) {
    if (latest !== undefined && generation >= 0) continue
    const stored = readOldProgress(folder, name)
    if (stored === undefined) return undefined
    const isLater =
      latest === undefined || stored.value.holder.generation > latest.value.holder.generation
    if (isLater) latest = stored
  }
  return latest
}
