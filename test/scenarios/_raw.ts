import type { BrokerConnection } from '../../src/kafka/connection.ts'
import { openConnection } from '../../src/kafka/open-connection.ts'
import { type Api, NEVER_FLEXIBLE } from '../../src/kafka/wire/api.ts'
import { specOf } from '../adapter/connect.ts'
import type { TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'

/** Clients that misbehave, or that no JavaScript client can be: they speak Kafka's protocol by hand. */

const connectionTo = (cluster: TestCluster, clientId: string): Promise<BrokerConnection> => {
  const [host, port] = cluster.bootstrapServers[0]?.split(':') ?? []
  return openConnection(
    specOf(cluster),
    { host: host ?? '', port: Number(port) },
    { clientId, connectTimeoutMs: TIMEOUT_MS, log: undefined },
  )
}

const TIMEOUT_MS = 30_000

/** JoinGroup (key 11) v5 with a group.instance.id. The static member is there as long as its session, also once its process is gone. */
export const joinStatic = async (
  cluster: TestCluster,
  clientId: string,
  group: string,
  instance: string,
  sessionTimeoutMs: number,
): Promise<BrokerConnection> => {
  const join: Api<void, number> = {
    name: 'JoinGroup',
    key: 11,
    versions: [5, 5],
    flexibleFrom: NEVER_FLEXIBLE,
    encode: (to) => {
      to.string(group).int32(sessionTimeoutMs).int32(sessionTimeoutMs).string('')
      to.nullableString(instance).string('consumer')
      to.array(['range'], (name) => to.string(name).bytes(Buffer.alloc(0)))
    },
    decode: (from) => {
      from.int32()
      return from.int16()
    },
  }
  const connection = await connectionTo(cluster, clientId)
  await waitFor('a static member to join', { timeoutMs: TIMEOUT_MS }, async () =>
    (await connection.call(join, undefined, TIMEOUT_MS)) === 0 ? true : undefined,
  )
  return connection
}

/** ShareGroupHeartbeat (key 76) v1: a member of a share group (KIP-932). */
export const joinShareGroup = async (
  cluster: TestCluster,
  group: string,
  topic: string,
): Promise<BrokerConnection> => {
  const heartbeat: Api<void, number> = {
    name: 'Heartbeat',
    key: 76,
    versions: [1, 1],
    flexibleFrom: 0,
    encode: (to) => {
      to.string(group).string('AAAAAAAAAAAAAAAAAAAAAQ').int32(0).nullableString(null)
      to.array([topic], (name) => to.string(name)).tags()
    },
    decode: (from) => {
      from.int32()
      return from.int16()
    },
  }
  const connection = await connectionTo(cluster, 'share-client')
  await waitFor('a share member to join', { timeoutMs: TIMEOUT_MS }, async () => {
    const code = await connection.call(heartbeat, undefined, TIMEOUT_MS)
    if (code === 0) return true
    throw new Error(`joining answered ${code}`)
  })
  return connection
}

/**
 * StreamsGroupHeartbeat (key 88) v0: a member of a Streams group (KIP-1071), of one subtopology that reads one topic.
 *
 *     request  => group_id STRING, member_id STRING, member_epoch INT32, endpoint_information_epoch INT32, instance_id NULLABLE_STRING,
 *                 rack_id NULLABLE_STRING, rebalance_timeout_ms INT32, topology NULLABLE TOPOLOGY, active, standby and warm-up tasks [..],
 *                 process_id NULLABLE_STRING, user_endpoint NULLABLE .., client_tags, task_offsets, task_end_offsets NULLABLE [..],
 *                 shutdown_application BOOLEAN
 *     TOPOLOGY => epoch INT32, [subtopology_id STRING, source_topics [STRING], source_topic_regex [STRING], changelog topics [..],
 *                 repartition sink topics [STRING], repartition source topics [..], copartition groups [..]]
 */
export const joinStreamsGroup = async (
  cluster: TestCluster,
  group: string,
  topic: string,
): Promise<BrokerConnection> => {
  const nothing = () => undefined
  const heartbeat: Api<void, number> = {
    name: 'Heartbeat',
    key: 88,
    versions: [0, 0],
    flexibleFrom: 0,
    encode: (to) => {
      to.string(group).string('AAAAAAAAAAAAAAAAAAAAAg').int32(0).int32(0)
      to.nullableString(null).nullableString(null).int32(60_000)
      to.int8(1).int32(0)
      to.array(['0'], (id) => {
        to.string(id).array([topic], (name) => to.string(name))
        for (let list = 0; list < 5; list++) to.array([], nothing)
        to.tags()
      }).tags()
      for (let tasks = 0; tasks < 3; tasks++) to.array([], nothing)
      to.nullableString('process').int8(-1).array([], nothing)
      to.array(null, nothing).array(null, nothing).boolean(false).tags()
    },
    decode: (from) => {
      from.int32()
      return from.int16()
    },
  }
  const connection = await connectionTo(cluster, 'streams-client')
  await waitFor('a Streams member to join', { timeoutMs: TIMEOUT_MS }, async () => {
    const code = await connection.call(heartbeat, undefined, TIMEOUT_MS)
    if (code === 0) return true
    throw new Error(`joining answered ${code}`)
  })
  return connection
}

export interface HangingTransaction {
  readonly producerId: bigint
  readonly epoch: number
}

/**
 * Writes a batch of a transaction to a partition that was never added to it: no coordinator ends it. What bugs of brokers left behind
 * (KAFKA-10888); since 3.6 a broker refuses it unless `transaction.partition.verification.enable` is off.
 */
export const hangTransaction = async (
  cluster: TestCluster,
  topic: string,
  transactionalId: string,
  batchOf: (transaction: HangingTransaction) => Buffer,
): Promise<HangingTransaction> => {
  // The first question for a coordinator makes the topic that they keep transactions in.
  const find: Api<void, number> = {
    name: 'FindCoordinator',
    key: 10,
    versions: [1, 1],
    flexibleFrom: NEVER_FLEXIBLE,
    encode: (to) => {
      to.string(transactionalId).int8(1)
    },
    decode: (from) => {
      from.int32()
      return from.int16()
    },
  }
  const init: Api<void, HangingTransaction & { readonly code: number }> = {
    name: 'InitProducerId',
    key: 22,
    versions: [0, 0],
    flexibleFrom: NEVER_FLEXIBLE,
    encode: (to) => {
      to.nullableString(transactionalId).int32(60_000)
    },
    decode: (from) => {
      from.int32()
      return { code: from.int16(), producerId: from.int64(), epoch: from.int16() }
    },
  }
  const connection = await connectionTo(cluster, 'hanging-service')
  try {
    const transaction = await waitFor('a producer id', { timeoutMs: TIMEOUT_MS }, async () => {
      if ((await connection.call(find, undefined, TIMEOUT_MS)) !== 0) return undefined
      const answer = await connection.call(init, undefined, TIMEOUT_MS)
      return answer.code === 0 ? answer : undefined
    })
    const produce: Api<Buffer, number> = {
      name: 'Produce',
      key: 0,
      versions: [3, 3],
      flexibleFrom: NEVER_FLEXIBLE,
      encode: (to, batch) => {
        to.nullableString(transactionalId).int16(-1).int32(TIMEOUT_MS)
        to.array([topic], (name) => to.string(name).array([0], (p) => to.int32(p).bytes(batch)))
      },
      decode: (from) => {
        const codes = from.array(() => {
          from.string()
          return from.array(() => {
            from.int32()
            const code = from.int16()
            from.int64()
            from.int64()
            return code
          })
        })
        return codes.flat()[0] ?? -1
      },
    }
    const code = await connection.call(produce, batchOf(transaction), TIMEOUT_MS)
    if (code !== 0) throw new Error(`producing answered ${code}`)
    return transaction
  } finally {
    connection.close()
  }
}
