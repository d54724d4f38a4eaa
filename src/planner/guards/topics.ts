import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { TopicSpec } from '../../domain/migration.ts'
import { placesOf } from '../../domain/state-places.ts'
import { counted } from '../../steps/_words.ts'
import { plannedStart } from '../../steps/start-from.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import { chooseMode } from '../choose-mode.ts'
import { type AddedOnTarget, addedOnTarget, type Growth, growthOf } from '../grown.ts'
import { noSuchTopic } from '../no-such-topic.ts'
import type { ObservedTopic } from '../observed.ts'
import { writeFence } from '../write-fence.ts'
import { configGuards } from './configs.ts'
import { saidOnce, type TopicFindings, type TopicWarning } from './topic-warning.ts'

/** What stands in the way of topics, and what should be known of them: that once for all of which it is so. */
export const topicGuards = (
  context: PlanContext,
  specs: readonly TopicSpec[],
): readonly Diagnostic[] => {
  const found = specs.map((spec) => findingsOf(context, spec))
  return [
    ...found.flatMap(({ problems }) => problems),
    ...saidOnce(found.flatMap(({ warnings }) => warnings)),
  ]
}

const findingsOf = (context: PlanContext, spec: TopicSpec): TopicFindings => {
  const { observed, state } = context
  const source = observed.source.topics.get(spec.name)
  if (!source) {
    // What `removed` took from the source once the migration was over.
    const isExpected = observed.problems.length > 0 || state.stage === 'retired'
    const missing = noSuchTopic(spec, observed.source)
    return { problems: isExpected ? [] : [missing], warnings: [] }
  }
  const target = observed.target.topics.get(spec.name)
  // What a purge that was begun has left is still the mirror's own.
  const marked =
    placesOf(state).markedTopics.has(spec.name) ||
    state.purges.some((purge) => purge.topic === spec.name)
  const configs = configGuards(context, spec, source)
  const isSealed = placesOf(state).sealedTopics.has(spec.name)
  return {
    problems: [
      ...countGuards(context, spec, source, target),
      ...contentGuards(context, spec, source, target, marked),
      ...configs.problems,
    ],
    warnings: [...configs.warnings, ...(isSealed ? [] : fenceWarnings(context, spec))],
  }
}

const countGuards = (
  context: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedTopic | undefined,
): readonly Diagnostic[] => {
  const { observed, state } = context
  const count = source.description.partitions.length
  const found: Diagnostic[] = []
  const growth = state.stage === 'retired' ? undefined : growthOf(context, spec.name)
  if (growth?.isSealed) found.push(grownTooLate(context, spec, growth))
  const differ = (who: string, other: number, fix: string) =>
    found.push(
      diagnostic({
        code: 'FERRY1304',
        detail: `${spec.name} has ${counted(count, 'partition')} on ${observed.source.name}, but ${other} ${who}.`,
        fix,
        at: spec.at,
      }),
    )
  if (spec.partitions !== undefined && spec.partitions !== count) {
    differ('in the plan file', spec.partitions, `Write ${count}, or leave \`partitions\` out.`)
  }
  const there = target?.description.partitions.length
  const added = state.stage === 'retired' ? undefined : addedOnTarget(context, spec.name)
  if (added !== undefined) found.push(addedThere(context, spec, added))
  else if (there !== undefined && there !== count && !isToGrow(context, spec, there, growth)) {
    differ(
      `on ${observed.target.name}`,
      there,
      there < count
        ? `Add partitions on ${observed.target.name}, or delete the topic there if it is nobody's.`
        : `Delete the topic on ${observed.target.name} if it is nobody's: partitions cannot be taken away.`,
    )
  }
  const headless = source.description.partitions.find((p) => p.leader < 0)
  if (headless || source.partitions.length !== count) {
    found.push(
      diagnostic({
        code: 'FERRY1316',
        detail: headless
          ? `${spec.name}-${headless.partition} has no leader on ${observed.source.name}.`
          : `The offsets of ${count - source.partitions.length} partitions of ${spec.name} on ${observed.source.name} could not be read.`,
        fix: 'Wait until the cluster is well again, then plan again.',
        at: spec.at,
      }),
    )
  }
  return found
}

/** The plan adds what is missing: the topic is Ferry's, or its mirror's. */
const isToGrow = (
  { observed, state }: PlanContext,
  { name }: TopicSpec,
  there: number,
  growth: Growth | undefined,
): boolean => {
  const count = observed.source.topics.get(name)?.description.partitions.length ?? 0
  return there < count && (growth !== undefined || state.createdTopics.includes(name))
}

const addedThere = (
  { observed }: PlanContext,
  spec: TopicSpec,
  { sealed, target, used }: AddedOnTarget,
): Diagnostic =>
  diagnostic({
    code: 'FERRY1338',
    severity: 'warning',
    detail: `${spec.name} was sealed with ${counted(sealed, 'partition')} and has ${target} on ${observed.target.name} now, ${used.length} of the new ones with records.`,
    fix: `Nothing, if the service stays on ${observed.target.name}. Once a new partition has held a record there is no way back to ${observed.source.name}.`,
    at: spec.at,
  })

const grownTooLate = (
  { desired, observed }: PlanContext,
  spec: TopicSpec,
  { marked, source }: Growth,
): Diagnostic => {
  const added = observed.source.topics.get(spec.name)?.partitions.slice(marked) ?? []
  const isUsed = added.some((p) => p.highWatermark > p.logStart)
  return diagnostic({
    code: 'FERRY1337',
    severity: isUsed ? 'error' : 'warning',
    detail: `${spec.name} has ${counted(source, 'partition')} on ${observed.source.name}; ${marked} were sealed. What is written to the others there reaches ${observed.target.name} no more.`,
    fix: `Stop who writes to them. If no producer writes on ${observed.target.name} yet: \`ferry rollback ${desired.name} --to mirrored\`, and the next plan adds them. Else move what is in them by hand, and delete it there.`,
    at: spec.at,
  })
}

const contentGuards = (
  { desired, observed, state }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  target: ObservedTopic | undefined,
  marked: boolean,
): readonly Diagnostic[] => {
  if (marked) return []
  const found: Diagnostic[] = []
  const ours = state.markIntents.some((intent) => intent.topic === spec.name)
  const used = target?.partitions.find((p) => p.highWatermark > p.logStart)
  if (used && !ours) {
    found.push(
      diagnostic({
        code: 'FERRY1305',
        detail: `${spec.name}-${used.partition} on ${observed.target.name} holds offsets ${used.logStart} to ${used.highWatermark - 1n}, which Ferry did not write.`,
        fix: `Delete the topic on ${observed.target.name} if nobody needs it; plan creates it again.`,
        at: spec.at,
      }),
    )
  }
  const choice = chooseMode(
    spec,
    source,
    target,
    (p) => plannedStart(desired, observed.source, spec.name, p),
    observed.target.cluster.authorized,
  )
  if (choice.impossible && !used) {
    found.push(
      diagnostic({
        code: 'FERRY1309',
        detail: `${spec.name}: ${choice.impossible}.`,
        fix: 'Take `offsets: auto`, or remove what stands in the way.',
        at: spec.at,
      }),
    )
  }
  return found
}

const fenceWarnings = ({ observed }: PlanContext, spec: TopicSpec): readonly TopicWarning[] => {
  const { writers, unfenced } = writeFence(observed.target, spec.name)
  if (writers.length === 0 && unfenced === null) return []
  return [
    {
      code: 'FERRY1310',
      spec,
      says: (topics) =>
        writers.length > 0
          ? `${writers.join(', ')} may write to ${topics} on ${observed.target.name} before the copy is complete.`
          : `Nothing keeps others from writing to ${topics} on ${observed.target.name}: ${unfenced}.`,
      fix: 'Take the WRITE right away until producers move, or make sure that no producer starts there. Ferry stops the partition if one does.',
    },
  ]
}
