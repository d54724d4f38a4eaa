import type { AcceptedGap, GroupBefore } from '../domain/accepted-gap.ts'
import type { Emptied, PartitionEnd } from '../domain/emptied.ts'
import type { Mark, Seal } from '../domain/mark.ts'
import type { LostRange, MarkIntent, Purge, Salvage, SentBatch } from '../domain/state.ts'
import {
  count,
  digits,
  flag,
  instant,
  integer,
  listOf,
  nullable,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'

/** What decisions say of the logs of both clusters: where copies begin and end, and what of a log is not in its copy. */

export const mark = objectOf<Mark>({
  topic: text,
  partition: count,
  sourceCluster: text,
  targetCluster: text,
  sourceTopicId: optional(text),
  targetTopicId: optional(text),
  sourceStart: digits,
  targetStart: digits,
  mode: oneOf('identical', 'dense'),
  producerId: digits,
  producerEpoch: integer,
  fillerProducerId: digits,
  at: instant,
  since: optional(instant),
  way: optional(oneOf('reverse')),
})

export const markIntent = objectOf<MarkIntent>({
  topic: text,
  mode: oneOf('identical', 'dense'),
  producerId: digits,
  producerEpoch: integer,
  fillerProducerId: digits,
  fillerProducerEpoch: integer,
})

export const seal = objectOf<Seal>({
  topic: text,
  partition: count,
  sourceEnd: digits,
  targetEnd: digits,
  at: instant,
})

export const salvage = objectOf<Salvage>({
  topic: text,
  partition: count,
  from: digits,
  to: digits,
  status: oneOf('pending', 'done'),
  producerId: digits,
  producerEpoch: integer,
  targetFrom: digits,
  sent: optional(objectOf<SentBatch>({ place: count, records: count, from: digits, to: digits })),
  at: instant,
})

export const lostRange = objectOf<LostRange>({
  topic: text,
  partition: count,
  from: digits,
  to: digits,
  unseen: flag,
  unsure: optional(flag),
  by: objectOf<LostRange['by']>({ user: text, host: text }),
  at: instant,
  pending: optional(flag),
})

const groupBefore = objectOf<GroupBefore>({
  group: text,
  side: oneOf('source', 'target'),
  offsets: text,
})

export const acceptedGap = objectOf<AcceptedGap>({
  topic: text,
  partition: count,
  from: digits,
  to: digits,
  producerId: digits,
  code: text,
  offsets: oneOf('dense', 'padded', 'diverged'),
  losing: listOf(groupBefore),
  at: instant,
})

const partitionEnd = objectOf<PartitionEnd>({ partition: count, end: digits })

export const emptied = objectOf<Emptied>({
  topic: text,
  targetTopicId: text,
  ends: listOf(partitionEnd),
})

export const purge = objectOf<Purge>({
  topic: text,
  marks: listOf(mark),
  intent: nullable(markIntent),
  copiedBackTo: optional(listOf(partitionEnd)),
})
