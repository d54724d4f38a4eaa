import type { PartitionProgress } from '../domain/partition-progress.ts'

/** Which of many words about a partition counts: pure. */

/** What a pack says of a partition. */
export interface Word {
  readonly holder: PartitionProgress['holder']
  /** Of `encodeProgressLine`. */
  readonly line: string
}

/** By stem. */
export type Words = ReadonlyMap<string, Word>

export interface Pack {
  readonly number: number
  readonly words: Words
}

/** A word and the number of its pack. */
export interface Placed extends Word {
  readonly number: number
}

/** The higher generation counts. Where two say something under one, it is one process in two packs, or one of the two was refused and died: the higher number. */
export const isPassedBy = (
  one: Pick<Placed, 'holder' | 'number'>,
  other: Pick<Placed, 'holder' | 'number'>,
): boolean =>
  one.holder.generation === other.holder.generation
    ? one.number < other.number
    : one.holder.generation < other.holder.generation

/** What counts of all that these say, by stem. */
export const standingIn = (packs: Iterable<Pack>): ReadonlyMap<string, Placed> => {
  const standing = new Map<string, Placed>()
  for (const { number, words } of packs) {
    for (const [stem, word] of words) {
      const placed = { ...word, number }
      const before = standing.get(stem)
      if (before === undefined || isPassedBy(before, placed)) standing.set(stem, placed)
    }
  }
  return standing
}

/** Numbers of those of which nothing counts beside what stands. */
export const spentAmong = (
  packs: readonly Pack[],
  standing: ReadonlyMap<string, Placed>,
): ReadonlySet<number> =>
  new Set(
    packs
      .filter(({ number, words }) =>
        [...words].every(([stem, word]) => {
          const other = standing.get(stem)
          return other !== undefined && isPassedBy({ ...word, number }, other)
        }),
      )
      .map(({ number }) => number),
  )
