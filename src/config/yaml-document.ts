import { LineCounter, type ParsedNode, parseAllDocuments } from 'yaml'
import { type Diagnostic, diagnostic, type Place } from '../domain/diagnostic.ts'
import type { TextFile } from './read-file.ts'
import { toPlain } from './yaml-plain.ts'
import { yamlSentences } from './yaml-problems.ts'

/** A mapping as it stands in a file: untrusted. */
export type RawMapping = Readonly<Record<string, unknown>>

/** A file's content with the place of every part. */
export interface ConfigDocument extends TextFile {
  readonly value: RawMapping
  /** Where a part is; of a key in a mapping, either the key or its value. The nearest part above stands for one that is not there. */
  readonly at: (pointer: string, part?: 'key' | 'value') => Place
  /** How a scalar is written: `1.0` and 64-bit numbers do not survive as numbers. */
  readonly sourceOf: (pointer: string) => string | undefined
}

/**
 * YAML 1.2 text to plain values, with everything refused that makes a file mean something else than it shows.
 * `document` is absent where going on would only produce consequences of problems that are reported already.
 */
export const parseYaml = (
  source: TextFile,
): { readonly document?: ConfigDocument; readonly problems: readonly Diagnostic[] } => {
  const lines = new LineCounter()
  const placeAt = (offset: number, pointer: string): Place => {
    // The end of the file may lie on a line that is not there; its last character is a better place.
    const { line, col } = lines.linePos(Math.max(0, Math.min(offset, source.text.length - 1)))
    return { file: source.file, line: Math.max(1, line), column: Math.max(1, col), pointer }
  }
  const refuse = (code: Diagnostic['code'], offset: number, detail: string, fix: string) => ({
    problems: [diagnostic({ code, detail, fix, at: placeAt(offset, '') })],
  })

  const documents = compose(source.text, lines)
  if (documents === undefined) {
    return refuse('FERRY1004', 0, 'The file is nested too deeply.', 'Check the brackets.')
  }
  const [first, second] = documents
  const contents = first?.contents as ParsedNode | null | undefined
  // A file of comments is one document that holds null; a lone `~` is a value, and refused as such below.
  if (first === undefined || contents === null || contents === undefined || isNothing(contents)) {
    if (first === undefined || first.errors.length === 0) {
      return refuse(
        'FERRY1010',
        0,
        'The file holds no value.',
        'Write the file, or remove it; `ferry schema` prints what it may hold.',
      )
    }
  }

  // Only the first: what follows a syntax error is mostly its consequence.
  const [broken] = [...first.errors, ...first.warnings].sort(
    (one, other) => one.pos[0] - other.pos[0],
  )
  if (broken !== undefined) {
    const { code, detail, fix } = yamlSentences(broken.code)
    return refuse(code, broken.pos[0], detail, fix)
  }
  if (first.directives?.yaml.version !== '1.2') {
    return refuse(
      'FERRY1004',
      0,
      'The file asks for YAML 1.1, where yes, no and 1:30 are not text.',
      'Remove the %YAML line.',
    )
  }
  if (second !== undefined) {
    const { code, detail, fix } = yamlSentences('MULTIPLE_DOCS')
    return refuse(code, second.range[0], detail, fix)
  }

  const problems: Diagnostic[] = []
  const plain = toPlain(contents as ParsedNode, source.text)
  for (const { code, detail, fix, offset, pointer } of plain.problems) {
    problems.push(diagnostic({ code, detail, fix, at: placeAt(offset, pointer) }))
  }
  // After a key that is there twice the rest is sound; after the others a value is missing.
  if (problems.some((one) => one.code !== 'FERRY1006')) return { problems }
  if (plain.value === null || typeof plain.value !== 'object' || Array.isArray(plain.value)) {
    problems.push(
      diagnostic({
        code: 'FERRY1011',
        detail: `The file holds ${Array.isArray(plain.value) ? 'a list' : 'a single value'}.`,
        fix: 'Start it with `apiVersion: ferry/v1`, kind, metadata and spec.',
        at: placeAt(contents?.range[0] ?? 0, ''),
      }),
    )
    return { problems }
  }

  const { offsets } = plain
  const at = (pointer: string, part: 'key' | 'value' = 'value'): Place => {
    let known = pointer
    while (known !== '' && !offsets.has(known)) known = known.slice(0, known.lastIndexOf('/'))
    const where = offsets.get(known)
    // A part that is not there is missing from what the key above names.
    const useKey = part === 'key' || known !== pointer
    return placeAt((useKey ? where?.key : undefined) ?? where?.value ?? 0, pointer)
  }
  const value = plain.value as RawMapping
  const document = { ...source, value, at, sourceOf: (p: string) => offsets.get(p)?.source }
  return { document, problems }
}

/** Undefined if the text is nested so deeply that the library gives up. */
const compose = (text: string, lineCounter: LineCounter) => {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false,
      version: '1.2',
      merge: false,
      logLevel: 'silent',
    })
    return 'empty' in documents ? [] : documents
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const isNothing = (node: ParsedNode): boolean =>
  'value' in node && node.value === null && node.range[0] === node.range[1]
