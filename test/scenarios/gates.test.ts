import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GroupId, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { coverage } from '../../src/planner/coverage.ts'
import { observeCoverage } from '../../src/planner/observe-coverage.ts'
import { ATTRIBUTES, encodeBatch } from '../../src/records/index.ts'
import {
  commitsAreStable,
  groupHasMoved,
  groupIsEmpty,
  mirrorPassed,
  positionsPartition,
  sourceIsDrained,
} from '../../src/steps/gates/index.ts'
import type { Gate, GateReading } from '../../src/steps/step-kind.ts'
import { connect } from '../adapter/connect.ts'
import { joinNewProtocol } from '../adapter/new-protocol.ts'
import { withAdmin } from '../kafka/admin.ts'
import { oracle, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { migration, topicSpec } from '../planner/_build.ts'
import { fill, startConsumer } from './_clients.ts'
import { hangTransaction, joinShareGroup, joinStatic } from './_raw.ts'
import { runOn } from './_run.ts'

/** What gates say about real groups and transactions: one broker is both source and target, since each gate asks about one of them. */

let kafka: TestCluster
let cluster: Cluster

beforeAll(async () => {
  kafka = await startKafka({
    version: '4.x',
    config: {
      // For ACLs to be seen; whoever comes to these listeners may do everything.
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'transaction.partition.verification.enable': 'false',
      'group.consumer.min.session.timeout.ms': '1000',
      'group.consumer.session.timeout.ms': '4000',
      'group.consumer.min.heartbeat.interval.ms': '500',
      'group.consumer.heartbeat.interval.ms': '500',
    },
  })
  cluster = await connect(kafka)
  await createTopics('read', 'open', 'hangs', 'results')
})
afterAll(async () => {
  await cluster?.close()
  await kafka?.stop()
})

const createTopics = (...topics: readonly string[]) =>
  withAdmin(kafka, (admin) =>
    admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions: 1, replicationFactor: 1 })),
    }),
  )

const read = (gate: Gate, topics: readonly string[] = []): Promise<GateReading> =>
  gate.check(runOn({ source: cluster, target: cluster }, topics))

const untilItHolds = (gate: Gate): Promise<true> =>
  waitFor(gate.title, { timeoutMs: 30_000 }, async () =>
    (await read(gate)).holds ? true : undefined,
  )

const empty = (id: string, side: 'source' | 'target' = 'source'): Gate =>
  groupIsEmpty(id as GroupId, side)

describe('a group is empty', () => {
  test('when the cluster does not know it', async () => {
    expect(await read(empty('nobody'))).toEqual({ holds: true })
  })

  test('once the consumers are gone; until then they are named, with their hosts, on either side', async () => {
    const consumer = await startConsumer(kafka, 'classic', 'read', { clientId: 'orders-7' })
    for (const side of ['source', 'target'] as const) {
      expect(await read(empty('classic', side))).toMatchObject({
        worthWaiting: true,
        because: expect.stringMatching(/stop its consumers on kafka-4\.x: orders-7 on \/127\.0/),
      })
    }
    expect(await read(groupHasMoved('classic' as GroupId))).toMatchObject({
      because: expect.stringContaining('orders-7 on /127.0.0.1 still on'),
    })
    await consumer.stop()
    await untilItHolds(empty('classic'))
  })

  test('of the new protocol (KIP-848) too', async () => {
    const connection = await joinNewProtocol(kafka, 'new-group', 'read')
    expect(await read(empty('new-group'))).toMatchObject({
      worthWaiting: true,
      because: expect.stringContaining('new-client on /127.0.0.1'),
    })
    connection.close()
    await untilItHolds(empty('new-group'))
  })

  test('only when the session of a static member has ended, which is said', async () => {
    const connection = await joinStatic(kafka, 'pos-service', 'static', 'till-3', 6_000)
    connection.close()
    expect(await read(empty('static'))).toMatchObject({
      worthWaiting: true,
      because: expect.stringMatching(
        /pos-service on .* \(static member till-3: once stopped, it stays/,
      ),
    })
    await untilItHolds(empty('static'))
  })

  test('never, if it is a share group: that is refused with the reason', async () => {
    const connection = await joinShareGroup(kafka, 'shared', 'read')
    expect(await read(empty('shared'))).toMatchObject({
      worthWaiting: false,
      because: expect.stringContaining('share group'),
    })
    connection.close()
  })

  test('never, if its members are not consumers', async () => {
    const member = await cluster.openGroupMember({
      group: 'workers' as GroupId,
      protocolType: 'connect',
      protocolName: 'default',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
    })
    await member.join(Buffer.alloc(0), AbortSignal.timeout(60_000))
    expect(await read(empty('workers'))).toMatchObject({
      worthWaiting: false,
      because: expect.stringContaining('protocol connect'),
    })
    await member.leave()
    await member.close()
  })
})

describe('the mirror has passed every position', () => {
  const reading = async (offset: bigint, mirroredTo: bigint) => {
    const id = `at-${offset}` as GroupId
    await cluster.commitOffsets(id, new Map([['read:0' as never, { offset, metadata: '' }]]))
    const run = runOn({ source: cluster, target: cluster }, ['read'], mirroredTo)
    return mirrorPassed(id, ['read' as TopicName], false).check(run)
  }

  test('once it has, up to the end of the log; a group that is ahead is waited for, and never one past the end', async () => {
    await fill(kafka, 'read', 10, [0])
    expect(await reading(5n, 5n)).toEqual({ holds: true })
    expect(await reading(10n, 10n)).toEqual({ holds: true })
    expect(await reading(9n, 6n)).toMatchObject({
      worthWaiting: true,
      because: '3 records to go, read:0 first',
    })
    expect(await reading(11n, 10n)).toMatchObject({
      worthWaiting: false,
      because: expect.stringContaining("past the source's log end 10"),
    })
  })
})

describe('a topic is drained', () => {
  const drained = (mirroredTo: bigint, sourceStart = 0n) =>
    sourceIsDrained('counted' as TopicName, 0).check(
      runOn({ source: cluster, target: cluster }, ['counted'], mirroredTo, {
        mode: 'dense',
        sourceStart: sourceStart as SourceOffset,
      }),
    )

  test('only when both sides hold as many records, and the copy ends where the mirror has written', async () => {
    await createTopics('counted')
    await fill(kafka, 'counted', 10, [0])
    expect(await drained(10n)).toEqual({ holds: true })
    expect(await drained(9n)).toMatchObject({
      title: 'both sides hold as many records of counted',
      because: 'the mirror has checked counted:0 up to 9 of 10',
    })
    // Nine records behind the mark, and ten where they are copied to.
    expect(await drained(10n, 1n)).toMatchObject({
      title: 'nobody but the mirror has written to the copy of counted',
      worthWaiting: false,
      because: expect.stringContaining('counted:0 ends at 10 where it is copied to, 1 offset past'),
    })
  })
})

describe('who else uses the topics', () => {
  test('is seen: groups, connectors, Streams topics, transactional ids; who has no group is not', async () => {
    await createTopics('paid', 'unread', 'sums-store-changelog', 'sums-by-day-repartition')
    const rule = {
      resourceType: kafkajs.AclResourceTypes.TOPIC,
      resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
      host: '*',
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
      operation: kafkajs.AclOperationTypes.WRITE,
    }
    await withAdmin(kafka, (admin) =>
      admin.createAcls({
        acl: [
          { ...rule, resourceName: 'paid', principal: 'User:teller' },
          { ...rule, resourceName: 'results', principal: 'User:of-another-topic' },
        ],
      }),
    )
    const producer = new kafkajs.Kafka(kafka.kafka()).producer({
      transactionalId: 'cashier-1',
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'paid', messages: [{ value: 'p' }] })
    await transaction.commit()
    await producer.disconnect()
    for (const id of ['planned', 'forgotten', 'connect-warehouse', 'sums']) {
      const offsets = new Map([['paid:0' as never, { offset: 0n, metadata: '' }]])
      await cluster.commitOffsets(id as GroupId, offsets)
    }
    const topics = ['paid', 'unread'] as TopicName[]
    const desired = migration({
      topics: topics.map((name) => topicSpec(name)),
      groups: [{ ...migration().groups[0]!, id: 'planned' as GroupId }],
    })
    const seen = await observeCoverage(cluster, topics)
    expect(coverage(desired, { coverage: seen })).toEqual([
      { kind: 'connect', id: 'connect-warehouse', topics: ['paid'] },
      { kind: 'group', id: 'forgotten', topics: ['paid'], members: 0 },
      { kind: 'group', id: 'sums', topics: ['paid'], members: 0 },
      {
        kind: 'streams',
        id: 'sums',
        internal: ['sums-by-day-repartition', 'sums-store-changelog'],
      },
      { kind: 'principal', principal: 'User:teller', operations: ['WRITE'], topics: ['paid'] },
      { kind: 'transactional-id', id: 'cashier-1', topics: ['paid'] },
      { kind: 'no-group', topic: 'unread' },
    ])
  })
})

describe('a transaction', () => {
  const transactional = async (id: string): Promise<kafkajs.Producer> => {
    const producer = new kafkajs.Kafka(kafka.kafka()).producer({
      transactionalId: id,
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    return producer
  }

  test('that holds positions of a group is waited for, and the log of positions tells the same to old brokers', async () => {
    const id = 'read-process-write' as GroupId
    const gate = commitsAreStable(id, ['read' as TopicName])
    // What a broker of 2.4 would be asked: the same log, by its offsets.
    const old: Cluster = Object.assign(Object.create(cluster), {
      supports: (api: string) => (api === 'OffsetFetch' ? 6 : cluster.supports(api as never)),
      describeTopics: (names: readonly TopicName[]) => cluster.describeTopics(names),
      listOffsets: (...asked: Parameters<Cluster['listOffsets']>) => cluster.listOffsets(...asked),
      lookAtCommits: () => Promise.reject(new Error('not asked')),
    })
    const byLog = () => gate.check(runOn({ source: old, target: cluster }, []))
    const producer = await transactional('processor')
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'results', messages: [{ value: 'r' }] })
    await transaction.sendOffsets({
      consumerGroupId: id,
      topics: [{ topic: 'read', partitions: [{ partition: 0, offset: '5' }] }],
    })
    expect(await read(gate)).toMatchObject({
      worthWaiting: true,
      because: expect.stringContaining('a transaction with positions of it is open'),
    })
    expect(await byLog()).toMatchObject({
      because: expect.stringContaining(`__consumer_offsets:${positionsPartition(id, 5)}`),
    })
    await transaction.commit()
    await untilItHolds(gate)
    await waitFor('the log', { timeoutMs: 20_000 }, async () =>
      (await byLog()).holds ? true : undefined,
    )
    await producer.disconnect()
    expect(await oracle.groupOffsets(kafka, id)).toMatchObject([{ offset: 5n }])
  })

  test('that is open is waited for, with the producer id and its first offset', async () => {
    const producer = await transactional('shop')
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'open', messages: [{ value: 'o' }] })
    const gate = sourceIsDrained('open' as TopicName, 0)
    const answers = await cluster.describeProducers([{ topic: 'open' as TopicName, partition: 0 }])
    const [open] = [...answers.ok.values()].flat()
    expect(open).toMatchObject({ transactionStart: 0n })
    expect(await read(gate, ['open'])).toMatchObject({
      worthWaiting: true,
      because: expect.stringContaining(
        `producer id ${open?.producerId} (epoch ${open?.epoch}) on open:0 from offset 0 is open`,
      ),
    })
    await transaction.abort()
    await waitFor('the abort', { timeoutMs: 20_000 }, async () =>
      (await read(gate, ['open'])).holds ? true : undefined,
    )
    await producer.disconnect()
  })

  test('that hangs is named and not waited for', async () => {
    const { producerId } = await hangTransaction(kafka, 'hangs', 'lost', (transaction) =>
      encodeBatch({
        records: [{ timestamp: Date.now(), key: null, value: Buffer.from('h') }],
        ...transaction,
        baseSequence: 0,
        attributes: ATTRIBUTES.transactional,
      }),
    )
    expect(await read(sourceIsDrained('hangs' as TopicName, 0), ['hangs'])).toMatchObject({
      worthWaiting: false,
      because: expect.stringMatching(
        new RegExp(`producer id ${producerId} .* on hangs:0 from offset 0 hangs.*--start-offset 0`),
      ),
    })
    expect(await oracle.offsets(kafka, 'hangs')).toMatchObject([{ end: 1n, stable: 0n }])
  })
})
