import type { Api } from './api.ts'
import type { Decoder } from './decoder.ts'
import type { Encoder } from './encoder.ts'

/** Which partitions of which topics; null: all that the group has committed. */
export type AskedCommits = ReadonlyMap<string, readonly number[]> | null

interface AskedOf {
  readonly topics: AskedCommits
  /** A position in an open transaction is answered with UNSTABLE_OFFSET_COMMIT, and else with what was committed before. */
  readonly requireStable: boolean
}

export interface FetchedCommit {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly code: number
}
export interface FetchedCommits {
  readonly group: string
  readonly code: number
  readonly commits: readonly FetchedCommit[]
}

const encodeTopics = (to: Encoder, topics: AskedCommits): Encoder =>
  to.array(topics, ([topic, partitions]) =>
    to
      .string(topic)
      .array(partitions, (partition) => to.int32(partition))
      .tags(),
  )

const decodeTopics = (from: Decoder, version: number): FetchedCommit[] =>
  from
    .array(() => {
      const topic = from.string()
      const commits = from.array((): FetchedCommit => {
        const commit = {
          topic,
          partition: from.int32(),
          offset: from.int64(),
          leaderEpoch: version >= 5 ? from.int32() : -1,
          metadata: from.nullableString() ?? '',
          code: from.int16(),
        }
        from.tags()
        return commit
      })
      from.tags()
      return commits
    })
    .flat()

/**
 * OffsetFetch (key 9) of one group, v2 (0.10.2: null topics are all) to v7 (2.5: require_stable).
 *
 *     request  => group_id STRING, topics NULLABLE [name STRING, partitions [INT32]], v7: require_stable BOOLEAN
 *     response => v3: throttle_time_ms INT32, TOPICS, error_code INT16
 *     TOPICS   => [name STRING, [partition INT32, offset INT64, v5: leader_epoch INT32, metadata NULLABLE_STRING, error_code INT16]]
 */
export const offsetFetch: Api<
  AskedOf & { readonly group: string },
  Omit<FetchedCommits, 'group'>
> = {
  name: 'OffsetFetch',
  key: 9,
  versions: [2, 7],
  flexibleFrom: 6,
  encode: (to, { group, topics, requireStable }, version) => {
    encodeTopics(to.string(group), topics)
    if (version >= 7) to.boolean(requireStable)
    to.tags()
  },
  decode: (from, version) => {
    if (version >= 3) from.int32()
    const commits = decodeTopics(from, version)
    const code = from.int16()
    from.tags()
    return { code, commits }
  },
}

/**
 * OffsetFetch of many groups of one coordinator, v8 (3.0, KIP-709).
 *
 *     request  => [group_id STRING, topics NULLABLE [name STRING, partitions [INT32]]], require_stable BOOLEAN
 *     response => throttle_time_ms INT32, [group_id STRING, TOPICS, error_code INT16]
 */
export const offsetFetchBatched: Api<
  AskedOf & { readonly groups: readonly string[] },
  readonly FetchedCommits[]
> = {
  name: 'OffsetFetch',
  key: 9,
  versions: [8, 8],
  flexibleFrom: 6,
  encode: (to, { groups, topics, requireStable }) => {
    to.array(groups, (group) => encodeTopics(to.string(group), topics).tags())
      .boolean(requireStable)
      .tags()
  },
  decode: (from, version) => {
    from.int32()
    const groups = from.array((): FetchedCommits => {
      const group = from.string()
      const commits = decodeTopics(from, version)
      const code = from.int16()
      from.tags()
      return { group, code, commits }
    })
    from.tags()
    return groups
  },
}
