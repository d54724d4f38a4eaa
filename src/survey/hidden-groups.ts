import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { Cluster } from '../kafka/cluster.ts'

/**
 * A broker leaves groups that the user may not DESCRIBE out of its list and says nothing; only DESCRIBE on the cluster shows all
 * (`KafkaApis.handleListGroupsRequest`). Undefined: all are shown, or the broker is too old to say what the user may do (before 2.3).
 */
export const hiddenGroups = async (
  cluster: Pick<Cluster, 'name' | 'describeCluster'>,
): Promise<Diagnostic | undefined> => {
  const { authorized } = await cluster.describeCluster()
  const sufficient = ['DESCRIBE', 'ALTER', 'ALL'] as const
  if (authorized === undefined || sufficient.some((right) => authorized.has(right)))
    return undefined
  return diagnostic({
    code: 'FERRY1207',
    detail: `Ferry's user lacks DESCRIBE on the cluster ${cluster.name}, so that it leaves groups out of its list: those that the user may not describe one by one.`,
    fix: 'Grant DESCRIBE on the cluster: `ferry doctor NAME --print-acls` prints the commands.',
  })
}
