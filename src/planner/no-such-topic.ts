import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { ObservedSide } from './observed.ts'

/** A topic of the file is not on the source, with the one that was probably meant. */
export const noSuchTopic = (
  { name, at }: Pick<TopicSpec, 'name' | 'at'>,
  source: Pick<ObservedSide, 'name' | 'meantTopics'>,
): Diagnostic => {
  const meant = source.meantTopics?.get(name)
  return diagnostic({
    code: 'FERRY1303',
    detail: `${source.name} has no topic ${name}, or the user may not describe it.`,
    fix: `${meant === undefined ? '' : `Did you mean ${meant}? `}Correct the name, or take the topic out of the file.`,
    at,
  })
}
