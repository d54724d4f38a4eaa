import { expect, test } from 'vitest'
import type { Answers } from '../../src/domain/answers.ts'
import type {
  ClusterId,
  PartitionKey,
  SourceOffset,
  TargetOffset,
  TopicName,
} from '../../src/domain/ids.ts'
import type { Mark } from '../../src/domain/mark.ts'
import { markedOf } from '../../src/mirror/how-far.ts'
import type { LogReader } from '../../src/mirror/log-reader.ts'
import { MirroredPartition } from '../../src/mirror/partition.ts'
import { Watch, type WatchOptions } from '../../src/mirror/watch.ts'
import { encodeBatch } from '../../src/records/index.ts'

const mark = (parts: Partial<Mark>): Mark => ({
  topic: 't' as TopicName,
  partition: 0,
  sourceCluster: 's' as ClusterId,
  targetCluster: 't' as ClusterId,
  sourceStart: 100n as SourceOffset,
  targetStart: 100n as TargetOffset,
  mode: 'identical',
  producerId: 1n,
  producerEpoch: 0,
  fillerProducerId: 2n,
  at: '',
  ...parts,
})

/** Of filler, up to the mark. */
const filler = async () =>
  encodeBatch({
    baseOffset: 98,
    producerId: 2n,
    epoch: 0,
    baseSequence: 98,
    records: [98, 99].map(() => ({ timestamp: -1, key: null, value: null })),
  })

/** Up to where a log that begins at 40 is deleted. */
const deletedFor = async (
  parts: Partial<Mark>,
  found: 'absent' | { readonly topicId: string } = { topicId: 'a' },
): Promise<readonly bigint[]> => {
  const deleted: bigint[] = []
  const target = {
    deleteRecords: async (
      wanted: ReadonlyMap<PartitionKey, bigint>,
    ): Promise<Answers<PartitionKey, bigint>> => {
      deleted.push(...wanted.values())
      return { ok: wanted, failed: new Map() }
    },
  }
  const log = {
    ends: async () => ({ start: deleted.length > 0 ? 100 : 40, end: 120 }),
    logEnd: async () => ({ leaderEpoch: 0, end: 120 }),
    read: filler,
    topic: async () => found,
  } as unknown as LogReader
  const options = { target, sourceLog: log, targetLog: log, log: () => {} }
  const watch = new Watch(options as unknown as WatchOptions)
  await watch.hideBelow(new MirroredPartition('m', mark(parts)), 40)
  return deleted
}

test('partitions that come on the source are told once, and not mirrored; the rest goes on', async () => {
  const said: string[] = []
  let partitions = 3
  const sourceLog = { topic: async () => ({ partitions: Array(partitions) }) }
  const options = { sourceLog, log: ({ message }: { message: string }) => void said.push(message) }
  const watch = new Watch(options as unknown as WatchOptions)
  const look = () => watch.look([], [], new Map([['t' as TopicName, 3]]))
  await look()
  expect(said).toEqual([])
  partitions = 5
  await look()
  await look()
  expect(said).toEqual([
    expect.stringMatching(/^FERRY1610 t has 5 partitions on the source, 3 were marked;/),
  ])
  partitions = 6
  await look()
  expect(said).toHaveLength(2)
})

test('what came back is deleted below a mark; below one of the way back lie records, and nothing ever is', async () => {
  for (const mode of ['identical', 'dense'] as const) {
    expect(await deletedFor({ mode })).toEqual([100n])
    expect(await deletedFor({ mode, way: 'reverse' })).toEqual([])
  }
  expect(await deletedFor({ targetStart: 0n as TargetOffset })).toEqual([])
  // What lies there is nobody's copy.
  expect(await deletedFor({ targetTopicId: 'a' })).toEqual([100n])
  expect(await deletedFor({ targetTopicId: 'b' })).toEqual([])
  expect(await deletedFor({}, 'absent')).toEqual([])
})

test('after a connection was lost a partition is looked at once, as soon as its leader answers; so is what nobody copies', async () => {
  const deleted: PartitionKey[] = []
  const hidden = new Set<PartitionKey>()
  let isBack = false
  let asked: PartitionKey[] = []
  const target = {
    deleteRecords: async (wanted: ReadonlyMap<PartitionKey, bigint>) => {
      for (const key of wanted.keys()) {
        deleted.push(key)
        hidden.add(key)
      }
      return { ok: wanted, failed: new Map() }
    },
  }
  const ends = async (key: PartitionKey) => {
    asked.push(key)
    if (!isBack) throw new Error('no leader')
    return { start: hidden.has(key) ? 100 : 40, end: 100 }
  }
  const logEnd = async () => ({ leaderEpoch: 0, end: 100 })
  const targetLog = { ends, logEnd, read: filler, topic: async () => ({}) } as unknown as LogReader
  const options = { target, targetLog, log: () => {} }
  const watch = new Watch(options as unknown as WatchOptions)
  const flowing = () => {
    const p = new MirroredPartition('m', mark({}))
    void p.flow({ targetEnd: 100, sourceNext: 100, sourceEnd: 100, maxBytes: 1, tailIsFresh: true })
    return p
  }
  const p = flowing()
  const sealed = markedOf(new MirroredPartition('m', mark({ partition: 1 })))
  const look = (lost: readonly MirroredPartition[]) => watch.lookAfterLoss(lost, [sealed])
  await look([p])
  expect(deleted).toEqual([])
  isBack = true
  await look([p])
  expect(deleted.sort()).toEqual([p.key, sealed.key])
  asked = []
  await look([p])
  expect(asked).toEqual([])
  // Another crash.
  hidden.clear()
  await look([])
  expect(asked).toEqual([])
  await look([flowing()])
  expect(deleted.slice(2).sort()).toEqual([p.key, sealed.key])
})

test('a log that nobody copies to, and that ends below its mark, is told once, however often it is looked at', async () => {
  const said: string[] = []
  const targetLog = {
    ends: async () => ({ start: 0, end: 30 }),
    logEnd: async () => ({ leaderEpoch: 0, end: 30 }),
    topic: async () => ({}),
  } as unknown as LogReader
  const log = ({ message }: { readonly message: string }) => void said.push(message)
  const watch = new Watch({ targetLog, log } as unknown as WatchOptions)
  const sealed = markedOf(new MirroredPartition('m', mark({})))
  for (let second = 0; second < 3; second++) await watch.lookAfterLoss([], [sealed])
  expect(said).toEqual([expect.stringMatching(/^t:0: .* ends at 30, below its mark$/)])
})

test('what others wrote below a mark where nothing is copied is told once, and kept', async () => {
  const said: string[] = []
  const targetLog = {
    ends: async () => ({ start: 40, end: 100 }),
    logEnd: async () => ({ leaderEpoch: 0, end: 100 }),
    read: async () =>
      encodeBatch({ baseOffset: 99, records: [{ timestamp: 1, key: null, value: null }] }),
    topic: async () => ({}),
  } as unknown as LogReader
  const log = ({ message }: { readonly message: string }) => void said.push(message)
  const watch = new Watch({ targetLog, log } as unknown as WatchOptions)
  const sealed = markedOf(new MirroredPartition('m', mark({})))
  for (let minute = 0; minute < 3; minute++) await watch.look([], [sealed], new Map())
  expect(said).toEqual([expect.stringMatching(/^FERRY1604 t:0: .*begins at 40 instead of/)])
})
