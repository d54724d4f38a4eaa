import { type CodePage, page } from './page.ts'

export const PLAN_CODES = {
  FERRY1401: page(5, 'Plan is stale', 'Something the plan was made from has changed since.'),
} as const satisfies Record<string, CodePage>
