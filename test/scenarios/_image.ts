import kafkajs, { type Admin } from 'kafkajs'
import { withAdmin } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import type { World } from './_world.ts'

export { withAdmin }

/** What of a cluster a migration could change, but for users, read with kafkajs; equal if nothing changed. */
export interface ClusterImage {
  readonly topics: Readonly<Record<string, TopicImage>>
  /** Committed positions of each. */
  readonly groups: Readonly<Record<string, unknown>>
  readonly acls: readonly string[]
}

export interface TopicImage {
  readonly partitions: number
  readonly overrides: Readonly<Record<string, string>>
  /** Log start and end of each partition; not of Kafka's own topics, which move by themselves. */
  readonly offsets: readonly string[]
}

export interface WorldImage {
  readonly source: ClusterImage
  readonly target: ClusterImage
}

export const imageOf = async ({ source, target }: World): Promise<WorldImage> => {
  const [old, fresh] = await Promise.all([clusterImage(source), clusterImage(target)])
  return { source: old, target: fresh }
}

/** Others may delete topics meanwhile, and kafkajs asks about each that it was once asked about: then all is read anew. */
const clusterImage = (cluster: TestCluster): Promise<ClusterImage> =>
  waitFor('an image of the cluster', { timeoutMs: 30_000 }, () =>
    withAdmin(cluster, async (admin) => ({
      topics: await topicsOf(admin),
      groups: await groupsOf(admin),
      acls: cluster.admin === undefined ? [] : await aclsOf(admin),
    })).catch((error: { readonly type?: string }) => {
      if (error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
      throw error
    }),
  )

const topicsOf = async (admin: Admin): Promise<ClusterImage['topics']> => {
  const names = (await admin.listTopics()).sort()
  if (names.length === 0) return {}
  const { topics } = await admin.fetchTopicMetadata({ topics: names })
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  })
  const images = names.map(async (name): Promise<[string, TopicImage]> => {
    const configs = resources.find((each) => each.resourceName === name)?.configEntries ?? []
    const offsets = name.startsWith('__') ? [] : await admin.fetchTopicOffsets(name)
    return [
      name,
      {
        partitions: topics.find((each) => each.name === name)?.partitions.length ?? 0,
        overrides: Object.fromEntries(
          configs
            .filter(({ configSource }) => configSource === kafkajs.ConfigSource.TOPIC_CONFIG)
            .map(({ configName, configValue }) => [configName, configValue] as const)
            .sort(),
        ),
        offsets: offsets.map(({ partition, low, high }) => `${partition}: ${low}-${high}`).sort(),
      },
    ]
  })
  return Object.fromEntries(await Promise.all(images))
}

const groupsOf = async (admin: Admin): Promise<ClusterImage['groups']> => {
  const { groups } = await admin.listGroups()
  const ids = groups.map((group) => group.groupId).sort()
  const commits = ids.map(async (groupId) => {
    const topics = await admin.fetchOffsets({ groupId })
    // A broker answers in an order of its own.
    for (const { partitions } of topics) partitions.sort((a, b) => a.partition - b.partition)
    topics.sort((a, b) => (a.topic < b.topic ? -1 : 1))
    return [groupId, topics]
  })
  return Object.fromEntries(await Promise.all(commits))
}

const aclsOf = async (admin: Admin): Promise<readonly string[]> => {
  const { resources } = await admin.describeAcls({
    resourceType: kafkajs.AclResourceTypes.ANY,
    resourcePatternType: kafkajs.ResourcePatternTypes.ANY,
    operation: kafkajs.AclOperationTypes.ANY,
    permissionType: kafkajs.AclPermissionTypes.ANY,
  })
  return resources
    .flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
      acls.map((acl) =>
        [
          acl.principal,
          acl.permissionType,
          acl.operation,
          resourceType,
          resourcePatternType,
          resourceName,
          acl.host,
        ].join(' '),
      ),
    )
    .sort()
}

/** SCRAM credentials and quotas, read with the Java client: kafkajs cannot ask for them. */
export const usersOf = (cluster: TestCluster): Promise<readonly string[]> => oracle.users(cluster)
