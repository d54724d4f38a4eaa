import type { BrokerConnection } from '../../src/kafka/connection.ts'
import { openConnection } from '../../src/kafka/open-connection.ts'
import type { Api } from '../../src/kafka/wire/api.ts'
import type { TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { specOf } from './connect.ts'

/**
 * ConsumerGroupHeartbeat (key 68, KIP-848), v0: joins at epoch 0. kafkajs has none, and Ferry needs none but here.
 *
 *     request => group_id STRING, member_id STRING, member_epoch INT32, instance_id NULLABLE_STRING, rack_id NULLABLE_STRING,
 *                rebalance_timeout_ms INT32, subscribed_topic_names NULLABLE [STRING], server_assignor NULLABLE_STRING,
 *                topic_partitions NULLABLE [topic_id UUID, partitions [INT32]]
 */
const consumerGroupHeartbeat: Api<{ readonly group: string; readonly topic: string }, number> = {
  name: 'Heartbeat',
  key: 68,
  versions: [0, 0],
  flexibleFrom: 0,
  encode: (to, { group, topic }) => {
    to.string(group).string('').int32(0).nullableString(null).nullableString(null).int32(60_000)
    to.array([topic], (name) => to.string(name))
    to.nullableString(null)
      .array([], () => undefined)
      .tags()
  },
  decode: (from) => {
    from.int32()
    return from.int16()
  },
}

/** A member of a group of the new protocol, as long as the connection and its session live. */
export const joinNewProtocol = async (
  cluster: TestCluster,
  group: string,
  topic: string,
): Promise<BrokerConnection> => {
  const [host, port] = cluster.bootstrapServers[0]?.split(':') ?? []
  const connection = await openConnection(
    specOf(cluster),
    { host: host ?? '', port: Number(port) },
    { clientId: 'new-client', connectTimeoutMs: 5_000, log: undefined },
  )
  return waitFor('a member of the new protocol', { timeoutMs: 30_000 }, async () => {
    const code = await connection.call(consumerGroupHeartbeat, { group, topic }, 10_000)
    if (code !== 0) throw new Error(`joining answered ${code}`)
    return connection
  })
}
