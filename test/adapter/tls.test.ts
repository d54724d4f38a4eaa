import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import { Secret } from '../../src/domain/secret.ts'
import { KafkajsLink } from '../../src/kafka/kafkajs-link.ts'
import { openConnection } from '../../src/kafka/open-connection.ts'
import { startKafka, type TestCluster } from '../kafka/index.ts'
import { batchOf } from './batch.ts'
import { connect, problemsOf, specOf } from './connect.ts'

/** A TLS front of a plain broker. */
const startFront = (cert: string, key: string, target: () => number): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer({ cert, key }, (client) => {
      const broker = dial(target(), '127.0.0.1')
      client.on('error', () => broker.destroy())
      broker.on('error', () => client.destroy())
      client.on('close', () => broker.destroy())
      broker.on('close', () => client.destroy())
      client.pipe(broker).pipe(client)
    })
    server.on('tlsClientError', () => undefined)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })

describe('a cluster behind TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-tls-'))
  let server: Server
  let broker: TestCluster
  let cert = ''
  let address = ''

  beforeAll(async () => {
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const names = 'subjectAltName=DNS:broker.test,IP:127.0.0.1'
    const silent = { stdio: 'ignore' as const }
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-days',
          '2',
          '-subj',
          '/CN=broker.test',
        ],
        ...['-addext', names, '-keyout', keyFile, '-out', certFile],
      ],
      silent,
    )
    cert = readFileSync(certFile, 'utf8')
    let port = 0
    server = await startFront(cert, readFileSync(keyFile, 'utf8'), () => port)
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    broker = await startKafka({ version: '4.x' })
    port = broker.brokers[0]?.port ?? 0
  })
  afterAll(async () => {
    server?.close()
    await broker?.stop()
    rmSync(folder, { recursive: true })
  })

  test('an unknown authority is FERRY1205', async () => {
    const problems = await problemsOf(connect(broker, { bootstrapServers: [address], tls: {} }))
    expect(problems).toMatchObject([{ code: 'FERRY1205', fix: expect.stringContaining('tls.ca') }])
  })

  test('a name that is not in the certificate is FERRY1205', async () => {
    const tls = { ca: cert, serverName: 'another.test' }
    const problems = await problemsOf(connect(broker, { bootstrapServers: [address], tls }))
    expect(problems).toMatchObject([{ code: 'FERRY1205' }])
  })

  test('a key that is not one is FERRY1205 and is not printed', async () => {
    const tls = { ca: cert, cert, key: new Secret('not-a-key') }
    const problems = await problemsOf(connect(broker, { bootstrapServers: [address], tls }))
    expect(problems).toMatchObject([{ code: 'FERRY1205' }])
    expect(JSON.stringify(problems)).not.toContain('not-a-key')
  })

  test('brokers that advertise a port without TLS are named', async () => {
    const tls = { ca: cert }
    const problems = await problemsOf(connect(broker, { bootstrapServers: [address], tls }))
    expect(problems).toMatchObject([{ code: 'FERRY1204' }])
    expect(problems[0]?.detail).toContain('at the address that it advertises')
    expect(problems[0]?.detail).toContain(`:${broker.brokers[0]?.port}`)
  })

  test('large batches go out and come back unchanged', async () => {
    const name = 'through-tls' as TopicName
    const cluster = await connect(broker)
    await cluster.createTopics([
      {
        name,
        partitions: 1,
        replicationFactor: 1,
        configs: new Map([['max.message.bytes', '9000000']]),
      },
    ])
    // Until it has a leader that answers.
    expect((await cluster.listOffsets([{ topic: name, partition: 0 }], 'latest')).failed.size).toBe(
      0,
    )
    const [host, port] = address.split(':')
    const connection = await openConnection(
      specOf(broker, { tls: { ca: cert } }),
      { host: host ?? '', port: Number(port) },
      { clientId: 'ferry-test', connectTimeoutMs: 20_000, log: undefined },
    )
    const link = new KafkajsLink(broker.brokers[0]?.id ?? -1, connection, 30_000)
    const batch = batchOf([...'abcdefgh'].map((letter) => letter.repeat(1_000_000)))
    const partitions = [{ partition: 0, batch: [batch.subarray(0, 61), batch.subarray(61)] }]
    const request = { timeoutMs: 10_000, topics: [{ topic: name, partitions }] }
    expect(await link.produce(request)).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
    const [fetched] = await link.fetch({
      topics: [
        { topic: name, partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 9_000_000 }] },
      ],
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 9_000_000,
      isolation: 'read-committed',
    })
    // The broker writes its leader epoch (bytes 12 to 15), nothing else.
    expect(fetched?.records.subarray(16).equals(batch.subarray(16))).toBe(true)
    await link.close()
    await cluster.close()
  })
})
