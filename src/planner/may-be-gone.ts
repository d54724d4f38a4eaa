import type { TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'

/** Whether the file itself says why a topic is not on the source any more: the migration ends, and `removed` lists it there. */
export const mayBeGone = (
  { stage, removed }: Pick<Migration, 'stage' | 'removed'>,
  topic: TopicName,
): boolean =>
  stage === 'retired' &&
  removed.some(
    ({ on, object }) => on === 'source' && object.kind === 'topic' && object.topic === topic,
  )
