import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterId } from '../../src/domain/ids.ts'
import type { ClusterSpec } from '../../src/domain/migration.ts'
import { connectCluster } from '../../src/kafka/kafkajs-cluster.ts'
import { problemsOf } from './connect.ts'

const at = { file: 'clusters/test.yaml', line: 5, column: 3, pointer: '/spec/bootstrapServers' }
const spec = (changes: Partial<ClusterSpec>): ClusterSpec => ({
  name: 'nowhere',
  file: at.file,
  clusterId: 'AAAAAAAAAAAAAAAAAAAAAA' as ClusterId,
  clusterIdAt: at,
  bootstrapServers: ['127.0.0.1:1'],
  bootstrapAt: at,
  tls: undefined,
  sasl: undefined,
  ...changes,
})
const connect = (changes: Partial<ClusterSpec>, connectTimeoutMs = 30_000) =>
  connectCluster(spec(changes), { clientId: 'ferry-test', connectTimeoutMs })

/** What other servers do at the first bytes: these are no brokers, and nothing is claimed about brokers by them. */
const listen = (
  onData: 'close' | 'silent' | Buffer,
): Promise<{ address: string; server: Server }> =>
  new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => {
        if (onData === 'close') socket.destroy()
        else if (onData !== 'silent') socket.end(onData)
      })
    })
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      resolve({ address: `127.0.0.1:${port}`, server })
    })
  })

describe('a cluster that cannot be connected to', () => {
  const servers: Server[] = []
  let closing = ''
  let silent = ''
  let alerting = ''

  beforeAll(async () => {
    const tlsAlert = Buffer.from([0x15, 3, 3, 0, 2, 2, 80])
    for (const kind of ['close', 'silent', tlsAlert] as const) {
      const { address, server } = await listen(kind)
      servers.push(server)
      if (kind === 'close') closing = address
      else if (kind === 'silent') silent = address
      else alerting = address
    }
  })
  afterAll(() => {
    for (const server of servers) server.close()
  })

  test('names every address that was tried, with its reason', async () => {
    const [problem] = await problemsOf(
      connect({ bootstrapServers: ['127.0.0.1:1', 'no-such-host.invalid:9092'] }),
    )
    expect(problem).toMatchObject({ code: 'FERRY1202', at: { line: 5 } })
    expect(problem?.detail).toContain('127.0.0.1:1 (connection refused (ECONNREFUSED)')
    expect(problem?.detail).toMatch(/no-such-host\.invalid:9092 \(its name is not known/)
  })

  test('a server that does not answer', async () => {
    const [problem] = await problemsOf(connect({ bootstrapServers: [silent] }, 500))
    expect(problem).toMatchObject({ code: 'FERRY1202' })
    expect(problem?.detail).toContain('in time')
  })

  test('plain text to a TLS listener', async () => {
    const [problem] = await problemsOf(connect({ bootstrapServers: [alerting] }))
    expect(problem).toMatchObject({ code: 'FERRY1204', fix: expect.stringContaining('add `tls`') })
  })

  test('TLS to a listener without', async () => {
    const [problem] = await problemsOf(connect({ bootstrapServers: [closing], tls: {} }))
    expect(problem).toMatchObject({
      code: 'FERRY1204',
      fix: expect.stringContaining('take `tls` out'),
    })
  })

  test('ends with its signal', async () => {
    const stop = AbortSignal.abort(new Error('stopped'))
    await expect(
      connectCluster(spec({}), { clientId: 'ferry-test', signal: stop }),
    ).rejects.toThrow('stopped')
  })
})
