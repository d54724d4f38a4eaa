import { createHash } from 'node:crypto'
import kafkajs from 'kafkajs'
import type { TestCluster } from '../kafka/index.ts'

/** Digests of a receipt as its schema describes them, over what kafkajs reads: no code of Ferry's is in it. */

interface ReadMessage {
  readonly offset: number
  readonly framed: Buffer
}

/** All that a consumer with read_committed sees of a partition below an offset. */
export const framedMessages = async (
  cluster: TestCluster,
  topic: string,
  partition: number,
  last: number,
): Promise<readonly ReadMessage[]> => {
  const consumer = new kafkajs.Kafka(cluster.kafka()).consumer({
    groupId: `oracle-${topic}-${partition}-${Math.random()}`,
    readUncommitted: false,
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const found: ReadMessage[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            if (batch.partition !== partition) return
            for (const message of batch.messages) {
              found.push({ offset: Number(message.offset), framed: framed(message) })
            }
            if ((found.at(-1)?.offset ?? -1) >= last) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return found
}

export const digestOf = (messages: readonly ReadMessage[], from: number, to: number) => {
  const wanted = messages.filter(({ offset }) => offset >= from && offset < to)
  const hash = createHash('sha256')
  for (const { framed: bytes } of wanted) hash.update(bytes)
  return { records: wanted.length, sha256: hash.digest('hex') }
}

const framed = ({ timestamp, key, value, headers = {} }: kafkajs.KafkaMessage): Buffer => {
  const pairs = Object.entries(headers)
  const content = Buffer.concat([
    field(key),
    field(value),
    varint(pairs.length),
    ...pairs.flatMap(([name, text]) => [field(Buffer.from(name)), field(text as Buffer)]),
  ])
  const head = Buffer.alloc(13)
  head.writeBigInt64BE(BigInt(timestamp))
  head.writeInt32BE(content.length, 9)
  return Buffer.concat([head, content])
}

const field = (bytes: Buffer | null): Buffer =>
  bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])

/** Zigzag, seven bits a byte. */
const varint = (value: number): Buffer => {
  const bytes: number[] = []
  let left = ((value << 1) ^ (value >> 31)) >>> 0
  while (left > 127) {
    bytes.push((left & 127) | 128)
    left >>>= 7
  }
  return Buffer.from([...bytes, left])
}
