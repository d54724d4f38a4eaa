import { hostname, userInfo } from 'node:os'

/** What differs from run to run, and what stands in its place. Exact texts first, then what only has a form. */
export interface Masked {
  /** Cluster ids, addresses, folders: each with the word that is shown instead. */
  readonly texts: Readonly<Record<string, string>>
}

const FORMS: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)? UTC/g, '<moment>'],
  [/\b[0-9a-f]{64}\b/g, '<sha256>'],
  [/"[0-9a-f]{16}"/g, '"<fingerprint>"'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\b\d+ (ms|s|min) ago\b/g, '<ago>'],
  [/"topicId": ?"[\w-]{22}"/g, '"topicId": "<topic id>"'],
  [/\b(process|pid) \d+\b/g, '$1 <pid>'],
  [/"pid": ?\d+/g, '"pid": "<pid>"'],
  // Where a sentence breaks depends on how long ago it was.
  [/(<ago>[^\n]*)\n {8,}(?=\S)/g, '$1 '],
]

/** The text with everything masked that another run would show differently; the rest stays as it is, to the letter. */
export const mask = (text: string, { texts }: Masked): string => {
  const own = { ...texts, [hostname()]: '<host>', [userInfo().username]: '<user>' }
  // The longest first: one may be a part of another. A short one only as a word of its own.
  const known = Object.entries(own).sort(([one], [other]) => other.length - one.length)
  const exact = known.reduce(
    (sum, [from, to]) => sum.replace(new RegExp(`(?<![\\w-])${escaped(from)}(?![\\w-])`, 'g'), to),
    text,
  )
  return FORMS.reduce((sum, [form, to]) => sum.replace(form, to), exact)
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
