import { join } from 'node:path'
import type { GapChunk } from '../domain/partition-progress.ts'
import {
  appendBehind,
  type FilePart,
  inParallel,
  namesIn,
  readIfThere,
  replaceFile,
  syncFolder,
} from './durable-files.ts'
import { decodeChunk, encodeChunk, type GapsReader, lateGaps, unfoundedGaps } from './gaps-codec.ts'
import {
  type NamedFile,
  namedFile,
  type OfPartition,
  removeEarlierThan,
  stemOf,
} from './progress-names.ts'

const NEWLINE = 0x0a

/**
 * One for each generation of holders: a chunk that is written late stands beside what a successor has stored, never in its place.
 */
const gapFileNameOf = (of: OfPartition & Pick<GapChunk, 'generation'>): string =>
  `${stemOf(of)}.${of.generation}.gaps.jsonl`

/** Of earlier versions the name says no generation. Undefined: it is something else. */
export const gapFileOf = (name: string): NamedFile | undefined =>
  namedFile(/^(.+?)(?:\.([0-9]+))?\.gaps\.jsonl$/, name)

/** The end of a whole chunk, which names its tenure. */
const TOLD_BYTES = 512

/** By file, the tenure whose whole chunk this process began it with, and a part of it that no other has. */
export type Begun = Map<string, { readonly tenure: string; readonly part: FilePart }>

/**
 * A chunk a line, the first a whole one. Files of earlier generations go once a whole one of a later is durable: a reader finds one or the
 * other. Throws where a later generation has begun already, and where the whole chunk that another one adds to is not there any more.
 */
export const appendGapFiles = async (
  folder: string,
  chunks: readonly GapChunk[],
  begun: Begun,
): Promise<void> => {
  const whole = new Map(
    chunks.filter(({ isWhole }) => isWhole).map((chunk) => [stemOf(chunk), chunk]),
  )
  if (whole.size > 0) refuseLate(whole, await namesIn(folder))
  const byFile = new Map<string, GapChunk[]>()
  for (const chunk of chunks) {
    const file = join(folder, gapFileNameOf(chunk))
    byFile.set(file, [...(byFile.get(file) ?? []), chunk])
  }
  await inParallel([...byFile], async ([file, own]) => {
    for (const chunk of own) {
      const line = `${encodeChunk(chunk)}\n`
      if (chunk.isWhole) await begin(file, chunk, line, begun)
      else await goOn(file, chunk, line, begun)
    }
  })
  if (whole.size === 0) return
  await syncFolder(folder)
  const latest = new Map([...whole].map(([stem, { generation }]) => [stem, generation]))
  await removeEarlierThan(latest, folder, gapFileOf)
}

const begin = async (
  file: string,
  { tenure }: GapChunk,
  line: string,
  begun: Begun,
): Promise<void> => {
  await replaceFile(file, line)
  const bytes = Buffer.from(line.slice(-TOLD_BYTES))
  begun.set(file, { tenure, part: { at: Buffer.byteLength(line) - bytes.length, bytes } })
}

/** Another holder takes the file away, and `ferry state push` puts another one there: what is added to that would be void. */
const goOn = async (file: string, chunk: GapChunk, line: string, begun: Begun): Promise<void> => {
  const known = begun.get(file)
  const isOwn = known?.tenure === chunk.tenure && (await appendBehind(file, known.part, line))
  if (!isOwn) throw unfoundedGaps(chunk)
}

const refuseLate = (whole: ReadonlyMap<string, GapChunk>, names: readonly string[]): void => {
  for (const name of names) {
    const { stem = '', generation = 0 } = gapFileOf(name) ?? {}
    const chunk = whole.get(stem)
    if (chunk !== undefined && chunk.generation < generation) throw lateGaps(chunk, generation)
  }
}

/**
 * Gives the chunks of a file to a reader; false: the file is gone. A last line without its end was torn by a crash, or is being written:
 * nobody was told yet that it is stored, so nothing was done because of it. Its tenure is over then, and the next begins with a whole one.
 */
export const readGapFile = async (file: string, into: GapsReader): Promise<boolean> => {
  const content = await readIfThere(file)
  if (content === undefined) return false
  let start = 0
  let number = 1
  for (let end = content.indexOf(NEWLINE); end !== -1; end = content.indexOf(NEWLINE, start)) {
    const where = `${file}:${number++}`
    into.take(decodeChunk(content.toString('utf8', start, end), where), where)
    start = end + 1
  }
  return true
}
