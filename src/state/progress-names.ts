import type { PartitionProgress } from '../domain/partition-progress.ts'
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
