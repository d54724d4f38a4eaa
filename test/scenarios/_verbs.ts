import type { Command } from 'commander'
import { buildProgram } from '../../src/cli/program.ts'
import type { Streams } from '../../src/cli/streams.ts'

const program = buildProgram(() => async () => {}, {
  columns: 100,
  stdout: { write: () => {} },
} as unknown as Streams)

/** What a verb does by its first argument, as its help lists it: `list, show, pull, push or forget`. */
const actionsOf = ({ registeredArguments: [first] }: Command): readonly string[] =>
  first !== undefined && ['what', 'action'].includes(first.name())
    ? first.description.split(/, | or /)
    : []

/** Every verb that the program has, as it is typed: `state push`, not `state`. */
export const VERBS: readonly string[] = program.commands.flatMap((command) => {
  const actions = actionsOf(command)
  return actions.length === 0
    ? [command.name()]
    : actions.map((action) => `${command.name()} ${action}`)
})

/** Which of them a command line runs, flags of all verbs before it left out. */
export const verbOf = (args: readonly string[]): string => {
  const line = ` ${args.join(' ')} `
  const found = VERBS.filter((verb) => line.includes(` ${verb} `))
  const verb = found.sort((one, other) => line.indexOf(` ${one} `) - line.indexOf(` ${other} `))[0]
  if (verb === undefined) throw new Error(`ferry has no verb for: ${args.join(' ')}`)
  return verb
}
