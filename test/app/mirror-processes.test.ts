import { deepStrictEqual } from 'node:assert'
import { describe, it } from 'vitest'
import { growsCold, isKeptWarm, mirrorProcesses } from '../../src/app/mirror-processes.ts'
import { diagnostic, FerryError } from '../../src/domain/diagnostic.ts'
import type { PartitionKey, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import type { GroupMemberPort } from '../../src/kafka/cluster.ts'
import { encodeMember } from '../../src/mirror/group-messages.ts'

const process = {
  host: 'box',
  boot: 'other-boot',
  pid: 7,
  pidNamespace: 'x',
  machine: '',
  started: '',
}
const metadata = encodeMember(
  {
    topics: new Map([['orders.events' as TopicName, 12]]),
    held: { generation: 1, keys: new Set<PartitionKey>() },
  },
  process,
)
const member = (bytes: Buffer) => ({ memberId: 'm', clientId: 'c', host: '/1', metadata: bytes })

/** A coordinator that gives these answers, the last one again and again. */
const answering = (...answers: readonly (readonly ReturnType<typeof member>[])[]) => {
  let asked = 0
  let closed = 0
  const port = {
    describe: async () => answers[Math.min(asked++, answers.length - 1)],
    close: async () => void closed++,
  } as unknown as GroupMemberPort
  return { target: { openGroupMember: async () => port }, closed: () => closed, asked: () => asked }
}

describe('mirrorProcesses', () => {
  it('says which process would copy which topics, and joins nothing', async () => {
    const { target, closed } = answering([member(metadata)])
    deepStrictEqual(await mirrorProcesses('shop', target), [
      { host: 'box', pid: 7, topics: ['orders.events'] },
    ])
    deepStrictEqual(closed(), 1)
  })

  it('says nobody for an empty group', async () => {
    deepStrictEqual(await mirrorProcesses('shop', answering([]).target), [])
  })

  it('asks again while the group rebalances and its members are not described', async () => {
    const { target, asked } = answering([member(Buffer.alloc(0))], [member(metadata)])
    deepStrictEqual((await mirrorProcesses('shop', target))?.length, 1)
    deepStrictEqual(asked(), 2)
  })

  it('does not call it nobody when that lasts', async () => {
    const { target } = answering([member(Buffer.alloc(0))])
    deepStrictEqual(await mirrorProcesses('shop', target), undefined)
  })

  it('knows nothing where it may not ask', async () => {
    const target = {
      openGroupMember: async () => {
        throw new FerryError(diagnostic({ code: 'FERRY1207', detail: '', fix: '' }))
      },
    }
    deepStrictEqual(await mirrorProcesses('shop', target), undefined)
  })
})

describe('a source that is kept warm', () => {
  const mark = { topic: 'orders.events', partition: 0 } as Mark
  const state = (parts: Partial<MigrationState>): MigrationState => ({
    ...emptyState('orders', ''),
    ...parts,
  })

  it('is one with a way back that is not sealed, until it is retired', () => {
    const open = { reverse: { marks: [mark], seals: [] } }
    deepStrictEqual(
      [
        state({}),
        state(open),
        state({ reverse: { marks: [mark], seals: [mark as unknown as Seal] } }),
        state({ ...open, stage: 'retired' }),
      ].map(isKeptWarm),
      [false, true, false, false],
    )
  })

  it('grows cold while nobody mirrors back, which says how to start somebody', () => {
    const { code, severity, fix } = growsCold({ name: 'orders', from: 'a', to: 'b' } as Migration)
    deepStrictEqual([code, severity], ['FERRY1364', 'warning'])
    deepStrictEqual(fix, 'Start one and keep it running: ferry mirror orders')
  })
})
