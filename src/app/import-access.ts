import { stringify } from 'yaml'
import { type AclBinding, aclKey, covers, type PatternType } from '../domain/access.ts'
import type { QuotaSpec, ScramMechanism } from '../domain/migration.ts'

type Rates = Pick<QuotaSpec, 'producerByteRate' | 'consumerByteRate'>

/** What the source tells of who may do what; a text says why it does not. */
export interface SourceAccess {
  readonly acls: readonly AclBinding[] | string
  /** SCRAM credentials of the principals' users. */
  readonly users: ReadonlyMap<string, ReadonlySet<ScramMechanism>> | string
  readonly quotas: ReadonlyMap<string, Rates> | string
}

/** What moves, and all that there is: a pattern that reaches farther than what moves must not open the rest, on neither cluster. */
export interface AccessScope {
  readonly topics: readonly string[]
  readonly groups: readonly string[]
  /** Undefined: the source does not tell. */
  readonly transactionalIds: readonly string[] | undefined
  /** Of both clusters. */
  readonly allTopics: readonly string[]
  readonly allGroups: readonly string[]
}

/**
 * The ACLs that concern what moves. A pattern stays as it is where all that it covers moves; else it becomes the names that do, one by one.
 * Transactional ids stay as patterns: they open nothing by themselves, and applications make them up. Rights on the cluster are nobody's here.
 */
export const aclsInScope = (
  acls: readonly AclBinding[],
  scope: AccessScope,
): readonly AclBinding[] => {
  const named = (acl: AclBinding, moving: readonly string[], all: readonly string[]) => {
    const mine = moving.filter((name) => covers(acl, name))
    if (mine.length === 0) return []
    const isWhole =
      acl.resourceName !== '*' && all.every((name) => !covers(acl, name) || moving.includes(name))
    return isWhole
      ? [acl]
      : mine.map((resourceName) => ({ ...acl, resourceName, patternType: 'LITERAL' as const }))
  }
  const found = acls.flatMap((acl) => {
    switch (acl.resourceType) {
      case 'TOPIC':
        return named(acl, scope.topics, scope.allTopics)
      case 'GROUP':
        return named(acl, scope.groups, scope.allGroups)
      default:
        return []
    }
  })
  const onTopics = found.filter(({ resourceType }) => resourceType === 'TOPIC')
  const users = new Set(onTopics.map(({ principal }) => principal))
  // Where everybody may write, anybody's id may be one of these; and where the ids are everybody's, each writer needs that.
  const everybodyWrites = onTopics.some((acl) => acl.principal === EVERYBODY && letsWrite(acl))
  const uses = (principal: string) =>
    users.has(principal) ||
    everybodyWrites ||
    (principal === EVERYBODY && onTopics.some((acl) => letsWrite(acl)))
  const ids = acls.filter(
    (acl) =>
      acl.resourceType === 'TRANSACTIONAL_ID' &&
      uses(acl.principal) &&
      (scope.transactionalIds?.some((id) => covers(acl, id)) ?? true),
  )
  const split = [...found, ...ids].flatMap(readersFirst)
  return [...new Map(split.map((acl) => [aclKey(acl), acl])).values()]
}

const EVERYBODY = 'User:*'

const letsWrite = ({ operation, permission }: AclBinding): boolean =>
  permission === 'ALLOW' && (operation === 'WRITE' || operation === 'ALL')

/**
 * ALL on a topic waits for the seal, since it lets in writers. What readers need of it must not: without it consumers that move first stand
 * before a shut door until producers move. ALL follows, and gives no less than on the source.
 */
const readersFirst = (acl: AclBinding): readonly AclBinding[] =>
  acl.resourceType === 'TOPIC' && acl.operation === 'ALL' && acl.permission === 'ALLOW'
    ? [
        ...(['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'] as const).map((operation) => ({
          ...acl,
          operation,
        })),
        acl,
      ]
    : [acl]

/** The part of a plan file behind its groups. */
export const accessLines = (
  { acls, users, quotas }: SourceAccess,
  scope: AccessScope,
  source: string,
): readonly string[] => {
  const owner = '  # users: SCRAM users to make; access: what each may produce and consume; quotas.'
  if (typeof acls === 'string') {
    return [remark(`${acls} To be written by the owner:`), owner]
  }
  const mine = aclsInScope(acls, scope)
  if (mine.length === 0) {
    return [remark(`No ACL of ${source} is about these. To be written by the owner:`), owner]
  }
  return [
    ...userLines(users, source),
    `  # As the ACLs of ${source} say it, for what moves here; rights on the cluster are not taken over. Take out who does not move.`,
    '  access:',
    ...entriesOf(mine).flatMap(entryLines),
    ...quotaLines(quotas),
  ]
}

/** `shop-api` of `User:shop-api`; everybody and other kinds of principals have no credentials. */
export const usersOf = (acls: readonly AclBinding[]): readonly string[] => [
  ...new Set(
    acls.flatMap(({ principal }) => {
      const [, user] = /^User:(?!\*$)(.+)$/s.exec(principal) ?? []
      return user === undefined ? [] : [user]
    }),
  ),
]

/** Not active: a file that needs a password that nobody has set yet would stop the whole project. */
const userLines = (users: SourceAccess['users'], source: string): readonly string[] => {
  if (typeof users === 'string') return [remark(users)]
  const made = [...users].flatMap(([name, mechanisms]) =>
    [...mechanisms].sort().map((mechanism) => ({ name, mechanism })),
  )
  if (made.length === 0) return []
  return [
    `  # ${source} has these SCRAM users. No broker tells a password: set one for each on the target, then take these marks away.`,
    '  # users:',
    ...made.map(
      ({ name, mechanism }) =>
        `  #   - { name: ${flow(name)}, mechanism: ${mechanism}, password: "\${env:${variableOf(name)}}" }`,
    ),
  ]
}

const variableOf = (user: string): string =>
  `${user
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^_*(?=\d)/, 'USER_')}_PASSWORD`

interface Entry {
  readonly principal: string
  readonly host: string
  readonly patternType: PatternType
  readonly acls: readonly AclBinding[]
}

const entriesOf = (acls: readonly AclBinding[]): readonly Entry[] => {
  const entries = new Map<string, Entry & { readonly acls: AclBinding[] }>()
  for (const acl of [...acls].sort((one, other) => (aclKey(one) < aclKey(other) ? -1 : 1))) {
    const { principal, host, patternType } = acl
    const key = JSON.stringify([principal, host, patternType])
    const entry = entries.get(key)
    if (entry) entry.acls.push(acl)
    else entries.set(key, { principal, host, patternType, acls: [acl] })
  }
  return [...entries].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry)
}

/** What `produce`, `consume` and `transactionalIds` stand for is said so, the rest as it is. DESCRIBE follows from both READ and WRITE. */
const entryLines = ({ principal, host, patternType, acls }: Entry): readonly string[] => {
  const allowed = acls.filter(({ permission }) => permission === 'ALLOW')
  const namesWith = (resourceType: AclBinding['resourceType'], operation: string) =>
    allowed
      .filter((acl) => acl.resourceType === resourceType && acl.operation === operation)
      .map(({ resourceName }) => resourceName)
  const produce = namesWith('TOPIC', 'WRITE')
  const topics = namesWith('TOPIC', 'READ')
  const groups = namesWith('GROUP', 'READ')
  const transactionalIds = namesWith('TRANSACTIONAL_ID', 'WRITE')
  const implied: Readonly<Partial<Record<AclBinding['resourceType'], readonly string[]>>> = {
    TOPIC: [...produce, ...topics],
    GROUP: groups,
    TRANSACTIONAL_ID: transactionalIds,
  }
  const isSaid = ({ resourceType, resourceName, operation, permission }: AclBinding) =>
    permission === 'ALLOW' &&
    (['READ', 'WRITE'].includes(operation) ||
      (operation === 'DESCRIBE' && implied[resourceType]?.includes(resourceName) === true))
  const raw = acls.filter((acl) => !isSaid(acl))
  return [
    `    - principal: ${flow(principal)}`,
    ...(host === '*' ? [] : [`      host: ${flow(host)}`]),
    ...(patternType === 'PREFIXED' && raw.length < acls.length ? ['      prefix: true'] : []),
    ...(produce.length > 0 ? [`      produce: ${list(produce)}`] : []),
    ...(topics.length + groups.length > 0
      ? [
          '      consume:',
          ...(topics.length > 0 ? [`        topics: ${list(topics)}`] : []),
          ...(groups.length > 0 ? [`        groups: ${list(groups)}`] : []),
        ]
      : []),
    ...(transactionalIds.length > 0 ? [`      transactionalIds: ${list(transactionalIds)}`] : []),
    ...(raw.length > 0 ? ['      raw:', ...raw.map(rawLine)] : []),
  ]
}

const rawLine = (acl: AclBinding): string => {
  const { resourceType, resourceName, patternType, operation, permission } = acl
  const parts = {
    resourceType,
    resourceName,
    ...(patternType === 'PREFIXED' && { patternType }),
    operation,
    ...(permission === 'DENY' && { permission }),
  }
  const said = Object.entries(parts).map(([key, value]) => `${key}: ${flow(value)}`)
  return `        - { ${said.join(', ')} }`
}

const quotaLines = (quotas: SourceAccess['quotas']): readonly string[] => {
  if (typeof quotas === 'string') return [remark(quotas)]
  const set = [...quotas].flatMap(([user, rates]) => {
    const given = Object.entries(rates).flatMap(([key, rate]) =>
      rate === undefined ? [] : [{ key, rate }],
    )
    // A broker keeps a quota as a double; a file says whole bytes.
    const whole = given.filter(({ rate }) => Number.isSafeInteger(rate) && rate > 0)
    const others = given.filter((each) => !whole.includes(each))
    const said = whole.map(({ key, rate }) => `${key}: ${rate}`)
    return [
      ...others.map(({ key, rate }) =>
        remark(`${user} has ${key} ${rate}, which is no whole number of bytes.`),
      ),
      ...(said.length === 0 ? [] : [`    - { user: ${flow(user)}, ${said.join(', ')} }`]),
    ]
  })
  return set.some((line) => !line.startsWith('  #')) ? ['  quotas:', ...set] : set
}

const list = (names: readonly string[]): string => `[${[...new Set(names)].map(flow).join(', ')}]`

/** A text within brackets, whatever it holds. */
const flow = (text: string): string =>
  /^[A-Za-z][\w./:-]*(?<!:)$/.test(text)
    ? stringify(text, { lineWidth: 0 }).trimEnd()
    : JSON.stringify(text)

const remark = (text: string): string => `  # ${text.replace(/\s+/g, ' ')}`
