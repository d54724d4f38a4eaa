import { isAlias, isMap, isScalar, type Node, type ParsedNode } from 'yaml'
import type { DiagnosticCode } from '../domain/diagnostic.ts'
import { escapePointer, readablePath } from './words.ts'

/** Where a part begins in the text, and how a scalar is written there. */
export interface Offsets {
  readonly key: number | undefined
  readonly value: number
  readonly source: string | undefined
}

export interface PlainProblem {
  readonly code: DiagnosticCode
  readonly detail: string
  readonly fix: string
  readonly offset: number
  readonly pointer: string
}

/** The sum of nodes that aliases may add (design section 3): more is a mistake or an attack ("billion laughs"). */
export const MAX_ALIAS_NODES = 10_000

/** The deepest thing in the format is at depth 6. */
const MAX_DEPTH = 64

/** Thrown and caught in here: the one way out of a recursion that must not go on. */
class GiveUp extends Error {}

/**
 * YAML nodes to plain values, and the place of each by JSON pointer. Not `document.toJS()`: that loses the places, resolves
 * aliases before anything counted them, and lets a key `__proto__` set the prototype.
 */
export const toPlain = (
  root: ParsedNode,
  text: string,
): {
  readonly value: unknown
  readonly offsets: ReadonlyMap<string, Offsets>
  readonly problems: readonly PlainProblem[]
} => {
  const offsets = new Map<string, Offsets>()
  const problems: PlainProblem[] = []
  const anchors = new Map<string, Node>()
  const open = new Set<Node>()
  let aliasNodes = 0

  const giveUp = (one: PlainProblem): never => {
    problems.push(one)
    throw new GiveUp()
  }
  const tooFar = (offset: number, pointer: string): never =>
    giveUp({
      code: 'FERRY1008',
      detail: `The aliases of the file expand to more than ${MAX_ALIAS_NODES.toLocaleString('en')} nodes, or one contains itself.`,
      fix: 'Write the values out.',
      offset,
      pointer,
    })

  const convert = (
    node: Node | null,
    pointer: string,
    key: number | undefined,
    aliased: boolean,
  ): unknown => {
    const offset = node?.range?.[0] ?? key ?? 0
    if (aliased && ++aliasNodes > MAX_ALIAS_NODES) return tooFar(offset, pointer)
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target === undefined) {
        problems.push({
          code: 'FERRY1004',
          detail: 'The value is an alias (*) of an anchor that does not exist above.',
          fix: 'Put text that begins with * in double quotes, or set the anchor (&) above.',
          offset,
          pointer,
        })
        return null
      }
      if (open.has(target)) return tooFar(offset, pointer)
      return convert(target, pointer, key, true)
    }
    if (node === null || isScalar(node)) {
      if (node?.anchor) anchors.set(node.anchor, node)
      const source = node?.range ? text.slice(node.range[0], node.range[1]) : undefined
      // An empty value begins after the white space behind its colon, often on a later line.
      const isEmpty = source === undefined || source === ''
      offsets.set(pointer, { key, value: isEmpty ? (key ?? offset) : offset, source })
      return node?.value ?? null
    }

    if (pointer.split('/').length > MAX_DEPTH) {
      return giveUp({
        code: 'FERRY1004',
        detail: `The file is nested more than ${MAX_DEPTH} levels deep.`,
        fix: 'Check the brackets and the indentation.',
        offset,
        pointer,
      })
    }
    if ('anchor' in node && node.anchor) anchors.set(node.anchor, node)
    open.add(node)
    offsets.set(pointer, { key, value: offset, source: undefined })
    const value = isMap(node)
      ? convertMap(node, pointer, aliased)
      : convertList(node, pointer, aliased)
    open.delete(node)
    return value
  }

  const convertMap = (
    node: Node & { items: readonly { key: unknown; value: unknown }[] },
    pointer: string,
    aliased: boolean,
  ) => {
    const mapping: Record<string, unknown> = Object.create(null)
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null
      const keyOffset = keyNode?.range?.[0] ?? node.range?.[0] ?? 0
      if (isAlias(keyNode) || !isScalar(keyNode) || keyNode.value === null) {
        problems.push({
          code: 'FERRY1004',
          detail: 'A key is empty, or is not plain text.',
          fix: 'Write `key: value`, with plain text as the key.',
          offset: keyOffset,
          pointer,
        })
        continue
      }
      const name = String(keyNode.value)
      if (name === '<<' && keyNode.type === 'PLAIN') {
        problems.push({
          code: 'FERRY1007',
          detail:
            'The merge key << takes keys from elsewhere, so the file does not show what it says.',
          fix: 'Write the keys out.',
          offset: keyOffset,
          pointer,
        })
        continue
      }
      const child = `${pointer}/${escapePointer(name)}`
      if (name in mapping) {
        problems.push({
          code: 'FERRY1006',
          // The key is not named: in `{ user: x, s3cret }` it is a password.
          detail: `${readablePath(pointer)} has this key already; one of the two would be ignored silently.`,
          fix: 'Remove one of the two, or join what they say.',
          offset: keyOffset,
          pointer,
        })
        continue
      }
      mapping[name] = convert(pair.value as Node | null, child, keyOffset, aliased)
    }
    return mapping
  }

  const convertList = (node: Node, pointer: string, aliased: boolean) => {
    const items =
      'items' in node && Array.isArray(node.items) ? (node.items as (Node | null)[]) : []
    return items.map((item, i) => convert(item, `${pointer}/${i}`, undefined, aliased))
  }

  try {
    return { value: convert(root, '', undefined, false), offsets, problems }
  } catch (error) {
    if (error instanceof GiveUp) return { value: undefined, offsets, problems }
    throw error
  }
}
