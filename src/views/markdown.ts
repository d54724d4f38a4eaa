import { clip, printable } from './text.ts'

/**
 * Markdown for comments of a pull request. Names, reasons and configs come from files and brokers and may hold anything; none of it may
 * break out of its place, format the text, link, or call somebody.
 */

/** Longer texts are no longer read, and must not take the room of everything else. */
const LONGEST_TEXT = 400
/** A topic's name has 249 characters at most; a group's may have any number. */
const LONGEST_NAME = 250

/** Invisible: parts what a forge would otherwise take for a mention, a reference or a link. */
const SPACE = '&#8203;'

/** A text in running prose or in a table's cell, never at the beginning of a line: one line, and all of it is shown as it is. */
export const mdText = (text: string): string =>
  clip(oneLine(text), LONGEST_TEXT)
    .replace(/[&<>|`*_[\]\\~$]/g, encoded)
    // Mentions, issues, merge requests, milestones. An entity would not do: forges look at what is shown.
    .replace(/([@!%]|(?<!&)#)(?=[^\s])/g, `$1${SPACE}`)
    .replace(/:\/\//g, `:${SPACE}//`)
    .replace(/www\./gi, (match) => `${match.slice(0, 3)}${SPACE}.`)

const encoded = (char: string): string => `&#${char.charCodeAt(0)};`

/** A name as code: nothing in it means anything. */
export const mdCode = (text: string): string => {
  const name = clip(oneLine(text), LONGEST_NAME)
  const longest = Math.max(0, ...(name.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = name === '' || /^[` ]|[` ]$/.test(name) ? ' ' : ''
  return `${fence}${pad}${name}${pad}${fence}`
}

/** {@link mdCode} in a table, whose cells end at a bar even within code, and where a backslash before it may itself be escaped. */
export const mdCellCode = (text: string): string =>
  text.includes('|') ? `<code>${mdText(clip(text, LONGEST_NAME))}</code>` : mdCode(text)

const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim()

/** A list that keeps to a number of characters; what has no room is counted in a line of its own. */
export interface Shortened {
  readonly lines: readonly string[]
  readonly leftOut: number
}

export const shorten = (lines: readonly string[], room: number): Shortened => {
  let used = 0
  const kept = lines.findIndex((line) => {
    used += sizeOf(line)
    return used > room
  })
  return kept === -1
    ? { lines, leftOut: 0 }
    : { lines: lines.slice(0, kept), leftOut: lines.length - kept }
}

/** Forges count characters, some of them bytes: bytes are never fewer. */
export const sizeOf = (line: string): number => Buffer.byteLength(line) + 1
