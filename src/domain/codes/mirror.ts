import { type CodePage, page } from './page.ts'

export const MIRROR_CODES = {
  FERRY1601: page(9, 'Cannot carry records', 'The source holds records that this version of the mirror cannot copy exactly.'),
} as const satisfies Record<string, CodePage>
