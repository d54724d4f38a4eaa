import {
  type AclBinding,
  covers,
  type Operation,
  type PatternType,
  type ResourceType,
  type When,
  whenOf,
} from '../domain/access.ts'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import type { AccessSpec } from '../domain/migration.ts'
import type { Problems } from './problems.ts'
import type { RawAccess, RawAcl } from './raw-files.ts'
import { allOf, oneOf, quote, readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** What an access entry may name. Undefined where the list itself has problems: then nothing is said about what it lacks. */
export interface AccessScope {
  readonly topics: readonly string[] | undefined
  readonly groups: readonly string[] | undefined
  /** False if a part of the entry did not fit the schema and is missing here. */
  readonly isWhole: boolean
}

/** An access entry, and where each of its bindings stands in the file. */
export interface ParsedAccess {
  readonly spec: AccessSpec
  readonly placeOf: ReadonlyMap<AclBinding, Place>
}

/** AclEntry.supportedOperations of Kafka, beside ALL. */
const SUPPORTED: Readonly<Record<ResourceType, readonly Operation[]>> = {
  TOPIC: [
    'READ',
    'WRITE',
    'CREATE',
    'DESCRIBE',
    'DELETE',
    'ALTER',
    'DESCRIBE_CONFIGS',
    'ALTER_CONFIGS',
  ],
  GROUP: ['READ', 'DESCRIBE', 'DELETE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  CLUSTER: [
    'CREATE',
    'CLUSTER_ACTION',
    'DESCRIBE_CONFIGS',
    'ALTER_CONFIGS',
    'IDEMPOTENT_WRITE',
    'ALTER',
    'DESCRIBE',
  ],
  TRANSACTIONAL_ID: ['DESCRIBE', 'WRITE', 'TWO_PHASE_COMMIT'],
  DELEGATION_TOKEN: ['DESCRIBE'],
  USER: ['CREATE_TOKENS', 'DESCRIBE_TOKENS'],
}

/** One `access` entry as the ACLs that it stands for. */
export const parseAccess = (
  raw: RawAccess,
  pointer: string,
  document: ConfigDocument,
  scope: AccessScope,
): { readonly access: ParsedAccess; readonly problems: readonly Diagnostic[] } => {
  const problems: Problems = []
  const placeOf = new Map<AclBinding, Place>()
  const principal = raw.principal ?? ''
  const patternType: PatternType = raw.prefix === true ? 'PREFIXED' : 'LITERAL'

  const grant = (
    names: readonly (string | undefined)[] | undefined,
    resourceType: ResourceType,
    operations: readonly Operation[],
    where: string,
  ): void => {
    for (const [i, resourceName] of (names ?? []).entries()) {
      if (resourceName === undefined) continue
      const at = document.at(`${pointer}/${where}/${i}`)
      checkScope({ resourceType, resourceName, patternType }, scope, at, problems)
      for (const operation of operations) {
        placeOf.set(
          {
            resourceType,
            resourceName,
            patternType,
            principal,
            host: raw.host ?? '*',
            operation,
            permission: 'ALLOW',
          },
          at,
        )
      }
    }
  }
  // Idempotent producers need no IDEMPOTENT_WRITE: every target (2.8 and later) takes WRITE on any topic for it.
  grant(raw.produce, 'TOPIC', ['DESCRIBE', 'WRITE'], 'produce')
  grant(raw.consume?.topics, 'TOPIC', ['READ', 'DESCRIBE'], 'consume/topics')
  grant(raw.consume?.groups, 'GROUP', ['READ'], 'consume/groups')
  grant(raw.transactionalIds, 'TRANSACTIONAL_ID', ['WRITE', 'DESCRIBE'], 'transactionalIds')
  for (const [i, acl] of (raw.raw ?? []).entries()) {
    if (acl === undefined) continue
    const at = document.at(`${pointer}/raw/${i}`)
    const binding = parseRaw(acl, raw, at, problems)
    if (binding !== undefined) placeOf.set(binding, at)
  }

  const at = document.at(pointer)
  const given = [
    raw.produce,
    raw.consume?.topics,
    raw.consume?.groups,
    raw.transactionalIds,
    raw.raw,
  ]
  if (
    scope.isWhole &&
    raw.principal !== undefined &&
    given.every((list) => list === undefined || list.length === 0)
  ) {
    problems.push(
      diagnostic({
        code: 'FERRY1045',
        detail: `${readablePath(pointer)} names ${quote(principal)} but grants nothing.`,
        fix: 'Add produce, consume, transactionalIds or raw, or remove the entry.',
        at,
      }),
    )
  }
  const bindings = [...placeOf.keys()]
  const due = (when: When) => bindings.filter((acl) => whenOf(acl) === when)
  return {
    access: {
      spec: {
        principal,
        at,
        atOnce: due('atOnce'),
        afterSync: due('afterSync'),
        afterSeal: due('afterSeal'),
        says: inWords(raw),
      },
      placeOf,
    },
    problems,
  }
}

/** Topics and groups must be of this migration: else their fences could not be honoured. */
const checkScope = (
  pattern: Pick<AclBinding, 'resourceType' | 'resourceName' | 'patternType'>,
  scope: AccessScope,
  at: Place,
  problems: Problems,
): void => {
  const isTopic = pattern.resourceType === 'TOPIC'
  const known = isTopic ? scope.topics : pattern.resourceType === 'GROUP' ? scope.groups : undefined
  if (known === undefined || known.some((name) => covers(pattern, name))) return
  const what =
    pattern.patternType === 'PREFIXED'
      ? `no ${isTopic ? 'topic' : 'group'} that begins with`
      : `no ${isTopic ? 'topic' : 'group'}`
  const list = isTopic ? 'spec.topics' : 'spec.groups'
  problems.push(
    diagnostic({
      code: isTopic ? 'FERRY1042' : 'FERRY1043',
      detail: `${list} has ${what} ${quote(pattern.resourceName)}, so ${
        isTopic ? 'writing to it could not wait for its copy' : 'no sync would ever open it'
      }.`,
      fix: isTopic
        ? `Correct the name, add the topic to ${list}, or grant this in the migration that moves it; raw grants anything else.`
        : `Correct the name or add the group to ${list}; raw grants READ on a group that is new on the target.`,
      at,
    }),
  )
}

/** One ACL in Kafka's own words; undefined where a part of it is missing. */
export const parseRaw = (
  acl: RawAcl,
  entry: Pick<RawAccess, 'principal' | 'host'>,
  at: Place,
  problems: Problems,
): AclBinding | undefined => {
  const { resourceType, resourceName, operation } = acl
  if (resourceType === undefined || resourceName === undefined || operation === undefined)
    return undefined
  const supported = SUPPORTED[resourceType]
  if (operation !== 'ALL' && !supported.includes(operation)) {
    problems.push(
      diagnostic({
        code: 'FERRY1046',
        detail: `Kafka has no operation ${operation} on ${resourceType}.`,
        fix: `Write ALL, ${oneOf(supported)}.`,
        at,
      }),
    )
  }
  if (resourceType === 'CLUSTER' && resourceName !== 'kafka-cluster') {
    problems.push(
      diagnostic({
        code: 'FERRY1046',
        detail: `The resource of type CLUSTER is called kafka-cluster, not ${quote(resourceName)}.`,
        fix: 'Write `resourceName: kafka-cluster`.',
        at,
      }),
    )
  }
  return {
    resourceType,
    resourceName,
    patternType: acl.patternType ?? 'LITERAL',
    principal: entry.principal ?? '',
    host: acl.host ?? entry.host ?? '*',
    operation,
    permission: acl.permission ?? 'ALLOW',
  }
}

/** `produce orders.events; consume orders.events as orders-api` */
const inWords = (raw: RawAccess): string => {
  const star = raw.prefix === true ? '*' : ''
  const names = (list: readonly (string | undefined)[] | undefined): string =>
    allOf((list ?? []).flatMap((name) => (name === undefined ? [] : [`${name}${star}`])))
  const topics = names(raw.consume?.topics)
  const groups = names(raw.consume?.groups)
  const parts = [
    names(raw.produce) && `produce ${names(raw.produce)}`,
    topics && `consume ${topics}${groups && ` as ${groups}`}`,
    !topics && groups && `consume as ${groups}`,
    names(raw.transactionalIds) && `transactions as ${names(raw.transactionalIds)}`,
    raw.raw !== undefined &&
      raw.raw.length > 0 &&
      `${raw.raw.length} raw ACL${raw.raw.length === 1 ? '' : 's'}`,
  ]
  return parts.filter((part) => part !== '' && part !== false).join('; ')
}
