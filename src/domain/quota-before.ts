import type { QuotaBefore } from './state.ts'

export const RATES = ['producerByteRate', 'consumerByteRate'] as const
export type Rate = (typeof RATES)[number]

/**
 * Adds what a user had before for the rates that Ferry is about to set. What it found the first time stays; a rate that it does not set is
 * not written down, and so never put back.
 */
export const rememberRates = (
  known: readonly QuotaBefore[],
  user: string,
  now: { readonly [rate in Rate]?: number | null | undefined } | undefined,
  rates: readonly Rate[],
): readonly QuotaBefore[] => {
  const found = Object.fromEntries(rates.map((rate) => [rate, now?.[rate] ?? null]))
  const before = known.find((each) => each.user === user)
  return [...known.filter((each) => each !== before), { ...found, ...before, user }]
}
