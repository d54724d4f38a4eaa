import { canonicalLine } from '../domain/canonical-json.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Migration } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import { leavesOut } from '../domain/skipped.ts'
import type { CreateTopic, Step, SyncGroup } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { changedParts } from './fingerprint.ts'
import { isLess } from './topic-configs.ts'

/**
 * Asks the target whether it would accept the topics that a plan creates, without creating them: rights, replication factor, configs
 * and the operator's policies are checked by the broker that will be asked again at apply.
 */
export const checkCreations = async (
  plan: Plan,
  target: Cluster,
): Promise<readonly Diagnostic[]> => {
  // One that is deleted before is there still.
  const deleted = new Set(plan.steps.flatMap((s) => (s.kind === 'delete-topic' ? [s.topic] : [])))
  const steps = plan.steps.filter(
    (s): s is CreateTopic => s.kind === 'create-topic' && !s.wasAsked && !deleted.has(s.topic),
  )
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

/**
 * Compares a saved plan with the one that would be made now. Names what changed; empty if the saved one may run. Fingerprint and inputs
 * say why a plan is another one; the steps are compared too, because a file can be edited: what runs is what planning gives, or nothing.
 */
export const checkAgain = (
  saved: Plan,
  fresh: Plan,
  desired: Pick<Migration, 'mirror'>,
): readonly Diagnostic[] => {
  const inputs = changedParts(saved.inputs, fresh.inputs).map((file) => `the file ${file}`)
  const causes = [...inputs, ...changedParts(saved.fingerprint, fresh.fingerprint)]
  if (causes.length > 0) return [staleBecause(saved, causes)]
  const changed = changedContent(saved, fresh)
  if (changed.length > 0) return [plannedOtherwise(saved, changed)]
  const unsaid = skipsUnsaid(saved, fresh, desired)
  if (unsaid.length > 0) return [staleBecause(saved, unsaid)]
  return fresh.problems.filter(({ severity }) => severity === 'error')
}

/**
 * Groups that would skip records of which the saved plan says nothing: their step refuses that, and by then their consumers have stopped. How many
 * they are may change, as groups read on. None where the file does not leave records out: what is skipped then is a problem of the plan.
 */
export const skipsUnsaid = (
  saved: Plan,
  fresh: Plan,
  desired: Pick<Migration, 'mirror'>,
): readonly string[] => {
  if (!leavesOut(desired)) return []
  const skips = (step: Step) =>
    step.kind === 'sync-group' && (step.skipped !== undefined || step.skipsBefore !== undefined)
  const said = new Set(saved.steps.filter(skips).map(({ id }) => id))
  return fresh.steps
    .filter((step) => skips(step) && !said.has(step.id))
    .map(({ id }) => `the step ${id} skips records that its group has not read`)
}

/** Steps follow from log ends, positions and the version of Ferry, too, of which no fingerprint tells. */
const plannedOtherwise = ({ createdAt }: Plan, changed: readonly string[]): Diagnostic =>
  diagnostic({
    code: 'FERRY1401',
    detail: `Ferry plans something else now than in the plan of ${createdAt}: ${someOf(changed)}. Records or positions have moved on since, another version of Ferry made it, or somebody has edited it.`,
    fix: 'Make a new plan and have it reviewed.',
  })

/** Names what changed, as far as anybody reads on. */
export const staleBecause = ({ createdAt }: Plan, changed: readonly string[]): Diagnostic => {
  return diagnostic({
    code: 'FERRY1401',
    detail: `Since the plan was made at ${createdAt}, this changed: ${someOf(changed)}.`,
    fix: 'Make a new plan and have it reviewed.',
  })
}

const someOf = (names: readonly string[]): string => {
  const rest = names.length - NAMED_AT_MOST
  return `${names.slice(0, NAMED_AT_MOST).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}

/** More would not be read. */
const NAMED_AT_MOST = 20

const changedContent = (saved: Plan, fresh: Plan): readonly string[] => {
  const byId = ({ steps }: Plan) => new Map(steps.map((step) => [step.id, step]))
  const [savedSteps, freshSteps] = [byId(saved), byId(fresh)]
  const lineOf = (step: Step | undefined) =>
    step === undefined || onlyKeepsLonger(step) ? undefined : canonicalLine(settled(step))
  const ids = [...new Set([...savedSteps.keys(), ...freshSteps.keys()])]
  const steps = ids.filter((id) => {
    const [was, is] = [savedSteps.get(id), freshSteps.get(id)]
    return lineOf(was) !== lineOf(is) || !keepsLongEnough(was, is)
  })
  if (steps.length > 0) return steps.map((id) => `the step ${id}`)
  const order = ({ steps }: Plan) =>
    canonicalLine(steps.filter((step) => !onlyKeepsLonger(step)).map((step) => step.id))
  if (order(saved) !== order(fresh)) return ['the order of the steps']
  const rest = ({ from, to, purpose, clusters, invariants }: Plan) =>
    canonicalLine({ from, to, purpose, clusters, invariants })
  return rest(saved) === rest(fresh) ? [] : ['the stages, the purpose, clusters or invariants']
}

const DAY_MS = 86_400_000n

type Configs = Readonly<Record<string, string | null>>

/** The protective retention follows from the age of the oldest record, which grows, and from where that is gone by now. */
const withoutRetention = ({ 'retention.ms': _, ...rest }: Configs): Configs => rest

const protectiveRetention = (step: Step | undefined): string | null | undefined => {
  if (step?.kind === 'create-topic') return step.configs['retention.ms']
  const isProtective = step?.kind === 'configure-topic' && step.phase === 'protective'
  return isProtective ? step.set['retention.ms'] : undefined
}

const onlyKeepsLonger = (step: Step): boolean =>
  step.kind === 'configure-topic' &&
  step.phase === 'protective' &&
  Object.keys(withoutRetention(step.set)).length === 0

/** Whether the target keeps all that the source holds also by the saved plan: it had a day to spare when it was made. */
const keepsLongEnough = (saved: Step | undefined, fresh: Step | undefined): boolean => {
  const needed = protectiveRetention(fresh)
  if (needed === undefined || needed === null) return true
  const there = fresh?.kind === 'configure-topic' ? fresh.was['retention.ms'] : undefined
  const kept = protectiveRetention(saved) ?? there
  if (kept === undefined || kept === null) return false
  return !isLess(kept, needed === '-1' ? needed : String(BigInt(needed) - DAY_MS))
}

const withoutSkipped = ({ skipped, skipsBefore, ...step }: SyncGroup) => step

/** A step without what moves while records flow and consumers commit: estimates for people, which no step acts on. */
const settled = (step: Step): unknown => {
  switch (step.kind) {
    case 'create-topic':
      return { ...step, configs: withoutRetention(step.configs), notes: [] }
    case 'configure-topic':
      return {
        ...step,
        set: step.phase === 'protective' ? withoutRetention(step.set) : step.set,
        was: withoutRetention(step.was),
        undo: { ...step.undo, says: '' },
      }
    case 'mark-topic':
      return { ...step, prime: '', because: '' }
    case 'mirror-topic':
      return { ...step, records: '', bytesEstimate: 0 }
    case 'sync-group':
      return {
        ...withoutSkipped(step),
        committed: 0,
        committedIn: {},
        undo: { ...step.undo, says: '' },
      }
    case 'reopen-topic':
      return { ...step, late: '' }
    case 'return-group':
      return { ...step, positions: 0, consumed: '', undo: { ...step.undo, says: '' } }
    case 'restore-group':
      return { ...step, deleted: 0 }
    case 'mark-reverse':
      return { ...step, because: '' }
    case 'mirror-reverse':
      return { ...step, records: '' }
    case 'forget-mark':
      return { ...step, records: '', losing: [] }
    case 'remove-object':
      return { ...step, there: '' }
    default:
      return step
  }
}
