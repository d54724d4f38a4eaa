import { runJava } from './java-command.ts'
import { compileJava } from './oracle-jar.ts'
import type { TestCluster } from './test-cluster.ts'

/**
 * Runs a Kafka Streams application (`java/Sums.java`) until its counts add up to so many, and closes it. It counts records by their value,
 * exactly once, over a repartition topic and a store with a changelog of its own, into the output.
 */
export const runStreamsApp = async (
  cluster: Pick<TestCluster, 'clientProperties'>,
  options: {
    readonly application: string
    readonly input: string
    readonly output: string
    readonly count: number
  },
): Promise<void> => {
  const { application, input, output, count } = options
  const properties = Object.entries(cluster.clientProperties())
  const args = [
    ...[application, input, output, String(count)],
    ...properties.map(([name, value]) => `${name}=${value}`),
  ]
  const { jars, classes } = await compileJava('Sums', 'streams')
  await runJava({ jars, classes, main: 'Sums', args }, { timeoutMs: 200_000 })
}
