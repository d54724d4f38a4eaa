/** Small phrases that several steps say. */

export { humanDuration, humanSeconds } from '../domain/human-duration.ts'

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
