import type { PartitionKey, SourceOffset, TopicName } from '../domain/ids.ts'
import type { GroupReturn, GroupSync, ReturnedPosition } from '../domain/moved-groups.ts'
import type { SyncedPosition } from '../domain/step.ts'
import {
  count,
  digits,
  instant,
  listOf,
  mapOf,
  nullable,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'

/** What decisions say of groups: which positions they were given, there and on the way back. */

export const commit = objectOf({ offset: digits<bigint>, metadata: text<string> })
const position = objectOf<SyncedPosition>({
  source: digits,
  rewoundFrom: optional(digits<SourceOffset>),
  target: digits,
  previous: nullable(commit),
  metadata: text,
  proof: oneOf('record', 'boundary', 'cleaned', 'count', 'empty'),
  at: optional(instant),
})

export const groupSync = objectOf<GroupSync>({
  group: text,
  status: oneOf('pending', 'done'),
  at: instant,
  positions: mapOf<PartitionKey, SyncedPosition>(position),
  marked: optional(mapOf<TopicName, number>(count)),
  adding: optional(mapOf<PartitionKey, SyncedPosition>(position)),
})

const returned = objectOf<ReturnedPosition>({
  target: digits,
  source: digits,
  previous: nullable(commit),
  metadata: text,
})

export const groupReturn = objectOf<GroupReturn>({
  group: text,
  status: oneOf('pending', 'done'),
  at: instant,
  positions: mapOf<PartitionKey, ReturnedPosition>(returned),
  of: optional(instant),
  behind: optional(listOf(digits<bigint>)),
})
