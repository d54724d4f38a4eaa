import { createRequire } from 'node:module'
import { connectCluster } from '../../src/kafka/kafkajs-cluster.ts'
import { Decoder } from '../../src/kafka/wire/decoder.ts'
import { Encoder } from '../../src/kafka/wire/encoder.ts'
import { fetch as fetchApi } from '../../src/kafka/wire/fetch.ts'
import { startKafka } from '../kafka/index.ts'

const require = createRequire(import.meta.url)
const { crc32c } = require('@node-rs/crc32')
const tc = await startKafka({ version: '4.x', heap: '2g', jvmFlags: ['-XX:+UseG1GC'] } as any)
const at = { file: 'x', line: 1, column: 1, pointer: '/' }
const N = 4,
  T = 'bench' as any
function varint(n: number) {
  const out = []
  let z = (n << 1) ^ (n >> 31)
  z >>>= 0
  while (z > 127) {
    out.push((z & 127) | 128)
    z >>>= 7
  }
  out.push(z)
  return Buffer.from(out)
}
function batch(values: Buffer[]) {
  const recs = values.map((val, i) => {
    const body = Buffer.concat([
      Buffer.from([0]),
      varint(0),
      varint(i),
      varint(-1),
      varint(val.length),
      val,
      varint(0),
    ])
    return Buffer.concat([varint(body.length), body])
  })
  const payload = Buffer.concat(recs)
  const b = Buffer.alloc(61 + payload.length)
  b.writeInt32BE(b.length - 12, 8)
  b.writeInt32BE(-1, 12)
  b[16] = 2
  b.writeInt32BE(values.length - 1, 23)
  b.writeBigInt64BE(BigInt(Date.now()), 27)
  b.writeBigInt64BE(BigInt(Date.now()), 35)
  b.writeBigInt64BE(-1n, 43)
  b.writeInt16BE(-1, 51)
  b.writeInt32BE(-1, 53)
  b.writeInt32BE(values.length, 57)
  payload.copy(b, 61)
  b.writeInt32BE(crc32c(b.subarray(21)) | 0, 17)
  return b
}
try {
  const c = await connectCluster(
    {
      name: 'c',
      file: 'x',
      clusterId: tc.clusterId,
      clusterIdAt: at,
      bootstrapServers: tc.bootstrapServers,
      bootstrapAt: at,
      tls: undefined,
      sasl: undefined,
    } as any,
    { clientId: 'bench' },
  )
  await c.createTopics([{ name: T, partitions: N, replicationFactor: 1, configs: new Map() }])
  const b16 = batch(Array.from({ length: 16 }, () => Buffer.alloc(1000, 120)))
  const b256 = batch(Array.from({ length: 250 }, () => Buffer.alloc(1000, 121)))
  const run = async (name: string, b: Buffer, total: number, inflight: number) => {
    const link = await c.connectBroker(1)
    const cpu = process.cpuUsage(),
      t = performance.now()
    let sent = 0
    await Promise.all(
      Array.from({ length: inflight }, async () => {
        while (sent < total) {
          sent += b.length * N
          const r = await link.produce({
            timeoutMs: 30000,
            topics: [
              {
                topic: T,
                partitions: Array.from({ length: N }, (_, p) => ({
                  partition: p,
                  batch: [b.subarray(0, 61), b.subarray(61)],
                })),
              },
            ],
          })
          if (r.some((x) => x.errorCode)) throw new Error(JSON.stringify(r))
        }
      }),
    )
    const dt = (performance.now() - t) / 1e3,
      cu = process.cpuUsage(cpu)
    console.log(
      name,
      (sent / dt / 1e6).toFixed(0),
      'MB/s',
      'cpu',
      ((cu.user + cu.system) / 1e6).toFixed(2),
    )
    await link.close()
  }
  await run('produce 16K', b16, 2e8, 4)
  await run('produce 256K', b256, 8e8, 4)
  const ends = await c.listOffsets(
    Array.from({ length: N }, (_, p) => ({ topic: T, partition: p })),
    'latest',
  )
  const end = Array.from({ length: N }, (_, p) => Number(ends.ok.get(`${T}:${p}` as any)))
  const next = (records: Buffer, from: number) => {
    let o = 0,
      n = from,
      cnt = 0
    while (o + 61 <= records.length) {
      const len = records.readInt32BE(o + 8) + 12
      if (o + len > records.length) break
      n = Number(records.readBigInt64BE(o)) + records.readInt32BE(o + 23) + 1
      cnt += len
      o += len
    }
    return [n, cnt] as const
  }
  const fetchRun = async (
    name: string,
    doFetch: (req: any) => Promise<any>,
    maxBytes: number,
    pmax: number,
  ) => {
    const pos = end.map(() => 0)
    let bytes = 0,
      reqs = 0
    const cpu = process.cpuUsage(),
      t = performance.now()
    while (pos.some((p, i) => p < end[i]!)) {
      reqs++
      const parts = await doFetch({
        maxWaitMs: 100,
        minBytes: 1,
        maxBytes,
        isolation: 'read-committed',
        topics: [
          {
            topic: T,
            partitions: pos
              .map((p, i) => ({ partition: i, fetchOffset: p, maxBytes: pmax }))
              .filter((_, i) => pos[i]! < end[i]!),
          },
        ],
      })
      for (const p of parts) {
        const [n, b] = next(p.records, pos[p.partition]!)
        pos[p.partition] = n
        bytes += b
      }
    }
    const dt = (performance.now() - t) / 1e3,
      cu = process.cpuUsage(cpu)
    console.log(
      name,
      (bytes / dt / 1e6).toFixed(0),
      'MB/s',
      (bytes / 1e6).toFixed(0),
      'MB',
      reqs,
      'reqs cpu',
      ((cu.user + cu.system) / 1e6).toFixed(2),
      'rss',
      (process.memoryUsage().rss / 1e6).toFixed(0),
    )
  }
  const Conn = require('kafkajs/src/network/connection')
  const logger = require('kafkajs/src/loggers').createLogger({
    level: 0,
    logCreator: require('kafkajs/src/loggers/console'),
  })
  const [host, port] = tc.bootstrapServers[0]!.split(':')
  const raw = new Conn({
    host,
    port: Number(port),
    logger,
    socketFactory: require('kafkajs/src/network/socketFactory')(),
    requestTimeout: 60000,
    connectionTimeout: 5000,
    clientId: 'x',
    enforceRequestTimeout: false,
  })
  await raw.connect()
  const rawFetch = async (req: any) => {
    const e = new Encoder(false)
    fetchApi.encode(e, req, 11)
    const body = e.finish()
    const buf: Buffer = await raw.send({
      request: {
        apiKey: 1,
        apiVersion: 11,
        apiName: 'Fetch',
        encode: async () => {
          const E = require('kafkajs/src/protocol/encoder')
          return new E().writeBuffer(body)
        },
      },
      response: { decode: async (b: any) => b, parse: async (b: any) => b },
    })
    return fetchApi.decode(new Decoder(buf, false, 0), 11).partitions
  }
  const link = await c.connectBroker(1)
  for (const [m, pm] of [
    [16 << 20, 4 << 20],
    [8 << 20, 2 << 20],
    [4 << 20, 1 << 20],
  ] as const)
    for (let i = 0; i < 2; i++) {
      await fetchRun(`ours ${m >> 20}M`, (r) => link.fetch(r), m, pm)
      await fetchRun(`kafkajs ${m >> 20}M`, rawFetch, m, pm)
    }
  const links = [link, await c.connectBroker(1)]
  await Promise.all(
    [0, 1].map((k) =>
      fetchRun('two links in parallel', (r) => links[k]!.fetch(r), 8 << 20, 2 << 20),
    ),
  )
  raw.requestQueue.destroy()
  raw.socket.destroy()
  await c.close()
} finally {
  await tc.stop()
}
