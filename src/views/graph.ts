import {
  GRAPH_FORMAT_VERSION,
  type GraphTie,
  migrationsOf,
  type SourceGraph,
} from '../survey/graph.ts'
import { renderJson } from './json.ts'
import type { Style } from './style.ts'
import { hanging, listed, MAX_COLUMNS, printable } from './text.ts'

export const renderGraphsJson = (graphs: readonly SourceGraph[]): string =>
  renderJson({ formatVersion: GRAPH_FORMAT_VERSION, sources: graphs })

/** For each source: what must move together and why, then what moves alone, then what no plan file has. */
export const renderGraphs = (graphs: readonly SourceGraph[], style: Style): string =>
  graphs.length === 0
    ? 'The project has no migrations.\n'
    : graphs.map((graph) => renderOne(graph, style)).join('\n')

const renderOne = (graph: SourceGraph, style: Style): string => {
  const lines = [style.bold(`${graph.cluster}:`)]
  for (const names of graph.together) {
    const [first = ''] = names
    lines.push(
      names.length === 1
        ? `  ${style.bold(first)} can move alone`
        : `  ${style.error(`${listed(names)} must move together`)}`,
    )
    const ties = graph.ties.filter((tie) => migrationsOf(tie).some((name) => names.includes(name)))
    lines.push(...ties.map((tie) => hanging('    ', tieLine(tie), MAX_COLUMNS)))
  }
  if (!graph.transactionalIdsSeen) {
    lines.push(
      hanging(
        '  ',
        `${graph.cluster} does not tell who writes in transactions (before Kafka 3.0): ask the owners.`,
        MAX_COLUMNS,
      ),
    )
  }
  return `${lines.join('\n')}\n`
}

const tieLine = ({ kind, name, topics, listedIn }: GraphTie): string => {
  const uses = topics.map(({ name: topic, migration }) => `${topic} (${migration ?? 'in no plan'})`)
  const unlisted = kind === 'group' && listedIn === null ? '; the group is in no plan' : ''
  return `${kind.replace('-', ' ')} ${name} uses ${uses.join(', ')}${unlisted}`
}

/** For Graphviz: a box for each topic in the frame of its migration, an ellipse for each group and transactional id. */
export const renderGraphsDot = (graphs: readonly SourceGraph[]): string => {
  const lines = ['graph ferry {', '  rankdir=LR', '  node [shape=box]']
  for (const [i, { cluster, ties }] of graphs.entries()) {
    const id = (kind: string, name: string): string => quoted(`${cluster} ${kind} ${name}`)
    const byMigration = new Map<string, Set<string>>()
    for (const { name, migration } of ties.flatMap(({ topics }) => topics)) {
      const topics = byMigration.get(migration ?? '') ?? new Set()
      byMigration.set(migration ?? '', topics.add(name))
    }
    for (const [j, [migration, topics]] of [...byMigration].entries()) {
      lines.push(
        `  subgraph cluster_${i}_${j} {`,
        `    label=${quoted(migration === '' ? 'in no plan' : migration)}`,
        ...[...topics].map((topic) => `    ${id('topic', topic)} [label=${quoted(topic)}]`),
        '  }',
      )
    }
    for (const { kind, name, topics } of ties) {
      lines.push(`  ${id(kind, name)} [label=${quoted(name)} shape=ellipse]`)
      lines.push(...topics.map((topic) => `  ${id(kind, name)} -- ${id('topic', topic.name)}`))
    }
  }
  return `${[...lines, '}'].join('\n')}\n`
}

const quoted = (text: string): string =>
  `"${printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
