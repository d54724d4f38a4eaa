/** Small pieces of text for people. Nothing here decides anything. */

/** Prose is wrapped at this width at most: longer lines are hard to read. */
export const MAX_COLUMNS = 100

/**
 * Names come from files and brokers, and a group id may hold any character: what is not seen is made visible (control characters, what
 * turns the direction of writing, what has no width, separators of lines, half characters), so that no name can move the cursor, fake a
 * line of output or look like another name. Line breaks stay.
 */
export const printable = (text: string): string =>
  text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0)!.toString(16)
    return char === '\t' ? ' ' : code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
  })

/** Cut where it is longer, with a sign that it was; never within a character. */
export const clip = (text: string, width: number): string =>
  text.length <= width
    ? text
    : `${text.slice(0, Math.max(width - 1, 0)).replace(/[\ud800-\udbff]$/, '')}…`

/** As {@link clip}, but its end stays, where names of one family differ. */
export const clipMiddle = (text: string, width: number): string => {
  if (text.length <= width) return text
  const end = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`
}

/** Breaks at spaces; a word longer than the width gets a line of its own and is never cut. Never empty. */
export const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = []
  for (const paragraph of printable(text).split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ').filter((each) => each !== '')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else {
        line = line === '' ? word : `${line} ${word}`
      }
    }
    lines.push(line)
  }
  return lines
}

/** Wrapped prose: the first line begins with `first`, the others are indented as deep as its text. */
export const hanging = (first: string, text: string, columns: number): string =>
  wrap(text, Math.max(columns - first.length, 20))
    .map((line, index) => `${index === 0 ? first : ' '.repeat(first.length)}${line}`)
    .join('\n')

/** `1 step`, `2 steps`; give the plural where it is not a plain s. */
export const count = (n: number, singular: string, plural = `${singular}s`): string =>
  `${thousands(n)} ${n === 1 ? singular : plural}`

/** `1,234,567`: for people only, never in JSON. */
export const thousands = (n: number | bigint): string =>
  n.toString().replace(/\B(?=(\d{3})+$)/g, ',')

/** `a, b and c` */
export const listed = (items: readonly string[], last = 'and'): string =>
  items.length < 2
    ? (items[0] ?? '')
    : `${items.slice(0, -1).join(', ')} ${last} ${items[items.length - 1]}`

/** `41 GiB`, `1.5 MiB`, `12 B` */
export const bytes = (n: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = n
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** `850 ms`, `12 s`, `9 min`, `3 h`, `2 days`: rounded, for people. */
export const duration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  if (ms < 120 * 60_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} days`
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const two = (n: number): string => n.toString().padStart(2, '0')

/** `Sun 2025-03-02 10:00:05 UTC` */
export const second = (at: string): string =>
  `${DAYS[new Date(at).getUTCDay()]} ${at.slice(0, 10)} ${at.slice(11, 19)} UTC`

/** `Tue 18:20 UTC` within the next six days, else `Tue 2026-03-03 18:20 UTC`. */
export const moment = (at: string, seenFrom: string): string => {
  const time = new Date(at)
  const ahead = time.getTime() - new Date(seenFrom).getTime()
  const day = DAYS[time.getUTCDay()]
  const clock = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())} UTC`
  const near = ahead >= 0 && ahead < 6 * 86_400_000
  return near ? `${day} ${clock}` : `${day} ${at.slice(0, 10)} ${clock}`
}
