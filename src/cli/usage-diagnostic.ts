import type { Command, CommanderError } from 'commander'
import { nearMatches } from '../app/near-matches.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import { upperFirst } from '../domain/upper-first.ts'

/** A refusal of commander in our form. Its codes are used, its texts only quoted. */
export const usageDiagnostic = (error: CommanderError, program: Command): Diagnostic => {
  // `error: unknown option '--jsno'\n(Did you mean --json?)`
  const [first = ''] = error.message.replace(/^error: /, '').split('\n')
  const detail = `${upperFirst(first)}.`.replace(/\.\.$/, '.')
  const [word, wanted] = program.args
  const verb = program.commands.find((command) => command.name() === word)
  const help = verb
    ? `\`ferry ${verb.name()} --help\` shows what it takes.`
    : '`ferry --help` shows the flags of every verb.'
  switch (error.code) {
    case 'commander.unknownCommand':
      return unknownVerb(word ?? '', program)
    case 'commander.unknownOption': {
      const flag = /'(-[^'=]*)/.exec(first)?.[1] ?? ''
      return diagnostic({
        code: 'FERRY1103',
        detail,
        fix: [nearFlag(flag, verb, program), help].filter((part) => part !== undefined).join(' '),
      })
    }
    case 'commander.invalidArgument':
      return diagnostic({ code: 'FERRY1105', detail, fix: help })
    case 'commander.help':
      // Of a verb that does not exist commander only prints the help of all.
      if (word === 'help' && wanted !== undefined) return unknownVerb(wanted, program)
      return diagnostic({
        code: 'FERRY1101',
        detail: 'No verb was given.',
        fix: '`ferry --help` lists the verbs; `ferry plan` is a good first one.',
      })
    default:
      return diagnostic({ code: 'FERRY1101', detail, fix: help })
  }
}

const unknownVerb = (word: string, program: Command): Diagnostic =>
  diagnostic({
    code: 'FERRY1102',
    detail: `Ferry has no verb ${JSON.stringify(word)}.`,
    fix: nearMatches(
      word,
      program.commands.map((command) => command.name()),
      'verbs',
    ),
  })

const flagsOf = (command: Command): readonly string[] =>
  command.options.flatMap(({ long }) => long ?? [])

/** What was probably meant: a flag that is spelt like it or begins so, or the verbs that have it. */
const nearFlag = (
  flag: string,
  verb: Command | undefined,
  program: Command,
): string | undefined => {
  const known = [...(verb ? flagsOf(verb) : []), ...flagsOf(program)]
  const begun = flag.length > '--x'.length ? known.filter((each) => each.startsWith(flag)) : []
  const near = didYouMean(flag, known) ?? (begun.length === 1 ? begun[0] : undefined)
  if (near !== undefined) return `Did you mean ${near}?`
  const verbs = program.commands
    .filter((command) => flagsOf(command).includes(flag))
    .map((command) => command.name())
  return verbs.length === 0 ? undefined : `It is a flag of: ${verbs.join(', ')}.`
}
