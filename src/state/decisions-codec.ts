import { type AclBinding, OPERATIONS, PATTERN_TYPES, RESOURCE_TYPES } from '../domain/access.ts'
import type { Cleaned } from '../domain/cleaned.ts'
import type { Managed } from '../domain/drift.ts'
import type { ClusterId, GroupId, TopicName } from '../domain/ids.ts'
import { SCRAM_MECHANISMS } from '../domain/migration.ts'
import type { Protectable } from '../domain/protectable.ts'
import { STAGES } from '../domain/stage.ts'
import {
  type AskedTopic,
  type ConfigsBefore,
  type MigrationState,
  type QuotaBefore,
  type RecordedUser,
  type Removal,
  type Reverse,
  type SeenFacts,
  type SourceRange,
  STATE_FORMAT_VERSION,
} from '../domain/state.ts'
import {
  count,
  digits,
  flag,
  instant,
  integer,
  listOf,
  mapOf,
  members,
  nullable,
  objectOf,
  oneOf,
  optional,
  text,
} from './decode.ts'
import { commit, groupReturn, groupSync } from './groups-codec.ts'
import {
  acceptedGap,
  emptied,
  lostRange,
  mark,
  markIntent,
  purge,
  salvage,
  seal,
} from './marks-codec.ts'
import { receipt, receiptPartition } from './receipt-codec.ts'
import { decodeRecord, encodeRecord } from './records.ts'

const acl = objectOf<AclBinding>({
  resourceType: oneOf(...RESOURCE_TYPES),
  resourceName: text,
  patternType: oneOf(...PATTERN_TYPES),
  principal: text,
  host: text,
  operation: oneOf(...OPERATIONS),
  permission: oneOf('ALLOW', 'DENY'),
})

const protectable = objectOf<Protectable>({ kind: oneOf('topic', 'group', 'user'), name: text })

const removal = objectOf<Removal>({
  object: (value, pointer) =>
    oneOf('acl', 'group')(members(value, pointer).kind, `${pointer}/kind`) === 'acl'
      ? objectOf({ kind: oneOf('acl'), acl })(value, pointer)
      : objectOf({ kind: oneOf('group'), group: text<GroupId> })(value, pointer),
  commits: mapOf(commit),
})

const rate = nullable(count)

const quotaBefore = objectOf<QuotaBefore>({
  user: text,
  producerByteRate: optional(rate),
  consumerByteRate: optional(rate),
})

const configsBefore = objectOf<ConfigsBefore>({
  topic: text,
  topicId: optional(text<string>),
  was: mapOf<string, string | null>(nullable(text<string>)),
})

const askedTopic = objectOf<AskedTopic>({
  topic: text,
  partitions: count,
  replicationFactor: integer,
  configs: mapOf<string, string>(text<string>),
})

const managed = objectOf<Managed>({
  topics: listOf(text<TopicName>),
  groups: listOf(text<GroupId>),
  principals: listOf(text<string>),
  users: listOf(objectOf({ name: text<string>, mechanism: oneOf(...SCRAM_MECHANISMS) })),
  quotas: listOf(text<string>),
  removed: optional(listOf(text<string>)),
})

const seenFacts = objectOf<SeenFacts>({
  at: instant,
  sourceConfigs: optional(flag),
  managed,
  facts: mapOf<string, string>(text<string>),
})

interface Beside {
  /** How many entries the journal had when these were written: what of it belongs to them once they are a backup. */
  readonly entries?: number
}

/** A key that is new here is also one that older formats lack: `format-ladder.ts` says what it was then. */
const decisions = objectOf<MigrationState & Beside>({
  entries: optional(count),
  formatVersion: oneOf(STATE_FORMAT_VERSION),
  migration: text,
  lineage: text,
  serial: count,
  stage: oneOf('nothing', ...STAGES),
  clusters: nullable(objectOf({ source: text<ClusterId>, target: text<ClusterId> })),
  plan: nullable(objectOf({ digest: text<string>, status: oneOf('open', 'done') })),
  createdTopics: listOf(text<TopicName>),
  creating: optional(listOf(askedTopic)),
  markIntents: listOf(markIntent),
  marks: listOf(mark),
  seals: listOf(seal),
  sealing: optional(listOf(seal)),
  salvages: listOf(salvage),
  lost: listOf(lostRange),
  protected: listOf(protectable),
  removals: listOf(removal),
  acceptedGaps: listOf(acceptedGap),
  syncs: listOf(groupSync),
  grants: listOf(acl),
  granting: optional(listOf(acl)),
  users: listOf(
    objectOf<RecordedUser>({
      name: text<string>,
      mechanism: oneOf(...SCRAM_MECHANISMS),
      passwordVersion: count,
      made: flag,
      asked: optional(flag),
    }),
  ),
  quotasBefore: listOf(quotaBefore),
  configsBefore: listOf(configsBefore),
  purges: listOf(purge),
  emptied: optional(listOf(emptied)),
  cleaned: optional(
    listOf(
      objectOf<Cleaned>({
        topic: text,
        cluster: text,
        keptMs: optional(count),
        protectedAt: optional(instant),
      }),
    ),
  ),
  reverse: objectOf<Reverse>({
    marks: listOf(mark),
    seals: listOf(seal),
    sealing: optional(listOf(seal)),
    own: optional(
      listOf(objectOf<SourceRange>({ topic: text, partition: count, from: digits, to: digits })),
    ),
  }),
  returns: listOf(groupReturn),
  seen: nullable(seenFacts),
  receipt: optional(receipt),
  receiptParts: optional(listOf(receiptPartition)),
})

/** Decisions as every store writes them; see `Beside` for the entries. */
export const encodeDecisions = (state: MigrationState, entries?: number): string =>
  encodeRecord({
    ...state,
    ...(entries !== undefined && { entries }),
    syncs: state.syncs.map(({ marked, adding, ...s }) => ({
      ...s,
      positions: Object.fromEntries(s.positions),
      ...(marked && { marked: Object.fromEntries(marked) }),
      ...(adding && { adding: Object.fromEntries(adding) }),
    })),
    removals: state.removals.map((r) => ({ ...r, commits: Object.fromEntries(r.commits) })),
    returns: state.returns.map((r) => ({ ...r, positions: Object.fromEntries(r.positions) })),
    seen: state.seen && { ...state.seen, facts: Object.fromEntries(state.seen.facts) },
    ...(state.creating && {
      creating: state.creating.map((c) => ({ ...c, configs: Object.fromEntries(c.configs) })),
    }),
    configsBefore: state.configsBefore.map((c) => ({ ...c, was: Object.fromEntries(c.was) })),
  })

/** Fully checked; throws FERRY1402 or FERRY1403 naming `where`. */
export const decodeDecisions = (source: string, where: string): MigrationState => {
  const { entries: _, ...state } = decodeRecord(source, where, decisions)
  return { ...state, reverse: withSince(state) }
}

/** Older versions did not write into a mark of the way back since when what it mirrors was written: since the seal that it begins at. */
const withSince = ({ seals, reverse }: Pick<MigrationState, 'seals' | 'reverse'>): Reverse => ({
  ...reverse,
  marks: reverse.marks.map((mark) => {
    if (mark.since !== undefined) return mark
    const seal = seals.find(
      ({ topic, partition, targetEnd }) =>
        topic === mark.topic &&
        partition === mark.partition &&
        (targetEnd as bigint) === mark.sourceStart,
    )
    return seal === undefined ? mark : { ...mark, since: seal.at }
  }),
})
