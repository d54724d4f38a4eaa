import type { YAMLError } from 'yaml'
import type { DiagnosticCode } from '../domain/diagnostic.ts'

interface Sentences {
  readonly code: DiagnosticCode
  readonly detail: string
  readonly fix: string
}

const syntax = (detail: string, fix: string): Sentences => ({ code: 'FERRY1004', detail, fix })

const INDENTATION = syntax(
  'The indentation does not fit the lines above, or a bracket is not closed.',
  'Indent the keys of one mapping by the same number of spaces, and close every [ and {.',
)
const RESERVED = syntax(
  'The value begins with a character that means something else in YAML.',
  'Put the value in double quotes.',
)
const COLON = syntax(
  'A key and its value stand where a single value is expected.',
  'Start a new line for the key, or put text that contains a colon in double quotes.',
)
const ANCHOR = syntax(
  'An anchor (&), alias (*) or tag (!) cannot be used like this.',
  'Write the value out; put text that begins with &, * or ! in double quotes.',
)

/**
 * What is wrong, in our words. The library's own messages quote the text of the file, and a password that begins with
 * `*` or `!` would be in them.
 */
const SENTENCES: Readonly<Partial<Record<YAMLError['code'], Sentences>>> = {
  TAB_AS_INDENT: {
    code: 'FERRY1005',
    detail: 'A tab indents this line. YAML allows only spaces there.',
    fix: 'Replace the tab by spaces.',
  },
  MULTIPLE_DOCS: {
    code: 'FERRY1009',
    detail: 'A second document begins here.',
    fix: 'Move it to a file of its own and remove the line ---.',
  },
  NON_STRING_KEY: syntax('A key is a list or a mapping.', 'Use plain text as the key.'),
  BAD_INDENT: INDENTATION,
  BLOCK_IN_FLOW: INDENTATION,
  BAD_SCALAR_START: RESERVED,
  BLOCK_AS_IMPLICIT_KEY: COLON,
  MULTILINE_IMPLICIT_KEY: syntax(
    'This line is neither a key with a value nor part of a list.',
    'Write `key: value`, with a space after the colon, or `- entry`.',
  ),
  KEY_OVER_1024_CHARS: syntax('A key is longer than 1,024 characters.', 'Check the quotes.'),
  MISSING_CHAR: syntax(
    'A quote, a bracket, a comma, or the space after a colon is missing here or above.',
    'Close the quote or bracket; write `key: value` with a space after the colon.',
  ),
  BAD_DQ_ESCAPE: syntax(
    'Text in double quotes has a backslash that begins no known escape.',
    'Write two backslashes for one, or use single quotes.',
  ),
  BAD_DIRECTIVE: syntax('A line that begins with % is no known directive.', 'Remove the line.'),
  BAD_ALIAS: ANCHOR,
  ALIAS_PROPS: ANCHOR,
  MULTIPLE_ANCHORS: ANCHOR,
  MULTIPLE_TAGS: ANCHOR,
  BAD_PROP_ORDER: ANCHOR,
  BAD_COLLECTION_TYPE: ANCHOR,
  TAG_RESOLVE_FAILED: syntax(
    'The value begins with a tag (!) that Ferry does not know, or that does not fit the value.',
    'Remove the tag; put text that begins with ! in double quotes.',
  ),
}

/** The code and the sentences for an error of the YAML library. */
export const yamlSentences = (code: YAMLError['code']): Sentences =>
  SENTENCES[code] ??
  syntax(
    'YAML does not allow this here.',
    'Check the indentation, quotes and brackets of this line and the one above.',
  )
