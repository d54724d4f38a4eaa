import type { Project } from './_world.ts'

export interface JournalLine {
  readonly at: string
  readonly plan: string
  readonly what: { readonly kind: string; readonly step?: string; readonly outcome?: string }
}

export const journalOf = (project: Project, name: string): readonly JournalLine[] =>
  project
    .read(`.ferry/${name}/journal.jsonl`)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalLine)

/** Of the last plan, for how many milliseconds each step worked: from its intent to its result, so without the wait for its gates before. */
export const workedFor = (project: Project, name: string): ReadonlyMap<string, number> => {
  const lines = journalOf(project, name)
  const began = new Map<string, number>()
  const worked = new Map<string, number>()
  for (const { at, what } of lines.filter(({ plan }) => plan === lines.at(-1)?.plan)) {
    const { kind, step } = what
    if (step === undefined) continue
    if (kind === 'intent') began.set(step, Date.parse(at))
    if (kind === 'result') worked.set(step, Date.parse(at) - began.get(step)!)
  }
  return worked
}
