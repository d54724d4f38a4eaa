import { withCleaned } from '../domain/cleaned.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { DELETE_RETENTION_MS } from '../domain/heard.ts'
import type { TopicName } from '../domain/ids.ts'
import { isOther } from '../domain/mark.ts'
import type { TopicSpec } from '../domain/migration.ts'
import type { ReachedStage, Stage } from '../domain/stage.ts'
import type { ConfigsBefore } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { ConfigureTopic } from '../domain/step.ts'
import { cleanedOnTarget } from '../planner/forgetting.ts'
import {
  configChanges,
  effective,
  keepsLess,
  overrides,
  type TopicConfigs,
  topicConfigs,
} from '../planner/topic-configs.ts'
import { only, topicsAreSealed } from './gates/index.ts'
import { lateRecords } from './late-records.ts'
import type { PlanContext, Run, StepKind, Undoing } from './step-kind.ts'

const KEPT = 'delete.retention.ms'
const POLICY = 'cleanup.policy'

/**
 * Sets topic configs on the target: protective ones before the mirror, final ones right after the seal. Incremental, only keys that
 * Ferry has a say in; never a replace-all.
 */
export const configureTopic: StepKind<ConfigureTopic> = {
  kind: 'configure-topic',

  plan: (context, stage) => {
    if (stage !== 'prepared' && stage !== 'producers-moved') return { steps: [] }
    return { steps: context.desired.topics.flatMap((spec) => planTopic(context, spec, stage)) }
  },

  undo: (context, undoing) => ({
    steps: undoConfigs(context, undoing),
    problems: ofRemade(context, undoing),
  }),

  gates: (step) => (step.phase === 'final' ? [topicsAreSealed([step.topic])] : []),

  apply: async (step, run) => {
    if (step.phase !== 'before') await rememberBefore(step, run)
    await rememberCleaner(step, run)
    const changes = new Map([[step.topic, new Map(Object.entries(step.set))]])
    const answers = await run.clusters.target.alterTopicConfigs(changes)
    const problem = answers.failed.get(step.topic)
    if (problem) return { done: false, problem }
    await rememberProtection(step, run)
    if (step.phase === 'before') {
      await run.decide((state) => ({
        ...state,
        configsBefore: state.configsBefore.filter((before) => before.topic !== step.topic),
      }))
    }
    return { done: true, facts: { set: step.set } }
  },

  describe: (step) => ({
    symbol: '~',
    noun: 'topic',
    name: step.topic,
    says: `${step.phase === 'before' ? 'configs of before' : `${step.phase} configs`}: ${Object.entries(
      step.set,
    )
      .map(([key, value]) => (value === null ? `${key} default` : `${key}=${value}`))
      .join(', ')}`,
  }),
}

const planTopic = (context: PlanContext, spec: TopicSpec, stage: Stage): ConfigureTopic[] => {
  const { observed, state, now: time } = context
  const source = observed.source.topics.get(spec.name)
  if (!source) return []
  const target = observed.target.topics.get(spec.name)
  const configs = topicConfigs(spec, source, observed.target, time)
  const sealed = placesOf(state).sealedTopics.has(spec.name)
  const isReopened = lateRecords(spec.name, observed, state, context.desired.order) > 0n
  const phase = stage === 'prepared' ? 'protective' : 'final'
  // A topic that is still to be created gets its protective configs at creation; one that is sealed must not get them back.
  if (phase === 'protective' && (!target || sealed)) return []
  const is: ReadonlyMap<string, string> = target ? overrides(target) : configs.protective
  const { set, was } =
    phase === 'protective'
      ? protection(is, configs)
      : configChanges(
          sealed && !isReopened ? is : underProtection(is, configs),
          configs.final,
          oursOf(configs),
        )
  if (Object.keys(set).length === 0) return []
  return [
    {
      kind: 'configure-topic',
      id: `configure-topic/${phase}/${spec.name}`,
      stage,
      reason:
        phase === 'protective'
          ? 'until the seal the target must not delete, compact or restamp what is mirrored'
          : 'the copy is complete: the configs that the service runs with can take over',
      undo: undoOf(
        Object.keys(was).length,
        phase === 'final' ? keepsLess(configs, source, observed.target) : [],
      ),
      topic: spec.name,
      phase,
      set,
      was,
    },
  ]
}

/** All keys that Ferry has a say in. */
const oursOf = ({ protective, final }: TopicConfigs): readonly string[] => [
  ...protective.keys(),
  ...final.keys(),
]

/** What protects a topic that has these overrides: a retention that is long enough is left alone. */
const protection = (is: ReadonlyMap<string, string>, configs: TopicConfigs) =>
  configChanges(is, configs.protective, oursOf(configs), configs.shortest)

const underProtection = (
  is: ReadonlyMap<string, string>,
  configs: TopicConfigs,
): ReadonlyMap<string, string> =>
  definite(new Map([...is, ...Object.entries(protection(is, configs).set)]))

/** Configs can be restored; what the target deletes under them while the source keeps it has to be copied again. */
const undoOf = (count: number, less: readonly string[]): ConfigureTopic['undo'] =>
  less.length === 0
    ? { cost: 'restores', says: `restore ${count} configs` }
    : {
        cost: 'copies-back',
        says: `restore ${count} configs; what ${less.join(', ')} deletes meanwhile takes a resync`,
      }

/** A topic that Ferry made has nothing to go back to: it is deleted. One that others made anew has nothing of the old one's. */
const rememberBefore = async (step: ConfigureTopic, run: Run): Promise<void> => {
  const { createdTopics, configsBefore } = run.state()
  if (createdTopics.includes(step.topic)) return
  const there = only(await run.clusters.target.describeTopics([step.topic]), step.topic)
  const topicId = there === 'absent' ? undefined : there.topicId
  const before = configsBefore.find(({ topic }) => topic === step.topic)
  const known = isOther(before?.topicId, topicId) ? new Map() : (before?.was ?? new Map())
  // What Ferry found the first time is what was there before it.
  const was = new Map([...Object.entries(step.was), ...known])
  // Older versions wrote no id: what was found the first time may be of another topic, and nobody can tell any more.
  const id = before === undefined || before.topicId !== undefined ? topicId : undefined
  await run.decide((state) => ({
    ...state,
    configsBefore: [
      ...state.configsBefore.filter((before) => before.topic !== step.topic),
      { topic: step.topic, ...(id !== undefined && { topicId: id }), was },
    ],
  }))
}

/** Whoever compares the copy later sees the policy of then: the copy is known to be cleaned before the one or the other is set. */
const rememberCleaner = async (step: ConfigureTopic, run: Run): Promise<void> => {
  const { [POLICY]: policy, [KEPT]: kept } = step.set
  if (!placesOf(run.state()).markedTopics.has(step.topic)) return
  if (policy === undefined && kept === undefined) return
  const { target } = run.clusters
  const configs = only(await target.describeTopicConfigs([step.topic]), step.topic)
  const isCleaned = configs.get(POLICY)?.value?.includes('compact') ?? false
  if (!policy?.includes('compact') && !isCleaned) return
  const is = configs.get(KEPT)?.value ?? String(DELETE_RETENTION_MS)
  // One that is only set now was not in force while nothing was cleaned.
  const times = [
    ...(isCleaned ? [is] : []),
    kept === null ? String(DELETE_RETENTION_MS) : (kept ?? is),
  ]
  const keptMs = Math.min(...times.map(Number), Number.MAX_SAFE_INTEGER)
  await run.decide((state) => ({
    ...state,
    cleaned: withCleaned(state.cleaned, { topic: step.topic, cluster: target.id, keptMs }),
  }))
}

/** What a cleaner had left when it was sent away is what is mirrored back. */
const rememberProtection = async (step: ConfigureTopic, run: Run): Promise<void> => {
  const { target } = run.clusters
  const known = run
    .state()
    .cleaned?.find(({ topic, cluster }) => topic === step.topic && cluster === target.id)
  if (known === undefined || step.phase !== 'protective') return
  // Known since an earlier run: had it been compacted again since, that would have been taken away above.
  if (known.protectedAt !== undefined) return
  if (step.set[POLICY] === undefined) return
  const protectedAt = run.now().toISOString()
  await run.decide((state) => ({
    ...state,
    cleaned: withCleaned(state.cleaned, { ...known, protectedAt }),
  }))
}

/** Back behind the seal the protective configs hold again; back at the beginning, what topics of others had before. */
const undoConfigs = (
  context: PlanContext,
  { stage, leadsTo }: Undoing,
): readonly ConfigureTopic[] => {
  if (stage === 'producers-moved') return protectedAgain(context, leadsTo)
  return stage === 'prepared' ? asBefore(context, leadsTo) : []
}

const protectedAgain = (context: PlanContext, leadsTo: ReachedStage): readonly ConfigureTopic[] =>
  context.desired.topics.flatMap((spec) => protectAgain(context, spec, leadsTo))

/** What protects the copy of a sealed topic before it is opened again; nothing if its final configs were never set, or it is not sealed. Pure. */
export const protectAgain = (
  context: PlanContext,
  spec: TopicSpec,
  leadsTo: ReachedStage,
): readonly ConfigureTopic[] => {
  const { observed, state, now } = context
  const source = observed.source.topics.get(spec.name)
  const target = observed.target.topics.get(spec.name)
  if (!source || !target || !placesOf(state).sealedTopics.has(spec.name)) return []
  const configs = topicConfigs(spec, source, observed.target, now)
  const missing = protection(overrides(target), configs)
  const isUntold = !(POLICY in missing.set) && isProtectedUntold(context, spec.name)
  const unchanged = isUntold ? { [POLICY]: effective(target, POLICY) ?? 'delete' } : {}
  const [set, was] = [
    { ...unchanged, ...missing.set },
    { ...unchanged, ...missing.was },
  ]
  if (Object.keys(set).length === 0) return []
  return [
    {
      kind: 'configure-topic',
      id: `configure-topic/protective/${spec.name}`,
      stage: leadsTo,
      reason: isUntold
        ? 'that the target is not cleaned any more is still to be written down: a run broke off behind it, or somebody else did it'
        : 'until it is sealed again the target must not delete, compact or restamp what is mirrored',
      undo: { cost: 'restores', says: `restore ${Object.keys(was).length} configs` },
      topic: spec.name,
      phase: 'protective',
      set,
      was,
    },
  ]
}

/** Whether a cleaner was at the copy and is no longer, and nothing says since when: what protected it died before it wrote that down. */
const isProtectedUntold = (context: PlanContext, topic: TopicName): boolean => {
  const cleaned = cleanedOnTarget(context, topic)
  const policy = effective(context.observed.target.topics.get(topic), POLICY)
  return cleaned !== undefined && cleaned.protectedAt === undefined && !policy?.includes('compact')
}

/** The topic whose configs these were is gone, and another one has its name. */
const isRemade = ({ observed }: PlanContext, { topic, topicId }: ConfigsBefore): boolean =>
  isOther(topicId, observed.target.topics.get(topic)?.description.topicId)

/** What others have made anew is theirs: nothing is set there, and it is said. */
const ofRemade = (context: PlanContext, { stage }: Undoing): readonly Diagnostic[] =>
  stage !== 'prepared'
    ? []
    : context.state.configsBefore
        .filter((before) => isRemade(context, before))
        .map(({ topic, was }) =>
          diagnostic({
            code: 'FERRY1358',
            severity: 'warning',
            detail: `${topic} on ${context.observed.target.name} is not the topic any more whose configs Ferry has changed: somebody made it anew. ${[...was.keys()].join(', ')} stay as they are there.`,
            fix: 'Look at its configs, and set them by hand where they are not what its owner wants.',
          }),
        )

/** From what the target has by then: the same rollback may protect the topic first. */
const asBefore = (context: PlanContext, leadsTo: ReachedStage): readonly ConfigureTopic[] => {
  const { observed, state } = context
  const first = new Map(protectedAgain(context, leadsTo).map((step) => [step.topic, step]))
  const known = new Map(
    state.configsBefore.flatMap((before) =>
      isRemade(context, before) ? [] : [[before.topic, before.was] as const],
    ),
  )
  const found = [...first.keys()].filter((topic) => !state.createdTopics.includes(topic))
  return [...new Set([...known.keys(), ...found])].flatMap((topic): ConfigureTopic[] => {
    const target = observed.target.topics.get(topic)
    if (!target) return []
    const { set: changed = {}, was: unchanged = {} } = first.get(topic) ?? {}
    const before = new Map([...Object.entries(unchanged), ...(known.get(topic) ?? [])])
    const then = definite(new Map([...overrides(target), ...Object.entries(changed)]))
    const { set, was } = configChanges(then, definite(before), before.keys())
    return [
      {
        kind: 'configure-topic',
        id: `configure-topic/before/${topic}`,
        stage: leadsTo,
        reason: 'Ferry changed them',
        undo: { cost: 'restores', says: `restore ${Object.keys(was).length} configs` },
        topic,
        phase: 'before',
        set,
        was,
      },
    ]
  })
}

const definite = (values: ReadonlyMap<string, string | null>): ReadonlyMap<string, string> =>
  new Map([...values].flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])))
