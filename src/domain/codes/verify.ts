import { type CodePage, page } from './page.ts'

export const VERIFY_CODES = {
  FERRY1801: page(9, 'Records differ', 'A record on the target is not the one that the source holds.'),
} as const satisfies Record<string, CodePage>
