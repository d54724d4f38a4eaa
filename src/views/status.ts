import { sortedOnce } from './diagnostics.ts'
import { renderJson } from './json.ts'
import {
  type GroupSide,
  type MigrationStatus,
  STATUS_FORMAT_VERSION,
  type TopicStatus,
} from './status-report.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { count, duration, hanging, listed, MAX_COLUMNS, moment, thousands } from './text.ts'

export const renderStatusJson = (statuses: readonly MigrationStatus[]): string =>
  renderJson({
    formatVersion: STATUS_FORMAT_VERSION,
    migrations: statuses.map((each) => ({ ...each, problems: sortedOnce(each.problems) })),
  })

/** One page for each migration. Problems are diagnostics and are shown as such, after it. */
export const renderStatus = (statuses: readonly MigrationStatus[], style: Style): string =>
  statuses.map((each) => renderOne(each, style)).join('\n')

const renderOne = (status: MigrationStatus, style: Style): string => {
  const owner = status.owner === null ? '' : `, owned by ${status.owner}`
  const lines = [
    style.bold(`${status.name}: ${status.source} -> ${status.target}${owner}`),
    `  stage   ${status.stage === status.asks ? status.stage : `${status.stage}; the plan file asks for ${status.asks}`}`,
    hanging('  next    ', renderNext(status), MAX_COLUMNS),
    hanging('  mirror  ', renderMirrorState(status), MAX_COLUMNS).replace(
      /NOBODY MIRRORS/,
      style.error('NOBODY MIRRORS'),
    ),
    ...status.deadlines.map((each) =>
      hanging('  until   ', `${moment(each.at, status.at)}: ${each.says}`, MAX_COLUMNS),
    ),
    '',
    topicTable(status.topics),
  ]
  if (status.groups.length > 0) lines.push('', groupTable(status))
  return `${lines.join('\n')}\n`
}

const renderNext = ({ name, next }: MigrationStatus): string => {
  switch (next.kind) {
    case 'blocked':
      return 'blocked: see the errors below'
    case 'apply': {
      const waits = next.waitsFor.length === 0 ? '' : `, which waits until ${listed(next.waitsFor)}`
      return `${next.step}${waits}. To go on: ferry apply ${name}`
    }
    case 'edit':
      return `nothing to apply. To go on, set stage: ${next.stage} in the plan file`
    case 'finished':
      return 'nothing: the migration is finished'
  }
}

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

const ago = (at: string, now: string): string =>
  `${duration(Math.max(0, Date.parse(now) - Date.parse(at)))} ago`

const topicTable = (topics: readonly TopicStatus[]): string =>
  table(
    [
      { title: 'topic' },
      { title: 'state' },
      { title: 'offsets' },
      { title: 'partitions', align: 'right' },
      { title: 'marked', align: 'right' },
      { title: 'sealed', align: 'right' },
      { title: 'stopped', align: 'right' },
      { title: 'lag', align: 'right' },
    ],
    topics.map((topic) => {
      const lags = topic.partitions.flatMap((each) => (each.lag === null ? [] : [each.lag]))
      const having = (test: (partition: TopicStatus['partitions'][number]) => boolean): string =>
        thousands(topic.partitions.filter(test).length)
      return [
        topic.name,
        topic.state.replace('-', ' '),
        offsetsOf(topic),
        thousands(topic.partitions.length),
        having((each) => each.sourceStart !== null),
        having((each) => each.sealed),
        having((each) => each.stopped),
        lags.length === 0 ? '-' : thousands(lags.reduce((total, lag) => total + lag, 0)),
      ]
    }),
  )

const offsetsOf = ({ mode, partitions }: TopicStatus): string => {
  const diverged = partitions.filter(({ divergedAt }) => divergedAt !== null).length
  if (mode === null) return '-'
  return diverged === 0 ? mode : `${mode}, ${thousands(diverged)} diverged`
}

const groupTable = ({ groups, source, target, at }: MigrationStatus): string =>
  table(
    [{ title: 'group' }, { title: `on ${source}` }, { title: `on ${target}` }, { title: 'synced' }],
    groups.map((group) => [
      group.id,
      side(group.source),
      side(group.target),
      group.syncedAt === null ? '-' : ago(group.syncedAt, at),
    ]),
  )

const side = ({ state, members }: GroupSide): string =>
  members === 0 ? state : `${state}, ${count(members, 'member')}`
