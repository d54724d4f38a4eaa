import { join } from 'node:path'
import { type PartitionProgress, SpokenFor } from '../domain/partition-progress.ts'
import {
  claimFile,
  namesIn,
  readIfThere,
  removeFile,
  replaceFile,
  syncFolder,
} from './durable-files.ts'
import { type OldFiles, oldFilesOf } from './old-progress-files.ts'
import { encodeProgressLine, isOfOther, progressLinesOf } from './progress-codec.ts'
import { stemOf } from './progress-names.ts'
import { decodePack, encodePack, packNameOf, packsAmong } from './progress-pack.ts'
import {
  isPassedBy,
  type Pack,
  type Placed,
  spentAmong,
  standingIn,
  type Word,
  type Words,
} from './standing-words.ts'

interface Said {
  /** What stands instead of what was to be written. */
  readonly refused: readonly PartitionProgress[]
  /** Packs of which nothing counts any more. */
  readonly spent: readonly number[]
}

/**
 * The pack that this process speaks in: one file, which it alone replaces whenever something is said anew.
 *
 * Who speaks for a partition for the first time under a generation puts all that it says into a pack with the next number: it looks at all
 * packs that are there, leaves out what another one says under the same generation, and makes the file, which only one can. If it was not
 * the one, it looks again. So of two that take the same generation, the later one has always read of the first. A number that was used and has
 * gone may be used again, by who had looked long before: it finds a higher one beside its own, as nobody removes the highest, and does it all
 * once more. Whatever it has said there meanwhile under a generation that another one has too, the higher number stands.
 *
 * A pack goes once each of its words is passed over; not with the write that passed over it, but with the next: who lists the folder just
 * when one comes and the other goes might find neither.
 */
export class PackWriter {
  readonly #folder: string
  #own: Pack | undefined
  /** What others say, and what this one said in packs before. Of whom, and under which generations, never changes in a pack. */
  readonly #known = new Map<number, Words>()
  #spent: readonly number[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * One call after the other. Throws {@link SpokenFor} where another process speaks for a partition under the same generation; the others are
   * written.
   */
  async write(progress: readonly PartitionProgress[]): Promise<void> {
    const { refused, spent } = await this.#say(progress)
    await this.#remove(this.#spent)
    this.#spent = spent
    if (refused.length > 0) throw new SpokenFor(refused)
  }

  async #say(progress: readonly PartitionProgress[]): Promise<Said> {
    for (;;) {
      const names = await namesIn(this.#folder)
      const numbers = packsAmong(names)
      if (!(await this.#lookAt(numbers))) continue
      const others = standingIn(this.#others())
      const { again, first } = sorted(progress, this.#own, others)
      const words = new Map(this.#own?.words)
      for (const each of again) words.set(stemOf(each), wordOf(each))
      const old = oldFilesOf(new Set(first.map(stemOf)), this.#folder, names)
      const { begun, refused } = spoken(first, others, old)
      if (begun.size > 0) {
        // What is passed over must not stand again by a higher number.
        const counting = withoutPassed(words, this.#own, others)
        const pack = { number: highest(numbers) + 1, words: new Map([...counting, ...begun]) }
        if (!(await this.#claim(pack))) continue
        await removeOld(begun, old, this.#folder)
        return { refused, spent: await this.#tidy(pack) }
      }
      if (again.length > 0 && this.#own) await this.#replace({ ...this.#own, words })
      return { refused, spent: [] }
    }
  }

  /** Reads the packs that are new. False: one has gone since it was listed. */
  async #lookAt(numbers: readonly number[]): Promise<boolean> {
    const there = new Set(numbers)
    for (const number of this.#known.keys()) if (!there.has(number)) this.#known.delete(number)
    // All of the folder was replaced, or nothing of it counted any more.
    if (this.#own && !there.has(this.#own.number)) this.#own = undefined
    for (const number of numbers) {
      if (number === this.#own?.number || this.#known.has(number)) continue
      const file = this.#fileOf(number)
      const content = await readIfThere(file)
      if (content === undefined) return false
      const found = await decodePack(content, number, file)
      this.#known.set(
        number,
        new Map(found.map(({ stem, line, value: { holder } }) => [stem, { holder, line }])),
      )
    }
    return true
  }

  #others(): readonly Pack[] {
    return [...this.#known].map(([number, words]) => ({ number, words }))
  }

  async #replace(pack: Pack): Promise<void> {
    await replaceFile(this.#fileOf(pack.number), encode(pack))
    this.#own = pack
    await syncFolder(this.#folder)
  }

  /** False: somebody else was faster, or had been. */
  async #claim(pack: Pack): Promise<boolean> {
    if (!(await claimFile(this.#fileOf(pack.number), encode(pack)))) return false
    if (await this.#isBehind(pack)) {
      // It stays until its words are in the next: others may have left out their own because of them.
      this.#known.set(pack.number, pack.words)
      return false
    }
    if (this.#own) this.#known.set(this.#own.number, this.#own.words)
    this.#own = pack
    await syncFolder(this.#folder)
    return true
  }

  /** Whether a higher number is there; looked for twice, as two files may come and go while a folder is listed. */
  async #isBehind({ number }: Pack): Promise<boolean> {
    for (let time = 0; time < 2; time++) {
      if (highest(packsAmong(await namesIn(this.#folder))) > number) return true
    }
    return false
  }

  /**
   * Answers the packs of which nothing counts beside its own. Those of which nothing counted before are removed: of processes that are killed
   * one after the other, each before its second write, not every one leaves a pack.
   */
  async #tidy(own: Pack): Promise<readonly number[]> {
    const others = this.#others()
    const before = spentAmong(others, standingIn(others))
    await this.#remove(before)
    const now = spentAmong(others, standingIn([...others, own]))
    return [...now].filter((number) => !before.has(number))
  }

  async #remove(numbers: Iterable<number>): Promise<void> {
    for (const number of numbers) await removeFile(this.#fileOf(number))
  }

  #fileOf(number: number): string {
    return join(this.#folder, packNameOf(number))
  }
}

/** Apart what its own pack has a word of under that generation, and what not; what it said under an earlier one comes too late. */
const sorted = (
  progress: readonly PartitionProgress[],
  own: Pack | undefined,
  others: ReadonlyMap<string, Placed>,
) => {
  const again: PartitionProgress[] = []
  const first: PartitionProgress[] = []
  for (const each of progress) {
    const stem = stemOf(each)
    const { generation } = each.holder
    const before = own?.words.get(stem)?.holder.generation ?? Number.NEGATIVE_INFINITY
    const other = others.get(stem)
    const isAgain =
      before === generation &&
      // One of the same process may have gone on since in a pack of its own.
      !(other?.holder.generation === generation && other.number > (own?.number ?? 0))
    if (isAgain) again.push(each)
    else if (before <= generation) first.push(each)
  }
  return { again, first }
}

/** What may be said for the first time, and what stands instead of the rest. A later holder's word leaves nothing to say. */
const spoken = (
  first: readonly PartitionProgress[],
  others: ReadonlyMap<string, Placed>,
  old: OldFiles,
) => {
  const begun = new Map<string, Word>()
  const refused: PartitionProgress[] = []
  for (const each of first) {
    const stem = stemOf(each)
    const { holder } = each
    const other = others.get(stem)
    if (other !== undefined && other.holder.generation > holder.generation) continue
    const isOther = (of: PartitionProgress['holder']) =>
      of.generation === holder.generation && isOfOther(of, holder)
    const inFile = old.get(stem)?.find(({ progress }) => isOther(progress.holder))?.progress
    if (other !== undefined && isOther(other.holder)) refused.push(progressOf(other))
    else if (inFile !== undefined) refused.push(inFile)
    else begun.set(stem, wordOf(each))
  }
  return { begun, refused }
}

const withoutPassed = (
  words: Words,
  own: Pack | undefined,
  others: ReadonlyMap<string, Placed>,
): Words => {
  const number = own?.number ?? 0
  return new Map(
    [...words].filter(([stem, word]) => {
      const other = others.get(stem)
      return other === undefined || !isPassedBy({ ...word, number }, other)
    }),
  )
}

/** What versions before packs wrote of these, and what counts no more. */
const removeOld = async (begun: Words, old: OldFiles, folder: string): Promise<void> => {
  for (const [stem, { holder }] of begun) {
    for (const { name, progress } of old.get(stem) ?? []) {
      if (progress.holder.generation <= holder.generation) await removeFile(join(folder, name))
    }
  }
}

const wordOf = (progress: PartitionProgress): Word => ({
  holder: progress.holder,
  line: encodeProgressLine(progress),
})

const progressOf = ({ line, number }: Placed): PartitionProgress =>
  progressLinesOf(packNameOf(number))(line, packNameOf(number))

const encode = ({ number, words }: Pack): string =>
  encodePack(
    number,
    [...words.values()].map(({ line }) => line),
  )

const highest = (numbers: readonly number[]): number => numbers.at(-1) ?? 0
