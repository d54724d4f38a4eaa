import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import {
  type GroupId,
  type PartitionKey,
  parsePartitionKey,
  type SourceOffset,
} from '../domain/ids.ts'
import type { ReturnedPosition } from '../domain/moved-groups.ts'
import type { OffsetIndex } from '../domain/offset-index.ts'
import { sealedWayBack } from '../domain/reverse.ts'
import type { ReturnGroup } from '../domain/step.ts'
import type { CommittedOffset } from '../kafka/cluster.ts'
import { provePositions } from '../verify/index.ts'
import { counted } from './_words.ts'
import { commitsOf, firstMoved } from './commits-of.ts'
import { commitsAreStable, copyIsChecked, groupIsEmpty, wayBackIsSealed } from './gates/index.ts'
import { type PartitionNow, partitionsNow } from './partitions-now.ts'
import {
  backPosition,
  beforeReturn,
  lostPositions,
  pastSeal,
  toReturn,
} from './return-positions.ts'
import { reversed } from './reversed.ts'
import type { Outcome, Run, StepKind } from './step-kind.ts'
import type { Commits } from './sync-positions.ts'
import { unproved, writeCommits } from './write-commits.ts'

/** Puts a group back to the source at exactly the record that it would read next on the target, and proves each position. */
export const returnGroup: StepKind<ReturnGroup> = {
  kind: 'return-group',

  plan: () => ({ steps: [] }),

  gates: (step) => [
    groupIsEmpty(step.group, 'source'),
    groupIsEmpty(step.group, 'target'),
    commitsAreStable(step.group, step.topics, ['target']),
    copyIsChecked(step.group, step.topics),
    wayBackIsSealed(step.topics),
  ],

  /**
   * 1. Read what the group has committed on both sides, and where the mirror is.
   * 2. Translate back what moved on the target, past the seal by the index of the way back; refuse what the source does not hold.
   * 3. Prove each by the records around it, before anything is written.
   * 4. Save what the source had; write all in one request; read it back.
   * 5. See that the group did not move on the target meanwhile.
   */
  apply: async (step, run) => {
    const { source, target } = run.clusters
    const sync = run.state().syncs.find((s) => s.group === step.group)
    const now = await partitionsNow(run, step.topics)
    const wayBack = await partitionsNow(reversed(run), step.topics)
    const [there, here] = await Promise.all([
      commitsOf(target, step.group),
      commitsOf(source, step.group),
    ])
    const wanted = new Map<PartitionKey, Wanted>()
    for (const [key, partition] of now) {
      const moved = toReturn(key, there.get(key), here.get(key), sync)
      if (moved === undefined) continue
      const parts = { group: step.group, there: moved, here: here.get(key) }
      const answer = back(parts, partition, wayBack.get(key), run)
      if ('problem' in answer) return { done: false, problem: answer.problem }
      wanted.set(key, {
        index: answer.index,
        isPastSeal: answer.isPastSeal,
        target: moved.offset,
        source: answer.source,
        metadata: moved.metadata,
        previous: beforeReturn(run.state(), step.group, key, here.get(key)),
      })
    }
    const lost = lostPositions(step.group, there, sync, now)
    if (lost) return { done: false, problem: lost }
    const proofs = new Map([
      ...(await proofsOf(
        [...wanted.values()].filter((w) => !w.isPastSeal),
        run,
      )),
      ...(await proofsOf(
        [...wanted.values()].filter((w) => w.isPastSeal),
        reversed(run),
      )),
    ])
    for (const key of wanted.keys()) {
      const proof = proofs.get(key)
      if (proof === undefined || 'problem' in proof) {
        return {
          done: false,
          problem: proof?.problem ?? unproved(step.group, key, 'Run it again.'),
        }
      }
    }
    return write(step, run, wanted, { there, here })
  },

  describe: (step) => ({
    symbol: '=',
    noun: 'return',
    name: `group ${step.group}`,
    says: `${counted(step.positions, 'position')} to the source, with ${counted(BigInt(step.consumed), 'record')} read on the target since`,
  }),
}

interface Wanted extends ReturnedPosition {
  readonly index: OffsetIndex
  /** The index is that of the way back, where the target is the source. */
  readonly isPastSeal: boolean
}

const proofsOf = (wanted: readonly Wanted[], { clusters, state, signal }: Run) =>
  provePositions({
    clusters,
    positions: wanted.map(({ index, isPastSeal, source, target }) =>
      isPastSeal
        ? { index, source: target as SourceOffset, target: source }
        : { index, source, target },
    ),
    cleaned: { known: state() },
    signal,
  })

const back = (
  { group, there, here }: Of,
  partition: PartitionNow,
  wayBack: PartitionNow | undefined,
  run: Run,
): Pick<Wanted, 'index' | 'isPastSeal' | 'source'> | { readonly problem: Diagnostic } => {
  const { source, target } = run.clusters
  const names = { source: source.name, target: target.name }
  const { seal } = partition
  const isPastSeal = seal !== undefined && wayBack !== undefined && there.offset > seal.targetEnd
  // The log end says nothing of what was not checked.
  const index = isPastSeal ? wayBack.proven : partition.proven
  const answer = isPastSeal
    ? pastSeal(group, { ...partition, seal }, wayBack, there, here, names)
    : backPosition(group, { ...partition, index }, there, here, names)
  return 'problem' in answer ? answer : { index, isPastSeal, source: answer.source }
}

interface Of {
  readonly group: GroupId
  readonly there: CommittedOffset
  readonly here: CommittedOffset | undefined
}

const write = async (
  step: ReturnGroup,
  run: Run,
  wanted: ReadonlyMap<PartitionKey, Wanted>,
  { there, here }: Record<'there' | 'here', Commits>,
): Promise<Outcome> => {
  const { source, target } = run.clusters
  // Who commits without being a member is stopped by nobody: what came since it was read is not to be taken back unseen.
  const isOurs = (key: PartitionKey) => step.topics.includes(parsePartitionKey(key).topic)
  const moved = firstMoved(here, await commitsOf(source, step.group), isOurs)
  if (moved) {
    const { key, was, is } = moved
    return {
      done: false,
      problem: diagnostic({
        code: 'FERRY1703',
        detail: `${step.group} moved on ${source.name} from ${was ?? 'no position'} to ${is ?? 'none'} of ${key} while it was about to be put back there. Nothing was written.`,
        fix: `Find out who commits for it on ${source.name}, and stop that; then run it again.`,
      }),
    }
  }
  const positions = new Map(
    [...wanted].map(
      ([key, { index: _, isPastSeal: __, ...position }]): [PartitionKey, ReturnedPosition] => [
        key,
        position,
      ],
    ),
  )
  const sync = run.state().syncs.find(({ group }) => group === step.group)
  const behind = sealedWayBack(run.state().reverse)
  const record = (status: 'pending' | 'done') =>
    run.decide((state) => ({
      ...state,
      returns: [
        ...state.returns.filter((r) => r.group !== step.group),
        {
          group: step.group,
          status,
          at: run.now().toISOString(),
          positions,
          ...(sync && { of: sync.at }),
          ...(behind.length > 0 && { behind }),
        },
      ],
    }))
  await record('pending')
  const to = { cluster: source, side: 'source', group: step.group, again: 'run it again' } as const
  const problem = await writeCommits(
    to,
    new Map([...positions].map(([key, p]) => [key, { offset: p.source, metadata: p.metadata }])),
  )
  if (problem) return { done: false, problem }
  const after = await commitsOf(target, step.group)
  const strayed = [...after].find(([key, commit]) => commit.offset !== there.get(key)?.offset)
  if (strayed) {
    return {
      done: false,
      problem: diagnostic({
        code: 'FERRY1703',
        detail: `${step.group} moved on ${target.name} to ${strayed[1].offset} of ${strayed[0]} while it was put back to ${source.name}.`,
        fix: `Stop its consumers on ${target.name} and run it again.`,
      }),
    }
  }
  await record('done')
  return {
    done: true,
    facts: {
      positions: Object.fromEntries(
        [...positions].map(([key, p]) => [key, `${p.target} -> ${p.source}`]),
      ),
      before: Object.fromEntries([...positions].map(([key, p]) => [key, p.previous])),
    },
  }
}
