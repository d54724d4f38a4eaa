import { Command } from 'commander'
import { toolVersion } from '../app/tool-version.ts'
import { applyCommand } from './commands/apply.ts'
import { completionCommand } from './commands/completion.ts'
import { doctorCommand } from './commands/doctor.ts'
import { driftCommand } from './commands/drift.ts'
import { explainCommand } from './commands/explain.ts'
import { fmtCommand } from './commands/fmt.ts'
import { graphCommand } from './commands/graph.ts'
import { importCommand } from './commands/import.ts'
import { indexCommand } from './commands/index-export.ts'
import { initCommand } from './commands/init.ts'
import { mirrorCommand } from './commands/mirror.ts'
import { planCommand } from './commands/plan.ts'
import { receiptCommand } from './commands/receipt.ts'
import { resyncCommand } from './commands/resync.ts'
import { rollbackCommand } from './commands/rollback.ts'
import { salvageCommand } from './commands/salvage.ts'
import { schemaCommand } from './commands/schema.ts'
import { showCommand } from './commands/show.ts'
import { stateCommand } from './commands/state.ts'
import { statusCommand } from './commands/status.ts'
import { unlockCommand } from './commands/unlock.ts'
import { validateCommand } from './commands/validate.ts'
import { verifyCommand } from './commands/verify.ts'
import { versionCommand } from './commands/version.ts'
import { addGlobalFlags } from './global-flags.ts'
import type { Streams } from './streams.ts'
import type { Act } from './verb.ts'

/** In the order of the help: as a migration goes, then what helps along the way. */
const VERBS = [
  initCommand,
  importCommand,
  validateCommand,
  fmtCommand,
  doctorCommand,
  graphCommand,
  planCommand,
  showCommand,
  applyCommand,
  mirrorCommand,
  statusCommand,
  verifyCommand,
  receiptCommand,
  driftCommand,
  rollbackCommand,
  resyncCommand,
  salvageCommand,
  indexCommand,
  stateCommand,
  unlockCommand,
  explainCommand,
  schemaCommand,
  completionCommand,
  versionCommand,
] as const

/** The whole command line, without running any of it. */
export const buildProgram = (act: Act, streams: Streams): Command => {
  const program = new Command('ferry')
    .description(
      'Moves services from an old Kafka cluster to a new one, as code: exact offsets, reviewed plans, proven results.',
    )
    .version(`ferry ${toolVersion()}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print help for a verb')
  addGlobalFlags(program)
  // Settings are copied to a sub-command when it is made from here, so each is given them by hand.
  for (const command of [program, ...VERBS.map((verb) => verb(act))]) {
    command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => streams.stdout.write(text),
        // Refusals are told in our own form; see usage-diagnostic.ts.
        writeErr: () => {},
        outputError: () => {},
        getOutHelpWidth: () => Math.min(streams.columns, 100),
      })
      .configureHelp({ showGlobalOptions: false })
      .allowExcessArguments(false)
    if (command !== program) {
      command.helpOption('-h, --help', 'print help')
      program.addCommand(command)
    }
  }
  return program.addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
A migration, from the first look to the end:
  ferry validate                       check every file of the project
  ferry plan orders -o orders.plan     show what would be done, and keep it
  ferry apply orders.plan              do just that
  ferry status orders                  where it is, and what is next
  ferry verify orders --full           compare every record and every position

Exit codes: 0 done, 1 error, 2 changes pending, 3 drift, 4 blocked, 5 stale plan or wrong cluster,
6 locked, 7 stopped at a gate, 8 partly applied, 9 not verified, 64 usage, 130 interrupted.
`
