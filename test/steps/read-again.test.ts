import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FerryError } from '../../src/domain/diagnostic.ts'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { Mark, Seal } from '../../src/domain/mark.ts'
import { GapList } from '../../src/domain/offset-index.ts'
import { emptyState, type MigrationState } from '../../src/domain/state.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { FileStore } from '../../src/state/file-store.ts'
import {
  belowMarkIsHidden,
  copyIsChecked,
  groupHasMoved,
  groupsAreSynced,
  mirrorPassed,
  nothingLateOnWayBack,
  sourceIsDrained,
  targetIsDrained,
  topicsAreSealed,
} from '../../src/steps/gates/index.ts'
import { kindOf } from '../../src/steps/index.ts'
import type { Gate } from '../../src/steps/step-kind.ts'
import { codes, done, fakeApply, journalWords, problem } from '../applier/fake-migration.ts'
import { migration, topicSpec } from '../planner/_build.ts'
import { AT, LINEAGE } from '../state/samples.ts'

/** What held before a step is read again after it: real gates and the real applier; the brokers, and what happens to them, are made up. */

const TOPIC = 'orders' as TopicName
const GROUP = 'api' as GroupId
const KEY = 'orders:0' as PartitionKey

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ferry-read-again-'))
})
afterEach(() => rm(directory, { recursive: true }))

const mark = (parts: Partial<Mark> = {}): Mark => ({
  topic: TOPIC,
  partition: 0,
  sourceCluster: 'id-old' as never,
  targetCluster: 'id-new' as never,
  targetTopicId: 'Xk3pT0vQSf6mUe1yZ8aBcg',
  sourceStart: 100n as SourceOffset,
  targetStart: 100n as never,
  mode: 'identical',
  producerId: 1n,
  producerEpoch: 0,
  fillerProducerId: 2n,
  at: AT,
  ...parts,
})
const seal = { topic: TOPIC, partition: 0, sourceEnd: 500n, targetEnd: 500n, at: AT } as Seal

/** All is copied, all stands still, nobody is in the group on the source; what happens changes it. */
const world = () => {
  const here = { start: 100n, end: 500n }
  const there = { start: 100n, end: 500n }
  const commits = { source: 500n, target: 500n }
  const members = { source: 0, target: 1 }
  const away = { times: 0 }
  const found = (name: 'source' | 'target') =>
    new Map([[KEY, { offset: commits[name], metadata: '' }]])
  const side = (name: 'source' | 'target', log: typeof here) => ({
    id: name === 'source' ? 'id-old' : 'id-new',
    name: name === 'source' ? 'old' : 'new',
    supports: () => undefined,
    listOffsets: async (asked: readonly unknown[], at: string) => {
      if (away.times-- > 0) {
        throw new FerryError(problem('FERRY1201', 'no answer'), { retriable: true })
      }
      return {
        ok: new Map(asked.map(() => [KEY, at === 'earliest' ? log.start : log.end])),
        failed: new Map(),
      }
    },
    leaders: async () => new Map([[KEY, { leader: 1, leaderEpoch: 0 }]]),
    // Whoever wrote what came is not the mirror.
    connectBroker: async () => ({
      connected: true,
      fetch: async () => {
        const record = { timestamp: 1, key: null, value: Buffer.from('v') }
        const records = encodeBatch({ baseOffset: Number(log.end) - 1, records: [record] })
        return [{ topic: TOPIC, partition: 0, errorCode: 0, records }]
      },
      close: async () => {},
    }),
    describeTopics: async () => ({
      ok: new Map([[TOPIC, { partitions: [{ partition: 0 }] }]]),
      failed: new Map(),
    }),
    fetchCommits: async () => ({ ok: new Map([[GROUP, found(name)]]), failed: new Map() }),
    lookAtCommits: async () => ({
      ok: new Map([[GROUP, { commits: found(name), pending: [] }]]),
      failed: new Map(),
    }),
    describeGroups: async () => ({
      ok: new Map([
        [
          GROUP,
          {
            id: GROUP,
            state: members[name] > 0 ? 'stable' : 'empty',
            type: 'classic',
            protocolType: 'consumer',
            members: Array(members[name]).fill({ clientId: 'api-1', host: '/h', memberId: 'm' }),
          },
        ],
      ]),
      failed: new Map(),
    }),
  })
  return {
    here,
    there,
    commits,
    members,
    away,
    clusters: { source: side('source', here), target: side('target', there) },
  }
}
type World = ReturnType<typeof world>

interface Row {
  readonly gate: Gate
  readonly state?: Partial<MigrationState>
  /** What the step itself decides. */
  readonly decides?: (state: MigrationState) => MigrationState
  readonly happens: (world: World) => void
  readonly says: RegExp
}

const backMarks = {
  reverse: { marks: [mark({ sourceStart: 500n as never, targetStart: 500n as never })], seals: [] },
}

const ROWS: Readonly<Record<string, Row>> = {
  'a record comes to the source while its topic is sealed': {
    gate: sourceIsDrained(TOPIC, 1_000),
    decides: (state) => ({ ...state, seals: [seal] }),
    happens: ({ here }) => {
      here.end += 1n
    },
    says: /orders stands still on the source for 1s \(producers still write to old: stop them\)/,
  },
  'the copy is cut off while its topic is sealed': {
    gate: sourceIsDrained(TOPIC, 1_000),
    decides: (state) => ({ ...state, seals: [seal] }),
    happens: ({ there }) => {
      there.end -= 1n
    },
    says: /both sides hold as many records of orders \(.*below the end of the copy 500/,
  },
  'somebody else writes to the copy while its topic is sealed': {
    gate: sourceIsDrained(TOPIC, 1_000),
    decides: (state) => ({ ...state, seals: [seal] }),
    happens: ({ there }) => {
      there.end += 1n
    },
    says: /nobody but the mirror has written to the copy of orders \(.*somebody else writes there/,
  },
  'a record comes to the target while the way back is sealed': {
    gate: targetIsDrained(TOPIC, 1_000),
    state: { seals: [seal], ...backMarks },
    decides: (state) => ({ ...state, reverse: { ...state.reverse, seals: [seal] } }),
    happens: ({ there }) => {
      there.end += 1n
    },
    says: /stands still on the target for 1s, and all of it is mirrored back \(producers still/,
  },
  'a record comes to the source while producers are let onto the target': {
    gate: topicsAreSealed(),
    state: { seals: [seal] },
    happens: ({ here }) => {
      here.end += 1n
    },
    says: /nothing came after the seal of any topic \(orders:0 has grown on the source from 500/,
  },
  'the group reads on on the source while it is synced': {
    gate: mirrorPassed(GROUP, [TOPIC], false),
    happens: ({ commits, here }) => {
      here.end = 502n
      commits.source = 502n
    },
    says: /the mirror has passed every position of api \(2 records to go, orders:0 first\)/,
  },
  'an earlier copy comes back while a group is synced': {
    gate: belowMarkIsHidden([TOPIC]),
    happens: ({ there }) => {
      there.start = 7n
    },
    says: /nothing below the marks can be read on the target \(orders:0 begins at 7 instead of 100/,
  },
  'the group reads on on the target while it is put back': {
    gate: copyIsChecked(GROUP, [TOPIC]),
    happens: ({ commits, there }) => {
      there.end = 503n
      commits.target = 503n
    },
    says: /has checked what api has read on the target \(orders:0 is checked up to 500\)/,
  },
  'a record comes to the source, kept warm, while the migration is retired': {
    gate: nothingLateOnWayBack([TOPIC]),
    state: { seals: [seal], ...backMarks },
    happens: ({ here }) => {
      here.end += 1n
    },
    says: /nothing after the seal but what was mirrored back \(orders-0 offset 500 on old came late/,
  },
  'a consumer comes back to the source while the migration is retired': {
    gate: groupHasMoved(GROUP),
    happens: ({ members }) => {
      members.source = 1
    },
    says: /api does not run on the source \(api-1 on \/h still on old\)/,
  },
}

const applying = async ({ gate, state, decides }: Row, at: World, happens: () => void) => {
  const store = new FileStore(directory)
  const decisions = {
    ...emptyState('orders', LINEAGE),
    serial: 1,
    clusters: { source: 'id-old', target: 'id-new' },
    marks: [mark()],
    ...state,
  } as MigrationState
  await store.writeDecisions(decisions, 0)
  const progress = (way?: string) => ({
    producerId: 1n,
    gaps: new GapList(),
    diverged: null,
    mirroredTo: 500n,
    checkedTo: 500n,
    problem: null,
    way,
  })
  Object.assign(store, {
    readProgress: async (_: string, way?: string) => new Map([[KEY, progress(way)]]),
  })
  const apply = fakeApply(
    store,
    {
      a: {
        gates: [gate],
        apply: async (run) => {
          if (decides) await run.decide(decides)
          happens()
          return done
        },
      },
    },
    {
      clusters: at.clusters as never,
      migration: migration({ name: 'orders', topics: [topicSpec(TOPIC)] }),
    },
  )
  return { store, result: await apply.run(), clock: apply.clock }
}

describe('what held before a step is read again after it', () => {
  test.each(Object.entries(ROWS))('%s: the step is not done', async (_, row) => {
    const at = world()
    const { store, result } = await applying(row, at, () => row.happens(at))
    expect([result.status, codes(result)]).toEqual(['failed', ['FERRY1503']])
    expect(result.problems[0]?.detail).toMatch(row.says)
    expect(await journalWords(store)).toEqual(['plan-started', 'intent a', 'a failed'])
  })

  test.each(Object.entries(ROWS))('where not %s, it is done', async (_, row) => {
    const { result } = await applying(row, world(), () => {})
    expect(result.problems).toEqual([])
    expect(result.status).toBe('done')
  })

  test('a broker that does not answer then says nothing: it is asked again', async () => {
    const at = world()
    const row = ROWS['an earlier copy comes back while a group is synced']!
    const { result, clock } = await applying(row, at, () => {
      at.away.times = 2
    })
    expect(result.status).toBe('done')
    expect(clock.pauses.length).toBeGreaterThan(0)
  })

  test('that the service is just restarted on the target takes nothing back', async () => {
    const at = world()
    const { result } = await applying(
      { ...ROWS['a consumer comes back to the source while the migration is retired']! },
      at,
      () => {
        at.members.target = 0
      },
    )
    expect(result.status).toBe('done')
  })

  test('all but what nothing rests on any more, and what the step itself takes away', () => {
    expect(groupsAreSynced().after).toBe(false)
    const remove = {
      kind: 'remove-object',
      on: 'source',
      object: { kind: 'topic', topic: TOPIC },
      isMirrored: true,
      groups: [GROUP],
    }
    expect(
      kindOf('remove-object')
        .gates(remove as never)
        .map(({ title, after }) => `${title}: ${after}`),
    ).toEqual([
      'nothing came after the seal of orders: false',
      'api has consumers on the target and none on the source: true',
    ])
  })
})
