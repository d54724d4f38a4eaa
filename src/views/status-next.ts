import type { MigrationStatus } from './status-report.ts'
import { listed } from './text.ts'

/** Makes a line of a page with this name in front. */
export type Line = (name: string, text: string) => string

/** The command that goes on, and where it will wait. */
export const renderNext = ({ name, next }: MigrationStatus, line: Line): readonly string[] => {
  switch (next.kind) {
    case 'blocked':
      return [line('next', `blocked: see the errors, then ferry plan ${name}`)]
    case 'apply':
      return [
        line('next', next.command),
        ...(next.gate?.step === next.step ? [] : [line('', `begins with ${next.step}`)]),
        next.gate === null
          ? line('', 'waits at no gate')
          : line('', `waits at ${next.gate.step} until ${listed(next.gate.waitsFor)}`),
      ]
    case 'edit':
      return [
        line('next', `set stage: ${next.stage} in the plan file, then ferry plan ${name}`),
        line('', 'nothing to apply until then'),
      ]
    case 'finished':
      return [
        line('next', 'nothing: the migration is finished'),
        line(
          '',
          `what was moved: ferry receipt ${name}; to check it: ferry verify ${name} --receipt`,
        ),
      ]
  }
}

/** What people must do before the next command can go on: whose consumers are where its first gate wants none, or are not where it wants some. */
export const renderFirst = (
  { next, groups, source, target }: MigrationStatus,
  line: Line,
): readonly string[] => {
  if (next.kind !== 'apply' || next.gate === null) return []
  const { waitsFor } = next.gate
  const awaited = (title: string): boolean => waitsFor.includes(title)
  return groups.flatMap((group) => {
    const stop = (['source', 'target'] as const)
      .filter(
        (side) => group[side].members > 0 && awaited(`${group.id} has no consumers on the ${side}`),
      )
      .map((side) => `stop ${group.id} on ${side === 'source' ? source : target}`)
    const isToMove = awaited(`${group.id} has consumers on the target and none on the source`)
    const move = isToMove
      ? [
          ...(group.source.members > 0 ? [`stop ${group.id} on ${source}`] : []),
          ...(group.target.members === 0 ? [`start ${group.id} on ${target}`] : []),
        ]
      : []
    return [...stop, ...move].map((text) => line('first', text))
  })
}
