import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId } from '../domain/ids.ts'
import type { GroupSpec, Migration, QuotaSpec, UserSpec } from '../domain/migration.ts'
import { Secret } from '../domain/secret.ts'
import { checkUnique } from './duplicates.ts'
import { parseDuration } from './durations.ts'
import type { OpenedFile } from './open-file.ts'
import { type ParsedAccess, parseAccess } from './parse-access.ts'
import { checkRemoved, parseRemoved } from './parse-removed.ts'
import { parseTopics } from './parse-topics.ts'
import type { Problems } from './problems.ts'
import type { MigrationFile } from './raw-files.ts'
import { clearTextWarning } from './secrets.ts'
import { parseSize } from './sizes.ts'
import { parseIsoTime } from './times.ts'
import { quote, readablePath } from './words.ts'

type Opened = OpenedFile<MigrationFile>

/** A migration with what the checks over several files need. Where any problem is an error, parts of it may be empty. */
export interface ParsedMigration {
  readonly migration: Migration
  readonly access: readonly ParsedAccess[]
  readonly fromAt: Migration['stageAt']
  readonly toAt: Migration['stageAt']
}

/** setTimeout takes no more than 2^31 - 1 ms and fires at once beyond it. */
const MAX_GATE_MS = 24 * 86_400_000
const SHORT_QUIET_MS = 30_000

export const parseMigration = (
  opened: Opened,
): { readonly parsed: ParsedMigration; readonly problems: readonly Diagnostic[] } => {
  const { raw, document } = opened
  const { topics, problems: topicProblems } = parseTopics(opened)
  const problems: Problems = [...topicProblems]
  const groups = parseGroups(opened, problems)
  const scope = {
    topics: opened.isWhole('/spec/topics') ? topics.map((one) => one.name) : undefined,
    groups: opened.isWhole('/spec/groups') ? groups.map((one) => one.id) : undefined,
  }
  const access = (raw.spec?.access ?? []).flatMap((entry, i) => {
    if (entry === undefined) return []
    const pointer = `/spec/access/${i}`
    const one = parseAccess(entry, pointer, document, {
      ...scope,
      isWhole: opened.isWhole(pointer),
    })
    problems.push(...one.problems)
    return [one.access]
  })
  const migration: Migration = {
    name: raw.metadata?.name ?? '',
    owner: raw.metadata?.owner,
    file: document.file,
    digest: document.digest,
    from: raw.spec?.from ?? '',
    to: raw.spec?.to ?? '',
    stage: raw.spec?.stage ?? 'prepared',
    stageAt: document.at('/spec/stage'),
    order: raw.spec?.order ?? 'consumers-first',
    topics,
    groups,
    users: parseUsers(opened, problems),
    access: access.map((one) => one.spec),
    quotas: parseQuotas(opened, problems),
    removed: parseRemoved(opened, problems),
    mirror: {
      throttle: sizeOf(opened, raw.spec?.mirror?.throttle, '/spec/mirror/throttle', problems),
      startFrom: parseStartFrom(opened, problems),
    },
    gates: {
      mirrorLag: raw.spec?.gates?.mirrorLag ?? 0,
      sourceQuietMs: gateTime(opened, 'sourceQuiet', 5 * 60_000, problems),
      timeoutMs: gateTime(opened, 'timeout', 15 * 60_000, problems),
    },
    rollback: { keepSourceWarm: raw.spec?.rollback?.keepSourceWarm ?? false },
    unsupported: unsupportedParts(opened),
  }
  problems.push(...checkRemoved(migration, raw.spec?.stage !== undefined))
  const places = { fromAt: document.at('/spec/from'), toAt: document.at('/spec/to') }
  return { parsed: { migration, access, ...places }, problems }
}

const parseGroups = ({ raw, document }: Opened, problems: Problems): readonly GroupSpec[] => {
  const groups: GroupSpec[] = []
  for (const [i, group] of (raw.spec?.groups ?? []).entries()) {
    if (group?.id === undefined) continue
    if (group.id.startsWith('ferry-mirror-')) {
      problems.push(
        diagnostic({
          code: 'FERRY1036',
          detail: `${quote(group.id)} is a group of Ferry itself: the lock of a mirror.`,
          fix: 'Remove it.',
          at: document.at(`/spec/groups/${i}/id`),
        }),
      )
    }
    groups.push({
      id: group.id as GroupId,
      at: document.at(`/spec/groups/${i}`),
      uncommitted: group.uncommitted ?? 'absent',
      uncommittedSaid: group.uncommitted !== undefined,
      preventDelete: group.lifecycle?.preventDelete,
    })
  }
  problems.push(
    ...checkUnique(
      groups,
      (one) => one.id,
      (one) => `Group ${quote(one.id)}`,
    ),
  )
  return groups
}

const parseUsers = ({ raw, document, texts }: Opened, problems: Problems): readonly UserSpec[] => {
  const users: UserSpec[] = []
  for (const [i, user] of (raw.spec?.users ?? []).entries()) {
    if (user?.name === undefined) continue
    const pointer = `/spec/users/${i}/password`
    const password = texts.get(pointer)
    if (password !== undefined && !password.isReference && password.text !== '') {
      problems.push(clearTextWarning(document, pointer))
    }
    users.push({
      name: user.name,
      at: document.at(`/spec/users/${i}`),
      mechanism: user.mechanism ?? 'scram-sha-512',
      password: new Secret(password?.text ?? ''),
      passwordVersion: user.passwordVersion ?? 1,
      preventDelete: user.lifecycle?.preventDelete,
    })
  }
  // One user may have both mechanisms. The name is not quoted: it stands beside the password.
  problems.push(
    ...checkUnique(
      users,
      (one) => `${one.mechanism} ${one.name}`,
      () => 'This user, with this mechanism,',
    ),
  )
  return users
}

const parseQuotas = (opened: Opened, problems: Problems): readonly QuotaSpec[] => {
  const { raw, document } = opened
  const quotas: QuotaSpec[] = []
  for (const [i, quota] of (raw.spec?.quotas ?? []).entries()) {
    if (quota?.user === undefined) continue
    const pointer = `/spec/quotas/${i}`
    const at = document.at(pointer)
    const rate = (key: 'producerByteRate' | 'consumerByteRate') =>
      sizeOf(opened, quota[key], `${pointer}/${key}`, problems)
    if (!('producerByteRate' in quota) && !('consumerByteRate' in quota)) {
      problems.push(
        diagnostic({
          code: 'FERRY1045',
          detail: `${readablePath(pointer)} names ${quote(quota.user)} but no rate.`,
          fix: 'Add producerByteRate or consumerByteRate, or remove the entry.',
          at,
        }),
      )
    }
    quotas.push({
      user: quota.user,
      at,
      producerByteRate: rate('producerByteRate'),
      consumerByteRate: rate('consumerByteRate'),
    })
  }
  problems.push(
    ...checkUnique(
      quotas,
      (one) => one.user,
      (one) => `A quota of ${quote(one.user)}`,
    ),
  )
  return quotas
}

/** Bytes per second. What is no size at all the schema has reported. */
const sizeOf = (
  { document }: Opened,
  value: string | number | undefined,
  pointer: string,
  problems: Problems,
): number | undefined => {
  if (value === undefined || !/^\d+[A-Za-z]*$/.test(String(value))) return undefined
  const bytes = parseSize(value)
  const isKnownUnit = bytes !== undefined || /^\d+([kMGT]?B|[KMGT]iB)?$/.test(String(value))
  if (!isKnownUnit || (bytes !== undefined && bytes > 0)) return bytes
  problems.push(
    diagnostic({
      code: 'FERRY1018',
      detail: `${readablePath(pointer)} is ${quote(value)}; it must be at least 1 byte per second and below 2^53.`,
      fix: 'Write a size above 0, or remove the key for no limit.',
      at: document.at(pointer),
    }),
  )
  return undefined
}

const gateTime = (
  { raw, document }: Opened,
  key: 'sourceQuiet' | 'timeout',
  fallback: number,
  problems: Problems,
): number => {
  const text = raw.spec?.gates?.[key]
  if (text === undefined || !/^\d+(ms|s|m|h|d|w)$/.test(text)) return fallback
  const ms = parseDuration(text)
  const at = document.at(`/spec/gates/${key}`)
  if (ms === undefined || ms > MAX_GATE_MS) {
    problems.push(
      diagnostic({
        code: 'FERRY1018',
        detail: `spec.gates.${key} is ${quote(text)}; it must be at most 24d.`,
        fix: 'Write a shorter time; an apply that stopped at a gate can be run again.',
        at,
      }),
    )
    return fallback
  }
  if (key === 'sourceQuiet' && ms < SHORT_QUIET_MS) {
    problems.push(
      diagnostic({
        code: 'FERRY1047',
        severity: 'warning',
        detail: `spec.gates.sourceQuiet is ${quote(text)}; a producer that retries for 30s looks as if it had stopped, and what it writes after the seal must be salvaged.`,
        fix: 'Write 30s or more.',
        at,
      }),
    )
  }
  return ms
}

const parseStartFrom = (
  { raw, document }: Opened,
  problems: Problems,
): Migration['mirror']['startFrom'] => {
  const text = raw.spec?.mirror?.startFrom ?? 'earliest'
  if (text === 'earliest' || text === 'committed' || text === 'latest') return text
  const time = parseIsoTime(text)
  if (time !== undefined) return time
  if (/^\d{4}-\d\d-\d\dT\S+(Z|[+-]\d\d:\d\d)$/.test(text)) {
    problems.push(
      diagnostic({
        code: 'FERRY1017',
        detail: `spec.mirror.startFrom is ${quote(text)}, a time that is in no calendar.`,
        fix: 'Write a time with zone, for example 2025-03-01T00:00:00Z.',
        at: document.at('/spec/mirror/startFrom'),
      }),
    )
  }
  return 'earliest'
}

/** What the format has but this version cannot do. */
const unsupportedParts = ({ raw, document }: Opened): Migration['unsupported'] => {
  const spec = raw.spec
  const parts: readonly (readonly [boolean, string, string])[] = [
    [spec?.mirror?.engine === 'connect', 'mirror.engine: connect', '/spec/mirror/engine'],
  ]
  return parts.filter(([is]) => is).map(([, what, pointer]) => ({ what, at: document.at(pointer) }))
}
