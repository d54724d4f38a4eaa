import type { Unwritten } from '../app/unwritten.ts'
import type { Plan } from '../domain/plan.ts'
import { driftTable } from './drift.ts'

/** What apply is about to write down although no step is left. */
export const renderUnwritten = (
  { migration, to }: Pick<Plan, 'migration' | 'to'>,
  { stage, end, drift }: Unwritten,
): string =>
  [
    ...(stage ? [`${migration} comes to stage ${to}: nothing is left to do for it.`] : []),
    ...(end
      ? [
          `The last apply of ${migration} did not write down what it left behind, or an older version did: this one does.`,
        ]
      : []),
    ...(drift.length > 0
      ? [
          `${drift.length === 1 ? '1 thing that changed outside is taken as it is' : `${drift.length} things that changed outside are taken as they are`}:\n\n${driftTable('changed', drift)}`,
        ]
      : []),
  ].join('\n')
