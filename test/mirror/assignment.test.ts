import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import { assign, type MemberView } from '../../src/mirror/assignment.ts'
import {
  decodeMember,
  decodeShare,
  encodeMember,
  encodeShare,
} from '../../src/mirror/group-messages.ts'

const TOPICS = ['a', 'b', 'c'] as TopicName[]
const key = (topic: string, partition: number) => partitionKey(topic as TopicName, partition)

const member = fc.record({
  topics: fc.array(fc.tuple(fc.constantFrom(...TOPICS), fc.integer({ min: 1, max: 12 })), {
    maxLength: 3,
  }),
  held: fc.array(fc.tuple(fc.constantFrom(...TOPICS), fc.integer({ min: 0, max: 12 }))),
  generation: fc.integer({ min: -1, max: 5 }),
})
const members = fc.array(member, { minLength: 1, maxLength: 5 }).map((all) =>
  all.map(
    (m, i): MemberView => ({
      memberId: `member-${i}`,
      topics: new Map(m.topics),
      held: { generation: m.generation, keys: new Set(m.held.map(([t, p]) => key(t, p))) },
    }),
  ),
)

describe('assign', () => {
  it('gives every partition to exactly one member that subscribes to it', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 6 }), (all, generation) => {
        const shares = assign(all, generation)
        const given: PartitionKey[] = []
        for (const m of all) {
          for (const k of shares.get(m.memberId)!.keys()) {
            given.push(k)
            const [topic, partition] = k.split(':') as [TopicName, string]
            ok((m.topics.get(topic) ?? 0) > Number(partition))
          }
        }
        const wanted = new Set<string>()
        for (const m of all) {
          for (const [t, n] of m.topics) for (let p = 0; p < n; p++) wanted.add(key(t, p))
        }
        deepStrictEqual([...given].sort(), [...wanted].sort())
      }),
    )
  })

  it('calls a partition handed over only by a claim of the generation right before', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 2, max: 6 }), (all, generation) => {
        for (const share of assign(all, generation).values()) {
          for (const [k, isClean] of share) {
            const claimed = all.some(
              (m) => m.held.generation === generation - 1 && m.held.keys.has(k),
            )
            strictEqual(isClean, claimed)
          }
        }
      }),
    )
  })

  it('is even, and keeps partitions where they are', () => {
    const topics = new Map([[TOPICS[0]!, 12]])
    const none = { generation: -1, keys: new Set<PartitionKey>() }
    const first = assign([{ memberId: 'm1', topics, held: none }], 2)
    strictEqual(first.get('m1')!.size, 12)
    const held = { generation: 2, keys: new Set(first.get('m1')!.keys()) }
    const second = assign(
      [
        { memberId: 'm1', topics, held },
        { memberId: 'm2', topics, held: none },
      ],
      3,
    )
    strictEqual(second.get('m1')!.size, 6)
    strictEqual(second.get('m2')!.size, 6)
    const third = assign(
      ['m1', 'm2'].map((memberId) => {
        const keys = new Set(second.get(memberId)!.keys())
        return { memberId, topics, held: { generation: 3, keys } }
      }),
      4,
    )
    deepStrictEqual([...third.get('m1')!.keys()], [...second.get('m1')!.keys()])
    ok([...third.values()].every((share) => [...share.values()].every(Boolean)))
  })
})

describe('messages of the group', () => {
  it('come back as they were', () => {
    const process = { host: 'h', boot: 'b', pid: 1, pidNamespace: 's', machine: '', started: '' }
    fc.assert(
      fc.property(members, (all) => {
        for (const m of all) {
          const decoded = decodeMember(m.memberId, encodeMember(m, process))
          deepStrictEqual(decoded, { view: m, process })
        }
        for (const share of assign(all, 3).values()) {
          deepStrictEqual(
            new Map([...decodeShare(encodeShare(share))].sort()),
            new Map([...share].sort()),
          )
        }
      }),
    )
  })

  it('of others are not understood', () => {
    strictEqual(decodeMember('m', Buffer.from('v1')), undefined)
    deepStrictEqual(decodeShare(Buffer.alloc(0)), new Map())
  })
})
