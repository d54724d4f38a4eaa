import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestBroker, TestCluster } from './test-cluster.ts'
import { waitFor } from './wait.ts'

/**
 * Until the cleaner has gone through the first partition of each topic up to its last segment, which it never touches: nothing changes from
 * then on, however slow it is. By what brokers note on disk; in a container nobody can see that, and nothing is waited for.
 */
export const untilCleaned = async (
  { brokers }: Pick<TestCluster, 'brokers'>,
  topics: readonly string[],
): Promise<void> => {
  await waitFor('the cleaner to be done', { timeoutMs: 120_000, everyMs: 200 }, () =>
    topics.every((topic) => brokers.every((broker) => isCleaned(broker, topic))) ? true : undefined,
  )
}

const isCleaned = ({ dataFolder = '' }: TestBroker, topic: string): boolean => {
  const partition = join(dataFolder, `${topic}-0`)
  // Another broker has it.
  if (!existsSync(partition)) return true
  const segments = readdirSync(partition).filter((file) => file.endsWith('.log'))
  const last = Math.max(...segments.map((file) => Number.parseInt(file, 10)))
  const checkpoint = readFileSync(join(dataFolder, 'cleaner-offset-checkpoint'), 'utf8')
  return checkpoint.split('\n').includes(`${topic} 0 ${last}`)
}
