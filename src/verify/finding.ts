import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Mark } from '../domain/mark.ts'
import { upperFirst } from '../domain/upper-first.ts'
import { parseRecord, type RecordHeader } from '../records/read-records.ts'
import type { KeptRecord } from './decoded-batch.ts'
import { makeAnew } from './make-anew.ts'

/**
 * What is wrong with a range, with the exact place: `source` is a source offset, `target` the target offset that belongs to it.
 * - `differs`: the record there is not the same; `parts` says which parts, for people.
 * - `missing`: this and the `count - 1` next source records are not on the target.
 * - `extra`: this and the `count - 1` next target records are not on the source.
 * - `swapped`: this record and the next stand in the other order.
 * - `uncounted`: the index counts this many records more than both sides hold.
 * - `target-gone`: the target's log starts at `to`, but must still have everything from `target` on.
 * - `unreadable`: one side could not be read on.
 */
export type Finding =
  | {
      readonly kind: 'differs'
      readonly source: number
      readonly target: number
      readonly parts: readonly string[]
      readonly writer: bigint
    }
  | {
      readonly kind: 'missing'
      readonly source: number
      readonly target: number
      readonly count: number
    }
  | {
      readonly kind: 'extra'
      readonly target: number
      readonly count: number
      readonly writer: bigint
    }
  | { readonly kind: 'swapped'; readonly source: number; readonly target: number }
  | { readonly kind: 'uncounted'; readonly count: number }
  | { readonly kind: 'target-gone'; readonly target: number; readonly to: number }
  | { readonly kind: 'unreadable'; readonly side: 'source' | 'target'; readonly detail: string }

/** Equal in all that a consumer sees, and in the record's own attributes. */
export const sameRecord = (one: KeptRecord, other: KeptRecord): boolean =>
  one.timestamp === other.timestamp &&
  one.attributes === other.attributes &&
  one.content.equals(other.content)

/** How many records are looked at on both sides to tell a changed record from a missing or an additional one. */
export const LOOKAHEAD = 16

/** After so many equal neighbours a shift is believed. */
const CONFIRM = 3

/**
 * Says what kind of difference begins with the first records of both lists, which are the records from the place on and are not equal.
 * A run that is missing or added shows by what follows it: the records after it fit again, shifted.
 */
export const explain = (source: readonly KeptRecord[], target: readonly KeptRecord[]): Finding => {
  const [mine, theirs] = [source[0]!, target[0]!]
  const isSwap =
    source.length > 1 &&
    target.length > 1 &&
    sameRecord(source[0]!, target[1]!) &&
    sameRecord(source[1]!, target[0]!)
  if (isSwap) return { kind: 'swapped', source: mine.offset, target: theirs.offset }
  for (let shift = 1; shift < LOOKAHEAD; shift++) {
    if (fitShifted(source, target, shift)) {
      return { kind: 'missing', source: mine.offset, target: theirs.offset, count: shift }
    }
    if (fitShifted(target, source, shift)) {
      return { kind: 'extra', target: theirs.offset, count: shift, writer: theirs.producerId }
    }
  }
  return {
    kind: 'differs',
    source: mine.offset,
    target: theirs.offset,
    parts: differences(mine, theirs),
    writer: theirs.producerId,
  }
}

/** Whether `longer` without its first `shift` records goes on as `shorter` does. */
const fitShifted = (
  longer: readonly KeptRecord[],
  shorter: readonly KeptRecord[],
  shift: number,
): boolean => {
  const pairs = Math.min(longer.length - shift, shorter.length, CONFIRM)
  if (pairs < 1) return false
  for (let i = 0; i < pairs; i++) {
    if (!sameRecord(longer[shift + i]!, shorter[i]!)) return false
  }
  return true
}

/** Which parts of two records differ, in words that show no content: records may hold anything, and this goes to logs. */
export const differences = (source: KeptRecord, target: KeptRecord): readonly string[] => {
  const parts: string[] = []
  if (source.timestamp !== target.timestamp) {
    parts.push(`timestamp (${source.timestamp} on the source, ${target.timestamp} on the target)`)
  }
  if (source.attributes !== target.attributes) parts.push('attributes')
  const [mine, theirs] = [partsOf(source), partsOf(target)]
  if (mine === undefined || theirs === undefined) {
    if (!source.content.equals(target.content)) parts.push('content')
    return parts
  }
  const key = differenceOf(mine.key, theirs.key)
  if (key !== undefined) parts.push(`key (${key})`)
  const value = differenceOf(mine.value, theirs.value)
  if (value !== undefined) parts.push(`value (${value})`)
  const headers = differentHeaders(mine.headers, theirs.headers)
  if (headers !== undefined) parts.push(`headers (${headers})`)
  // Lengths may be written in more bytes than they need.
  if (parts.length === 0) parts.push('encoding')
  return parts
}

const partsOf = (record: KeptRecord): ReturnType<typeof parseRecord> | undefined => {
  try {
    const { content } = record
    return parseRecord({ bytes: content, contentStart: 0, contentEnd: content.length })
  } catch {
    return undefined
  }
}

const sizeOf = (bytes: Buffer | null): string =>
  bytes === null ? 'null' : bytes.length === 0 ? 'empty' : `${bytes.length} bytes`

const differenceOf = (source: Buffer | null, target: Buffer | null): string | undefined => {
  if (source === null && target === null) return undefined
  if (source !== null && target !== null && source.equals(target)) return undefined
  if (source?.length !== target?.length || source === null || target === null) {
    return `${sizeOf(source)} on the source, ${sizeOf(target)} on the target`
  }
  let at = 0
  while (source[at] === target[at]) at++
  return `${source.length} bytes, not equal from byte ${at} on`
}

const differentHeaders = (
  source: readonly RecordHeader[],
  target: readonly RecordHeader[],
): string | undefined => {
  if (source.length !== target.length) {
    return `${source.length} on the source, ${target.length} on the target`
  }
  for (const [i, mine] of source.entries()) {
    const theirs = target[i]!
    const key = differenceOf(mine.key, theirs.key)
    if (key !== undefined) return `key of header ${i + 1}: ${key}`
    const value = differenceOf(mine.value, theirs.value)
    if (value !== undefined) return `header ${i + 1}: ${value}`
  }
  return undefined
}

/** Where findings are told about: names for the text. */
export interface Names {
  readonly mark: Mark
  readonly migration: string
  readonly source: string
  readonly target: string
}

const TRUST = 'until then trust nothing from here on'

/** A finding as a diagnostic with both records' coordinates. */
export const findingDiagnostic = (finding: Finding, names: Names): Diagnostic => {
  const { mark, source, target } = names
  const anew = makeAnew(names.migration, mark)
  const wayOn = `${upperFirst(anew)}; ${TRUST}.`
  const name = `${mark.topic}:${mark.partition}`
  const upTo = (from: number, count: number): string =>
    count === 1 ? `offset ${from}` : `offsets ${from} to ${from + count - 1}`
  switch (finding.kind) {
    case 'differs':
      return diagnostic({
        code: 'FERRY1801',
        detail: `${name}: offset ${finding.source} on ${source} and offset ${finding.target} on ${target} must be the same record, but these are not equal: ${finding.parts.join(', ')}.${writerOf(finding.writer, mark)}`,
        fix: wayOn,
      })
    case 'missing':
      return diagnostic({
        code: 'FERRY1802',
        detail: `${name}: ${upTo(finding.source, finding.count)} on ${source} must be on ${target} from offset ${finding.target} on, but ${finding.count === 1 ? 'that record is' : `these ${finding.count} records are`} not there.`,
        fix: wayOn,
      })
    case 'extra':
      return diagnostic({
        code: 'FERRY1803',
        detail: `${name}: ${finding.count === 1 ? 'the record at' : `the ${finding.count} records at`} ${upTo(finding.target, finding.count)} on ${target} ${finding.count === 1 ? 'is' : 'are'} not on ${source}.${writerOf(finding.writer, mark)}`,
        fix: `Find out who may write to ${mark.topic} on ${target}, then ${anew}.`,
      })
    case 'swapped':
      return diagnostic({
        code: 'FERRY1804',
        detail: `${name}: the record at offset ${finding.source} on ${source} and the next one stand in the other order on ${target}, from offset ${finding.target} on.`,
        fix: wayOn,
      })
    case 'uncounted':
      return diagnostic({
        code: 'FERRY1802',
        detail: `${name}: the offset index counts ${finding.count} more mirrored ${finding.count === 1 ? 'record' : 'records'} than ${source} and ${target} hold; what both hold is equal.`,
        fix: wayOn,
      })
    case 'target-gone':
      return diagnostic({
        code: 'FERRY1806',
        detail: `${name}: ${target} must hold everything from offset ${finding.target} on until the seal, but its log starts at ${finding.to}: ${upTo(finding.target, finding.to - finding.target)} ${finding.to - finding.target === 1 ? 'is' : 'are'} gone.`,
        fix: `Look at the retention of ${mark.topic} on ${target} and at who deleted records, then ${anew}.`,
      })
    case 'unreadable':
      return diagnostic({
        code: 'FERRY1808',
        detail: `${name} on ${finding.side === 'source' ? source : target}: ${finding.detail}. Nothing is proved from there on.`,
        fix: 'Run it again once the cause is gone; `ferry explain FERRY1808` lists the causes.',
      })
  }
}

const writerOf = (writer: bigint, mark: Mark): string =>
  writer === mark.producerId
    ? ''
    : ` The batch on the target is of producer id ${writer}, the mirror's is ${mark.producerId}.`
