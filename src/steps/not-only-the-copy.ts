import type { TopicName } from '../domain/ids.ts'
import type { Run } from './step-kind.ts'

/** The fix of FERRY1331 while a plan runs: nobody but a person deletes what is not the mirror's, and then this leads on. */
export const deleteByHand = (
  topic: TopicName,
  { clusters, migration, purpose }: Pick<Run, 'clusters' | 'migration' | 'purpose'>,
): string => {
  const next =
    purpose.kind === 'rollback'
      ? `\`ferry rollback ${migration.name} --to ${purpose.to}\` goes on`
      : `\`ferry apply ${migration.name}\` makes the topic and its copy anew`
  return `Nothing was deleted. Look at what ${topic} on ${clusters.target.name} holds. If nobody needs it, delete that topic there by hand (\`kafka-topics.sh --delete\`); then ${next}.`
}
