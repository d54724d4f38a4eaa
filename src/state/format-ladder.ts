import { STATE_FORMAT_VERSION } from '../domain/state.ts'

type Content = Readonly<Record<string, unknown>>

/** Makes of a record of one format one of the next. Pure; it is given any kind of record and changes those that it knows. */
export type Rung = (content: Content) => Content

/**
 * Keys of the decisions that came with format 2, and what a record of format 1 means by not having them (some versions that wrote format 1
 * knew some of them). Until format 2 is released, a key that is new is listed here; after that it begins format 3.
 */
const DECISIONS_OF_2: Content = {
  salvages: [],
  lost: [],
  protected: [],
  removals: [],
  acceptedGaps: [],
  quotasBefore: [],
  configsBefore: [],
  purges: [],
  reverse: { marks: [], seals: [] },
  returns: [],
}

const isDecisions = (content: Content): boolean => 'lineage' in content
const isProgress = (content: Content): boolean => 'mirroredTo' in content

const toFormat2: Rung = (content) => {
  if (isDecisions(content)) {
    return {
      ...DECISIONS_OF_2,
      ...content,
      users: listed(content.users, { made: false }),
      // Some had facts, but none what they were about: there is nothing to compare with before the next apply.
      seen: null,
    }
  }
  if (isProgress(content) && content.gaps === '') {
    // The first version knew of no gaps; now they have a place of their own.
    const { gaps: _none, ...rest } = content
    return rest
  }
  return content
}

/** Whatever is no list of objects stays, and is refused by who reads it. */
const listed = (value: unknown, before: Content): unknown =>
  Array.isArray(value)
    ? value.map((each) => (typeof each === 'object' && each ? { ...before, ...each } : each))
    : value

/**
 * How a record of an older format becomes one of this version's: rung n leads from format n to n + 1. A format gets a new number, and a
 * rung here, when a version before could not read it; `test/fixtures/state/` keeps files of each format.
 */
const RUNGS: ReadonlyMap<number, Rung> = new Map([[1, toFormat2]])

/** The record in the newest format. Its own format must not be newer. Every format below the newest has a rung. */
export const climb = (
  content: Content,
  from: number,
  rungs: ReadonlyMap<number, Rung> = RUNGS,
  newest: number = STATE_FORMAT_VERSION,
): Content => {
  let current = content
  for (let format = from; format < newest; format++) {
    const rung = rungs.get(format)
    // Format 0 and below were never written.
    if (rung === undefined) return content
    current = { ...rung(current), formatVersion: format + 1 }
  }
  return current
}
