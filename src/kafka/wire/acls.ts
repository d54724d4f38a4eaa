import type { AclBinding, Operation, PatternType, ResourceType } from '../../domain/access.ts'
import type { Decoder } from './decoder.ts'
import { MalformedAnswer } from './decoder.ts'
import type { Encoder } from './encoder.ts'

/** Codes of org.apache.kafka.common.resource.ResourceType; 0 is unknown, 1 any. */
const RESOURCE_TYPES: Readonly<Record<ResourceType, number>> = {
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
}
/** Codes of org.apache.kafka.common.resource.PatternType; 1 any, 2 match. */
const PATTERN_TYPES: Readonly<Record<PatternType, number>> = { LITERAL: 3, PREFIXED: 4 }
/** Codes of org.apache.kafka.common.acl.AclOperation, also the bits of authorized operations; 0 is unknown, 1 any. */
const OPERATIONS: Readonly<Record<Operation, number>> = {
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
}
/** Codes of org.apache.kafka.common.acl.AclPermissionType; 1 any. */
const PERMISSIONS: Readonly<Record<AclBinding['permission'], number>> = { DENY: 2, ALLOW: 3 }

/** Matches everything in a filter. */
export const ANY = 1

const nameOf = <K extends string>(codes: Readonly<Record<K, number>>, code: number): K => {
  for (const name in codes) if (codes[name] === code) return name
  throw new MalformedAnswer(`an ACL has the unknown code ${code}`)
}

/** The operations whose bits are set; undefined where the broker did not say (-2147483648). */
export const operationsOfBits = (bits: number | undefined): ReadonlySet<Operation> | undefined => {
  // 0 is answered to whoever may not even describe the resource: nothing follows from it.
  if (bits === undefined || bits === -2_147_483_648 || bits === 0) return undefined
  const all = Object.entries(OPERATIONS) as [Operation, number][]
  return new Set(all.filter(([, bit]) => bits & (1 << bit)).map(([name]) => name))
}

/**
 * The two halves of an ACL on the wire. Before v1 (2.0, KIP-290) there are no pattern types, all are literal.
 *
 *     RESOURCE => resource_type INT8, resource_name STRING, v1: pattern_type INT8
 *     ENTRY    => principal STRING, host STRING, operation INT8, permission_type INT8
 */
export const encodeAcl = (to: Encoder, acl: AclBinding, version: number): void => {
  to.int8(RESOURCE_TYPES[acl.resourceType]).string(acl.resourceName)
  if (version >= 1) to.int8(PATTERN_TYPES[acl.patternType])
  to.string(acl.principal)
    .string(acl.host)
    .int8(OPERATIONS[acl.operation])
    .int8(PERMISSIONS[acl.permission])
    .tags()
}

/** See {@link encodeAcl}. */
export const decodeResource = (from: Decoder, version: number) => ({
  resourceType: nameOf(RESOURCE_TYPES, from.int8()),
  resourceName: from.string(),
  patternType: version >= 1 ? nameOf(PATTERN_TYPES, from.int8()) : ('LITERAL' as const),
})

/** See {@link encodeAcl}. */
export const decodeEntry = (from: Decoder) => ({
  principal: from.string(),
  host: from.string(),
  operation: nameOf(OPERATIONS, from.int8()),
  permission: nameOf(PERMISSIONS, from.int8()),
})
