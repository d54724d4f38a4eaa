import { startKafka } from '/work/main/test/kafka/index.ts'
import { connectCluster } from '/work/main/src/kafka/kafkajs-cluster.ts'
import { Secret } from '/work/main/src/domain/secret.ts'
import kafkajs from 'kafkajs'
const version = process.argv[2] as any
const t = Date.now()
const tc = await startKafka({ version, secure: process.argv[3] === 'secure' } as any)
console.log('up', Date.now() - t, tc.clusterId)
const at = { file: 'x', line: 1, column: 1, pointer: '/' }
try {
  const spec: any = { name: 'c', file: 'x', clusterId: tc.clusterId, clusterIdAt: at, bootstrapServers: tc.bootstrapServers, bootstrapAt: at, tls: undefined, sasl: tc.admin ? { mechanism: 'scram-sha-512', username: tc.admin.username, password: new Secret(tc.admin.password) } : undefined }
  const c = await connectCluster(spec, { clientId: 'ferry-x-1' })
  const show = async (n: string, p: Promise<any>) => { const t0 = performance.now(); try { const v = await p; console.log(n, (performance.now() - t0).toFixed(0) + 'ms', v) ; return v } catch (e: any) { console.log(n, 'ERR', e.message) } }
  await show('cluster', c.describeCluster())
  console.log('supports', c.supports('Fetch'), c.supports('DescribeAcls'), c.supports('ConsumerGroupDescribe'))
  await show('create', c.createTopics([{ name: 'a' as any, partitions: 3, replicationFactor: 1, configs: new Map([['retention.ms', '1000000']]) }]))
  await show('create again', c.createTopics([{ name: 'a' as any, partitions: 3, replicationFactor: 1, configs: new Map() }]))
  await show('describe', c.describeTopics(['a', 'nope'] as any))
  await show('list', c.listTopics())
  const cfg = await c.describeTopicConfigs(['a'] as any); console.log('configs', cfg.ok.get('a' as any)?.size, cfg.ok.get('a' as any)?.get('retention.ms'), cfg.failed)
  await show('broker', c.describeBrokerConfigs(tc.brokers[0]!.id).then(m => m.size))
  await show('offsets', c.listOffsets([{ topic: 'a' as any, partition: 0 }, { topic: 'a' as any, partition: 1 }], 'stable'))
  await show('alter', c.alterTopicConfigs(new Map([['a' as any, new Map([['retention.ms', null], ['segment.bytes', '2000000']])]])))
  await show('commit', c.commitOffsets('g' as any, new Map([['a:0' as any, { offset: 0n, metadata: 'hi' }]])))
  await show('commits', c.fetchCommits(['g', 'h'] as any))
  await show('groups', c.describeGroups(['g', 'h'] as any))
  await show('listGroups', c.listGroups())
  await show('pid', c.initProducerId())
  await show('acls', c.describeAcls())
  await show('setUser', c.setUser({ name: 'bob', mechanism: 'scram-sha-256', password: new Secret('xx') }))
  await show('users', c.describeUsers(['bob', 'eve', 'admin']))
  await show('setQuota', c.setQuota('bob', { producerByteRate: 1000, consumerByteRate: null }))
  await show('quotas', c.describeQuotas(['bob', 'eve']))
  await show('createAcl', c.createAcls([{ resourceType: 'TOPIC', resourceName: 'a', patternType: 'LITERAL', principal: 'User:bob', host: '*', operation: 'READ', permission: 'ALLOW' }]))
  await show('acls', c.describeAcls())
  const admin = new kafkajs.Kafka(tc.kafka()); const p = admin.producer(); await p.connect(); await p.send({ topic: 'a', messages: [{ partition: 0, value: 'x' }, { partition: 0, value: 'y' }] }); await p.disconnect()
  await show('latest', c.listOffsets([{ topic: 'a' as any, partition: 0 }, { topic: 'a' as any, partition: 7 }], 'latest'))
  const link = await c.connectBroker(tc.brokers[0]!.id)
  await show('fetch', link.fetch({ topics: [{ topic: 'a' as any, partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 1000000 }] }], maxWaitMs: 100, minBytes: 1, maxBytes: 1000000, isolation: 'read-committed' }))
  await show('deleteRecords', c.deleteRecords(new Map([['a:0' as any, 1n]])))
  const m = await c.openGroupMember({ group: 'ferry-m' as any, protocolType: 'ferry', protocolName: 'spread', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 })
  const sig = new AbortController().signal
  const j = await show('join', m.join(Buffer.from('v1'), sig))
  if (j) { await show('sync', m.sync(j, new Map([[j.memberId, Buffer.from('all')]]), sig)); await show('hb', m.heartbeat(j)); await show('desc', m.describe()); await show('leave', m.leave()); await show('hb', m.heartbeat(j)) }
  await show('delete', c.deleteTopics(['a', 'zz'] as any))
  await c.close()
} finally { await tc.stop() }
const t1 = Date.now(); process.on('exit', () => console.log('exit after', Date.now() - t1))
