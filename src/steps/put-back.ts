import { aclKey } from '../domain/access.ts'
import { valuesOf } from '../domain/answers.ts'
import { type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import { removedKey, removedName } from '../domain/migration.ts'
import type { Removal } from '../domain/state.ts'
import type { PutBack } from '../domain/step.ts'
import { commitsOf } from './commits-of.ts'
import { groupIsEmpty } from './gates/index.ts'
import type { Run, StepKind } from './step-kind.ts'
import { writeCommits } from './write-commits.ts'

/**
 * Puts back on the target what `removed` took from it, as the state has it. A partition in which the group has a position by now is left:
 * whoever committed it since would read again what they have read.
 */
export const putBack: StepKind<PutBack> = {
  kind: 'put-back',

  plan: () => ({ steps: [] }),

  gates: ({ object }) => (object.kind === 'group' ? [groupIsEmpty(object.group, 'target')] : []),

  apply: async (step, run) => {
    const { target } = run.clusters
    const key = removedKey({ on: 'target', object: step.object })
    const isIt = (each: { readonly object: PutBack['object'] }) =>
      removedKey({ on: 'target', object: each.object }) === key
    const removal = run.state().removals.find(isIt)
    let left: ReadonlyMap<PartitionKey, bigint> = new Map()
    if (removal?.object.kind === 'acl') {
      const { acl } = removal.object
      const problem = (await target.createAcls([acl])).failed.get(aclKey(acl))
      if (problem) return { done: false, problem }
    } else if (removal?.object.kind === 'group') {
      const { group } = removal.object
      const remembered = await ofWhatIsThere(removal.commits, run)
      const there = await commitsOf(target, group)
      const commits = new Map([...remembered].filter(([key]) => !there.has(key)))
      left = committedSince(remembered, there)
      if (left.size > 0)
        run.report(`leaves ${group} where it has committed since: ${inWords(left)}`)
      const to = { cluster: target, side: 'target', group, again: 'run it again' } as const
      const problem = await writeCommits(to, commits)
      if (problem) return { done: false, problem }
    }
    await run.decide((state) => ({
      ...state,
      removals: state.removals.filter((each) => !isIt(each)),
    }))
    if (left.size === 0) return { done: true, facts: {} }
    return {
      done: true,
      facts: { left: Object.fromEntries([...left].map(([key, offset]) => [key, `${offset}`])) },
    }
  },

  describe: ({ object }) => ({
    symbol: '+',
    noun: object.kind === 'acl' ? 'access' : object.kind,
    name: object.kind === 'acl' ? object.acl.principal : removedName(object),
    says:
      object.kind === 'group'
        ? 'put back on the target the positions that were removed there, but where it has committed since'
        : 'put back on the target what was removed there',
  }),
}

/** A position in a topic that is gone (it may have been removed too) has nowhere to go: it is said, and the rest is put back. */
const ofWhatIsThere = async (
  commits: Removal['commits'],
  run: Run,
): Promise<Removal['commits']> => {
  const { target } = run.clusters
  const topics = [...new Set([...commits.keys()].map((key) => parsePartitionKey(key).topic))]
  const described = valuesOf(await target.describeTopics(topics))
  const gone = topics.filter((topic) => described.get(topic) === 'absent')
  if (gone.length > 0) run.report(`${gone.join(', ')} is gone: no position can be put back there`)
  return new Map([...commits].filter(([key]) => !gone.includes(parsePartitionKey(key).topic)))
}

/** What the group has where something else is remembered. The same: a run died behind writing it. */
const committedSince = (
  remembered: Removal['commits'],
  there: Removal['commits'],
): ReadonlyMap<PartitionKey, bigint> =>
  new Map(
    [...remembered].flatMap(([key, { offset }]) => {
      const now = there.get(key)?.offset
      return now === undefined || now === offset ? [] : [[key, now] as const]
    }),
  )

const inWords = (left: ReadonlyMap<PartitionKey, bigint>): string =>
  [...left].map(([key, offset]) => `${offset} in ${key}`).join(', ')
