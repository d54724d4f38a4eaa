import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import type { SyncedPosition, SyncGroup } from '../domain/step.ts'
import type { Run } from './step-kind.ts'
import { writeCommits } from './write-commits.ts'

/** What every sync does, whether it translates positions anew or writes again what the state has. */

export type SyncedPositions = ReadonlyMap<PartitionKey, SyncedPosition>

/** Writes them on the target in one request and reads them back. Answers why they do not stand; undefined: they do. */
export const writeOnTarget = (
  { group }: SyncGroup,
  { clusters }: Pick<Run, 'clusters'>,
  positions: SyncedPositions,
): Promise<Diagnostic | undefined> =>
  writeCommits(
    { cluster: clusters.target, side: 'target', group, again: 'run apply again' },
    new Map([...positions].map(([key, p]) => [key, { offset: p.target, metadata: p.metadata }])),
  )

/** As positions that were written at another time than the sync. */
export const writtenAt = (at: string, positions: SyncedPositions): SyncedPositions =>
  new Map([...positions].map(([key, position]) => [key, { ...position, at }]))

/** For the journal. */
export const positionFacts = (positions: SyncedPositions): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...positions].map(([key, p]) => [key, `${p.source} -> ${p.target} (${p.proof})`]),
  )
