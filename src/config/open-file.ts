import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import { checkDuplicates } from './duplicates.ts'
import { readTextFile } from './read-file.ts'
import { type ReferenceSource, type ResolvedText, resolveReferences } from './references.ts'
import { compiledSchema, type SchemaKind } from './schema.ts'
import { schemaProblems } from './schema-problems.ts'
import { escapePointer, quote } from './words.ts'
import { type ConfigDocument, parseYaml } from './yaml-document.ts'

/** A file that is at least YAML of the right kind. */
export interface OpenedFile<Raw> {
  readonly document: ConfigDocument
  /** What fits the schema; the rest is left out (`undefined` in lists, so that indexes hold), so that all other problems are found in the same run. */
  readonly raw: Raw
  /** Texts that may hold references, by pointer, with the references followed. */
  readonly texts: ReadonlyMap<string, ResolvedText>
  /** True if nothing at or below the pointer is missing from `raw`. */
  readonly isWhole: (pointer: string) => boolean
}

const KIND_NAMES = { project: 'Project', cluster: 'Cluster', migration: 'Migration' } as const

/** Reads a file and checks all that needs no other file and no knowledge of Kafka. */
export const openFile = async <Raw>(
  file: string,
  kind: SchemaKind,
  from: ReferenceSource,
): Promise<{ readonly opened?: OpenedFile<Raw>; readonly problems: readonly Diagnostic[] }> => {
  const source = await readTextFile(file, from.readFile)
  if ('problem' in source) return { problems: [source.problem] }
  const { document, problems: yamlProblems } = parseYaml(source)
  if (document === undefined) return { problems: yamlProblems }
  const wrongHeader = headerProblems(document, kind)
  if (wrongHeader.length > 0) return { problems: [...yamlProblems, ...wrongHeader] }

  const references = await resolveReferences(document, kind, from)
  const schema = await compiledSchema(kind)
  const misfits = schemaProblems(document, schema, references.misplaced)
  const bad = new Set([...misfits.badPointers, ...references.misplaced])
  const missing = [...bad, ...misfits.problems.map((one) => one.at?.pointer ?? '')]
  return {
    opened: {
      document,
      raw: without(document.value, '', bad) as Raw,
      texts: references.texts,
      isWhole: (pointer) =>
        !missing.some(
          (one) => `${one}/`.startsWith(`${pointer}/`) || pointer.startsWith(`${one}/`),
        ),
    },
    problems: [
      ...yamlProblems,
      ...references.problems.filter((one) => !isBelow(one.at?.pointer ?? '', misfits.badPointers)),
      ...misfits.problems,
      ...checkDuplicates(document),
    ],
  }
}

/** A reference under a key that does not exist is no second problem. */
const isBelow = (pointer: string, above: readonly string[]): boolean =>
  above.some((one) => `${pointer}/`.startsWith(`${one}/`))

/** Of another kind or version, nothing else in the file is worth a word. */
const headerProblems = (document: ConfigDocument, kind: SchemaKind): readonly Diagnostic[] => {
  const { apiVersion, kind: found } = document.value
  const wanted = KIND_NAMES[kind]
  const problems: Diagnostic[] = []
  if (typeof apiVersion === 'string' && apiVersion !== 'ferry/v1') {
    problems.push(
      diagnostic({
        code: 'FERRY1012',
        detail: `apiVersion is ${quote(apiVersion)}; this version of Ferry knows only ferry/v1.`,
        fix: 'Write `apiVersion: ferry/v1`, or use the version of Ferry that the file was written for.',
        at: document.at('/apiVersion'),
      }),
    )
  }
  if (typeof found === 'string' && found !== wanted) {
    const isOtherKind = Object.values<string>(KIND_NAMES).includes(found)
    problems.push(
      diagnostic({
        code: 'FERRY1013',
        detail: `kind is ${quote(found)}; the project reads this file as a ${wanted}.`,
        fix:
          !isOtherKind && didYouMean(found, [wanted]) !== undefined
            ? `Did you mean ${wanted}?`
            : `Write \`kind: ${wanted}\`, or correct spec.clusters and spec.migrations in ferry.yaml.`,
        at: document.at('/kind'),
      }),
    )
  }
  return problems
}

/** A copy without the parts at `bad`. */
const without = (value: unknown, pointer: string, bad: ReadonlySet<string>): unknown => {
  if (bad.has(pointer)) return undefined
  if (Array.isArray(value)) return value.map((item, i) => without(item, `${pointer}/${i}`, bad))
  if (value === null || typeof value !== 'object') return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, child] of Object.entries(value)) {
    copy[key] = without(child, `${pointer}/${escapePointer(key)}`, bad)
  }
  return copy
}
