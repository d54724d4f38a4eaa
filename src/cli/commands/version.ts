import { Command } from 'commander'
import { toolVersion } from '../../app/tool-version.ts'
import { PLAN_FORMAT_VERSION } from '../../domain/plan.ts'
import { isSet } from '../args.ts'
import { EXIT } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

export interface VersionResult {
  readonly formatVersion: '1.0'
  readonly ferry: string
  readonly node: string
  readonly planFormat: string
}

export const version = (): VersionResult => ({
  formatVersion: '1.0',
  ferry: toolVersion(),
  node: process.versions.node,
  planFormat: PLAN_FORMAT_VERSION,
})

export const versionCommand = (act: Act): Command =>
  new Command('version')
    .summary('print the version')
    .description(
      'Prints the version of Ferry; with --json also what it runs on and which plan files it reads.',
    )
    .option('--json', 'as JSON')
    .action(
      act(async (context, _, flags) => {
        const result = version()
        const { renderJson } = await import('../../views/json.ts')
        context.print(isSet(flags, 'json') ? renderJson(result) : `ferry ${result.ferry}\n`)
        return EXIT.done
      }),
    )
