import { type Diagnostic, diagnostic, type Place } from '../../domain/diagnostic.ts'
import { type RemovedSpec, removedKey } from '../../domain/migration.ts'
import type { Protectable } from '../../domain/protectable.ts'
import { destroyedBy, isProtected } from '../../domain/protection.ts'
import type { MigrationState } from '../../domain/state.ts'
import type { RemoveObject, Step } from '../../domain/step.ts'
import { counted, someNames } from '../../steps/_words.ts'
import type { PlanContext } from '../../steps/step-kind.ts'

/**
 * What a plan may not destroy, whatever it is for: what is protected, more than the policy allows, and what is still mirrored. Taking back
 * what the state says Ferry made does not count against the policy. `others`: what the project's other migrations have decided; what they
 * mirror or protect on the same clusters is not this one's to remove. Pure.
 */
export const destructionGuards = (
  context: PlanContext,
  steps: readonly Step[],
  maxDestroy: number,
  others: readonly MigrationState[] = [],
): readonly Diagnostic[] => [
  ...steps.flatMap((step) => protectedGuard(context, step)),
  ...steps.flatMap((step) =>
    step.kind === 'remove-object' && !step.isGone ? ofOthers(context, step, others) : [],
  ),
  ...tooMany(context, steps.filter(isCounted), maxDestroy),
  ...context.desired.removed.flatMap((spec) => stillMirrored(context, spec)),
]

const isCounted = (step: Step): step is RemoveObject => step.kind === 'remove-object' && !step.ours

const placeOf = ({ desired }: PlanContext, { id }: RemoveObject): Place | undefined =>
  desired.removed.find((spec) => `remove/${removedKey(spec)}` === id)?.at

const protectedGuard = (context: PlanContext, step: Step): readonly Diagnostic[] => {
  const object = destroyedBy(step)
  if (object === undefined) return []
  const said = sayingOf(context, object)
  if (!isProtected(object, context.state) && said?.preventDelete !== true) return []
  const at = step.kind === 'remove-object' ? placeOf(context, step) : said?.at
  return [
    diagnostic({
      code: 'FERRY1334',
      detail: `${step.id} would delete or empty the ${object.kind} ${object.name}, and lifecycle.preventDelete keeps it.`,
      fix:
        said?.preventDelete === false
          ? 'The file says `preventDelete: false`, which is not applied yet: apply that first, without what deletes it.'
          : `If it may go: list the ${object.kind} with \`lifecycle: { preventDelete: false }\`, apply that, then plan again.`,
      ...(at && { at }),
    }),
  ]
}

const ofOthers = (
  context: PlanContext,
  step: RemoveObject,
  others: readonly MigrationState[],
): readonly Diagnostic[] => {
  const at = placeOf(context, step)
  const { id } = context.observed[step.on]
  const there = others.filter(({ clusters }) => clusters?.source === id || clusters?.target === id)
  const object = destroyedBy(step)
  return there.flatMap((other) => {
    if (object !== undefined && isProtected(object, other)) {
      return [
        diagnostic({
          code: 'FERRY1334',
          detail: `${step.id} would delete the ${object.kind} ${object.name}, and lifecycle.preventDelete of the migration ${other.migration} keeps it.`,
          fix: `If it may go: apply \`lifecycle: { preventDelete: false }\` for it in ${other.migration}, then plan again.`,
          ...(at && { at }),
        }),
      ]
    }
    const isMirrored =
      step.object.kind === 'topic' &&
      other.stage !== 'retired' &&
      marksOf(other).some(({ topic }) => topic === object?.name)
    return isMirrored
      ? [
          diagnostic({
            code: 'FERRY1336',
            detail: `${object?.name} is mirrored by the migration ${other.migration}, which is not retired: it cannot be removed.`,
            fix: `Retire ${other.migration} first, or give its copy up: \`ferry rollback ${other.migration} --to prepared\`.`,
            ...(at && { at }),
          }),
        ]
      : []
  })
}

const marksOf = ({ marks, markIntents, purges }: MigrationState) => [
  ...marks,
  ...markIntents,
  ...purges,
]

const sayingOf = (
  { desired }: PlanContext,
  { kind, name }: Protectable,
): { readonly preventDelete?: boolean | undefined; readonly at: Place } | undefined => {
  switch (kind) {
    case 'topic':
      return desired.topics.find((topic) => topic.name === name)
    case 'group':
      return desired.groups.find((group) => group.id === name)
    case 'user':
      return desired.users.find((user) => user.name === name)
  }
}

const tooMany = (
  context: PlanContext,
  steps: readonly RemoveObject[],
  maxDestroy: number,
): readonly Diagnostic[] => {
  const [first] = steps
  if (first === undefined || steps.length <= maxDestroy) return []
  const at = placeOf(context, first)
  return [
    diagnostic({
      code: 'FERRY1335',
      detail: `The plan deletes ${counted(steps.length, 'object')} that Ferry did not make (${someNames(steps.map(({ id }) => id.replace('remove/', '')))}); ${maxDestroy === 0 ? 'none may be deleted' : `at most ${maxDestroy} may be`}.`,
      fix: `If all of them may go: --max-destroy ${steps.length}, or policy.maxDestroy in ferry.yaml.`,
      ...(at && { at }),
    }),
  ]
}

/** Its line was taken out of `topics`, but its mark is there: a mirror writes to it, or a rollback counts on it. */
const stillMirrored = (
  { state }: PlanContext,
  { object, on, at }: RemovedSpec,
): readonly Diagnostic[] => {
  if (object.kind !== 'topic' || state.stage === 'retired') return []
  // What the source holds is deleted after this plan has retired the migration.
  if (on === 'source' || !marksOf(state).some(({ topic }) => topic === object.topic)) return []
  return [
    diagnostic({
      code: 'FERRY1336',
      detail: `${object.topic} is mirrored by this migration, which is not retired: its copy on the target cannot be removed.`,
      fix: 'To give the copy up: list the topic again, and `ferry rollback NAME --to prepared`.',
      at,
    }),
  ]
}
