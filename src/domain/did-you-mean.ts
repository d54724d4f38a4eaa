/** Damerau-Levenshtein distance (adjacent swaps count one). */
const distance = (from: string, to: string): number => {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      let best = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1)
      }
      row.push(best)
    }
    rows.push(row)
  }
  return rows[from.length]![to.length]!
}

/** The candidate that was most likely meant, if any is near enough to be worth naming. Case does not count. */
export const didYouMean = (text: string, candidates: Iterable<string>): string | undefined => {
  if (text.length > 64) return undefined
  const from = text.toLowerCase()
  let best: { readonly candidate: string; readonly cost: number } | undefined
  for (const candidate of candidates) {
    const to = candidate.toLowerCase()
    const limit = Math.max(1, Math.floor(Math.min(text.length, candidate.length) / 3))
    // The distance is never less, and there may be ten thousand topics.
    if (Math.abs(from.length - to.length) > limit) continue
    const cost = distance(from, to)
    if (cost <= limit && (best === undefined || cost < best.cost)) best = { candidate, cost }
  }
  return best?.candidate
}
