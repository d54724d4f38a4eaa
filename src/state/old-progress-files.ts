import { join } from 'node:path'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Stored } from './content-codec.ts'
import { readNowIfThere } from './durable-files.ts'
import { decodeProgress } from './progress-codec.ts'
import { type NamedFile, namedFile, type OfPartition, stemOf } from './progress-names.ts'
import { packNumberOf } from './progress-pack.ts'
import { damaged } from './records.ts'

/** Versions before packs wrote a file for each partition and generation of holders, and before that one for each partition. */
const namesOf = (
  of: OfPartition & { readonly holder: { readonly generation: number } },
): readonly string[] => [`${stemOf(of)}.${of.holder.generation}.json`, `${stemOf(of)}.json`]

/**
 * Undefined: it is something else. Whatever else ends so is taken for one and refused: a later version may rely on that, as packs do with
 * those that do not know them.
 */
export const oldProgressFileOf = (name: string): NamedFile | undefined =>
  packNumberOf(name) === undefined ? namedFile(/^(.+?)(?:\.([0-9]+))?\.json$/, name) : undefined

/** Undefined: it is not there. */
export const readOldProgress = (
  folder: string,
  name: string,
): Stored<PartitionProgress> | undefined => {
  const file = join(folder, name)
  const text = readNowIfThere(file)?.toString()
  if (text === undefined) return undefined
  const value = decodeProgress(text, file)
  // A copied file would answer for another partition, or for one twice.
  if (!namesOf(value).includes(name)) {
    throw damaged(file, `holds the progress of ${value.topic}:${value.partition}`)
  }
  return { value, text }
}

/** By stem. */
export type OldFiles = ReadonlyMap<
  string,
  readonly { readonly name: string; readonly progress: PartitionProgress }[]
>

/** What is there of these partitions, all of it checked: what a later version wrote is never removed. */
export const oldFilesOf = (
  stems: ReadonlySet<string>,
  folder: string,
  names: readonly string[],
): OldFiles => {
  const found = new Map<string, { name: string; progress: PartitionProgress }[]>()
  for (const name of stems.size === 0 ? [] : names) {
    const stem = oldProgressFileOf(name)?.stem
    if (stem === undefined || !stems.has(stem)) continue
    const progress = readOldProgress(folder, name)?.value
    if (progress === undefined) continue
    const known = found.get(stem)
    if (known === undefined) found.set(stem, [{ name, progress }])
    else known.push({ name, progress })
  }
  return found
}
