const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

/** From here on a number says less than two of larger units: `23h 55m` instead of `1435m`. */
const READ_AT_A_GLANCE = 100

/** Milliseconds as people write them, exactly: `604800000` is `7d`, `86100000` is `23h 55m`; `-1` is `for ever`. */
export const humanDuration = (ms: string | number | undefined): string => {
  if (ms === undefined) return 'unknown'
  const value = Number(ms)
  if (value < 0) return 'for ever'
  const [unit, size] = UNITS.find(([, each]) => value >= each && value % each === 0) ?? ['ms', 1]
  if (value / size < READ_AT_A_GLANCE || unit === 'd') return `${value / size}${unit}`
  const parts: string[] = []
  let left = value
  for (const [name, each] of UNITS) {
    const count = Math.floor(left / each)
    if (count > 0) parts.push(`${count}${name}`)
    left -= count * each
  }
  return parts.join(' ')
}

/** Seconds for people, rounded: `5 s`, `9 min`, `3 h 20 min`. */
export const humanSeconds = (seconds: number): string => {
  if (seconds < 1) return 'under 1 s'
  if (seconds < 100) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
