import { Command } from 'commander'
import type { SourceGraph } from '../../survey/graph.ts'
import { isSet, wrongUse } from '../args.ts'
import { asksClusters, type Context } from '../context.ts'
import { exitCodeFor } from '../exit-codes.ts'
import type { Act } from '../verb.ts'

/** What hangs together on each source of the project. Read-only; opens no state. */
export const graph = async (context: Context): Promise<readonly SourceGraph[]> => {
  const { drawGraphs } = await import('../../app/draw-graph.ts')
  return asksClusters(context, drawGraphs)
}

export const graphCommand = (act: Act): Command =>
  new Command('graph')
    .summary('which services must move together')
    .description(
      'Shows which migrations share groups, topics or transactional ids on the live source: those must move together. Exits with 4 if a group or transactional id uses topics of more than one migration. Read-only.',
    )
    .option('--json', 'as JSON')
    .option('--dot', 'as a graph for Graphviz: `ferry graph --dot | dot -Tsvg`')
    .action(
      act(async (context, _, flags) => {
        if (isSet(flags, 'json') && isSet(flags, 'dot')) {
          throw wrongUse('--json and --dot exclude each other.', 'Give one of them.')
        }
        const graphs = await graph(context)
        const { renderGraphs, renderGraphsDot, renderGraphsJson } = await import(
          '../../views/graph.ts'
        )
        if (isSet(flags, 'json')) context.print(renderGraphsJson(graphs))
        else if (isSet(flags, 'dot')) context.print(renderGraphsDot(graphs))
        else context.print(renderGraphs(graphs, context.style))
        const problems = graphs.flatMap((each) => each.problems)
        context.tell(problems)
        return exitCodeFor(problems)
      }),
    )
