import { type CodePage, page } from './page.ts'

export const USAGE_CODES = {
  FERRY1101: page(64, 'Wrong use', 'The command line is not one that this verb understands; nothing was done.'),
} as const satisfies Record<string, CodePage>
