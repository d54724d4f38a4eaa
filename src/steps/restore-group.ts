import { diagnostic } from '../domain/diagnostic.ts'
import { type PartitionKey, parsePartitionKey } from '../domain/ids.ts'
import type { RestoreGroup } from '../domain/step.ts'
import { counted } from './_words.ts'
import { commitsOf } from './commits-of.ts'
import { commitsAreStable, groupIsEmpty } from './gates/index.ts'
import { movedSinceReturn } from './return-positions.ts'
import type { StepKind } from './step-kind.ts'

/** Puts the commits of a group on the target back to what they were before the sync. What it reads there from now on counts nowhere. */
export const restoreGroup: StepKind<RestoreGroup> = {
  kind: 'restore-group',

  plan: () => ({ steps: [] }),

  gates: (step) => [
    groupIsEmpty(step.group, 'target'),
    commitsAreStable(step.group, step.topics, ['target']),
  ],

  apply: async (step, run) => {
    const { target } = run.clusters
    const sync = run.state().syncs.find((s) => s.group === step.group)
    // An attempt that died behind its last decision has done all of it: what the group has there now is what it had before.
    if (sync === undefined) return { done: true, facts: {} }
    const topics = new Set(step.topics)
    const isOurs = (key: PartitionKey) => topics.has(parsePartitionKey(key).topic)
    const there = await commitsOf(target, step.group)
    const moved = movedSinceReturn(run.state(), sync, there)
    if (moved !== undefined) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1703',
          detail: `${step.group} moved on ${target.name} to ${there.get(moved)?.offset} of ${moved} after it was put back to the source: there it would read again what it has read since.`,
          fix: `Stop its consumers on both clusters, and make a new plan: it puts the group back from where it is now.`,
        }),
      }
    }
    const previous = new Map(
      [...sync.positions].flatMap(([key, p]) =>
        p.previous === null ? [] : ([[key, p.previous]] as const),
      ),
    )
    const surplus = [...there.keys()].filter((key) => isOurs(key) && !previous.has(key))
    const answers = [
      ...(previous.size > 0 ? [await target.commitOffsets(step.group, previous)] : []),
      ...(surplus.length > 0 ? [await target.deleteCommits(step.group, surplus)] : []),
    ]
    const problem = answers.flatMap((answer) => [...answer.failed.values()]).at(0)
    if (problem) return { done: false, problem }
    const back = await commitsOf(target, step.group)
    const wrong = [...new Set([...previous.keys(), ...surplus])].find(
      (key) => back.get(key)?.offset !== previous.get(key)?.offset,
    )
    if (wrong !== undefined) {
      return {
        done: false,
        problem: diagnostic({
          code: 'FERRY1701',
          detail: `${step.group} should be ${previous.has(wrong) ? `at ${previous.get(wrong)?.offset}` : 'without a position'} in ${wrong} on ${target.name}, but ${back.get(wrong)?.offset ?? 'nothing'} was read back.`,
          fix: 'See whether its consumers run on the target; stop them and run it again.',
        }),
      }
    }
    // The group itself stays, also where none of its positions is seen any more: a broker answers only for topics that we may describe, and
    // DeleteGroups would take its positions on all others with it. A broker forgets an empty group by itself.
    await run.decide((state) => ({
      ...state,
      syncs: state.syncs.filter((s) => s.group !== step.group),
    }))
    return {
      done: true,
      facts: {
        restored: previous.size,
        deleted: Object.fromEntries(surplus.map((key) => [key, String(there.get(key)?.offset)])),
      },
    }
  },

  describe: (step) => ({
    symbol: '~',
    noun: 'group',
    name: step.group,
    says: `${counted(step.restored, 'commit')} on the target as before, ${step.deleted} deleted`,
  }),
}
