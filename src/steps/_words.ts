/** Small phrases that several steps say. */

export { humanDuration, humanSeconds } from '../domain/human-duration.ts'

/** `1 partition`, `12 partitions`. */
export const counted = (count: number | bigint, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${BigInt(count) === 1n ? '' : 's'}`

/** More would not be read. */
const NAMED_AT_MOST = 10

/** `a, b, c and 1,234 more`: ten names at most. */
export const someNames = (names: readonly string[]): string => {
  const more = names.length - NAMED_AT_MOST
  const some = names.slice(0, NAMED_AT_MOST).join(', ')
  return more > 0 ? `${some} and ${more.toLocaleString('en-US')} more` : some
}

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
