import { createHash } from 'node:crypto'
import { setImmediate as turnOfOthers } from 'node:timers/promises'
import { sha256 } from '../domain/canonical-json.ts'
import type { PartitionProgress } from '../domain/partition-progress.ts'
import type { Stored } from './content-codec.ts'
import { progressLinesOf, recordOfLine } from './progress-codec.ts'
import { stemOf } from './progress-names.ts'
import { damaged, newerFormat } from './records.ts'

/**
 * A pack is one file with the progress of many partitions, a line each:
 * ```
 * {"checksum":"…","formatVersion":3,"kind":"progress-pack","number":7,"progress":[
 * {"at":…},
 * {"at":…}
 * ]}
 * ```
 * The checksum is of all bytes behind it. Versions that do not know packs read every `.json` file of the folder as a record of one partition:
 * they find a format that is newer than theirs, and refuse the folder, instead of missing what is in it.
 */
const PACK_FORMAT = 3

const HEAD = /^\{"checksum":"([0-9a-f]{64})",/
/** Of the head, its checksum included. */
const SIGNED_FROM = '{"checksum":"",'.length + 64
const END = ']}\n'

/** Of this name there is no partition: theirs have a number behind a hyphen. */
export const packNameOf = (number: number): string => `pack.${number}.json`

/** Undefined: it is something else. */
export const packNumberOf = (name: string): number | undefined => {
  const [, number] = /^pack\.([1-9][0-9]*)\.json$/.exec(name) ?? []
  return number === undefined ? undefined : Number(number)
}

/** Numbers of the packs among the names of a folder, the lowest first. */
export const packsAmong = (names: readonly string[]): readonly number[] =>
  names.flatMap((name) => packNumberOf(name) ?? []).sort((one, other) => one - other)

/** By lines of {@link encodeProgressLine}, one for each partition. */
export const encodePack = (number: number, lines: Iterable<string>): string => {
  const signed = `${headOf(number)}${[...lines].join(',\n')}\n${END}`
  return `{"checksum":"${sha256(signed)}",${signed}`
}

/** What one holder said of one partition, with the line that says it. */
export interface PackedProgress extends Stored<PartitionProgress> {
  readonly stem: string
  readonly line: string
}

/** Lines; about a millisecond. */
const READ_IN_A_TURN = 64

/** Fully checked; throws FERRY1402 or FERRY1403 naming `file`. Others have their turn in between. */
export const decodePack = async (
  content: Buffer,
  number: number,
  file: string,
): Promise<readonly PackedProgress[]> => {
  refuseDamaged(content, number, file)
  const decode = progressLinesOf(file)
  const found = new Map<string, PackedProgress>()
  const end = content.length - END.length
  let lineNumber = 1
  for (let start = content.indexOf('\n') + 1; start < end; lineNumber++) {
    if (lineNumber % READ_IN_A_TURN === 0) await turnOfOthers()
    const next = content.indexOf('\n', start) + 1
    // Each but the last ends in a comma; of none there is an empty one.
    const line = content.toString('utf8', start, next - (next < end ? 2 : 1))
    start = next
    if (line === '') continue
    const where = `${file}:${lineNumber + 1}`
    const value = decode(line, where)
    const stem = stemOf(value)
    if (found.has(stem)) throw damaged(where, `says ${value.topic}:${value.partition} once more`)
    found.set(stem, new Packed(stem, line, value))
  }
  return [...found.values()]
}

/** Its text is wanted for backups only. */
class Packed implements PackedProgress {
  readonly stem: string
  readonly line: string
  readonly value: PartitionProgress

  constructor(stem: string, line: string, value: PartitionProgress) {
    this.stem = stem
    this.line = line
    this.value = value
  }

  get text(): string {
    return recordOfLine(this.line)
  }
}

const headOf = (number: number): string =>
  `"formatVersion":${PACK_FORMAT},"kind":"progress-pack","number":${number},"progress":[\n`

/** One flipped digit of an offset would otherwise read as another, valid offset, and a copy of a pack would stand for it. */
const refuseDamaged = (content: Buffer, number: number, file: string): void => {
  const [, checksum] = HEAD.exec(content.toString('latin1', 0, SIGNED_FROM)) ?? []
  const signed = content.subarray(SIGNED_FROM)
  const head = headOf(number)
  if (
    checksum === createHash('sha256').update(signed).digest('hex') &&
    signed.toString('utf8', 0, head.length) === head
  ) {
    return
  }
  const format = formatOf(content, file)
  if (format > PACK_FORMAT) throw newerFormat(file, String(format), PACK_FORMAT)
  throw damaged(file, `/checksum: does not match the content, or this is not pack ${number}`)
}

const formatOf = (content: Buffer, file: string): number => {
  try {
    return Number(JSON.parse(content.toString())?.formatVersion)
  } catch (error) {
    throw damaged(file, `/: is not JSON (${(error as Error).message})`, error)
  }
}
