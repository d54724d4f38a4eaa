import { renderReadyIn } from './copy-progress.ts'
import { sortedOnce } from './diagnostics.ts'
import { renderJson } from './json.ts'
import { type Line, renderFirst, renderNext } from './status-next.ts'
import { renderPartitions, renderStopped } from './status-partitions.ts'
import {
  type GroupSide,
  type MigrationStatus,
  STATUS_FORMAT_VERSION,
  type TopicStatus,
} from './status-report.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import {
  bytes,
  count,
  duration,
  hanging,
  listed,
  MAX_COLUMNS,
  moment,
  printable,
  second,
  thousands,
} from './text.ts'

export interface StatusView {
  readonly style: Style
  /** Of the page; it is never wider than 100. */
  readonly columns: number
}

/** Narrower pages cannot be read. */
const LEAST_COLUMNS = 60

const sorted = (statuses: readonly MigrationStatus[]) => ({
  formatVersion: STATUS_FORMAT_VERSION,
  migrations: statuses.map((each) => ({ ...each, problems: sortedOnce(each.problems) })),
})

export const renderStatusJson = (statuses: readonly MigrationStatus[]): string =>
  renderJson(sorted(statuses))

/** `status --watch --json`: one look, one line. */
export const renderStatusLine = (statuses: readonly MigrationStatus[]): string =>
  `${JSON.stringify(sorted(statuses))}\n`

/** One page for each migration. Problems are diagnostics and are shown as such, after it. */
export const renderStatus = (statuses: readonly MigrationStatus[], view: StatusView): string =>
  statuses.map((each) => renderPage(each, view)).join('\n')

const renderPage = (status: MigrationStatus, { style, columns }: StatusView): string => {
  const width = Math.max(Math.min(columns, MAX_COLUMNS), LEAST_COLUMNS)
  const owner = status.owner === null ? '' : `, owned by ${status.owner}`
  const line = (name: string, text: string): string => hanging(`  ${name.padEnd(8)}`, text, width)
  const lines = [
    style.bold(printable(`${status.name}: ${status.source} -> ${status.target}${owner}`)),
    line('seen', second(status.at)),
    line(
      'stage',
      status.stage === status.asks
        ? status.stage
        : `${status.stage}; the plan file asks for ${status.asks}`,
    ),
    ...renderLock(status, line),
    ...renderNext(status, line),
    ...renderFirst(status, line),
    line('mirror', renderMirrorState(status)).replace(
      /NOBODY MIRRORS/,
      style.error('NOBODY MIRRORS'),
    ),
    ...renderBack(status, line),
    ...status.deadlines.map((each) => line('until', renderDeadline(each, status.at))),
    ...renderRetention(status, line),
    ...renderStopped(status, width, style),
    '',
    topicTable(status.topics, width),
    ...renderPartitions(status.topics, width, style),
    ...status.groups.flatMap((group) => renderGroup(group, status, width, style)),
  ]
  return `${lines.join('\n')}\n`
}

/** What its holder does changes what is shown here, while it is looked at; unless it was killed, which only the next apply finds out. */
const renderLock = ({ lock, at }: MigrationStatus, line: Line): readonly string[] => {
  if (lock === undefined) return []
  const age = duration(Math.max(0, Date.parse(at) - Date.parse(lock.since)))
  return [
    line(
      'lock',
      `held by ${lock.user}@${lock.host} (pid ${lock.pid}): ${lock.operation}, for ${age}`,
    ),
  ]
}

const renderDeadline = (
  { at, says }: MigrationStatus['deadlines'][number],
  now: string,
): string => {
  const left = Date.parse(at) - Date.parse(now)
  return `${moment(at, now)}, ${left < 0 ? 'PASSED' : `in ${duration(left)}`}: ${says}`
}

const COPIED = {
  now: 'copied',
  mark: 'copied, since its mark,',
  estimate: 'will be copied',
} as const

/** The race between mirror and retention, where it is closest. */
const renderRetention = (
  { at, source, retention }: MigrationStatus,
  line: Line,
): readonly string[] => {
  if (retention === undefined) return []
  const { topic, partition, copiedPerSecond, by, takenPerSecond, overtakenAt } = retention
  const rates =
    `${topic}:${partition} ${COPIED[by]} at ${perSecond(copiedPerSecond)}, ` +
    `retention on ${source} takes ${perSecond(takenPerSecond)}`
  return [
    line(
      'pace',
      overtakenAt === null
        ? `${rates}: the mirror is quicker`
        : `${rates}: THE MIRROR IS OVERTAKEN ${moment(overtakenAt, at)}, in ${duration(Date.parse(overtakenAt) - Date.parse(at))}`,
    ),
  ]
}

const perSecond = (n: number): string =>
  n >= 10 ? `${thousands(Math.round(n))} records/s` : `${thousands(Math.round(n * 3600))} records/h`

const renderMirrorState = ({ name, at, target, mirror }: MigrationStatus): string => {
  if (mirror.need === 'none') return 'not needed now'
  if (mirror.processes === null) return `unknown: ${target} could not be asked`
  if (mirror.processes.length > 0) {
    return `running: ${listed(mirror.processes.map(({ host, pid }) => `process ${pid} on ${host}`))}`
  }
  const seen =
    mirror.lastProgress === null
      ? 'none has copied anything yet'
      : `the last one copied something ${ago(mirror.lastProgress, at)}`
  return mirror.need === 'needed'
    ? `NOBODY MIRRORS, ${seen}: consumers on ${target} see nothing new. Start one: ferry mirror ${name}`
    : `not running, ${seen}; it goes on exactly where it stopped when one starts`
}

/** A line for each topic that is mirrored back. */
const renderBack = ({ name, source, back }: MigrationStatus, line: Line): readonly string[] => {
  if (back === undefined) return []
  const isOpen = back.topics.some((topic) => !topic.sealed)
  const who =
    back.processes === null
      ? `unknown: ${source} could not be asked`
      : back.processes.length > 0
        ? listed(back.processes.map(({ host, pid }) => `process ${pid} on ${host}`))
        : `NOBODY mirrors back. Start one: ferry mirror ${name}`
  return [
    ...(isOpen ? [line('back', `mirrored to ${source}: ${who}`)] : []),
    ...back.topics.map((topic) =>
      line(
        isOpen ? '' : 'back',
        `${topic.name}: ` +
          (topic.sealed
            ? `sealed, all of it is on ${source}`
            : `${topic.lag === null ? 'lag unknown' : `${thousands(topic.lag)} offsets behind`}${topic.stopped > 0 ? `, ${count(topic.stopped, 'partition')} STOPPED` : ''}`),
      ),
    ),
  ]
}

const ago = (at: string, now: string): string =>
  `${duration(Math.max(0, Date.parse(now) - Date.parse(at)))} ago`

/** Below this the bytes have no room. */
const COLUMNS_FOR_BYTES = 90

const topicTable = (topics: readonly TopicStatus[], width: number): string => {
  const withBytes = width >= COLUMNS_FOR_BYTES
  return table(
    [
      { title: 'topic' },
      { title: 'state' },
      { title: 'offsets' },
      { title: 'copied', align: 'right' },
      { title: 'lag', align: 'right' },
      { title: 'records/s', align: 'right' },
      ...(withBytes ? [{ title: '~bytes/s', align: 'right' } as const] : []),
      { title: 'ready in', align: 'right' },
    ],
    topics.map(({ name, mode, progress, ...topic }) => [
      name,
      topicState(topic),
      offsetsOf(mode, topic.partitions),
      progress === null ? '-' : thousands(progress.records),
      progress === null ? '-' : thousands(progress.left),
      rate(progress?.recordsPerSecond, (n) => thousands(Math.round(n))),
      ...(withBytes ? [rate(progress?.bytesPerSecond, (n) => `${bytes(n)}/s`)] : []),
      progress === null || topic.state !== 'mirrored' ? '-' : renderReadyIn(progress),
    ]),
    '  ',
    width,
  )
}

const offsetsOf = (mode: TopicStatus['mode'], partitions: TopicStatus['partitions']): string => {
  const diverged = partitions.filter(({ divergedAt }) => divergedAt !== null).length
  if (mode === null) return '-'
  return diverged === 0 ? mode : `${mode}, ${thousands(diverged)} diverged`
}

const rate = (value: number | null | undefined, say: (n: number) => string): string =>
  value === null || value === undefined ? '-' : say(value)

/** `mirrored`, `sealed`, and how many where it is not all of them: `3 of 12 stopped`. */
const topicState = ({ state, partitions }: Pick<TopicStatus, 'state' | 'partitions'>): string => {
  const having = (test: (each: TopicStatus['partitions'][number]) => boolean): number =>
    partitions.filter(test).length
  const of = (n: number, what: string): string =>
    n === partitions.length ? what : `${n} of ${partitions.length} ${what}`
  switch (state) {
    case 'stopped':
      return of(
        having((each) => each.stopped),
        'stopped',
      )
    case 'mirrored': {
      const sealed = having((each) => each.sealed)
      if (sealed > 0) return of(sealed, 'sealed')
      return of(
        having((each) => each.sourceStart !== null),
        'mirrored',
      )
    }
    default:
      return state.replace('-', ' ')
  }
}

/** Members beyond these are counted: a group may have hundreds. */
const MOST_CLIENTS = 6

const renderGroup = (
  { id, source, target, syncedAt }: MigrationStatus['groups'][number],
  status: MigrationStatus,
  width: number,
  style: Style,
): readonly string[] => {
  const names = [`on ${status.source}`, `on ${status.target}`, 'positions']
  const wide = Math.max(...names.map((name) => name.length))
  const line = (name: string, text: string): string =>
    hanging(`  ${printable(name).padEnd(wide)}  `, text, width)
  const synced = syncedAt === null ? 'not synced yet' : `synced ${ago(syncedAt, status.at)}`
  return [
    '',
    style.bold(printable(`group ${id}`)),
    line(`on ${status.source}`, renderSide(source)),
    line(`on ${status.target}`, renderSide(target)),
    line('positions', synced),
  ]
}

const renderSide = ({ state, members, clients, lag }: GroupSide): string => {
  const shown = clients
    .slice(0, MOST_CLIENTS)
    .map(({ clientId, host }) => `${clientId} on ${host.replace(/^\//, '')}`)
  const more = clients.length - shown.length
  const who = [...shown, ...(more > 0 ? [`${thousands(more)} more`] : [])]
  return [
    members === 0 ? state : `${state}, ${count(members, 'member')} (${listed(who)})`,
    ...(lag === null ? [] : [`${count(lag, 'record')} behind`]),
  ].join(', ')
}
