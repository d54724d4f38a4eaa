import { aclInWords, aclKey, hasAcl } from '../domain/access.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupId, TopicName } from '../domain/ids.ts'
import {
  type RemovedObject,
  type RemovedSpec,
  removedKey,
  removedName,
} from '../domain/migration.ts'
import { RATES, rememberRates } from '../domain/quota-before.ts'
import {
  type MigrationState,
  type Removal,
  withoutCreated,
  withoutGrants,
} from '../domain/state.ts'
import type { PutBack, RemoveObject } from '../domain/step.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { counted } from './_words.ts'
import { commitsOf } from './commits-of.ts'
import { groupHasMoved, groupIsEmpty, topicsAreSealed } from './gates/index.ts'
import type { Gate, Outcome, PlanContext, Run, StepKind } from './step-kind.ts'

/**
 * Deletes what the file lists as `removed` and is still there: on the target in stage prepared, on the source in stage retired, after
 * everything else. What is gone is no step, unless the state still says that Ferry made it: a run was killed behind its deletion, or
 * somebody else has deleted it. That is taken out, or a rollback would delete what others make of this name.
 */
export const removeObject: StepKind<RemoveObject> = {
  kind: 'remove-object',

  plan: (context, stage) => {
    const side = stage === 'prepared' ? 'target' : stage === 'retired' ? 'source' : undefined
    const specs = context.desired.removed.filter(({ on }) => on === side)
    return {
      // Topics last: what else is to be deleted there is gated by what they show.
      steps: [...specs.filter((spec) => !isTopic(spec)), ...specs.filter(isTopic)].flatMap((spec) =>
        removeStep(context, spec, stage as RemoveObject['stage']),
      ),
    }
  },

  undo: ({ state }, { stage, leadsTo }) => ({
    steps:
      stage !== 'prepared'
        ? []
        : state.removals.map(
            ({ object }): PutBack => ({
              kind: 'put-back',
              id: `put-back/${removedKey({ on: 'target', object })}`,
              stage: leadsTo,
              reason: 'the plan file had it removed',
              undo: { cost: 'restores', says: 'remove it again' },
              object,
            }),
          ),
  }),

  gates: (step) => [
    ...(step.object.kind === 'group' ? [groupIsEmpty(step.object.group, step.on)] : []),
    ...(step.on === 'source' ? ofTheSource(step) : []),
  ],

  apply: async (step, run) => {
    if (!step.isGone) return REMOVE[step.object.kind](step as never, run)
    // Nothing is asked: what is there by now came since, from others.
    await run.decide((state) => withoutOurs(step.object, state))
    return done({ gone: true })
  },

  describe: (step) => ({
    symbol: step.isGone ? '~' : '-',
    noun: step.object.kind === 'acl' ? 'access' : step.object.kind,
    name: step.object.kind === 'acl' ? step.object.acl.principal : removedName(step.object),
    says: `${step.isGone ? 'gone already, is not remembered as made by Ferry any more' : `delete on the ${step.on}`}: ${step.object.kind === 'acl' ? aclInWords(step.object.acl) : step.there}`,
  }),
}

const isTopic = ({ object }: RemovedSpec): boolean => object.kind === 'topic'

/** The service lives on the target, and nothing came to a topic after it was sealed; once it is deleted, there is nothing to read again. */
const ofTheSource = ({ object, isMirrored, groups }: RemoveObject): readonly Gate[] => [
  ...(object.kind === 'topic' && isMirrored
    ? [{ ...topicsAreSealed([object.topic]), after: false }]
    : []),
  ...groups.map(groupHasMoved),
]

const removeStep = (
  { desired, observed, state }: PlanContext,
  spec: RemovedSpec,
  stage: RemoveObject['stage'],
): readonly RemoveObject[] => {
  const { object, on, reason } = spec
  const there = observed.removed?.get(removedKey(spec))
  // Once it is retired a service lives on what Ferry made: that is nothing to take back any more.
  const ours = on === 'target' && state.stage !== 'retired' && isOurs(object, state)
  const isKept = ours && withoutOurs(object, state) !== state && !isAskedFor(object, state)
  if (there === undefined && !(isKept && observed.removed !== undefined)) return []
  return [
    {
      kind: 'remove-object',
      id: `remove/${removedKey(spec)}`,
      stage,
      reason,
      undo: there ? undoOf(spec) : { cost: 'free', says: 'nothing to put back' },
      on,
      object,
      there: there?.says ?? removedName(object),
      topicId: there?.topicId ?? null,
      ...(there === undefined && { isGone: true }),
      ours,
      groups: on === 'source' ? desired.groups.map(({ id }) => id) : [],
      isMirrored:
        object.kind === 'topic' && desired.topics.some(({ name }) => name === object.topic),
    },
  ]
}

const isOurs = (object: RemovedObject, state: MigrationState): boolean => {
  switch (object.kind) {
    case 'topic':
      return state.createdTopics.includes(object.topic)
    case 'user':
      return state.users.some(({ name, made }) => name === object.user && made)
    case 'quota':
      return state.quotasBefore.some(
        (before) => before.user === object.user && RATES.every((rate) => before[rate] === null),
      )
    case 'acl':
      return hasAcl(state.grants, object.acl) && !hasAcl(state.granting, object.acl)
    case 'group':
      return false
  }
}

/** No answer came when it was asked for: it may come still. */
const isAskedFor = (object: RemovedObject, { creating = [] }: MigrationState): boolean =>
  object.kind === 'topic' && creating.some(({ topic }) => topic === object.topic)

/** The state without the record that Ferry made it; the same where there is none, or where it is kept for what a rollback restores. */
const withoutOurs = (object: RemovedObject, state: MigrationState): MigrationState => {
  switch (object.kind) {
    case 'topic':
      return {
        ...withoutCreated(state, object.topic),
        configsBefore: state.configsBefore.filter(({ topic }) => topic !== object.topic),
      }
    case 'user':
      return { ...state, users: state.users.filter(({ name }) => name !== object.user) }
    case 'acl':
      return withoutGrants(state, new Set([aclKey(object.acl)]))
    case 'quota':
    case 'group':
      return state
  }
}

/** A migration that is retired has no rollback: what it takes from the source can be put back by hand only. */
const undoOf = ({ object, on }: RemovedSpec): RemoveObject['undo'] => {
  if (object.kind === 'topic') return { cost: 'impossible', says: 'none: its records are gone' }
  if (object.kind === 'user')
    return { cost: 'impossible', says: 'none: its password cannot be read back' }
  if (on === 'source') return { cost: 'restores', says: 'by hand: the journal has what it was' }
  if (object.kind === 'acl') return { cost: 'restores', says: 'grant 1 ACL again' }
  return { cost: 'restores', says: object.kind === 'quota' ? 'restore the rates' : 'restore them' }
}

type Step<K extends RemovedObject['kind']> = RemoveObject & {
  readonly object: Extract<RemovedObject, { kind: K }>
}

const failed = (problem: Diagnostic): Outcome => ({ done: false, problem })
const done = (facts: Readonly<Record<string, unknown>>): Outcome => ({ done: true, facts })

/** Each looks first: what a crash left half done, or somebody else has done, is gone already. */
const REMOVE: {
  readonly [K in RemovedObject['kind']]: (s: Step<K>, run: Run) => Promise<Outcome>
} = {
  topic: async (step, run) => {
    const cluster = run.clusters[step.on]
    const { topic } = step.object
    const described = await cluster.describeTopics([topic])
    const now = described.ok.get(topic)
    if (now === undefined) return failed(described.failed.get(topic)!)
    if (now !== 'absent') {
      if ((now.topicId ?? null) !== step.topicId) return failed(another(cluster, topic, step))
      const answers = await cluster.deleteTopics([topic])
      const problem = answers.failed.get(topic)
      if (problem) return failed(problem)
    }
    if (step.on === 'target') {
      await run.decide((s) => withoutOurs(step.object, s))
    }
    return done({ topicId: step.topicId, there: step.there })
  },

  group: async (step, run) => {
    const cluster = run.clusters[step.on]
    const { group } = step.object
    const commits = await commitsOf(cluster, group)
    if (step.on === 'target') await remember(step.object, commits, run)
    if (commits.size > 0) {
      const answers = await cluster.deleteCommits(group, [...commits.keys()])
      const [problem] = answers.failed.values()
      if (problem) return failed(problem)
      const left = (await commitsOf(cluster, group)).size
      if (left > 0) return failed(leftBehind(cluster, group, left))
    }
    return done({
      positions: Object.fromEntries([...commits].map(([key, { offset }]) => [key, `${offset}`])),
    })
  },

  user: async (step, run) => {
    const cluster = run.clusters[step.on]
    const { user } = step.object
    const described = await cluster.describeUsers([user])
    const mechanisms = described.ok.get(user)
    if (mechanisms === undefined) return failed(described.failed.get(user)!)
    for (const mechanism of mechanisms) await cluster.deleteUser(user, mechanism)
    if (step.on === 'target') {
      await run.decide((s) => withoutOurs(step.object, s))
    }
    return done({ mechanisms: [...mechanisms].sort() })
  },

  quota: async (step, run) => {
    const cluster = run.clusters[step.on]
    const { user } = step.object
    const now = (await cluster.describeQuotas([user])).get(user)
    const rates = {
      producerByteRate: now?.producerByteRate ?? null,
      consumerByteRate: now?.consumerByteRate ?? null,
    }
    const isThere = rates.producerByteRate !== null || rates.consumerByteRate !== null
    // A rollback restores from there, as it does for rates that were set.
    if (step.on === 'target' && isThere) {
      await run.decide((s) => ({
        ...s,
        quotasBefore: rememberRates(s.quotasBefore, user, rates, RATES),
      }))
    }
    if (isThere) await cluster.setQuota(user, { producerByteRate: null, consumerByteRate: null })
    return done(rates)
  },

  acl: async (step, run) => {
    const cluster = run.clusters[step.on]
    const { acl } = step.object
    const key = aclKey(acl)
    const onTarget = step.on === 'target'
    const ours = onTarget && isOurs(step.object, run.state())
    const forget = () => run.decide((s) => withoutOurs(step.object, s))
    const acls = await cluster.describeAcls()
    if (acls !== 'no-authorizer' && !hasAcl(acls, acl)) {
      // A rollback must not grant again what its owner has taken away.
      if (onTarget && hasAcl(run.state().grants, acl)) await forget()
      return done({ acl: key, gone: true })
    }
    if (onTarget && !ours) await remember(step.object, new Map(), run)
    const answers = await cluster.deleteAcls([acl])
    const problem = answers.failed.get(key)
    if (problem) return failed(problem)
    // Not before: after a crash in between it would be taken for somebody else's, and a rollback would put it back.
    if (ours) await forget()
    return done({ acl: key })
  },
}

/**
 * Before it is deleted: after a crash in between, what it was is still known. What was remembered first is what was there. An ACL that was
 * asked for and not answered becomes, in the same write, one that was there: nothing that a rollback would take away.
 */
const remember = async (
  object: Removal['object'],
  commits: Removal['commits'],
  run: Run,
): Promise<void> => {
  const key = removedKey({ on: 'target', object })
  const { removals, grants } = run.state()
  const isKnown = removals.some((each) => removedKey({ on: 'target', object: each.object }) === key)
  const granted = object.kind === 'acl' && hasAcl(grants, object.acl) ? [aclKey(object.acl)] : []
  if (isKnown && granted.length === 0) return
  const plain = new Map([...commits].map(([k, { offset, metadata }]) => [k, { offset, metadata }]))
  await run.decide((s) => ({
    ...withoutGrants(s, new Set(granted)),
    removals: isKnown ? s.removals : [...s.removals, { object, commits: plain }],
  }))
}

const another = ({ name }: Cluster, topic: TopicName, step: RemoveObject): Diagnostic =>
  diagnostic({
    code: 'FERRY1331',
    detail: `${topic} on ${name} is not the topic ${step.topicId} that was planned to be deleted: somebody made it anew.`,
    fix: 'Look at the topic, and make a new plan: `ferry plan NAME`.',
  })

const leftBehind = ({ name }: Cluster, group: GroupId, left: number): Diagnostic =>
  diagnostic({
    code: 'FERRY1701',
    detail: `${group} still has ${counted(left, 'position')} on ${name} after they were deleted: somebody commits.`,
    fix: 'Stop its consumers and run apply again.',
  })
