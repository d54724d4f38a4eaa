import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** Said of a password or key that stands in the file itself. */
export const clearTextWarning = (document: ConfigDocument, pointer: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1026',
    severity: 'warning',
    detail: `${readablePath(pointer)} is written in the file; everybody who can read the repository can use it.`,
    fix: `Write a reference, \${env:NAME} or \${file:path}, and change the secret if the file was ever shared.`,
    at: document.at(pointer),
  })
