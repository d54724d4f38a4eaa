import type { CopyProgress } from '../domain/copy-progress.ts'
import { type Column, table } from './table.ts'
import { bytes, count, duration, thousands } from './text.ts'

/** More lines than this are no longer looked at, and push everything else off the screen. */
const MOST_LINES = 8

/** `1,234 records, 1.2 MiB copied; 81,000 records/s, 80 MiB/s; 4,000 left, about 50 s` */
export const renderProgress = (progress: CopyProgress): string => {
  const copied = [
    count(progress.records, 'record'),
    ...(progress.bytes === null ? [] : [bytes(progress.bytes)]),
  ]
  return [`${copied.join(', ')} copied`, renderRates(progress).join(', '), renderLeft(progress)]
    .filter((part) => part !== '')
    .join('; ')
}

/** `81,000 records/s` and `80 MiB/s`, as far as they are known. */
export const renderRates = ({
  recordsPerSecond,
  bytesPerSecond,
}: Pick<CopyProgress, 'recordsPerSecond' | 'bytesPerSecond'>): readonly string[] => [
  ...(recordsPerSecond === null ? [] : [`${thousands(Math.round(recordsPerSecond))} records/s`]),
  ...(bytesPerSecond === null ? [] : [`${bytes(bytesPerSecond)}/s`]),
]

const renderLeft = ({ left, secondsLeft }: CopyProgress): string => {
  if (left === 0) return 'nothing left'
  const time = secondsLeft === null ? '' : `, about ${duration(secondsLeft * 1000)}`
  return `${thousands(left)} left${time}`
}

const COLUMNS: readonly Column[] = [
  { title: 'topic' },
  { title: 'copied', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'records/s', align: 'right' },
  { title: 'bytes/s', align: 'right' },
  { title: 'left', align: 'right' },
  { title: 'ready in', align: 'right' },
]

/** A line for each of several topics, those with the most left first; what does not fit is counted. One topic has no need of it. */
export const renderTopicLines = (topics: readonly CopyProgress[]): readonly string[] => {
  if (topics.length < 2) return []
  const sorted = [...topics].sort((one, other) => other.left - one.left)
  const shown = sorted.slice(0, MOST_LINES)
  const rest = sorted.slice(MOST_LINES)
  const lines = table(
    COLUMNS,
    shown.map((each) => [each.topic, ...progressCells(each)]),
  ).split('\n')
  if (rest.length === 0) return lines
  const { left } = sumOfProgress(rest)
  return [...lines, `  and ${count(rest.length, 'topic')} more, ${thousands(left)} left`]
}

/** Copied, bytes, rates, left and time left, as cells of a table. */
export const progressCells = (progress: CopyProgress): readonly string[] => [
  thousands(progress.records),
  progress.bytes === null ? '-' : bytes(progress.bytes),
  progress.recordsPerSecond === null ? '-' : thousands(Math.round(progress.recordsPerSecond)),
  progress.bytesPerSecond === null ? '-' : `${bytes(progress.bytesPerSecond)}/s`,
  thousands(progress.left),
  renderReadyIn(progress),
]

/** When nothing will be left: `50 s`; `-` where that cannot be said. */
export const renderReadyIn = ({ secondsLeft }: Pick<CopyProgress, 'secondsLeft'>): string =>
  secondsLeft === null ? '-' : secondsLeft === 0 ? 'now' : duration(secondsLeft * 1000)

/** Of all topics together; what one of them does not know is not known of the sum. */
export const sumOfProgress = (topics: readonly CopyProgress[]): CopyProgress => {
  const sum = (of: (each: CopyProgress) => number): number =>
    topics.reduce((total, each) => total + of(each), 0)
  const known = (of: (each: CopyProgress) => number | null): number | null =>
    topics.some((each) => of(each) === null) ? null : sum((each) => of(each) ?? 0)
  const times = topics.map((each) => each.secondsLeft)
  return {
    topic: '',
    records: sum((each) => each.records),
    bytes: known((each) => each.bytes),
    left: sum((each) => each.left),
    recordsPerSecond: known((each) => each.recordsPerSecond),
    bytesPerSecond: known((each) => each.bytesPerSecond),
    secondsLeft: times.includes(null) ? null : Math.max(0, ...times.map(Number)),
  }
}
