import { describe, expect, it } from 'vitest'
import type { TargetOffset } from '../../src/domain/ids.ts'
import { judgeSent, type SeenOfSent } from '../../src/salvage/judge-sent.ts'

const at = (offset: number) => BigInt(offset) as TargetOffset
/** Five records were acknowledged from offset 50 on, and five more were sent; others have written up to 70. */
const SECOND = { sent: { place: 5, records: 5 }, logStart: 0, logEnd: 70, found: 5 }
/** The same of the first batch. */
const FIRST = { sent: { place: 0, records: 5 }, logStart: 0, logEnd: 70, found: 0 }

type Seen = Partial<
  Omit<SeenOfSent, 'logStart' | 'logEnd' | 'targetFrom'> & { logStart: number; logEnd: number }
>

const judge = (seen: Seen & typeof FIRST) =>
  judgeSent({
    remembered: undefined,
    isCleaned: false,
    ...seen,
    targetFrom: at(50),
    logStart: at(seen.logStart),
    logEnd: at(seen.logEnd),
  })

describe('whether the last batch that was sent is on the target', () => {
  it.each<[string, Seen & typeof FIRST, ReturnType<typeof judgeSent>]>([
    ['it stands there', { ...SECOND, found: 10 }, 'there'],
    ['it stands there, cleaned', { ...SECOND, found: 10, isCleaned: true }, 'there'],
    ['what came before it stands there', SECOND, 'missing'],
    ['nothing is gone', FIRST, 'missing'],
    ['retention has passed the first one', { ...FIRST, logStart: 51 }, 'unsure'],
    ['it has passed all, others are there', { ...SECOND, found: 0, logStart: 60 }, 'unsure'],
    ['it has taken what came before', { ...SECOND, found: 5, logStart: 53 }, 'missing'],
    ['a cleaner was there', { ...SECOND, isCleaned: true }, 'unsure'],
    ['a cleaner was there, nothing came before', { ...FIRST, isCleaned: true }, 'unsure'],
    ['a cleaner has left an earlier batch', { ...SECOND, found: 3, isCleaned: true }, 'unsure'],
    ['the log ends where it began', { ...FIRST, logEnd: 50, isCleaned: true }, 'missing'],
    ['no room for it', { ...SECOND, logEnd: 59, logStart: 59, found: 0 }, 'missing'],
    ['room for it', { ...SECOND, logEnd: 60, logStart: 60, found: 0 }, 'unsure'],
    ['the leader remembers it', { ...SECOND, found: 0, logStart: 60, remembered: 10 }, 'there'],
    ['the leader remembers it, cleaned', { ...FIRST, isCleaned: true, remembered: 5 }, 'there'],
    [
      'it remembers what came before',
      { ...SECOND, found: 0, logStart: 60, remembered: 5 },
      'missing',
    ],
    // A follower that copied a cleaned log knows only what is left of it.
    ['the same, cleaned', { ...SECOND, isCleaned: true, remembered: 5 }, 'unsure'],
    ['more than was sent', { ...SECOND, found: 15 }, 'another'],
    ['a part of it', { ...SECOND, found: 7, isCleaned: true }, 'another'],
    ['what was acknowledged is not there', { ...SECOND, found: 0 }, 'another'],
    ['less of it is there', { ...SECOND, found: 3 }, 'another'],
    ['the log ends below it', { ...SECOND, logEnd: 54, found: 0, isCleaned: true }, 'another'],
  ])('%s', (_, seen, expected) => {
    expect(judge(seen)).toBe(expected)
  })
})
