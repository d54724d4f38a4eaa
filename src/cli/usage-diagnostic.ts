import type { Command, CommanderError } from 'commander'
import { nearMatches } from '../app/near-matches.ts'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'

/** A refusal of commander in our form. Its codes are used, its texts only quoted. */
export const usageDiagnostic = (error: CommanderError, program: Command): Diagnostic => {
  // `error: unknown option '--jsno'\n(Did you mean --json?)`
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const detail = `${first.charAt(0).toUpperCase()}${first.slice(1)}.`.replace(/\.\.$/, '.')
  const help = '`ferry VERB --help` shows what a verb takes.'
  switch (error.code) {
    case 'commander.unknownCommand':
      return diagnostic({
        code: 'FERRY1102',
        detail: `Ferry has no verb ${JSON.stringify(program.args[0] ?? '')}.`,
        fix: nearMatches(
          program.args[0] ?? '',
          program.commands.map((command) => command.name()),
          'verbs',
        ),
      })
    case 'commander.unknownOption':
      return diagnostic({
        code: 'FERRY1103',
        detail,
        fix: suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, '')} ${help}`,
      })
    case 'commander.invalidArgument':
      return diagnostic({ code: 'FERRY1105', detail, fix: help })
    case 'commander.help':
      return diagnostic({
        code: 'FERRY1101',
        detail: 'No verb was given.',
        fix: '`ferry --help` lists the verbs; `ferry plan` is a good first one.',
      })
    default:
      return diagnostic({ code: 'FERRY1101', detail, fix: help })
  }
}
