import { reverseView } from '../domain/reverse.ts'
import type { Clusters, Run } from './step-kind.ts'

/** What is watched over time is kept by this object: each run has one of it. */
const SWAPPED = new WeakMap<Clusters, Clusters>()

const swapped = (clusters: Clusters): Clusters => {
  const known = SWAPPED.get(clusters)
  if (known) return known
  const other = { source: clusters.target, target: clusters.source }
  SWAPPED.set(clusters, other)
  return other
}

/** What is read of a run, seen from the other side. */
export const reversedLook = <R extends Pick<Run, 'clusters' | 'store' | 'state'>>(run: R): R => ({
  ...run,
  clusters: swapped(run.clusters),
  store: { readProgress: (migration) => run.store.readProgress(migration, 'reverse') },
  state: () => reverseView(run.state()),
})

/**
 * The same run seen from the other side: what mirrors, waits, seals and verifies from source to target does so from target to source, by
 * the marks and seals of the way back. It decides nothing: only the run itself knows where that belongs.
 */
export const reversed = (run: Run): Run => ({
  ...reversedLook(run),
  decide: () => Promise.reject(new Error('the way back decides through the run itself')),
  mirror: () => run.reverseMirror(),
  reverseMirror: () => run.mirror(),
})
