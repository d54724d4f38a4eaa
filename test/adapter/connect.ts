import { FerryError } from '../../src/domain/diagnostic.ts'
import type { ClusterId } from '../../src/domain/ids.ts'
import type { ClusterSpec } from '../../src/domain/migration.ts'
import { Secret } from '../../src/domain/secret.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { connectCluster } from '../../src/kafka/kafkajs-cluster.ts'
import type { TestCluster } from '../kafka/index.ts'

const at = (line: number) => ({ file: 'clusters/test.yaml', line, column: 3, pointer: '/spec' })

/** The cluster file that fits a test cluster. */
export const specOf = (cluster: TestCluster, changes: Partial<ClusterSpec> = {}): ClusterSpec => ({
  name: `kafka-${cluster.version}`,
  file: 'clusters/test.yaml',
  clusterId: cluster.clusterId as ClusterId,
  clusterIdAt: at(4),
  bootstrapServers: cluster.bootstrapServers,
  bootstrapAt: at(5),
  tls: undefined,
  sasl: cluster.admin && {
    mechanism: 'scram-sha-512',
    username: cluster.admin.username,
    password: new Secret(cluster.admin.password),
  },
  ...changes,
})

export const connect = (
  cluster: TestCluster,
  changes: Partial<ClusterSpec> = {},
  // A broker that was killed may take long to come back, or its partitions to get another leader.
  retryMs = 90_000,
): Promise<Cluster> =>
  connectCluster(specOf(cluster, changes), {
    clientId: 'ferry-test',
    connectTimeoutMs: 20_000,
    retryMs,
  })

/** The diagnostics that a promise fails with. Anything else fails the test. */
export const problemsOf = async (work: Promise<unknown>) => {
  try {
    await work
  } catch (error) {
    if (error instanceof FerryError) return error.diagnostics
    throw error
  }
  throw new Error('it did not fail')
}
