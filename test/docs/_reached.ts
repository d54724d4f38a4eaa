import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** What a test is made of, beyond its own body: for guards of what tests must do. */

interface Declared {
  readonly name: string
  readonly node: ts.Node
  /** Where the name means this. */
  readonly scope: ts.Node
}

interface Parsed {
  readonly file: string
  readonly source: ts.SourceFile
  readonly declared: readonly Declared[]
  /** What is given to a name later on, with where that is done. */
  readonly assigned: readonly Declared[]
  /** By its name here: what another file calls it, and which file that is. */
  readonly imported: ReadonlyMap<string, { readonly name: string; readonly file: string }>
}

const PARSED = new Map<string, Parsed>()

/** The syntax tree of a file below the root of the repository, or of a text that is given out as one from then on. */
export const parsed = (file: string, given?: string): Parsed => {
  const known = PARSED.get(file)
  if (known !== undefined && (given ?? known.source.text) === known.source.text) return known
  const text = given ?? readFileSync(file, 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const declared: Declared[] = []
  const assigned: Declared[] = []
  const imported = new Map<string, { readonly name: string; readonly file: string }>()
  const visit = (node: ts.Node, scope: ts.Node): void => {
    if (ts.isVariableDeclaration(node)) {
      for (const name of namesOf(node.name)) declared.push({ name, node, scope })
    } else if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && node.name) {
      declared.push({ name: node.name.text, node, scope })
    } else if (isAssignment(node) && ts.isIdentifier(node.left)) {
      // What a hook has read, for a test to look at.
      assigned.push({ name: node.left.text, node: node.right, scope })
    } else if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier
      const names = ts.isExportDeclaration(node)
        ? node.exportClause
        : node.importClause?.namedBindings
      if (from && ts.isStringLiteral(from) && names && 'elements' in names) {
        for (const each of names.elements) {
          if (!('propertyName' in each)) continue
          const name = (each.propertyName ?? each.name).text
          imported.set(each.name.text, { name, file: join(dirname(file), from.text) })
        }
      }
    }
    const inner =
      ts.isBlock(node) || ts.isSourceFile(node) || ts.isFunctionLike(node) ? node : scope
    ts.forEachChild(node, (each) => visit(each, inner))
  }
  visit(source, source)
  const made = { file, source, declared, assigned, imported }
  PARSED.set(file, made)
  return made
}

const isAssignment = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken

const namesOf = (name: ts.BindingName): readonly string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap((each) => (ts.isBindingElement(each) ? namesOf(each.name) : []))

/** True if a node, or anything below `test/` that it uses by name, is one that is looked for. What starts brokers (`test/kafka/`) is no part of a test. */
export const reaches = (
  file: string,
  node: ts.Node,
  isWanted: (node: ts.Node) => boolean,
  seen = new Set<ts.Node>(),
): boolean => {
  if (seen.has(node)) return false
  seen.add(node)
  const here = parsed(file)
  const visit = (each: ts.Node): boolean => {
    if (isWanted(each)) return true
    if (ts.isIdentifier(each) && !isMember(each) && used(here, each, isWanted, seen)) return true
    return ts.forEachChild(each, (child) => visit(child) || undefined) ?? false
  }
  return visit(node)
}

/** `b` of `a.b`, and of `{ b: 1 }`. */
const isMember = (name: ts.Identifier): boolean =>
  (ts.isPropertyAccessExpression(name.parent) || ts.isPropertyAssignment(name.parent)) &&
  name.parent.name === name

const used = (
  here: Parsed,
  name: ts.Identifier,
  isWanted: (node: ts.Node) => boolean,
  seen: Set<ts.Node>,
): boolean => {
  const at = name.getStart()
  const [nearest] = here.declared
    .filter(({ name: known, scope }) => known === name.text && scope.pos <= at && at < scope.end)
    .sort((a, b) => b.scope.pos - a.scope.pos)
  if (nearest !== undefined) {
    const { scope, node } = nearest
    const given = here.assigned.filter(
      (each) =>
        each.name === name.text && scope.pos <= each.scope.pos && each.scope.end <= scope.end,
    )
    return [node, ...given.map((each) => each.node)].some((each) =>
      reaches(here.file, each, isWanted, seen),
    )
  }
  const found = here.imported.get(name.text)
  return found !== undefined && exported(found, isWanted, seen)
}

const exported = (
  { file, name }: { readonly file: string; readonly name: string },
  isWanted: (node: ts.Node) => boolean,
  seen: Set<ts.Node>,
): boolean => {
  if (!file.startsWith('test/') || file.startsWith('test/kafka/') || !existsSync(file)) return false
  const there = parsed(file)
  const declared = there.declared.find((each) => each.name === name && each.scope === there.source)
  if (declared !== undefined) return reaches(file, declared.node, isWanted, seen)
  const passedOn = there.imported.get(name)
  return passedOn !== undefined && exported(passedOn, isWanted, seen)
}
