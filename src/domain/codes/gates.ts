import { type CodePage, page } from './page.ts'

export const GATE_CODES = {
  FERRY1501: page(7, 'Stopped at a gate', 'A fact that must hold before the next step did not come true in time.'),
} as const satisfies Record<string, CodePage>
