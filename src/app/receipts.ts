import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { PartitionKey } from '../domain/ids.ts'
import { partitionKey } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { indexFromEnds, type OffsetIndex } from '../domain/offset-index.ts'
import { offsetMapOf } from '../domain/partition-progress.ts'
import type { Receipt } from '../domain/receipt.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { decodeReceipt } from '../state/receipt-codec.ts'
import { checkReceipt, type ReceiptReport } from '../verify/index.ts'
import type { Session } from './open-session.ts'
import { readTextFile } from './plan-file.ts'

/** The receipt that the state of a migration holds, as the journal says that it was written. */
export const storedReceipt = async (session: Session, migration: string): Promise<Receipt> => {
  const receipt = await receiptInState(session, migration)
  if (receipt !== undefined) return receipt
  throw new FerryError(
    diagnostic({
      code: 'FERRY1822',
      detail: `The state of ${migration} holds no receipt.`,
      fix: `Bring it to stage retired; or name the file that you kept: ferry verify ${migration} --receipt FILE.`,
    }),
  )
}

const receiptInState = async (
  session: Session,
  migration: string,
): Promise<Receipt | undefined> => {
  const receipt = (await session.store.readDecisions(migration))?.receipt
  if (receipt === undefined) return undefined
  const results = (await session.store.readJournal(migration)).flatMap(({ what }) =>
    what.kind === 'result' && what.outcome === 'done' && 'receipt' in what.facts
      ? [what.facts.receipt]
      : [],
  )
  const noted = results.at(-1)
  if (noted !== undefined && noted !== receipt.digest) {
    throw changed(
      `the state of ${migration}`,
      `its journal says that a receipt with digest ${String(noted)} was written, and it holds another one`,
    )
  }
  return receipt
}

/**
 * 1. The receipt: of the file, which must be the one that the state holds if it holds one; else that of the state.
 * 2. The clusters: the target must answer, and be the one of the receipt. A source that cannot be reached any more is said.
 * 3. Every figure.
 */
export const verifyReceipt = async (
  session: Session,
  migration: Migration,
  options: {
    readonly file: string | undefined
    readonly report: (line: string) => void
    readonly signal: AbortSignal
  },
): Promise<ReceiptReport> => {
  const { file, report, signal } = options
  const receipt =
    file === undefined
      ? await storedReceipt(session, migration.name)
      : await receiptOfFile(session, migration, file)
  const target = await session.cluster(migration.to)
  refuseOther(receipt, 'target', target)
  const found = await sourceIfThere(session, migration, signal)
  const state = await session.store.readDecisions(migration.name)
  if ('cluster' in found) refuseOther(receipt, 'source', found.cluster)
  return checkReceipt({
    receipt,
    target,
    source: 'cluster' in found ? found.cluster : undefined,
    ...('away' in found && { sourceAway: found.away }),
    indexes: await indexesOf(session, migration.name, state),
    known: state ?? {},
    report,
    signal,
  })
}

const receiptOfFile = async (
  session: Session,
  migration: Migration,
  file: string,
): Promise<Receipt> => {
  const text = await readTextFile(file, 'Give the file that `ferry receipt NAME -o FILE` wrote.')
  const receipt = decodeReceipt(text, file)
  if (receipt.migration !== migration.name) {
    throw changed(file, `it is the receipt of ${receipt.migration}, not of ${migration.name}`)
  }
  const stored = await receiptInState(session, migration.name)
  if (stored !== undefined && stored.digest !== receipt.digest) {
    throw changed(file, `it is not the receipt that the state of ${migration.name} holds`)
  }
  return receipt
}

const changed = (where: string, why: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1820',
      detail: `${where}: ${why}.`,
      fix: 'Take the file that was written when the migration was retired; `ferry receipt NAME -o FILE` writes it again from the state.',
    }),
  )

/** The old cluster is shut down one day; what the target holds can be checked all the same. */
const sourceIfThere = async (
  session: Session,
  migration: Migration,
  signal: AbortSignal,
): Promise<{ readonly cluster: Cluster } | { readonly away: string }> => {
  try {
    return { cluster: await session.cluster(migration.from) }
  } catch (error) {
    signal.throwIfAborted()
    const problem = error instanceof FerryError ? error.diagnostics[0] : undefined
    if (problem === undefined || !isAway(problem)) throw error
    return { away: `${migration.from} cannot be reached` }
  }
}

const isAway = ({ code }: Diagnostic): boolean => code === 'FERRY1202' || code === 'FERRY1210'

const refuseOther = (receipt: Receipt, side: 'source' | 'target', cluster: Cluster): void => {
  const { id } = receipt.clusters[side]
  if (cluster.id === id) return
  throw new FerryError(
    diagnostic({
      code: 'FERRY1201',
      detail: `The ${side} ${cluster.name} has the id ${cluster.id}; the receipt is of ${id}.`,
      fix: 'Point the cluster file at the cluster of the receipt.',
    }),
  )
}

/** As far as the state still has them. */
const indexesOf = async (
  session: Session,
  migration: string,
  state: MigrationState | undefined,
): Promise<ReadonlyMap<PartitionKey, OffsetIndex>> => {
  if (state === undefined) return new Map()
  const progress = await session.store.readProgress(migration)
  return new Map(
    state.seals.flatMap((seal) => {
      const key = partitionKey(seal.topic, seal.partition)
      const mark = placesOf(state).marks.get(key)
      if (mark === undefined) return []
      return [[key, indexFromEnds(offsetMapOf(mark, progress.get(key)), seal)] as const]
    }),
  )
}
