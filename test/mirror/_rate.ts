import { ok } from 'node:assert/strict'
import { waitFor } from '../kafka/wait.ts'

interface Sample {
  /** Milliseconds; the amount is what there was at some moment between them. */
  readonly from: number
  readonly to: number
  readonly amount: number
}

/** In milliseconds: long enough for single requests not to matter. */
const STRETCH = 1_000

/** `until`: the amount that is enough; `grows`: what is, above the first that is seen. */
type Rate = { readonly allowed: number } & ({ readonly until: number } | { readonly grows: number })

/**
 * Looks at an amount until it is enough, and judges the rate by which it did: in all no more than a fifth above what is allowed,
 * and in the best second no less than a fifth below. A machine that is busy with others makes a copy slower for a while, never faster.
 */
export const assertRate = async (
  look: () => Promise<number> | number,
  { allowed, ...enough }: Rate,
): Promise<void> => {
  const before = await look()
  // From a moment on at which it is known: what processes say of themselves may be a while ago.
  await waitFor('it to grow', { timeoutMs: 60_000, everyMs: 5 }, async () =>
    (await look()) > before ? true : undefined,
  )
  const samples: Sample[] = []
  await waitFor('enough to be copied', { timeoutMs: 60_000, everyMs: 20 }, async () => {
    const from = performance.now()
    const amount = await look()
    samples.push({ from, to: performance.now(), amount })
    const until = 'until' in enough ? enough.until : samples[0]!.amount + enough.grows
    return amount >= until || undefined
  })
  /** Per second, at least. */
  const between = (first: Sample, last: Sample) =>
    ((last.amount - first.amount) / (last.to - first.from)) * 1_000
  const inAll = between(samples[0]!, samples.at(-1)!)
  const stretches = samples.flatMap((first, i) => {
    const last = samples.slice(i).find(({ from }) => from - first.to >= STRETCH)
    return last === undefined ? [] : [between(first, last)]
  })
  const best = Math.max(...stretches)
  const says = `${Math.round(inAll)} a second, ${Math.round(best)} in the best, where ${allowed} are allowed`
  ok(inAll < allowed * 1.2 && best > allowed * 0.8, says)
}
