const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Milliseconds of `30s`, `15m`, `7d` (also `ms`, `h`, `w`); undefined for anything else, also where it is too large to be exact. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d+)(ms|s|m|h|d|w)$/.exec(text)
  if (match === null) return undefined
  const ms = Number(match[1]) * MS_PER_UNIT[match[2]!]!
  return Number.isSafeInteger(ms) ? ms : undefined
}
