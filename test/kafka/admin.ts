import kafkajs, { type AclEntry, type Admin } from 'kafkajs'
import { type AclBinding, aclKey } from '../../src/domain/access.ts'
import type { BrokerConnection } from '../../src/kafka/connection.ts'
import { ConnectFailure, openConnection } from '../../src/kafka/open-connection.ts'
import { describeAcls } from '../../src/kafka/wire/describe-acls.ts'
import { CONFIG_RESOURCE, describeConfigs } from '../../src/kafka/wire/describe-configs.ts'
import { metadata } from '../../src/kafka/wire/metadata.ts'
import { specOf } from '../adapter/connect.ts'
import type { TestCluster } from './test-cluster.ts'
import { waitFor } from './wait.ts'

/** kafkajs gives a controller five seconds, which one with ZooKeeper may need on a busy machine. */
const TIMEOUT_MS = 25_000
const UNKNOWN_TOPIC = 3

/**
 * Runs work with an admin client of kafkajs whose changes are known to every broker once they are answered. A controller answers before
 * that: in KRaft each broker follows the log of metadata at its own pace, so that whoever asks next, or writes, may meet one that has not
 * heard of a topic, a partition, a config or an ACL yet, and the question after that one that has.
 */
export const withAdmin = async <T>(
  cluster: TestCluster,
  work: (admin: Admin) => Promise<T>,
): Promise<T> => {
  const admin = new kafkajs.Kafka(cluster.kafka()).admin()
  await admin.connect()
  try {
    return await work({ ...admin, ...changesOf(cluster, admin) })
  } finally {
    await admin.disconnect()
  }
}

/** Alters configs of a topic: these are all that it has of its own from now on. */
export const setConfigs = (
  cluster: TestCluster,
  topic: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> =>
  withAdmin(cluster, async (admin) => {
    const type = kafkajs.ConfigResourceTypes.TOPIC
    const resource = { type, name: topic, configEntries: configEntries(configs) }
    await admin.alterConfigs({ validateOnly: false, resources: [resource] })
  })

/** As kafkajs takes them. */
export const configEntries = (configs: Readonly<Record<string, string>>) =>
  Object.entries(configs).map(([name, value]) => ({ name, value }))

type Changes = Pick<
  Admin,
  | 'createTopics'
  | 'deleteTopics'
  | 'createPartitions'
  | 'alterConfigs'
  | 'createAcls'
  | 'deleteAcls'
>

const changesOf = (cluster: TestCluster, admin: Admin): Changes => ({
  async createTopics(options) {
    // What kafkajs waits with by itself fails where the broker has not heard of the topic at all.
    const made = await admin.createTopics({
      timeout: TIMEOUT_MS,
      ...options,
      waitForLeaders: false,
    })
    const names = options.topics.map(({ topic }) => topic)
    if (made && !options.validateOnly) {
      await untilThere(cluster, new Map(names.map((name) => [name, 1])))
    }
    return made
  },

  async deleteTopics(options) {
    await admin.deleteTopics({ timeout: TIMEOUT_MS, ...options })
    await untilSeen(cluster, `${options.topics} to be gone`, async (broker) =>
      (await topicsAt(broker, options.topics)).every(({ code }) => code === UNKNOWN_TOPIC),
    )
  },

  async createPartitions(options) {
    const made = await admin.createPartitions({ timeout: TIMEOUT_MS, ...options })
    const counts = options.topicPartitions.map(({ topic, count }) => [topic, count] as const)
    if (!options.validateOnly) await untilThere(cluster, new Map(counts))
    return made
  },

  async alterConfigs(options) {
    const altered = await admin.alterConfigs(options)
    for (const { type, name, configEntries: entries } of options.resources) {
      if (type !== kafkajs.ConfigResourceTypes.TOPIC) throw new Error(`${name} is no topic`)
      const wanted = new Map(entries.map((entry) => [entry.name, entry.value]))
      await untilSeen(cluster, `configs of ${name}`, async (broker) => {
        const request = { type: CONFIG_RESOURCE.topic, names: [name] }
        const [described] = await broker.call(describeConfigs, request, TIMEOUT_MS)
        const own = (described?.entries ?? []).filter(({ isOverride }) => isOverride)
        return (
          own.length === wanted.size &&
          own.every((config) => wanted.get(config.name) === config.value)
        )
      })
    }
    return altered
  },

  async createAcls(options) {
    const made = await admin.createAcls(options)
    await untilAcls(cluster, options.acl, true)
    return made
  },

  async deleteAcls(options) {
    const deleted = await admin.deleteAcls(options)
    const gone = deleted.filterResponses.flatMap(({ matchingAcls }) => matchingAcls)
    await untilAcls(cluster, gone, false)
    return deleted
  },
})

/** Asks each broker until its answer shows a change. One that is down is left out. */
const untilSeen = async (
  cluster: TestCluster,
  what: string,
  isSeenBy: (broker: BrokerConnection) => Promise<boolean>,
): Promise<void> => {
  await Promise.all(
    cluster.brokers.map(({ id, port }) =>
      waitFor(`broker ${id} to show ${what}`, { timeoutMs: 30_000, everyMs: 20 }, async () => {
        const broker = await connectionTo(cluster, port)
        if (broker === undefined) return true
        try {
          return (await isSeenBy(broker)) || undefined
        } finally {
          broker.close()
        }
      }),
    ),
  )
}

const connectionTo = async (
  cluster: TestCluster,
  port: number,
): Promise<BrokerConnection | undefined> => {
  const options = { clientId: 'ferry-test', connectTimeoutMs: TIMEOUT_MS, log: undefined }
  try {
    return await openConnection(specOf(cluster), { host: '127.0.0.1', port }, options)
  } catch (error) {
    if (error instanceof ConnectFailure && error.kind === 'unreachable') return undefined
    throw error
  }
}

const topicsAt = async (broker: BrokerConnection, topics: readonly string[]) =>
  (await broker.call(metadata, { topics, withAuthorized: false }, TIMEOUT_MS)).topics

/** With so many partitions at least, each of which has a leader. */
const untilThere = (cluster: TestCluster, counts: ReadonlyMap<string, number>): Promise<void> =>
  untilSeen(cluster, `${[...counts.keys()]}`, async (broker) =>
    (await topicsAt(broker, [...counts.keys()])).every(
      ({ name, code, partitions }) =>
        code === 0 &&
        partitions.length >= counts.get(name)! &&
        partitions.every(({ leader }) => leader >= 0),
    ),
  )

const untilAcls = (
  cluster: TestCluster,
  acls: readonly AclEntry[],
  areThere: boolean,
): Promise<void> =>
  untilSeen(cluster, `${acls.length} ACLs ${areThere ? '' : 'no more'}`, async (broker) => {
    const described = await broker.call(describeAcls, undefined, TIMEOUT_MS)
    const known = new Set(described.acls.map(aclKey))
    return acls.every((acl) => known.has(aclKey(bindingOf(acl))) === areThere)
  })

const bindingOf = (acl: AclEntry): AclBinding => ({
  resourceType: nameIn(kafkajs.AclResourceTypes, acl.resourceType),
  resourceName: acl.resourceName,
  patternType: nameIn(kafkajs.ResourcePatternTypes, acl.resourcePatternType),
  principal: acl.principal,
  host: acl.host,
  operation: nameIn(kafkajs.AclOperationTypes, acl.operation),
  permission: nameIn(kafkajs.AclPermissionTypes, acl.permissionType),
})

const nameIn = <Name extends string>(names: object, code: number): Name =>
  Object.entries(names).find(([, each]) => each === code)?.[0] as Name
