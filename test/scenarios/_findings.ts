import { expect } from 'vitest'
import type { Ended } from './_world.ts'

/** A diagnostic as a person reads it on stderr. */
export interface Finding {
  readonly severity: string
  readonly code: string
  readonly summary: string
  /** `plans/orders.yaml:3:7`, as shown. */
  readonly place: string | undefined
  readonly detail: string
  readonly fix: string
}

/** All errors and warnings on stderr, in their order. */
export const findingsIn = (stderr: string): readonly Finding[] => {
  const found: { head: RegExpExecArray; body: string[] }[] = []
  for (const line of stderr.split('\n')) {
    const head = /^(error|warning) (FERRY\d{4}) (.*?)(?: {2}(\S+:\d+:\d+))?$/.exec(line)
    if (head !== null) found.push({ head, body: [] })
    else if (line.startsWith('  ')) found.at(-1)?.body.push(line.trim())
  }
  return found.map(({ head: [, severity = '', code = '', summary = '', place], body }) => {
    const [detail = '', fix = ''] = body.join(' ').split('fix: ', 2)
    return { severity, code, summary, place, detail: detail.trim(), fix }
  })
}

export const errorsIn = (stderr: string): readonly Finding[] =>
  findingsIn(stderr).filter(({ severity }) => severity === 'error')

/** A stack trace is for developers, and only where they ask for one. */
export const expectNoStack = ({ stdout, stderr }: Ended): void => {
  expect(stdout + stderr).not.toMatch(/^\s+at .*[:/]\d+\)?$/m)
  expect(stdout + stderr).not.toMatch(/node:internal|\.js:\d+|\.ts:\d+|node_modules/)
}
