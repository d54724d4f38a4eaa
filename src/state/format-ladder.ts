import { STATE_FORMAT_VERSION } from '../domain/state.ts'

type Content = Readonly<Record<string, unknown>>

/** Makes of a record of one format one of the next. Pure; it is given any kind of record and changes those that it knows. */
export type Rung = (content: Content) => Content

/**
 * How a record of an older format becomes one of this version's: rung n leads from format n to n + 1. There is one format so far, so the
 * ladder is empty. A format gets a new number, and a rung here, when a version before could not read it; `test/fixtures/state/` keeps
 * files of each format that a release has written.
 */
const RUNGS: ReadonlyMap<number, Rung> = new Map()

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
