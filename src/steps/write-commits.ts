import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey } from '../domain/ids.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { commitsOf } from './commits-of.ts'

/** Where positions of a group are written. */
export interface CommitsTo {
  readonly cluster: Cluster
  readonly side: 'source' | 'target'
  readonly group: GroupId
  /** What the user does to try once more: `run apply again`. */
  readonly again: string
}

/** Writes all positions of a group in one request and reads them back. Answers why they do not stand; undefined: they do. */
export const writeCommits = async (
  { cluster, side, group, again }: CommitsTo,
  positions: ReadonlyMap<PartitionKey, { readonly offset: bigint; readonly metadata: string }>,
): Promise<Diagnostic | undefined> => {
  if (positions.size > 0) {
    const answers = await cluster.commitOffsets(group, positions)
    const [failure] = answers.failed.values()
    if (failure) return failure
  }
  const back = await commitsOf(cluster, group)
  for (const [key, { offset, metadata }] of positions) {
    const read = back.get(key)
    if (read?.offset === offset && read.metadata === metadata) continue
    return diagnostic({
      code: 'FERRY1701',
      detail: `${group} was written at ${offset} of ${key} on ${cluster.name}, but ${read ? `${read.offset} was read back` : 'nothing was read back'}.`,
      fix: `See whether its consumers run on the ${side} already; stop them and ${again}.`,
    })
  }
  return undefined
}

/** A position without a proof is not written. */
export const unproved = (group: GroupId, key: PartitionKey, fix: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1701',
    detail: `The position of ${group} in ${key} could not be proved.`,
    fix,
  })
