import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Plan } from '../domain/plan.ts'
import type { CreateTopic } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { changedParts } from './fingerprint.ts'

/**
 * Asks the target whether it would accept the topics that a plan creates, without creating them: rights, replication factor, configs
 * and the operator's policies are checked by the broker that will be asked again at apply.
 */
export const checkCreations = async (
  plan: Plan,
  target: Cluster,
): Promise<readonly Diagnostic[]> => {
  const steps = plan.steps.filter((s): s is CreateTopic => s.kind === 'create-topic')
  if (steps.length === 0) return []
  const answers = await target.createTopics(
    steps.map((s) => ({
      name: s.topic,
      partitions: s.partitions,
      replicationFactor: s.replicationFactor,
      configs: new Map(Object.entries(s.configs)),
    })),
    { validateOnly: true },
  )
  return [...answers.failed.values()]
}

/** Compares a saved plan with the one that would be made now. Names what changed; empty if the saved one may run. */
export const checkAgain = (saved: Plan, fresh: Plan): readonly Diagnostic[] => {
  const changed = changedParts(saved.fingerprint, fresh.fingerprint)
  const inputs = changedParts(saved.inputs, fresh.inputs)
  return [...inputs.map((file) => `the file ${file}`), ...changed].map((what) =>
    diagnostic({
      code: 'FERRY1401',
      detail: `Since the plan was made at ${saved.createdAt}, this changed: ${what}.`,
      fix: 'Make a new plan and have it reviewed.',
    }),
  )
}
