/** What `ferry explain CODE` knows about a code, and the exit code a process ends with when it is the reason (design section 8). */
export interface CodePage {
  /** Five words or so; the default summary of its diagnostics. */
  readonly title: string
  readonly exitCode: 1 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 64
  /** What it means, why Ferry stops there, and the ways on. */
  readonly explanation: string
}

export const page = (
  exitCode: CodePage['exitCode'],
  title: string,
  explanation: string,
): CodePage => ({ title, exitCode, explanation })
