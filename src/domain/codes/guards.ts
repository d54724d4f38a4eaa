import { type CodePage, page } from './page.ts'

export const GUARD_CODES = {
  FERRY1301: page(4, 'Not supported yet', 'The plan file asks for something that this version of Ferry cannot carry out.'),
} as const satisfies Record<string, CodePage>
