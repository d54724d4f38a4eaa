import { aclKey } from '../domain/access.ts'
import { valuesOf } from '../domain/answers.ts'
import { parsePartitionKey } from '../domain/ids.ts'
import { removedKey, removedName } from '../domain/migration.ts'
import type { Removal } from '../domain/state.ts'
import type { PutBack } from '../domain/step.ts'
import { groupIsEmpty } from './gates/index.ts'
import type { Run, StepKind } from './step-kind.ts'
import { writeCommits } from './write-commits.ts'

/** Puts back on the target what `removed` took from it, as the state has it. */
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
    if (removal?.object.kind === 'acl') {
      const { acl } = removal.object
      const problem = (await target.createAcls([acl])).failed.get(aclKey(acl))
      if (problem) return { done: false, problem }
    } else if (removal?.object.kind === 'group') {
      const { group } = removal.object
      const commits = await ofWhatIsThere(removal.commits, run)
      const to = { cluster: target, side: 'target', group, again: 'run it again' } as const
      const problem = await writeCommits(to, commits)
      if (problem) return { done: false, problem }
    }
    await run.decide((state) => ({
      ...state,
      removals: state.removals.filter((each) => !isIt(each)),
    }))
    return { done: true, facts: {} }
  },

  describe: ({ object }) => ({
    symbol: '+',
    noun: object.kind === 'acl' ? 'access' : object.kind,
    name: object.kind === 'acl' ? object.acl.principal : removedName(object),
    says: 'put back on the target what was removed there',
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
