import type { ImportResult } from '../app/import-migration.ts'
import { count } from './text.ts'

/** What was written, and what to do next. */
export const renderImported = ({ imported }: ImportResult, file: string): string => {
  const { closure, name } = imported
  const groups = closure.ties.filter(({ kind }) => kind === 'group').length
  return `Wrote ${file}: ${count(closure.topics.length, 'topic')}, ${count(groups, 'group')}.
Read it, add what no broker tells (users, their passwords, what else they may do), then:
  ferry validate
  ferry doctor ${name}
  ferry plan ${name}
`
}
