import type { Skeleton, SkeletonNames } from '../app/project-skeleton.ts'

/** What was written, and what to do next. */
export const renderInit = (
  { files, toIgnore }: Skeleton,
  variables: readonly string[],
  { from, to }: SkeletonNames,
): string =>
  `Wrote ${files.join(', ')}.
${toIgnore === undefined ? '' : `Add ${toIgnore} to .gitignore: the state is kept there, and belongs in no repository.\n`}Set ${variables.join(', ')}, or write the values into the files, then:
  ferry doctor
  ferry import --from ${from} --to ${to} --group GROUP
`
