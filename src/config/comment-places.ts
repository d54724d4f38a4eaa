import { Composer, type CST, type Document, Parser } from 'yaml'

type Block = CST.BlockMap | CST.BlockSequence

/**
 * Reads a document so that every comment is where its indentation says. The library hangs all lines behind a comment at the end of a block onto
 * that block, also those that are less indented: they are about what comes next.
 */
export const parseCommented = (
  text: string,
  options: ConstructorParameters<typeof Composer>[0],
): Document | undefined => {
  const [document] = new Composer(options).compose(tokensOf(text), true, text.length)
  return document
}

const tokensOf = (text: string): readonly CST.Token[] => {
  const tokens = [...new Parser().parse(text)]
  for (const token of tokens) {
    if (token.type !== 'document' || !isBlock(token.value)) continue
    const left = endsWithin(token.value, -1)
    if (left.length > 0) token.end = [...left, ...(token.end ?? [])]
  }
  return tokens
}

const isBlock = (token: CST.Token | null | undefined): token is Block =>
  token?.type === 'block-map' || token?.type === 'block-seq'

/** Takes from the end of a block, and of every one in it, what is not indented as it is; what is left over comes behind the block. */
const endsWithin = (block: Block, parentIndent: number): readonly CST.SourceToken[] => {
  for (let i = 0; i < block.items.length; i++) {
    const { value } = block.items[i] as { readonly value?: CST.Token }
    if (!isBlock(value)) continue
    const left = endsWithin(value, block.indent)
    if (left.length === 0) continue
    const next = block.items[i + 1]
    if (next === undefined) block.items.push({ start: [...left] })
    else next.start.unshift(...left)
  }
  const last = block.items.at(-1)
  if (last === undefined || !isOnlyComments(last)) return []
  // A list may stand as far left as the key that it belongs to.
  const least = block.type === 'block-seq' ? Math.max(block.indent, parentIndent + 1) : block.indent
  const outside = last.start.findIndex(
    ({ type, indent }: CST.SourceToken) =>
      type === 'comment' && (indent < least || block.indent === 0),
  )
  if (outside === -1) return []
  // Up to the end of the line of the last comment that stays: empty lines go with what they stand before.
  const stays = last.start.slice(0, outside).findLastIndex(({ type }) => type === 'comment')
  const cut = stays === -1 ? 0 : stays + 2
  const left = last.start.splice(cut)
  if (last.start.length === 0) block.items.pop()
  return left
}

const isOnlyComments = (item: Item): boolean => {
  const { key, sep, value } = item as Partial<CST.BlockMap['items'][number]>
  return (
    key == null &&
    sep === undefined &&
    value === undefined &&
    item.start.every(({ type }) => type === 'comment' || type === 'newline' || type === 'space')
  )
}

/** A comment, and everything that it may be said to stand at, as pointers; the end of a block is its pointer and `$`. */
interface Placed {
  readonly comment: string
  readonly at: readonly string[]
}

/**
 * Whether every comment of one text is in the other one too, where it was: before the same entry, behind it, or at the end of the same block.
 * What stands above the first entry of a block in the new text may have stood on the line of the key that owns it.
 */
export const keepsComments = (oldText: string, newText: string): boolean => {
  const after = new Map<string, Placed[]>()
  for (const placed of placesIn(newText, true)) {
    const same = after.get(placed.comment)
    if (same === undefined) after.set(placed.comment, [placed])
    else same.push(placed)
  }
  const before = placesIn(oldText, false)
  for (const { comment, at } of before) {
    const same = after.get(comment) ?? []
    const found = same.findIndex((each) => each.at.some((place) => at.includes(place)))
    if (found === -1) return false
    same.splice(found, 1)
  }
  return [...after.values()].every((rest) => rest.length === 0)
}

const placesIn = (text: string, ofOwner: boolean): readonly Placed[] => {
  const placed: Placed[] = []
  const put = (token: unknown, at: readonly string[]): void => {
    for (const comment of commentsIn(token)) placed.push({ comment, at })
  }
  const walk = (block: Block, path: string): void => {
    for (const [i, { start, key, sep, value }] of itemsOf(block).entries()) {
      if (isOnlyComments({ start, key, sep, value } as Item)) {
        put(start, [`${path}$`])
        continue
      }
      const here = pointerOf(block, i, path)
      const owner = ofOwner && i === 0 ? [path] : []
      put(start, [here, ...(block.type === 'block-seq' ? startsAt(value, here) : []), ...owner])
      put(key, [here])
      const line = (sep ?? []).findIndex(({ type }) => type === 'newline')
      const onLine = line === -1 ? sep : sep?.slice(0, line)
      put(onLine, [here])
      const below = startsAt(value, here)
      const isAbove = below.length > 0
      put(
        line === -1 ? [] : sep?.slice(line),
        isAbove ? [...below, ...(ofOwner ? [here] : [])] : [here],
      )
      if (isBlock(value)) walk(value, here)
      else put(value, [here])
    }
  }
  let isBefore = true
  const tokens = tokensOf(text)
  const document = tokens.find((token) => token.type === 'document')
  const first = ['^', ...startsAt(document?.value, '')]
  for (const token of tokens) {
    if (token !== document) put(token, isBefore ? first : ['$'])
    else {
      isBefore = false
      put(document.start, first)
      if (isBlock(document.value)) walk(document.value, '')
      else put(document.value, [''])
      put(document.end, ['$'])
    }
  }
  return placed
}

type Item = Block['items'][number]
const itemsOf = (block: Block): readonly Partial<CST.BlockMap['items'][number]>[] => block.items

const pointerOf = (block: Block, i: number, path: string): string => {
  const key = itemsOf(block)[i]?.key
  return `${path}/${block.type === 'block-map' && key && 'source' in key ? key.source : i}`
}

/** The entries that begin where a block does. */
const startsAt = (token: CST.Token | null | undefined, path: string): readonly string[] => {
  if (!isBlock(token)) return []
  const first = pointerOf(token, 0, path)
  return token.type === 'block-map'
    ? [first]
    : [first, ...startsAt(itemsOf(token)[0]?.value, first)]
}

const commentsIn = (token: unknown): readonly string[] => {
  if (token === null || typeof token !== 'object') return []
  const { type, source } = token as Partial<CST.SourceToken>
  return type === 'comment'
    ? [String(source).trimEnd()]
    : Object.values(token).flatMap((each) => commentsIn(each))
}
