import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { describe, it } from 'vitest'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import { type PartitionKey, partitionKey, type TopicName } from '../../src/domain/ids.ts'
import type { GroupMemberPort, JoinedGroup } from '../../src/kafka/cluster.ts'
import type { Share } from '../../src/mirror/assignment.ts'
import { decodeMember } from '../../src/mirror/group-messages.ts'
import { Membership } from '../../src/mirror/membership.ts'
import { waitFor } from '../kafka/wait.ts'

const TOPIC = 't' as TopicName
const KEY = partitionKey(TOPIC, 0)
const OTHER = partitionKey(TOPIC, 1)
const TIMINGS = { sessionTimeoutMs: 300, requestTimeoutMs: 100 }

/** A group of one; the test says what heartbeats answer. */
class FakeMember implements GroupMemberPort {
  generation = 0
  beats: ('ok' | 'rejoin' | 'lost' | 'fails')[] = []
  readonly joinedWith: Buffer[] = []
  hasLeft = false
  isDenied = false

  async join(metadata: Buffer): Promise<JoinedGroup> {
    this.joinedWith.push(metadata)
    if (this.isDenied)
      throw new FerryError(diagnostic({ code: 'FERRY1207', detail: 'READ', fix: '' }))
    this.generation++
    const members = [{ memberId: 'me', metadata }]
    return { generation: this.generation, memberId: 'me', isLeader: true, members }
  }
  async sync(_: JoinedGroup, assignments: ReadonlyMap<string, Buffer>): Promise<Buffer> {
    return assignments.get('me')!
  }
  async heartbeat(): Promise<'ok' | 'rejoin' | 'lost'> {
    const beat = this.beats.shift() ?? 'ok'
    if (beat === 'fails') throw new Error('no answer')
    return beat
  }
  async leave(): Promise<void> {
    this.hasLeft = true
  }
  async removeMember(): Promise<void> {}
  async describe() {
    return []
  }
  async close(): Promise<void> {}
}

const start = (isDenied = false) => {
  const port = new FakeMember()
  port.isDenied = isDenied
  const events: string[] = []
  const clock = { monotonic: 0, wall: 0 }
  let drained = new Set<PartitionKey>()
  let share: Share = new Map()
  const membership = new Membership({
    project: 'p',
    target: { openGroupMember: async () => port },
    timings: TIMINGS,
    clock: { now: () => ({ ...clock }) },
    log: () => {},
    events: {
      shared: (given, generation) => {
        share = given
        events.push(`shared ${generation}`)
      },
      drain: async () => {
        events.push('drain')
        return drained
      },
      lost: () => events.push('lost'),
      denied: ({ code }) => events.push(code),
    },
  })
  membership.subscribe(new Map([[TOPIC, 2]]))
  return {
    port,
    events,
    clock,
    membership,
    share: () => share,
    drains: (keys: PartitionKey[]) => {
      drained = new Set(keys)
    },
    until: (event: string) =>
      waitFor(event, { timeoutMs: 10_000, everyMs: 1 }, () => events.includes(event) || undefined),
  }
}

describe('Membership', () => {
  it('allows sending until one request timeout before its session ends', async () => {
    const { membership, clock, until } = start()
    strictEqual(membership.maySend(), false)
    await until('shared 1')
    clock.monotonic = 199
    clock.wall = 199
    strictEqual(membership.maySend(), true)
    clock.wall = 200
    strictEqual(membership.maySend(), false)
    await membership.stop()
  })

  it('counts from the last heartbeat that was answered', async () => {
    const { membership, clock, until, port } = start()
    await until('shared 1')
    port.beats = ['fails', 'fails', 'ok']
    clock.wall = 250
    strictEqual(membership.maySend(), false)
    await waitFor(
      'a heartbeat',
      { timeoutMs: 5_000, everyMs: 1 },
      () => membership.maySend() || undefined,
    )
    await membership.stop()
  })

  it('drains before it joins again, and claims only what was drained', async () => {
    const { membership, port, until, drains, share } = start()
    await until('shared 1')
    // A new group: nobody can have sent anything.
    deepStrictEqual(
      [...share()],
      [
        [KEY, true],
        [OTHER, true],
      ],
    )
    drains([KEY])
    port.beats = ['rejoin']
    await until('shared 2')
    const claims = decodeMember('me', port.joinedWith[1]!)!.view.held
    deepStrictEqual(claims, { generation: 1, keys: new Set([KEY]) })
    deepStrictEqual([...share()].sort(), [
      [KEY, true],
      [OTHER, false],
    ])
    await membership.stop()
    strictEqual(port.hasLeft, true)
  })

  it('stops at once when its session is over, and claims nothing afterwards', async () => {
    const { membership, port, events, until, share } = start()
    await until('shared 1')
    port.beats = ['lost']
    await until('shared 2')
    deepStrictEqual(events, ['shared 1', 'lost', 'shared 2'])
    deepStrictEqual([...share().values()], [false, false])
    await membership.stop()
  })

  it('says that a right is missing once that is sure, and joins all the same when it is granted', async () => {
    const { membership, port, events, until } = start(true)
    await until('FERRY1207')
    strictEqual(port.joinedWith.length, 3)
    port.isDenied = false
    await until('shared 1')
    deepStrictEqual([...new Set(events)], ['FERRY1207', 'shared 1'])
    await membership.stop()
  })

  it('waits for a right that was taken away from a member', async () => {
    const { membership, port, events, until } = start()
    await until('shared 1')
    port.isDenied = true
    port.beats = ['lost']
    await waitFor('attempts', { timeoutMs: 10_000, everyMs: 1 }, () =>
      port.joinedWith.length > 5 ? true : undefined,
    )
    port.isDenied = false
    await until('shared 2')
    deepStrictEqual(events, ['shared 1', 'lost', 'shared 2'])
    await membership.stop()
  })
})
