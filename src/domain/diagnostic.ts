import { CODES } from './diagnostic-codes.ts'

/** Where in a user's file something is. Lines and columns count from 1; the pointer is a JSON pointer, `/spec/topics/0/name`. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly pointer: string
}

/** A closed list: see `diagnostic-codes.ts`. */
export type DiagnosticCode = keyof typeof CODES

/** Something a person should know, with what to do about it. `ferry explain CODE` has a page for each code. */
export interface Diagnostic {
  readonly code: DiagnosticCode
  readonly severity: 'error' | 'warning'
  /** Five words or so. */
  readonly summary: string
  /** What happened and why it matters. */
  readonly detail: string
  /** What to do. */
  readonly fix: string
  readonly at?: Place
}

/** What a caller supplies: severity defaults to error, the summary to the code's title. */
export type DiagnosticParts = Omit<Diagnostic, 'severity' | 'summary'> &
  Partial<Pick<Diagnostic, 'severity' | 'summary'>>

export const diagnostic = (parts: DiagnosticParts): Diagnostic => ({
  severity: 'error',
  summary: CODES[parts.code].title,
  ...parts,
})

/**
 * An error that a user can cause or must act on. It carries diagnostics, never only text, so that nothing matches on messages.
 * The process exit code follows from the first error's code: see {@link CODES}.
 */
export class FerryError extends Error {
  readonly diagnostics: readonly Diagnostic[]
  /** True if doing the same again later can succeed without anybody changing anything. */
  readonly retriable: boolean

  constructor(
    diagnostics: Diagnostic | readonly Diagnostic[],
    options: { readonly retriable?: boolean; readonly cause?: unknown } = {},
  ) {
    const list = Array.isArray(diagnostics) ? diagnostics : [diagnostics as Diagnostic]
    super(list.map((d) => `${d.code} ${d.summary}: ${d.detail}`).join('\n'), {
      cause: options.cause,
    })
    this.name = 'FerryError'
    this.diagnostics = list
    this.retriable = options.retriable ?? false
  }
}

/** For `switch` over a union: the compiler refuses a missing case. */
export const assertNever = (value: never): never => {
  throw new Error(`unexpected value ${JSON.stringify(value)}`)
}
