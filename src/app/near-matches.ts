import { didYouMean } from '../domain/did-you-mean.ts'

const LISTED_AT_MOST = 12

/** The fix for a name that does not exist: the one that was probably meant, and what there is. */
export const nearMatches = (text: string, known: readonly string[], plural: string): string => {
  const near = didYouMean(text, known)
  const meant = near === undefined ? '' : `Did you mean ${near}? `
  if (known.length === 0) return `${meant}There are no ${plural}.`
  const more = known.length - LISTED_AT_MOST
  const names = known.slice(0, LISTED_AT_MOST).join(', ')
  return `${meant}The ${plural} are: ${names}${more > 0 ? ` and ${more} more` : ''}.`
}
