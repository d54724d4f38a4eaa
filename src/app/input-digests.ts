import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import type { Migration, Project } from '../domain/migration.ts'

/**
 * SHA-256 of the bytes of each file that a plan of this migration depends on, by path relative to the project. Other migrations are not
 * among them: editing another team's file must not make this plan stale.
 */
export const inputDigests = async (
  project: Project,
  migration: Migration,
): Promise<Readonly<Record<string, string>>> => {
  const clusters = [migration.from, migration.to].flatMap((name) => {
    const cluster = project.clusters.get(name)
    return cluster === undefined ? [] : [cluster.file]
  })
  const folder = dirname(project.file)
  const files = [...new Set([project.file, ...clusters, migration.file])]
  const entries = await Promise.all(
    files.map(async (file): Promise<[string, string]> => {
      const bytes = await readFile(file)
      return [
        relative(folder, file).split(sep).join('/'),
        createHash('sha256').update(bytes).digest('hex'),
      ]
    }),
  )
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** The paths whose digest differs, or that only one side has. */
export const changedInputs = (
  planned: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] =>
  [...new Set([...Object.keys(planned), ...Object.keys(now)])]
    .filter((path) => planned[path] !== now[path])
    .sort()
