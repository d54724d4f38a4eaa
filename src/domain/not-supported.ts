import { type Diagnostic, diagnostic } from './diagnostic.ts'
import type { Migration } from './migration.ts'

/** What a plan file asks for and this version cannot carry out, each with its place. */
export const notSupported = (migration: Migration): readonly Diagnostic[] =>
  migration.unsupported.map(({ what, at }) =>
    diagnostic({
      code: 'FERRY1301',
      detail: `This version of Ferry cannot carry out ${what}.`,
      fix: 'Take it out of the file.',
      at,
    }),
  )
