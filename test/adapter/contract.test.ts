import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusesOldClients, releasesOf } from '../../src/doctor/versions.ts'
import { type ClusterId, type GroupId, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { type Cluster, LinkLost } from '../../src/kafka/cluster.ts'
import { probeCluster } from '../../src/kafka/probe.ts'
import { type KafkaVersion, startKafka, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { batchOf } from './batch.ts'
import { connect, specOf } from './connect.ts'
import { joinNewProtocol } from './new-protocol.ts'

const VERSIONS: readonly KafkaVersion[] = ['0.10.2', '1.1', '2.8', '4.x']
const topic = (name: string) => name as TopicName
const group = (name: string) => name as GroupId

// Beside each other: they start brokers and wait for them most of the time.
describe.concurrent.each(VERSIONS)('Kafka %s', (version) => {
  describe.sequential('the port', () => contractOf(version))
})

function contractOf(version: KafkaVersion): void {
  let broker: TestCluster
  let cluster: Cluster
  let other: kafkajs.Kafka
  const isOld = version === '0.10.2'
  const isTarget = version === '2.8' || version === '4.x'

  beforeAll(async () => {
    broker = await startKafka({ version })
    cluster = await connect(broker)
    other = new kafkajs.Kafka(broker.kafka())
  })
  afterAll(async () => {
    await cluster?.close()
    await broker?.stop()
  })

  /** Returns once every partition has a leader that answers. */
  const create = async (name: string, partitions = 1, configs: Record<string, string> = {}) => {
    const created = await cluster.createTopics([
      {
        name: topic(name),
        partitions,
        replicationFactor: 1,
        configs: new Map(Object.entries(configs)),
      },
    ])
    const all = Array.from({ length: partitions }, (_, partition) => ({
      topic: topic(name),
      partition,
    }))
    if (created.failed.size > 0) return created
    await waitFor(`the leaders of ${name}`, { timeoutMs: 30_000 }, async () =>
      (await cluster.listOffsets(all, 'latest')).failed.size === 0 ? true : undefined,
    )
    return created
  }

  const produce = async (name: string, values: readonly string[], partition = 0) => {
    const producer = other.producer()
    await producer.connect()
    await producer.send({ topic: name, messages: values.map((value) => ({ value, partition })) })
    await producer.disconnect()
  }

  test('describes the cluster', async () => {
    const described = await cluster.describeCluster()
    expect(described.id).toBe(broker.clusterId)
    expect(cluster.id).toBe(broker.clusterId)
    expect(described.brokers).toEqual([
      { nodeId: broker.brokers[0]?.id, host: expect.any(String), port: broker.brokers[0]?.port },
    ])
    expect(described.authorized?.has('CREATE')).toBe(isTarget ? true : undefined)
  })

  test('says what brokers support', () => {
    expect(cluster.supports('ApiVersions')).toBe(0)
    expect(cluster.supports('Fetch')).toBe(
      { '0.10.2': 3, '0.11': 5, '1.1': 7, '2.8': 12, '3.9': 13, '4.x': 13 }[version],
    )
    expect(cluster.supports('IncrementalAlterConfigs')).toBe(isTarget ? 0 : undefined)
    expect(cluster.supports('ConsumerGroupDescribe') !== undefined).toBe(version === '4.x')
  })

  test('tells which release it is, its disks and its clock, as far as it can', async () => {
    const releases: Readonly<Partial<Record<KafkaVersion, string>>> = {
      '0.10.2': '0.10.1 or 0.10.2',
      '1.1': '1.1',
      '2.8': '2.7 to 3.0',
      '4.x': '4.1 or later',
    }
    const [server = ''] = broker.bootstrapServers
    const probe = await probeCluster(
      specOf(broker, { bootstrapServers: ['127.0.0.1:1', server] }),
      { clientId: 'ferry-test', connectTimeoutMs: 20_000 },
    )
    expect(probe.bootstrap.map(({ problem }) => problem?.code)).toEqual(['FERRY1202', undefined])
    expect(probe.advertised).toHaveLength(1)
    expect(probe.advertised[0]).toMatchObject({ address: server, clusterId: broker.clusterId })
    expect(probe.advertised.map(releasesOf)).toEqual([releases[version]])
    expect(probe.advertised.map(refusesOldClients)).toEqual([version === '4.x'])
    const wrong = await probeCluster(specOf(broker, { clusterId: 'another' as ClusterId }), {
      clientId: 'ferry-test',
      connectTimeoutMs: 20_000,
    })
    expect(wrong.advertised.map(({ problem }) => problem?.code)).toEqual(['FERRY1201'])

    await create('disk')
    await produce('disk', ['x'.repeat(1_000)])
    const disks = await cluster.describeDisks([{ topic: topic('disk'), partition: 0 }])
    const clock = await cluster.readClock(() => new Date())
    if (version !== '4.x') expect(clock).toBe('unsupported')
    else if (clock === 'unsupported') throw new Error('it should tell its clock')
    else expect(Math.abs(clock.aheadMs)).toBeLessThan(1_000 + clock.uncertaintyMs)
    if (version === '0.10.2') {
      expect(disks).toBe('unsupported')
      return
    }
    if (disks === 'unsupported') throw new Error('it should tell its disks')
    expect(disks).toHaveLength(1)
    expect(disks[0]!.sizes.get(partitionKey(topic('disk'), 0))).toBeGreaterThan(1_000)
    expect(disks[0]!.sizes.size).toBe(1)
    if (version === '4.x') expect(disks[0]!.usableBytes).toBeGreaterThan(2 ** 20)
    else expect(disks[0]!.usableBytes).toBeUndefined()
  })

  test('creates, describes, lists and deletes topics', async () => {
    const created = await create('made', 3, { 'retention.ms': '86400000' })
    expect(created).toEqual({ ok: new Map([['made', undefined]]), failed: new Map() })
    // A request that was passed on twice is answered so: whose topic it is must be looked at.
    const again = await create('made')
    expect(again.failed.get(topic('made'))).toMatchObject({
      code: 'FERRY1212',
      detail: expect.stringContaining('TOPIC_ALREADY_EXISTS'),
    })
    const { ok, failed } = await cluster.describeTopics([topic('made'), topic('nowhere')])
    expect(failed.size).toBe(0)
    expect(ok.get(topic('nowhere'))).toBe('absent')
    const made = ok.get(topic('made'))
    if (made === undefined || made === 'absent') throw new Error('not made')
    expect(made.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2])
    expect(made.partitions[0]?.replicas).toEqual([broker.brokers[0]?.id])
    expect(made.topicId !== undefined).toBe(isTarget)
    expect(await cluster.listTopics()).toContain('made')
    const gone = await cluster.deleteTopics([topic('made'), topic('nowhere')])
    expect([...gone.ok.keys()]).toEqual(['made'])
    expect(gone.failed.get(topic('nowhere'))?.code).toBe('FERRY1215')
  })

  test('asking about a topic never creates it', async () => {
    await cluster.describeTopics([topic('only-asked')])
    await cluster.leaders([topic('only-asked')], 0)
    expect(await cluster.listTopics()).not.toContain('only-asked')
  })

  test('validates a creation without making it', async () => {
    const wanted = { name: topic('maybe'), partitions: 1, replicationFactor: 3, configs: new Map() }
    const tooMany = await cluster.createTopics([wanted], { validateOnly: true })
    expect(tooMany.failed.get(topic('maybe'))?.detail).toContain('INVALID_REPLICATION_FACTOR')
    const fits = { ...wanted, replicationFactor: 1 }
    expect((await cluster.createTopics([fits], { validateOnly: true })).failed.size).toBe(0)
    expect(await cluster.listTopics()).not.toContain('maybe')
  })

  test('reads configs, and says which are set on the topic', async () => {
    await create('configured', 1, { 'retention.ms': '1234567' })
    const answers = await cluster.describeTopicConfigs([topic('configured')])
    if (isOld) {
      expect(answers.failed.get(topic('configured'))).toMatchObject({ code: 'FERRY1208' })
      return
    }
    const configs = answers.ok.get(topic('configured'))
    expect(configs?.get('retention.ms')).toEqual({ value: '1234567', isOverride: true })
    expect(configs?.get('cleanup.policy')).toEqual({ value: 'delete', isOverride: false })
    const ofBroker = await cluster.describeBrokerConfigs(broker.brokers[0]?.id ?? -1)
    expect(ofBroker.get('offsets.retention.minutes')?.value).toMatch(/^\d+$/)
  })

  if (isTarget)
    test('changes only the configs that are named', async () => {
      await create('altered', 1, { 'retention.ms': '1000000', 'segment.bytes': '2000000' })
      const changes = new Map([
        ['retention.ms', null],
        ['max.message.bytes', '1500000'],
      ] as const)
      const altered = await cluster.alterTopicConfigs(new Map([[topic('altered'), changes]]))
      expect(altered.failed.size).toBe(0)
      const name = topic('altered')
      const configs = (await cluster.describeTopicConfigs([name])).ok.get(name)
      expect(configs?.get('retention.ms')?.isOverride).toBe(false)
      expect(configs?.get('segment.bytes')).toEqual({ value: '2000000', isOverride: true })
      expect(configs?.get('max.message.bytes')).toEqual({ value: '1500000', isOverride: true })
    })

  test('lists offsets, and names a partition that does not exist', async () => {
    await create('offsets', 2)
    await produce('offsets', ['a', 'b', 'c'])
    const asked = [0, 1, 7].map((partition) => ({ topic: topic('offsets'), partition }))
    for (const at of ['latest', 'stable'] as const) {
      const { ok, failed } = await cluster.listOffsets(asked, at)
      expect(ok.get(partitionKey(topic('offsets'), 0))).toBe(3n)
      expect(ok.get(partitionKey(topic('offsets'), 1))).toBe(0n)
      expect(failed.get(partitionKey(topic('offsets'), 7))?.code).toBe('FERRY1215')
    }
    const logs = await cluster.leaderEnds(asked)
    const { leader, leaderEpoch, end } = logs.ok.get(partitionKey(topic('offsets'), 0))!
    expect({ leader, end }).toEqual({ leader: broker.brokers[0]?.id, end: 3n })
    expect(leaderEpoch >= 0).toBe(isTarget)
    expect(logs.failed.get(partitionKey(topic('offsets'), 7))?.code).toBe('FERRY1215')
    const { ok } = await cluster.listOffsets(asked.slice(0, 2), 'earliest')
    expect(ok.get(partitionKey(topic('offsets'), 0))).toBe(0n)
  })

  if (!isOld)
    test('deletes records', async () => {
      await create('purged')
      await produce('purged', ['a', 'b', 'c'])
      const key = partitionKey(topic('purged'), 0)
      expect((await cluster.deleteRecords(new Map([[key, 2n]]))).ok.get(key)).toBe(2n)
      const start = await cluster.listOffsets(
        [{ topic: topic('purged'), partition: 0 }],
        'earliest',
      )
      expect(start.ok.get(key)).toBe(2n)
      const beyond = await cluster.deleteRecords(new Map([[key, 9n]]))
      expect(beyond.failed.get(key)?.detail).toContain('OFFSET_OUT_OF_RANGE')
    })

  test('commits for a group without members, and reads every commit of it', async () => {
    await create('positions', 2)
    const key = partitionKey(topic('positions'), 1)
    const written = await cluster.commitOffsets(
      group('simple'),
      new Map([[key, { offset: 0n, metadata: 'by ferry' }]]),
    )
    expect(written).toEqual({ ok: new Map([[key, undefined]]), failed: new Map() })
    const read = await cluster.fetchCommits([group('simple'), group('nobody')])
    expect(read.ok.get(group('simple'))).toEqual(
      new Map([[key, { offset: 0n, metadata: 'by ferry', leaderEpoch: -1 }]]),
    )
    expect(read.ok.get(group('nobody'))).toEqual(new Map())
    const described = await cluster.describeGroups([group('simple'), group('nobody')])
    expect(described.ok.get(group('simple'))).toMatchObject({ state: 'empty', members: [] })
    expect(described.ok.get(group('nobody'))?.state).toBe('absent')
  })

  test('describes a group with members, and refuses to commit for it', async () => {
    await create('consumed')
    await produce('consumed', ['a', 'b'])
    const consumer = other.consumer({ groupId: 'busy' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'consumed', fromBeginning: true })
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.run({ eachMessage: async () => undefined })
    await joined
    try {
      const described = (await cluster.describeGroups([group('busy')])).ok.get(group('busy'))
      expect(described).toMatchObject({
        state: 'stable',
        type: 'classic',
        protocolType: 'consumer',
        members: [{ clientId: 'ferry-test' }],
      })
      expect(await cluster.listGroups()).toContainEqual({ id: 'busy', protocolType: 'consumer' })
      const key = partitionKey(topic('consumed'), 0)
      const refused = await cluster.commitOffsets(
        group('busy'),
        new Map([[key, { offset: 1n, metadata: '' }]]),
      )
      expect(refused.failed.get(key)?.code).toBe('FERRY1213')
    } finally {
      await consumer.disconnect()
    }
    const after = (await cluster.describeGroups([group('busy')])).ok.get(group('busy'))
    expect(after?.state).toBe('empty')
  })

  test('says that there is no authorizer', async () => {
    expect(await cluster.describeAcls()).toBe('no-authorizer')
  })

  test('gives a producer id, or says why not', async () => {
    if (isOld) await expect(cluster.initProducerId()).rejects.toThrow('FERRY1208')
    else expect((await cluster.initProducerId()).producerId).toBeTypeOf('bigint')
  })

  test('fetches what another client produced', async () => {
    await create('fetched')
    await produce('fetched', ['one', 'two'])
    const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
    const [partition] = await link.fetch({
      topics: [
        {
          topic: topic('fetched'),
          partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 1e6 }],
        },
      ],
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1e6,
      isolation: 'read-committed',
    })
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 2, lastStableOffset: 2 })
    expect(partition?.records.readInt8(16)).toBe(isOld ? 1 : 2)
    expect(partition?.records.includes('two')).toBe(true)
    await link.close()
  })

  test('fetches nothing from a topic of the same name that was created since, where it has an id', async () => {
    await create('reborn')
    await produce('reborn', ['old one', 'old two'])
    const described = (await cluster.describeTopics([topic('reborn')])).ok.get(topic('reborn'))
    const topicId = described === 'absent' ? undefined : described?.topicId
    expect(topicId !== undefined).toBe(isTarget)
    const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
    const fetched = async () => {
      const partitions = [{ partition: 0, fetchOffset: 0, maxBytes: 1e6 }]
      const named = { topic: topic('reborn'), partitions }
      const [answer] = await link.fetch({
        topics: [topicId === undefined ? named : { ...named, topicId }],
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 1e6,
        isolation: 'read-committed',
      })
      return answer
    }
    expect((await fetched())?.records.includes('old two')).toBe(true)
    await cluster.deleteTopics([topic('reborn')])
    await waitFor('it to be gone', { timeoutMs: 20_000 }, async () => {
      const now = (await cluster.describeTopics([topic('reborn')])).ok.get(topic('reborn'))
      return now === 'absent' || undefined
    })
    // Old controllers are not done with the old one when nobody sees it any more.
    await waitFor('it to be made anew', { timeoutMs: 20_000 }, async () => {
      const { failed } = await create('reborn')
      return failed.size === 0 || undefined
    })
    await produce('reborn', ['new one', 'new two', 'new three'])
    const again = await fetched()
    expect(again?.topic).toBe('reborn')
    // Before 3.1 the name is all that is asked for.
    if (version !== '4.x') expect(again?.records.includes('new three')).toBe(true)
    else expect(again).toMatchObject({ errorCode: 100, records: Buffer.alloc(0) })
    await link.close()
  })

  if (!isOld)
    test('produces batches in pieces, many in flight, in order', async () => {
      await create('produced', 2)
      const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
      const batch = batchOf(['x', 'y'])
      const sent = Array.from({ length: 20 }, () =>
        link.produce({
          timeoutMs: 10_000,
          topics: [
            {
              topic: topic('produced'),
              partitions: [0, 1, 9].map((partition) => ({
                partition,
                batch: [batch.subarray(0, 61), batch.subarray(61)],
              })),
            },
          ],
        }),
      )
      const answers = await Promise.all(sent)
      for (const [i, answer] of answers.entries()) {
        const results = answer.map(({ partition, errorCode, baseOffset }) => [
          partition,
          errorCode,
          baseOffset,
        ])
        expect(results.sort()).toEqual([
          [0, 0, i * 2],
          [1, 0, i * 2],
          [9, 3, -1],
        ])
      }
      await link.close()
    })

  test('a closed link rejects what is open, and what comes later', async () => {
    await create('idle')
    const link = await cluster.connectBroker(broker.brokers[0]?.id ?? -1)
    const fetch = () =>
      link.fetch({
        topics: [
          { topic: topic('idle'), partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 1e6 }] },
        ],
        maxWaitMs: 10_000,
        minBytes: 1,
        maxBytes: 1e6,
        isolation: 'read-committed',
      })
    const open = fetch()
    await Promise.all([expect(open).rejects.toBeInstanceOf(LinkLost), link.close()])
    expect(link.connected).toBe(false)
    await expect(fetch()).rejects.toBeInstanceOf(LinkLost)
  })

  if (isTarget)
    test('two members share a group of our own protocol type', async () => {
      const options = {
        group: group('ferry-mirror-test'),
        protocolType: 'ferry',
        protocolName: 'spread',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
      }
      const { signal } = new AbortController()
      const first = await cluster.openGroupMember(options)
      const alone = await first.join(Buffer.from('a'), signal)
      expect(alone).toMatchObject({ generation: 1, isLeader: true, members: [{}] })
      expect(
        await first.sync(alone, new Map([[alone.memberId, Buffer.from('all')]]), signal),
      ).toEqual(Buffer.from('all'))
      expect(await first.heartbeat(alone)).toBe('ok')

      const second = await cluster.openGroupMember(options)
      const joining = second.join(Buffer.from('b'), signal)
      while ((await first.heartbeat(alone)) === 'ok') await new Promise((r) => setTimeout(r, 50))
      expect(await first.heartbeat(alone)).toBe('rejoin')
      const [one, two] = await Promise.all([first.join(Buffer.from('a'), signal), joining])
      expect([one.generation, two.generation]).toEqual([2, 2])
      expect(one.isLeader).not.toBe(two.isLeader)
      const shares = new Map([
        [one.memberId, Buffer.from('p0')],
        [two.memberId, Buffer.from('p1')],
      ])
      const share = (joined: typeof one) => (joined.isLeader ? shares : new Map())
      expect(
        await Promise.all([
          first.sync(one, share(one), signal),
          second.sync(two, share(two), signal),
        ]),
      ).toEqual([Buffer.from('p0'), Buffer.from('p1')])

      const members = await second.describe()
      expect(members.map(({ metadata }) => metadata.toString()).sort()).toEqual(['a', 'b'])
      expect(members[0]?.clientId).toBe('ferry-test')

      await second.removeMember(one.memberId)
      expect(await first.heartbeat(one)).toBe('lost')
      await second.leave()
      expect(await second.describe()).toEqual([])
      await Promise.all([first.close(), second.close()])
    })

  if (isTarget)
    test('a join that waits for others ends with its signal', async () => {
      const options = {
        group: group('ferry-mirror-abort'),
        protocolType: 'ferry',
        protocolName: 'spread',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 30_000,
      }
      const first = await cluster.openGroupMember(options)
      const second = await cluster.openGroupMember(options)
      const alone = await first.join(Buffer.from('a'), new AbortController().signal)
      await first.sync(
        alone,
        new Map([[alone.memberId, Buffer.alloc(0)]]),
        new AbortController().signal,
      )
      const stop = new AbortController()
      const joining = second.join(Buffer.from('b'), stop.signal)
      setTimeout(() => stop.abort(new Error('stopped')), 300)
      await expect(joining).rejects.toThrow('stopped')
      await second.leave()
      await Promise.all([first.close(), second.close()])
    })

  if (version === '4.x')
    test('describes a group of the new consumer protocol', async () => {
      await create('new-protocol')
      const member = await joinNewProtocol(broker, 'group-848', 'new-protocol')
      const described = await cluster.describeGroups([group('group-848'), group('not-there')])
      expect(described.ok.get(group('group-848'))).toMatchObject({
        type: 'consumer',
        protocolType: 'consumer',
        members: [{ clientId: 'new-client' }],
      })
      expect(['stable', 'reconciling', 'assigning']).toContain(
        described.ok.get(group('group-848'))?.state,
      )
      expect(described.ok.get(group('not-there'))?.state).toBe('absent')
      member.close()
    })
}
