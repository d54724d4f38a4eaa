import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import { runsOf } from '../domain/index-runs.ts'
import type { Migration } from '../domain/migration.ts'
import { emptyState } from '../domain/state.ts'
import { partitionsNow } from '../steps/partitions-now.ts'
import type { Session } from './open-session.ts'

export const INDEX_FORMATS = ['jsonl', 'csv'] as const
export type IndexFormat = (typeof INDEX_FORMATS)[number]

const HEADER = 'topic,partition,sourceFrom,sourceTo,targetFrom\n'

/**
 * The offset index of a migration as text, a line for each run of records without gaps: a position o with sourceFrom <= o < sourceTo is
 * targetFrom + (o - sourceFrom) on the target; one in a hole between two runs is the targetFrom of the next. Offsets are decimal strings
 * in JSON, so that no reader rounds them.
 */
export async function* exportIndex(
  session: Session,
  migration: Migration,
  format: IndexFormat,
): AsyncGenerator<string> {
  const state =
    (await session.store.readDecisions(migration.name)) ?? emptyState(migration.name, '')
  if (state.marks.length === 0) throw nothingMarked(migration)
  const clusters = await session.clustersOf(migration)
  const run = { clusters, store: session.store, migration, state: () => state }
  const now = await partitionsNow(run, [...new Set(state.marks.map(({ topic }) => topic))])
  if (format === 'csv') yield HEADER
  for (const { mark, proven } of now.values()) {
    const { topic, partition } = mark
    for (const { from, to, target } of runsOf(proven)) {
      yield format === 'csv'
        ? `${topic},${partition},${from},${to},${target}\n`
        : `${JSON.stringify({
            topic,
            partition,
            sourceFrom: String(from),
            sourceTo: String(to),
            targetFrom: String(target),
          })}\n`
    }
  }
}

const nothingMarked = ({ name }: Migration): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1104',
      summary: 'Nothing is mirrored yet',
      detail: `${name} has no marks, so there is no offset index.`,
      fix: 'Bring it to stage mirrored first.',
    }),
  )
