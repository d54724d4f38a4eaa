import { type CodePage, page } from './page.ts'

export const INTERNAL_CODES = {
  FERRY1901: page(
    1,
    'Internal error',
    'Ferry met a state that its authors thought impossible. Nothing further was changed. Run again with --log-level debug and report it.',
  ),
} as const satisfies Record<string, CodePage>
