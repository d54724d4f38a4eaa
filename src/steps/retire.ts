import { diagnostic } from '../domain/diagnostic.ts'
import type { Retire } from '../domain/step.ts'
import { counted } from './_words.ts'
import { groupHasMoved, nothingLateOnWayBack, topicsAreSealed } from './gates/index.ts'
import type { StepKind } from './step-kind.ts'
import { writeReceipt } from './write-receipt.ts'

/** Ends a migration: writes its receipt; nothing is mirrored or watched any more. Deletes nothing anywhere. */
export const retire: StepKind<Retire> = {
  kind: 'retire',

  plan: ({ desired, state }, stage) =>
    stage !== 'retired' || state.stage === 'retired'
      ? { steps: [] }
      : {
          steps: [
            {
              kind: 'retire',
              id: `retire/${desired.name}`,
              stage,
              reason: 'the service lives on the target',
              undo: { cost: 'impossible', says: 'none: the migration is over' },
              topics: desired.topics.map((t) => t.name),
              groups: desired.groups.map((g) => g.id),
            },
          ],
        },

  undo: ({ desired, state }, { stage }) =>
    stage !== 'retired' || state.stage !== 'retired'
      ? { steps: [] }
      : {
          steps: [],
          problems: [
            diagnostic({
              code: 'FERRY1312',
              detail: `${desired.name} is retired: the migration is over, and nothing was kept of how to take it back.`,
              fix: 'To move the service again, write another migration.',
            }),
          ],
        },

  gates: (step) => [
    topicsAreSealed(step.topics),
    nothingLateOnWayBack(step.topics),
    ...step.groups.map(groupHasMoved),
  ],

  interruptible: true,

  apply: async (step, run) => {
    const { marks, seals, syncs } = run.state()
    const receipt = await writeReceipt(step, run)
    if (!('digest' in receipt)) return { done: false, problem: receipt }
    return {
      done: true,
      facts: {
        seals: seals.map((s) => `${s.topic}:${s.partition} ${s.sourceEnd} -> ${s.targetEnd}`),
        marks: marks.length,
        groups: syncs.map((s) => s.group),
        receipt: receipt.digest,
      },
    }
  },

  describe: (step) => ({
    symbol: '!',
    noun: 'retire',
    name: counted(step.topics.length, 'topic'),
    says: 'read the copy for the receipt, stop watching the source; nothing is deleted there',
  }),
}
