import { join } from 'node:path'
import type { GapList } from '../domain/offset-index.ts'
import type { GapChunk, PartitionProgress } from '../domain/partition-progress.ts'
import { appendToFile, makeFolder, readIfThere, replaceFile, syncFolder } from './durable-files.ts'
import { decodeChunk, encodeChunk, GapsReader } from './gaps-codec.ts'
import { safeName } from './safe-name.ts'

const NEWLINE = 0x0a
/** So many files are written at a time. */
const WRITERS = 16

type Of = Pick<GapChunk, 'topic' | 'partition' | 'way'>

/**
 * One for each generation of holders: what one says at its end may be written when the next has begun, and must not stand for what that one
 * says. The highest counts.
 */
export const progressFileNameOf = (
  of: Of & { readonly holder: { readonly generation: number } },
): string => `${progressStemOf(of)}.${of.holder.generation}.json`

/** As it was called by versions that knew one holder only. */
export const oldProgressFileNameOf = (of: Of): string => `${progressStemOf(of)}.json`

/** What the name of a progress file says; undefined: it is something else. */
export const progressFileOf = (
  name: string,
): { readonly stem: string; readonly generation: number } | undefined => {
  const [, stem, generation = -1] = /^(.+?)(?:\.([0-9]+))?\.json$/.exec(name) ?? []
  return stem === undefined ? undefined : { stem, generation: Number(generation) }
}

export const gapFileNameOf = (of: Of): string => `${progressStemOf(of)}.gaps.jsonl`

/** What the names of a partition's files begin with. */
export const progressStemOf = ({ topic, partition, way }: Of): string =>
  `${safeName(topic)}-${partition}${way === undefined ? '' : `.${way}`}`

const fileOf = (folder: string, of: Of): string => join(folder, gapFileNameOf(of))

/** A chunk a line, the first a whole one. One file for each partition, since each may have another holder. */
export const appendGapFiles = async (
  folder: string,
  chunks: readonly GapChunk[],
): Promise<void> => {
  if (chunks.length === 0) return
  await makeFolder(folder)
  const byFile = new Map<string, GapChunk[]>()
  for (const chunk of chunks) {
    const file = fileOf(folder, chunk)
    byFile.set(file, [...(byFile.get(file) ?? []), chunk])
  }
  const left = [...byFile]
  const writer = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [file, own] = next
      for (const chunk of own) {
        const line = `${encodeChunk(chunk)}\n`
        if (chunk.isWhole) await replaceFile(file, line)
        else await appendToFile(file, line)
      }
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  if (chunks.some((chunk) => chunk.isWhole)) await syncFolder(folder)
}

/**
 * Reads the gaps of a partition into its list. A last line without its end was torn by a crash, or is being written: nobody was told yet
 * that it is stored, so nothing was done because of it. Its tenure is over then, and the next begins with a whole one.
 */
export const readGapFile = async (
  folder: string,
  progress: Pick<PartitionProgress, 'topic' | 'partition' | 'way' | 'producerId'> & {
    readonly gaps: GapList
  },
): Promise<void> => {
  const file = fileOf(folder, progress)
  const content = await readIfThere(file)
  if (content === undefined) return
  const reader = new GapsReader(progress.gaps, progress.producerId)
  let start = 0
  let number = 1
  for (let end = content.indexOf(NEWLINE); end !== -1; end = content.indexOf(NEWLINE, start)) {
    const where = `${file}:${number++}`
    reader.take(decodeChunk(content.toString('utf8', start, end), where), where)
    start = end + 1
  }
}
