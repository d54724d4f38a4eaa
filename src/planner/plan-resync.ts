import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { durableAfter } from '../domain/durable-starts.ts'
import type { TopicName } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { type Stage, stageRank, stagesInOrder } from '../domain/stage.ts'
import type {
  CreateTopic,
  DeleteTopic,
  ForgetMark,
  RestoreGroup,
  Step,
  VerifyTopic,
} from '../domain/step.ts'
import { createStep } from '../steps/create-topic.ts'
import { foreignRecords, forgetMarkStep } from '../steps/forget-mark.ts'
import { markStep } from '../steps/mark-topic.ts'
import { mirrorStep } from '../steps/mirror-topic.ts'
import { plannedStart } from '../steps/start-from.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { undoSyncs } from '../steps/undo-syncs.ts'
import { verifyStep, willHide } from '../steps/verify-topic.ts'
import { chooseMode, type ModeChoice } from './choose-mode.ts'
import { topicGuards } from './guards/index.ts'
import type { ObservedPartition, ObservedTopic } from './observed.ts'
import type { PlanParts } from './plan-rollback.ts'
import { overrides } from './topic-configs.ts'
import { onceEmptied } from './with-emptied.ts'

/**
 * Topics mirrored anew, under new producer ids and new marks, before any group has moved. Pure.
 *
 * 1. Commits that a sync has begun to write go back to what they were.
 * 2. The old copies are emptied; for identical offsets, where they can no longer be primed, the topics are deleted and made again.
 * 3. New marks, the copy, and a look at it, as far as the migration had come.
 */
export const planResync = (context: PlanContext, topics: readonly TopicName[]): PlanParts => {
  const { state } = context
  const stage = state.stage
  const problems: Diagnostic[] = [...refusals(context, topics)]
  const plans = topics.flatMap((topic) => {
    const planned = planTopic(context, topic)
    problems.push(...planned.problems)
    return planned.ways
  })
  const wasMirrored = isMirrored(context)
  const steps: Step[] = [
    ...restored(context),
    ...plans.flatMap((way) => way.empty),
    ...plans.map((way) => way.mark),
    ...(wasMirrored ? plans.map((way) => mirrorStep(context, way.spec, way.source, true)) : []),
    ...(wasMirrored ? plans.map((way) => verifyAgain(context, way)) : []),
  ]
  return { to: stage, steps, problems }
}

const isMirrored = ({ state, desired }: PlanContext): boolean =>
  stageRank(state.stage, desired.order) >= stageRank('mirrored', desired.order)

/** What a resync empties lies below the new mark, and what it primes. */
const verifyAgain = ({ observed }: PlanContext, { spec, mark, empty }: Way): VerifyTopic => {
  const isMadeAnew = empty.some(({ kind }) => kind === 'create-topic')
  const target = isMadeAnew ? undefined : observed.target.topics.get(spec.name)
  return verifyStep(
    spec,
    willHide(mark, target) ? durableAfter(observed.target.brokerConfigs).ms : 0,
  )
}

interface Way {
  readonly spec: TopicSpec
  readonly source: ObservedTopic
  readonly empty: readonly (ForgetMark | DeleteTopic | CreateTopic)[]
  readonly mark: ReturnType<typeof markStep>
}

/** Not once anybody counts on the copy: a group on it, or producers that write behind it. */
const refusals = (context: PlanContext, topics: readonly TopicName[]): readonly Diagnostic[] => {
  const { desired, state } = context
  const refuse = (detail: string, fix: string) => diagnostic({ code: 'FERRY1333', detail, fix })
  const moved = state.syncs.filter((sync) => sync.status === 'done').map((sync) => sync.group)
  const beyond = stagesInOrder(desired.order).slice(2, 4) as readonly Stage[]
  const found: Diagnostic[] = []
  if (moved.length > 0 || (beyond as readonly string[]).includes(state.stage)) {
    found.push(
      refuse(
        `${desired.name} is at stage ${state.stage}${moved.length > 0 ? `, and ${moved.join(', ')} have moved to positions in the copy` : ''}: a resync would take the copy away under them.`,
        `Go back first: \`ferry rollback ${desired.name} --to mirrored\`.`,
      ),
    )
  } else if (state.stage === 'retired') {
    found.push(refuse(`${desired.name} is retired.`, 'There is nothing to mirror any more.'))
  }
  const sealed = topics.filter((topic) => state.seals.some((seal) => seal.topic === topic))
  if (sealed.length > 0 && found.length === 0) {
    found.push(
      refuse(
        `${sealed.join(', ')} ${sealed.length === 1 ? 'is' : 'are'} sealed: the copy is complete, and producers may count on it.`,
        `Go back first: \`ferry rollback ${desired.name} --to mirrored\`.`,
      ),
    )
  }
  // One that was begun and left between two steps has given the mark up already: it goes on.
  const wasMirrored = isMirrored(context)
  for (const topic of wasMirrored ? [] : topics) {
    if ([...state.marks, ...state.markIntents, ...state.purges].some((m) => m.topic === topic))
      continue
    found.push(
      refuse(
        `${topic} has no mark: mirroring it has not begun, so there is nothing to do anew.`,
        `\`ferry apply ${desired.name}\` begins it.`,
      ),
    )
  }
  return found
}

/** A sync that did not come to its end has written commits that mean nothing in the new copy. */
const restored = (context: PlanContext): readonly RestoreGroup[] =>
  context.state.syncs.some((sync) => sync.status === 'pending')
    ? undoSyncs(context, {
        stage: 'consumers-moved',
        leadsTo: 'mirrored',
        to: 'mirrored',
        mirrorsBack: false,
      }).steps.filter((step): step is RestoreGroup => step.kind === 'restore-group')
    : []

const planTopic = (
  context: PlanContext,
  topic: TopicName,
): { readonly ways: readonly Way[]; readonly problems: readonly Diagnostic[] } => {
  const { desired, observed, state } = context
  const spec = desired.topics.find((each) => each.name === topic)
  const source = observed.source.topics.get(topic)
  if (!spec) return { ways: [], problems: [] }
  const guards = topicGuards(context, [spec])
  if (!source) return { ways: [], problems: guards }
  const target = observed.target.topics.get(topic)
  const foreign = foreignRecords(context, topic).length > 0 || isOtherTopic(context, topic)
  const made = state.createdTopics.includes(topic)
  const marks = [...state.marks, ...state.purges.flatMap((purge) => purge.marks)]
  // Without a mark it was given up by a resync that was left: what the source is like says what it had.
  const was = marks.find((mark) => mark.topic === topic)?.mode ?? 'identical'
  const forget = forgetStep(context, topic, foreign)
  const absent = target === undefined
  const startOf = (p: ObservedPartition) => plannedStart(desired, observed.source, topic, p)
  const primed = chooseMode(spec, source, target && onceEmptied(target), startOf)
  const way = (empty: Way['empty'], choice: ModeChoice): Way => ({
    spec,
    source,
    empty,
    mark: markStep(spec, source, choice, 'its old copy is given up'),
  })
  if (primed.mode === 'identical' && primed.impossible === undefined) {
    return {
      ways: [way(absent ? [forget, createStep(context, spec, source)] : [forget], primed)],
      problems: guards,
    }
  }
  const fresh = chooseMode(spec, source, undefined, startOf)
  const wantsIdentical = was === 'identical' && fresh.mode === 'identical' && !fresh.impossible
  if (wantsIdentical && made && !foreign && target !== undefined) {
    const steps = [forget, deleteStep(topic, target), recreateStep(spec, target)]
    return { ways: [way(steps, fresh)], problems: guards }
  }
  if (primed.impossible !== undefined) {
    return { ways: [], problems: [...guards, notIdentical(context, spec, primed.impossible)] }
  }
  const empty = absent ? [forget, createStep(context, spec, source)] : [forget]
  return { ways: [way(empty, primed)], problems: guards }
}

const forgetStep = (context: PlanContext, topic: TopicName, foreign: boolean): ForgetMark => ({
  ...forgetMarkStep(context, topic, 'prepared'),
  reason: 'the copy is given up and made anew',
  undo: foreign
    ? { cost: 'impossible', says: 'none: what others wrote there is deleted' }
    : { cost: 'copies-back', says: 'the copy is made again' },
  purge: foreign ? 'all' : 'copy',
  losing: context.readers.get(topic) ?? [],
})

/** The target's topic is not the one that was marked: what is in it is nobody's copy. */
const isOtherTopic = ({ observed, state }: PlanContext, topic: TopicName): boolean => {
  const marked = state.marks.find((mark) => mark.topic === topic)?.targetTopicId
  return isOther(marked, observed.target.topics.get(topic)?.description.topicId)
}

const deleteStep = (topic: TopicName, target: ObservedTopic): DeleteTopic => ({
  kind: 'delete-topic',
  id: `delete-topic/${topic}`,
  stage: 'prepared',
  reason: 'identical offsets cannot be primed behind what was there',
  undo: { cost: 'impossible', says: 'none: it is another topic afterwards' },
  topic,
  topicId: target.description.topicId ?? null,
})

const recreateStep = (spec: TopicSpec, target: ObservedTopic): CreateTopic => ({
  kind: 'create-topic',
  id: `create-topic/${spec.name}`,
  stage: 'prepared',
  reason: 'it was deleted to begin at offset 0',
  undo: { cost: 'free', says: 'delete (empty)' },
  topic: spec.name,
  partitions: target.partitions.length,
  replicationFactor: target.description.partitions[0]?.replicas.length ?? -1,
  configs: Object.fromEntries([...overrides(target)].sort()),
  notes: ['as it was'],
})

const notIdentical = ({ desired }: PlanContext, spec: TopicSpec, because: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1309',
    detail: `${spec.name}: ${because}, and Ferry deletes and makes anew only topics that it has made itself and that hold nothing but its copy.`,
    fix: `Take \`offsets: auto\` for it in ${desired.file}, or delete and create it on the target by hand.`,
    at: spec.at,
  })
