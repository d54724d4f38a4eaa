import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { GroupSpec } from '../domain/migration.ts'
import { type GroupSync, takesBack } from '../domain/moved-groups.ts'
import { nameStray, type StrayedOnSource, strayedOnSource } from '../domain/strayed.ts'
import { counted } from '../steps/_words.ts'
import { named } from '../steps/gates/index.ts'
import { touchedOnTarget } from '../steps/moved-since-sync.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import { takeSyncsBack, whyDue } from '../steps/sync-again.ts'

/** Groups that were synced and run on the source (again), or have committed there since and stopped: members by name, commits by their ranges. */
export const backOnSource = (context: PlanContext): readonly Diagnostic[] => {
  const { desired, state } = context
  if (state.stage === 'retired') return []
  return desired.groups.flatMap((spec) => {
    const sync = state.syncs.find((s) => s.group === spec.id && s.status === 'done')
    return sync === undefined ? [] : comeBack(context, spec, sync)
  })
}

const comeBack = (
  context: PlanContext,
  spec: GroupSpec,
  sync: GroupSync,
): readonly Diagnostic[] => {
  const { source, target } = context.observed
  const members = source.groups.get(spec.id)?.description.members ?? []
  const strayed = strayedFor(context, spec, sync)
  if (members.length === 0 && strayed.length === 0) return []
  const runs = members.length === 0 ? [] : [`but runs on ${source.name} (again): ${named(members)}`]
  const ran =
    strayed.length === 0
      ? []
      : [
          `${members.length === 0 ? 'but' : 'and'} has committed on ${source.name} since: ${listed(strayed)}`,
        ]
  const { twice, fix } = wayOn(context, spec, sync)
  return [
    diagnostic({
      code: 'FERRY1343',
      severity: 'warning',
      detail: `${spec.id} has moved to ${target.name}, ${[...runs, ...ran].join(', ')}.${strayed.length === 0 ? '' : ` ${twice}`}`,
      fix:
        members.length === 0
          ? fix
          : strayed.length === 0
            ? 'Stop them: what they read on the source would be handled on both sides.'
            : 'Stop them, then make a new plan: it says how to go on from where they have come to.',
      at: spec.at,
    }),
  ]
}

/** Not where a plan syncs it again, or says why it cannot; nor in partitions that came since, which are synced when they are marked. */
const strayedFor = (
  context: PlanContext,
  spec: GroupSpec,
  sync: GroupSync,
): readonly StrayedOnSource[] => {
  const due = whyDue(context, spec)
  if (due.reason !== undefined || due.problem !== undefined) return []
  const here = context.observed.source.groups.get(spec.id)?.commits
  return [...strayedOnSource(context.state, sync, here)].filter(({ cameSince }) => !cameSince)
}

const MOST_RANGES = 10

const listed = (strayed: readonly StrayedOnSource[]): string => {
  const more = strayed.length - MOST_RANGES
  const shown = strayed.slice(0, MOST_RANGES).map(nameStray)
  return [...shown, ...(more > 0 ? [`and ${counted(more, 'more partition')}`] : [])].join('; ')
}

/** As long as it has committed nothing on the target nothing was handled twice yet, and a sync from where it is now keeps it so. */
const wayOn = (
  { desired, observed, state }: PlanContext,
  spec: GroupSpec,
  sync: GroupSync,
): { readonly twice: string; readonly fix: string } => {
  const { source, target } = observed
  const back = takeSyncsBack(desired)
  if (state.returns.some((r) => takesBack(r, sync))) {
    return {
      twice: `A rollback has begun to put it back there; on ${target.name} it would read that again.`,
      fix: `Carry the rollback on: ${back}. To move it then, apply again.`,
    }
  }
  const there = target.groups.get(spec.id)
  const isUntouched =
    there?.description.members.length === 0 &&
    touchedOnTarget(state, sync, there.commits) === undefined
  const stop = 'Find out what read there, and stop it for good.'
  if (isUntouched && state.stage === 'consumers-moved') {
    return {
      twice: `On ${target.name}, where it has committed nothing yet, it would read that again.`,
      fix: `${stop} Then ${back}, and apply again: it goes on behind what it has read.`,
    }
  }
  return {
    twice: `What it read there is handled on ${target.name}, too.`,
    fix: `${stop} Its service has to make good what it did twice. Then put its positions on ${source.name} back to where it was synced, or delete them: until then this is said again, and a rollback may be refused (FERRY1705).`,
  }
}
