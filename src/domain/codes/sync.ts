import { type CodePage, page } from './page.ts'

export const SYNC_CODES = {
  FERRY1701: page(8, 'Group not synced', 'A group position could not be written on the target.'),
} as const satisfies Record<string, CodePage>
