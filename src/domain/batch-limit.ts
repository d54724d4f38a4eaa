/** The largest batch that a topic takes, in bytes, by its effective configs; infinite where they are not known, so that the broker judges. */
export const maxBatchBytes = (
  configs: ReadonlyMap<string, { readonly value: string | null }> | undefined,
): number => {
  const value = configs?.get('max.message.bytes')?.value
  return value == null ? Number.POSITIVE_INFINITY : Number(value)
}
