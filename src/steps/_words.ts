/** Small phrases that several steps say. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** Milliseconds as people write them: `604800000` is `7d`; `-1` is `for ever`. */
export const humanDuration = (ms: string | number | undefined): string => {
  if (ms === undefined) return 'unknown'
  const value = Number(ms)
  if (value < 0) return 'for ever'
  const unit = UNITS.find(([, size]) => value >= size && value % size === 0)
  return unit ? `${value / unit[1]}${unit[0]}` : `${value}ms`
}

/** `1 partition`, `12 partitions`. */
export const counted = (count: number | bigint, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${BigInt(count) === 1n ? '' : 's'}`

export const humanBytes = (bytes: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Seconds as `5 s`, `9 min`, `3 h 20 min`. */
export const humanSeconds = (seconds: number): string => {
  if (seconds < 1) return 'under 1 s'
  if (seconds < 100) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
