import { dirname, resolve } from 'node:path'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { MAX_FILE_BYTES, type ReadFile, readFailure } from './read-file.ts'
import type { SchemaKind } from './schema.ts'
import { escapePointer, readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** Where references lead. Injected, so that no parser knows the process it runs in. */
export interface ReferenceSource {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: ReadFile
}

/** A text after its references were followed. Never quote `text` in a message where `isReference`: it may be any secret of the machine. */
export interface ResolvedText {
  readonly text: string
  readonly isReference: boolean
}

/** Where references may stand (design section 3). */
const ALLOWED: Readonly<Record<SchemaKind, RegExp | undefined>> = {
  project: undefined,
  cluster:
    /^\/spec\/(clusterId|bootstrapServers(\/\d+)?|tls\/(ca|cert|key|serverName)|sasl\/(username|password))$/,
  migration: /^\/spec\/users\/\d+\/password$/,
}

const ALLOWED_WORDS =
  'References are allowed only under spec of cluster files (but for sasl.mechanism) and in password.'

/**
 * Follows every `${env:NAME}` and `${file:path}` of a file that stands where it may. `misplaced` are the pointers of those that do
 * not. A text whose reference leads nowhere is in neither.
 */
export const resolveReferences = async (
  document: ConfigDocument,
  kind: SchemaKind,
  from: ReferenceSource,
): Promise<{
  readonly texts: ReadonlyMap<string, ResolvedText>
  readonly misplaced: ReadonlySet<string>
  readonly problems: readonly Diagnostic[]
}> => {
  const texts = new Map<string, ResolvedText>()
  const misplaced = new Set<string>()
  const problems: Diagnostic[] = []
  for (const [pointer, text] of textsOf(document.value, '')) {
    if (ALLOWED[kind]?.test(pointer)) {
      const resolved = await resolveText(text, pointer, document, from)
      if ('text' in resolved) texts.set(pointer, resolved)
      else problems.push(...resolved.problems)
    } else if (/(?<!\$)\$\{(env|file):/.test(text)) {
      misplaced.add(pointer)
      problems.push(
        diagnostic({
          code: 'FERRY1021',
          detail: `${readablePath(pointer)} holds a reference; what was reviewed would not be what is applied. ${ALLOWED_WORDS}`,
          fix: 'Write the value itself.',
          at: document.at(pointer),
        }),
      )
    }
  }
  return { texts, misplaced, problems }
}

/** Every text of a value, with its pointer. */
function* textsOf(value: unknown, pointer: string): Generator<readonly [string, string]> {
  if (typeof value === 'string') yield [pointer, value]
  else if (value !== null && typeof value === 'object') {
    for (const [key, child] of Object.entries(value)) {
      yield* textsOf(child, `${pointer}/${escapePointer(key)}`)
    }
  }
}

/** `$${`, a whole reference, or the beginning of something that is none. */
const REFERENCE = /\$\$\{|\$\{(?:(env|file):([^{}]+)\})?/g

const resolveText = async (
  text: string,
  pointer: string,
  document: ConfigDocument,
  from: ReferenceSource,
): Promise<ResolvedText | { readonly problems: readonly Diagnostic[] }> => {
  const problems: Diagnostic[] = []
  let resolved = ''
  let end = 0
  let isReference = false
  for (const match of text.matchAll(REFERENCE)) {
    resolved += text.slice(end, match.index)
    end = match.index + match[0].length
    if (match[0] === '$${') {
      resolved += '${'
      continue
    }
    isReference = true
    const outcome = await follow(match[1], match[2], document.file, from)
    if (typeof outcome === 'string') resolved += outcome
    else {
      const path = readablePath(pointer)
      problems.push(
        diagnostic({
          code: outcome.code,
          detail: `${path} ${outcome.detail}`,
          fix: outcome.fix,
          at: document.at(pointer),
        }),
      )
    }
  }
  return problems.length > 0 ? { problems } : { text: resolved + text.slice(end), isReference }
}

const follow = async (
  scheme: string | undefined,
  name: string | undefined,
  file: string,
  from: ReferenceSource,
): Promise<string | Pick<Diagnostic, 'code' | 'detail' | 'fix'>> => {
  if (name === undefined || (scheme === 'env' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))) {
    return {
      code: 'FERRY1024',
      // The text itself is not shown: it may be a password with ${ in it.
      detail: 'holds ${ but no whole reference.',
      fix: `Write \${env:NAME} or \${file:path}, or $\${ for a literal \${.`,
    }
  }
  return scheme === 'env' ? followVariable(name, from) : followFile(name, file, from)
}

const followVariable = (name: string, from: ReferenceSource) => {
  const value = Object.hasOwn(from.env, name) ? from.env[name] : undefined
  return value !== undefined && value !== ''
    ? value
    : ({
        code: 'FERRY1022',
        detail: `refers to the environment variable ${name}, which is ${value === undefined ? 'not set' : 'set but empty'}.`,
        fix: `Set ${name} before running Ferry; in CI, check that the job may see the secret.`,
      } as const)
}

const followFile = async (name: string, file: string, from: ReferenceSource) => {
  const path = resolve(dirname(file), name)
  const refuse = (why: string) =>
    ({
      code: 'FERRY1023',
      detail: `refers to the file ${path}, which ${why}.`,
      fix: `Check the path, which is relative to ${dirname(file)}, and that Ferry's user may read it.`,
    }) as const
  try {
    const bytes = await from.readFile(path, MAX_FILE_BYTES)
    if (bytes.length > MAX_FILE_BYTES) return refuse('is larger than 4 MiB')
    // Editors and `echo` end a file with a newline that is not part of a password.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' ? refuse('is empty') : text
  } catch (error) {
    return refuse(error instanceof TypeError ? 'is not UTF-8' : readFailure(error))
  }
}
