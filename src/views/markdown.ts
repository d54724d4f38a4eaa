import { clip, printable } from './text.ts'

/**
 * Markdown for comments of a pull request. Names, reasons and configs come from files and brokers and may hold anything; none of it may
 * break out of its place, format the text, link, or call somebody.
 */

/** Longer texts are no longer read, and must not take the room of everything else. */
const LONGEST_TEXT = 400
/** A topic's name has 249 characters at most; a group's may have any number. */
const LONGEST_NAME = 250

/** Invisible: parts what a forge would otherwise take for something of its own. No text holds it by itself: `printable` shows it. */
const GAP = '\u200b'

/**
 * What the forges make links, calls or pictures of, wherever it stands in a text, and where each is parted. An entity would not do: they
 * look at what is shown. Sources: GitHub's "Autolinked references and URLs" and "Basic writing and formatting syntax"; GitLab's
 * "GitLab Flavored Markdown", "GitLab-specific references".
 */
const MEANT: readonly RegExp[] = [
  // People and teams; issues and merge requests, snippets, milestones, labels, epics, and GitLab's [issue:1] and *iteration:1.
  /(?<=[@#!$%~&^[*])(?=\S)/g,
  // GH-12, GL-12, and the keys of other trackers; advisories.
  /(?<=\b(?:[A-Z][A-Z0-9_]*|[Gg][HhLl])-)(?=\d)|(?<=\b(?:GHSA|CVE)-)(?=\w)/g,
  // A commit: seven hexadecimal digits or more. A number may be one too, but is copied into commands: it stays whole as long as it can be an offset.
  /(?<=\b(?!\d{1,19}\b)(?:[0-9a-f]{6})+)(?=[0-9a-f]+\b)/gi,
  // :emoji:, of which two are numbers. Others stay whole: they are partitions in commands, `--accept-gap orders:3:5-9`.
  /(?<=:)(?=(?:100|1234|(?!\d+:)[\w+-]+):)/g,
  // Addresses.
  /(?<=:)(?=\/\/)|(?<=www)(?=\.)/gi,
  // {+ added +}, [- removed -]
  /(?<=\{)(?=[+-])/g,
]

/** Bytes that a text may take, however many of its characters have to be written as an entity. */
const MOST_BYTES = 3 * LONGEST_TEXT

/** A text in running prose or in a table's cell, never at the beginning of a line: one line, and all of it is shown as it is. */
export const mdText = (text: string, width = LONGEST_TEXT): string => {
  const parted = MEANT.reduce((sum, where) => sum.replace(where, GAP), clip(oneLine(text), width))
  const encoded = parted
    .replace(/[&<>|`*_[\]\\~$]/g, (char) => `&#${char.charCodeAt(0)};`)
    .replaceAll(GAP, '&#8203;')
  return sizeOf(encoded) > MOST_BYTES ? mdText(text, Math.floor(width / 2)) : encoded
}

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
  text.includes('|') ? `<code>${mdText(text, LONGEST_NAME)}</code>` : mdCode(text)

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
