import { type Diagnostic, type DiagnosticParts, diagnostic } from '../../domain/diagnostic.ts'
import type { TopicName } from '../../domain/ids.ts'
import type { TopicSpec } from '../../domain/migration.ts'
import { someNames } from '../../steps/_words.ts'

/** Something that is so of a topic, and perhaps of a thousand others. */
export interface TopicWarning extends Pick<DiagnosticParts, 'code' | 'summary' | 'fix'> {
  readonly spec: TopicSpec
  /** The detail, where `topics` stands for the names of one topic or of several. */
  readonly says: (topics: string, isOne: boolean) => string
}

/** What stands in the way of one topic, and what should be known of it. */
export interface TopicFindings {
  readonly problems: readonly Diagnostic[]
  readonly warnings: readonly TopicWarning[]
}

/** What is so of several topics in the same words is one warning that names them, at the place of the first. */
export const saidOnce = (warnings: readonly TopicWarning[]): readonly Diagnostic[] => {
  const alike = new Map<string, { readonly first: TopicWarning; readonly topics: TopicName[] }>()
  for (const warning of warnings) {
    const key = [warning.code, warning.fix, warning.says('', true)].join('\n')
    const known = alike.get(key)
    if (known) known.topics.push(warning.spec.name)
    else alike.set(key, { first: warning, topics: [warning.spec.name] })
  }
  return [...alike.values()].map(({ first: { code, summary, fix, spec, says }, topics }) =>
    diagnostic({
      code,
      severity: 'warning',
      ...(summary !== undefined && { summary }),
      detail: says(someNames(topics), topics.length === 1),
      fix,
      at: spec.at,
    }),
  )
}
