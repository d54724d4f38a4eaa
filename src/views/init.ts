import type { SkeletonNames } from '../app/project-skeleton.ts'

/** What was written, and what to do next. */
export const renderInit = (
  files: readonly string[],
  variables: readonly string[],
  { from, to }: SkeletonNames,
): string =>
  `Wrote ${files.join(', ')}.
Set ${variables.join(', ')}, or write the values into the files, then:
  ferry doctor
  ferry import --from ${from} --to ${to} --group GROUP
`
