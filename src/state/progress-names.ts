import { join } from 'node:path'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import { namesIn, removeFile } from './durable-files.ts'
import { safeName } from './safe-name.ts'

export type OfPartition = Pick<PartitionProgress, 'topic' | 'partition' | 'way'>

/** What the names of a partition's files begin with. */
export const stemOf = ({ topic, partition, way }: OfPartition): string =>
  `${safeName(topic)}-${partition}${way === undefined ? '' : `.${way}`}`

/** What the name of a file says; the generation is -1 where an earlier version wrote it, which knew one holder only. */
export interface NamedFile {
  readonly stem: string
  readonly generation: number
}

/** By a pattern whose groups are the stem and, if it is there, the generation. */
export const namedFile = (pattern: RegExp, name: string): NamedFile | undefined => {
  const [, stem, generation = -1] = pattern.exec(name) ?? []
  return stem === undefined ? undefined : { stem, generation: Number(generation) }
}

/** Removes the files of earlier generations than the given ones, by stem. What is of a partition or a way that is not given stays. */
export const removeEarlierThan = async (
  latest: ReadonlyMap<string, number>,
  folder: string,
  parse: (name: string) => NamedFile | undefined,
): Promise<void> => {
  for (const name of await namesIn(folder)) {
    const file = parse(name)
    if (file === undefined) continue
    const last = latest.get(file.stem)
    if (last !== undefined && file.generation < last) await removeFile(join(folder, name))
  }
}
