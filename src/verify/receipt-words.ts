import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'

/** One figure that is not what the receipt says. */
export const notConfirmed = (
  { topic, partition }: { readonly topic: string; readonly partition: number },
  what: string,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1821',
    detail: `${topic}:${partition}: ${what}.`,
    fix: 'Find out who changed it; the receipt itself is as it was written.',
  })
