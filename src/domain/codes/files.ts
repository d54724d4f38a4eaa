import { type CodePage, page } from './page.ts'

export const FILE_CODES = {
  FERRY1001: page(1, 'File not found', 'A file that the project names, or that was given on the command line, does not exist or cannot be read.'),
} as const satisfies Record<string, CodePage>
