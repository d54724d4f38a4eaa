import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  GroupId,
  PartitionKey,
  SourceOffset,
  TargetOffset,
  TopicName,
} from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { ReturnGroup, SealTopic, SyncGroup } from '../../src/domain/step.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { mirrorTopic } from '../../src/steps/mirror-topic.ts'
import { partitionsNow } from '../../src/steps/partitions-now.ts'
import { restoreGroup } from '../../src/steps/restore-group.ts'
import { returnGroup } from '../../src/steps/return-group.ts'
import { sealTopic } from '../../src/steps/seal-topic.ts'
import type { Clusters, Run } from '../../src/steps/step-kind.ts'
import { syncGroup } from '../../src/steps/sync-group.ts'
import { oracle } from '../kafka/index.ts'
import { startConsumer } from '../scenarios/_clients.ts'
import { withAdmin } from '../scenarios/_image.ts'
import { runOn } from '../scenarios/_run.ts'
import {
  createTopic,
  deleteUpTo,
  type Pair,
  recordsFrom,
  startPair,
  write,
} from '../verify/pair.ts'

/**
 * What happens between the gates of a step and its end, on real brokers: somebody joins, commits or writes in that very moment. Each step
 * is run with ports that do to the brokers what a client would do then, right before or after a request.
 */

let pair: Pair
let count = 0

beforeAll(async () => {
  pair = await startPair('4.x', 1, { 'offset.metadata.max.bytes': '100' })
})
afterAll(() => pair?.stop())

/** A topic with the same 100 records on both sides, but for one if so wanted, and a group that is at 40 of it on the source. */
const service = async (
  other?: number,
): Promise<{ topic: TopicName; group: GroupId; key: PartitionKey }> => {
  const topic = await createTopic(pair, `moment-${++count}`)
  const records = recordsFrom(0, 100)
  await write(pair.clusters.source, topic, records)
  const copies = records.map((record, i) =>
    i === other ? { ...record, value: Buffer.from('another') } : record,
  )
  await write(pair.clusters.target, topic, copies)
  const group = `${topic}.api` as GroupId
  const key = `${topic}:0` as PartitionKey
  await commit(pair.clusters.source, group, key, 40n)
  return { topic, group, key }
}

const commit = async (
  cluster: Cluster,
  group: GroupId,
  key: PartitionKey,
  offset: bigint,
): Promise<void> => {
  const { failed } = await cluster.commitOffsets(group, new Map([[key, { offset, metadata: '' }]]))
  expect([...failed.values()]).toEqual([])
}

/** The cluster, but for what is done around one of its requests. */
const around = <M extends 'commitOffsets' | 'fetchCommits' | 'describeGroups' | 'listOffsets'>(
  cluster: Cluster,
  method: M,
  what: { readonly before?: () => Promise<unknown>; readonly after?: () => Promise<unknown> },
): Cluster => {
  const call = cluster[method].bind(cluster) as (...args: unknown[]) => Promise<unknown>
  return new Proxy(cluster, {
    get: (_, name) => {
      if (name === method) {
        return async (...args: unknown[]) => {
          await what.before?.()
          const answer = await call(...args)
          await what.after?.()
          return answer
        }
      }
      const value = Reflect.get(cluster, name, cluster) as unknown
      return typeof value === 'function' ? value.bind(cluster) : value
    },
  })
}

/** A run whose decisions can be looked at. */
const runWith = (
  clusters: Clusters,
  topics: readonly string[],
  start: Partial<MigrationState> = {},
) => {
  const run = runOn(clusters, topics)
  let state: MigrationState = { ...run.state(), ...start }
  return Object.assign(run, {
    state: () => state,
    decide: async (change: (s: MigrationState) => MigrationState) => {
      state = change(state)
    },
    report: () => undefined,
  }) as Run
}

const syncStep = (group: GroupId, topic: TopicName): SyncGroup => ({
  kind: 'sync-group',
  id: `sync-group/${group}`,
  stage: 'consumers-moved',
  reason: '',
  undo: { cost: 'restores', says: '' },
  group,
  topics: [topic],
  uncommitted: 'absent',
  allowRewind: false,
  committed: 1,
  partitions: 1,
})

const positions = async (side: 'source' | 'target', group: GroupId) =>
  (await oracle.groupOffsets(pair.brokers[side], group)).map(({ offset }) => offset)

const outcome = async (syncing: ReturnType<typeof syncGroup.apply>) => {
  const found = await syncing
  if (!found.done && 'again' in found) return found.again
  return found.done ? 'done' : { code: found.problem.code, detail: found.problem.detail }
}

describe('while a group is synced', () => {
  it('nothing is written if a consumer joins on the target after the gates were read', async () => {
    const { topic, group } = await service()
    const { source, target } = pair.clusters
    let consumer: Awaited<ReturnType<typeof startConsumer>> | undefined
    const racing = around(target, 'commitOffsets', {
      before: async () => {
        consumer ??= await startConsumer(pair.brokers.target, group, topic)
      },
    })
    const run = runWith({ source, target: racing }, [topic])
    for (const gate of syncGroup.gates(syncStep(group, topic))) {
      expect(await gate.check(run), gate.title).toEqual({ holds: true })
    }
    expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
      code: 'FERRY1213',
    })
    expect(await positions('target', group)).toEqual([])
    expect(run.state().syncs).toMatchObject([{ group, status: 'pending' }])
    // Nor was anything done to the group that is there.
    const { groups } = await withAdmin(pair.brokers.target, (admin) =>
      admin.describeGroups([group]),
    )
    expect(groups).toMatchObject([{ groupId: group, state: 'Stable', members: [{}] }])
    // Once it is gone the same step goes on.
    await consumer?.stop()
    const again = runWith({ source, target }, [topic], { syncs: run.state().syncs })
    expect(await outcome(syncGroup.apply(syncStep(group, topic), again))).toBe('done')
    expect(await positions('target', group)).toEqual([40n])
  })

  it('nothing is written, nor is its position cut, while the group is ahead of the mirror; once that has come there it is', async () => {
    const topic = await createTopic(pair, `moment-${++count}`)
    const group = `${topic}.api` as GroupId
    await write(pair.clusters.source, topic, recordsFrom(0, 100))
    await write(pair.clusters.target, topic, recordsFrom(0, 60))
    await commit(pair.clusters.source, group, `${topic}:0` as PartitionKey, 80n)
    const behind = runOn(pair.clusters, [topic], 60n)
    const decided = runWith(pair.clusters, [topic])
    const run = Object.assign(behind, { state: decided.state, decide: decided.decide })
    const waits = await Promise.all(
      syncGroup.gates(syncStep(group, topic)).map((gate) => gate.check(run)),
    )
    expect(waits).toContainEqual(
      expect.objectContaining({
        holds: false,
        worthWaiting: true,
        because: expect.stringContaining('20 records to go'),
      }),
    )
    // The step itself does not rely on them.
    const refused = syncGroup.apply(syncStep(group, topic), run)
    expect(await outcome(refused)).toMatchObject({ code: 'FERRY1703' })
    expect(await positions('target', group)).toEqual([])
    expect(decided.state().syncs).toEqual([])
    await write(pair.clusters.target, topic, recordsFrom(60, 40))
    expect(await outcome(syncGroup.apply(syncStep(group, topic), decided))).toBe('done')
    expect(await positions('target', group)).toEqual([80n])
    expect(await oracle.read(pair.brokers.target, topic, { fromOffset: 80n })).toEqual(
      await oracle.read(pair.brokers.source, topic, { fromOffset: 80n }),
    )
  })

  it('it does not count as synced if it commits on the source meanwhile', async () => {
    const { topic, group, key } = await service()
    const { source, target } = pair.clusters
    const racing = around(target, 'commitOffsets', { after: () => commit(source, group, key, 55n) })
    const run = runWith({ source, target: racing }, [topic])
    expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
      code: 'FERRY1703',
      detail: expect.stringContaining(`from 40 to 55 of ${key}`),
    })
    expect(run.state().syncs).toMatchObject([{ group, status: 'pending' }])
    // Run again it takes the new position, and what it wrote itself is no reason to refuse.
    const again = runWith({ source, target }, [topic], { syncs: run.state().syncs })
    expect(await outcome(syncGroup.apply(syncStep(group, topic), again))).toBe('done')
    expect(await positions('target', group)).toEqual([55n])
  })

  it.each(['source', 'target'] as const)(
    'it does not count as synced if a consumer joins on the %s right behind it',
    async (side) => {
      const { topic, group } = await service()
      const { source, target } = pair.clusters
      let consumer: Awaited<ReturnType<typeof startConsumer>> | undefined
      // Behind the last request of the sync that a member could make fail.
      const racing = around(target, 'commitOffsets', {
        after: async () => {
          consumer ??= await startConsumer(pair.brokers[side], group, topic)
        },
      })
      const run = runWith({ source, target: racing }, [topic])
      expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
        code: 'FERRY1703',
        detail: expect.stringContaining(`${group} has no consumers on the ${side}`),
      })
      expect(run.state().syncs).toMatchObject([{ group, status: 'pending' }])
      await consumer?.stop()
    },
  )

  it('it does not count as synced if it commits where it had no position', async () => {
    const { topic, group, key } = await service()
    const { source, target } = pair.clusters
    const { failed } = await source.deleteCommits(group, [key])
    expect([...failed.values()]).toEqual([])
    const racing = around(target, 'describeGroups', {
      after: () => commit(source, group, key, 55n),
    })
    const run = runWith({ source, target: racing }, [topic])
    const without = { ...syncStep(group, topic), committed: 0 }
    expect(await outcome(syncGroup.apply(without, run))).toMatchObject({
      code: 'FERRY1703',
      detail: expect.stringContaining(`from no position to 55 of ${key}`),
    })
    expect(run.state().syncs).toMatchObject([{ group, status: 'pending' }])
  })

  it('it does not count as synced if somebody commits on the target right behind it', async () => {
    const { topic, group, key } = await service()
    const { source, target } = pair.clusters
    const racing = around(target, 'commitOffsets', { after: () => commit(target, group, key, 3n) })
    const run = runWith({ source, target: racing }, [topic])
    expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
      code: 'FERRY1701',
      detail: expect.stringContaining(`written at 40 of ${key} on new, but 3 was read back`),
    })
    expect(run.state().syncs).toMatchObject([{ status: 'pending' }])
  })

  it('it does not count as synced where the broker took only some of its positions, and is whole when it is run again', async () => {
    const { topic, group } = await service()
    const { topic: other } = await service()
    const { source } = pair.clusters
    // What the client noted there is longer than the target lets it be.
    const note = (metadata: string) =>
      source.commitOffsets(
        group,
        new Map([[`${other}:0` as PartitionKey, { offset: 70n, metadata }]]),
      )
    await note('x'.repeat(200))
    const run = runWith(pair.clusters, [topic, other])
    const step = { ...syncStep(group, topic), topics: [topic, other] }
    expect(await outcome(syncGroup.apply(step, run))).toMatchObject({
      detail: expect.stringMatching(
        `OFFSET_METADATA_TOO_LARGE to: commit offset 70 of ${other}:0 for group`,
      ),
    })
    const there = async () =>
      (await oracle.groupOffsets(pair.brokers.target, group))
        .map((each) => `${each.topic} ${each.offset} ${each.metadata}`)
        .sort()
    // One request, of which the broker did a part.
    expect(await there()).toEqual([`${topic} 40 `])
    expect(run.state().syncs).toMatchObject([{ status: 'pending' }])
    await note('short')
    expect(await outcome(syncGroup.apply(step, run))).toBe('done')
    expect(await there()).toEqual([`${topic} 40 `, `${other} 70 short`].sort())
    // What the first attempt has left is not what was there before.
    const [synced] = run.state().syncs
    expect(synced).toMatchObject({ status: 'done' })
    expect([...synced!.positions.values()].map(({ previous }) => previous)).toEqual([null, null])
  })

  it('a partition that came since it was synced has its position in the end, if apply dies behind the commit', async () => {
    const { topic, group, key } = await service()
    const step: SyncGroup = { ...syncStep(group, topic), onlyNew: true }
    const earlier = { group, status: 'done', at: '2026-01-01T00:00:00.000Z' } as const
    const run = runWith(pair.clusters, [topic], { syncs: [{ ...earlier, positions: new Map() }] })
    let decided = 0
    const dying = Object.assign(
      { ...run },
      {
        decide: (change: (s: MigrationState) => MigrationState) =>
          ++decided === 2 ? Promise.reject(new Error('killed')) : run.decide(change),
      },
    )
    await expect(syncGroup.apply(step, dying)).rejects.toThrow('killed')
    expect(await positions('target', group)).toEqual([40n])
    expect(run.state().syncs[0]?.adding?.get(key)).toMatchObject({ source: 40n, target: 40n })
    expect(await outcome(syncGroup.apply(step, run))).toBe('done')
    expect(run.state().syncs[0]?.positions.get(key)).toMatchObject({
      source: 40n,
      previous: null,
      proof: 'record',
    })
    expect(await positions('target', group)).toEqual([40n])
  })

  describe('a position that it had on the source and has lost is no absence to copy', () => {
    /** In two topics, and forgotten in the first one. */
    const lost = async () => {
      const [one, other] = [await service(), await service()]
      const { topic, group, key } = one
      const key2 = `${other.topic}:0` as PartitionKey
      await commit(pair.clusters.source, group, key2, 70n)
      const step = { ...syncStep(group, topic), topics: [topic, other.topic], committed: 2 }
      const forget = async () => {
        const { failed } = await pair.clusters.source.deleteCommits(group, [key])
        expect([...failed.values()]).toEqual([])
      }
      return { topics: [topic, other.topic], group, key, key2, step, forget }
    }
    const refused = (because: string) => ({
      code: 'FERRY1708',
      detail: expect.stringContaining(because),
    })

    it('since the plan was made', async () => {
      const { topics, group, key, step, forget } = await lost()
      const [first, second] = topics as [TopicName, TopicName]
      const planned = { ...step, committedIn: { [first]: '0', [second]: '0' } }
      await forget()
      const run = runWith(pair.clusters, topics)
      for (const uncommitted of ['absent', 'start', 'end'] as const) {
        expect(await outcome(syncGroup.apply({ ...planned, uncommitted }, run))).toMatchObject(
          refused(`had a position in ${key} on old and has none any more`),
        )
      }
      // Of a plan that an older version has made.
      expect(await outcome(syncGroup.apply(step, run))).toMatchObject(
        refused('had a position in 2 partitions on old and has only 1 any more'),
      )
      expect(await positions('target', group)).toEqual([])
      expect(run.state().syncs).toEqual([])
      // A plan that was made since has shown it.
      const since = { ...step, committedIn: { [second]: '0' } }
      expect(await outcome(syncGroup.apply(since, run))).toBe('done')
      expect(await positions('target', group)).toEqual([70n])
    })

    it('since it was synced before', async () => {
      const { topics, group, key, key2, step, forget } = await lost()
      const run = runWith(pair.clusters, topics)
      expect(await outcome(syncGroup.apply(step, run))).toBe('done')
      await forget()
      await commit(pair.clusters.source, group, key2, 80n)
      await pair.clusters.target.deleteCommits(group, [key])
      const anew = { ...step, committed: 1, committedIn: { [topics[1]!]: '0' } }
      expect(await outcome(syncGroup.apply(anew, run))).toMatchObject(refused(key))
      expect(await positions('target', group)).toEqual([70n])
    })
  })

  describe('what it wrote and is gone', () => {
    const again = (group: GroupId, topic: TopicName): SyncGroup => ({
      ...syncStep(group, topic),
      onlyGone: true,
    })
    /** Synced at 40, then forgotten by the target, and where so wanted by the source too. */
    const forgotten = async (sides: readonly ('source' | 'target')[]) => {
      const { topic, group, key } = await service()
      const run = runWith(pair.clusters, [topic])
      expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toBe('done')
      for (const side of sides) {
        await withAdmin(pair.brokers[side], (admin) => admin.deleteGroups([group]))
        expect(await positions(side, group)).toEqual([])
      }
      return { topic, group, key, run }
    }

    it.each([
      ['the target', ['target']],
      ['both clusters', ['source', 'target']],
    ] as const)('is written again as the state holds it, where %s lost it', async (_, sides) => {
      const { topic, group, key, run } = await forgotten(sides)
      const [before] = run.state().syncs
      expect(await outcome(syncGroup.apply(again(group, topic), run))).toBe('done')
      expect(await positions('target', group)).toEqual([40n])
      const [after] = run.state().syncs
      // The same sync, with younger positions.
      expect(after).toMatchObject({ status: 'done', at: before!.at })
      expect(after!.positions.get(key)).toEqual({
        ...before!.positions.get(key),
        at: expect.any(String),
      })
      // A run that died behind it: nothing is left to do.
      expect(await outcome(syncGroup.apply(again(group, topic), run))).toBe('done')
      expect(await positions('target', group)).toEqual([40n])
    })

    it('is not, where the target has lost the records at it', async () => {
      const { topic, group, run } = await forgotten(['target'])
      await deleteUpTo(pair.clusters.target, topic, 60)
      expect(await outcome(syncGroup.apply(again(group, topic), run))).toMatchObject({
        code: 'FERRY1702',
      })
      expect(await positions('target', group)).toEqual([])
    })

    it('is not, where somebody has run there since the plan, but with --allow-rewind', async () => {
      const { topic, group, key, run } = await forgotten(['target'])
      await (await startConsumer(pair.brokers.target, group, topic)).stop()
      const step = again(group, topic)
      const found = await outcome(syncGroup.apply(step, run))
      const description = await withAdmin(pair.brokers.target, (admin) =>
        admin.describeGroups([group]),
      )
      expect(description.groups).toMatchObject([{ state: 'Empty', protocolType: 'consumer' }])
      expect(found).toMatchObject({
        code: 'FERRY1707',
        detail: expect.stringContaining('on new it has had members there'),
      })
      expect(await positions('target', group)).toEqual([])
      const allowed = { ...step, allowRewind: true }
      expect(await outcome(syncGroup.apply(allowed, run))).toBe('done')
      expect(await positions('target', group)).toEqual([40n])
      expect(run.state().syncs[0]!.positions.get(key)).toMatchObject({ source: 40n })
    })

    it.each([
      ['before', 'describeGroups'],
      ['while', 'commitOffsets'],
    ] as const)('is not counted as done, where it moves on the source %s', async (_, method) => {
      const { topic, group, key, run } = await forgotten(['target'])
      const { source, target } = pair.clusters
      const racing = around(target, method, { after: () => commit(source, group, key, 55n) })
      const moving = Object.assign({ ...run }, { clusters: { source, target: racing } })
      expect(await outcome(syncGroup.apply(again(group, topic), moving))).toMatchObject({
        code: 'FERRY1707',
        detail: expect.stringContaining(`at 55 of ${key} on old and was synced at 40`),
      })
      expect(run.state().syncs[0]!.positions.get(key)).not.toHaveProperty('at')
    })
  })

  it('nothing is written, nor does it count as synced, where the next record on the target is another one', async () => {
    const { topic, group } = await service(40)
    const run = runWith(pair.clusters, [topic])
    expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
      code: 'FERRY1812',
      detail: expect.stringContaining(
        'offset 40 on the source and 40 on the target, is not the same',
      ),
    })
    expect(await positions('target', group)).toEqual([])
    expect(run.state().syncs).toEqual([])
  })

  it('nothing is written where the records of the position are gone on the target', async () => {
    const { topic, group, key } = await service()
    await deleteUpTo(pair.clusters.target, topic, 60)
    const run = runWith(pair.clusters, [topic])
    expect(await outcome(syncGroup.apply(syncStep(group, topic), run))).toMatchObject({
      code: 'FERRY1702',
      detail: expect.stringContaining(`at 40 of ${key} on new, whose log holds 60 to 100`),
    })
    expect(await positions('target', group)).toEqual([])
  })
})

describe('while a topic is mirrored', () => {
  it('producers that never pause do not keep it from being done: what was there at the last look is copied', async () => {
    const topic = await createTopic(pair, 'moment-busy')
    const { source, target } = pair.clusters
    await write(source, topic, recordsFrom(0, 10))
    let isBusy = true
    // As a mirror beside busy producers: whenever anybody looks, it is some records behind.
    const busy = (async () => {
      for (let next = 10; isBusy; next += 10) {
        await write(source, topic, recordsFrom(next, 10))
        await write(target, topic, recordsFrom(next - 10, 10))
      }
    })()
    const run = Object.assign(runWith(pair.clusters, [topic]), { gateTimeoutMs: 120_000 })
    const mirrored = await mirrorTopic.apply(
      {
        kind: 'mirror-topic',
        id: `mirror-topic/${topic}`,
        stage: 'mirrored',
        reason: '',
        undo: { cost: 'free', says: '' },
        topic,
        partitions: 1,
        records: '10',
        bytesEstimate: 0,
        lagAllowed: 0,
        throttle: null,
      },
      run,
    )
    isBusy = false
    await busy
    expect(mirrored).toMatchObject({ done: true, facts: { lag: expect.any(Number) } })
    expect(mirrored.done && mirrored.facts.lag).toBeGreaterThan(0)
  })
})

describe('while a topic is sealed', () => {
  const step = (topic: TopicName): SealTopic => ({
    kind: 'seal-topic',
    id: `seal-topic/${topic}`,
    stage: 'producers-moved',
    reason: '',
    undo: { cost: 'free', says: '' },
    topic,
    partitions: 1,
    quietMs: 0,
  })

  it('a record that comes to the source after the gate was read keeps it open', async () => {
    const { topic } = await service()
    const { source, target } = pair.clusters
    let wrote = false
    const racing = around(source, 'listOffsets', {
      before: async () => {
        if (wrote) return
        wrote = true
        await write(source, topic, recordsFrom(100, 1))
      },
    })
    const quiet = runWith({ source, target }, [topic])
    for (const gate of sealTopic.gates(step(topic))) {
      expect(await gate.check(quiet), gate.title).toEqual({ holds: true })
    }
    const run = runWith({ source: racing, target }, [topic])
    expect(await outcome(sealTopic.apply(step(topic), run))).toMatchObject({
      code: 'FERRY1704',
      detail: expect.stringContaining(`${topic}:0 has grown to 101 on old`),
    })
    expect(run.state().seals).toEqual([])
  })

  it('nothing of it goes on where the target has lost its log down to below the mark', async () => {
    const { topic } = await service()
    const run = runWith(pair.clusters, [topic])
    const [mark] = run.state().marks
    const above = { ...mark!, targetStart: 500n as TargetOffset }
    await run.decide((state) => ({ ...state, marks: [above] }))
    await expect(partitionsNow(run, [topic])).rejects.toMatchObject({
      diagnostics: [{ code: 'FERRY1320', detail: expect.stringContaining('ends at 100, below') }],
    })
  })
})

describe('while a group is put back', () => {
  const step = (group: GroupId, topic: TopicName): ReturnGroup => ({
    kind: 'return-group',
    id: `return-group/${group}`,
    stage: 'mirrored',
    reason: '',
    undo: { cost: 'restores', says: '' },
    group,
    topics: [topic],
    positions: 1,
    consumed: '0',
  })
  const synced = (group: GroupId, key: PartitionKey): Partial<MigrationState> => ({
    syncs: [
      {
        group,
        status: 'done',
        at: new Date().toISOString(),
        positions: new Map([
          [
            key,
            {
              source: 40n as SourceOffset,
              target: 40n,
              previous: null,
              metadata: '',
              proof: 'record' as const,
            },
          ],
        ]),
      },
    ],
  })

  it('nothing is written if a consumer joins on the source after the gates were read', async () => {
    const { topic, group, key } = await service()
    const { source, target } = pair.clusters
    await commit(target, group, key, 70n)
    let consumer: Awaited<ReturnType<typeof startConsumer>> | undefined
    const racing = around(source, 'commitOffsets', {
      before: async () => {
        consumer ??= await startConsumer(pair.brokers.source, group, topic)
      },
    })
    const run = runWith({ source: racing, target }, [topic], synced(group, key))
    expect(await outcome(returnGroup.apply(step(group, topic), run))).toMatchObject({
      code: 'FERRY1213',
    })
    await consumer?.stop()
    expect(await positions('source', group)).toEqual([40n])
    const again = runWith({ source, target }, [topic], run.state())
    expect(await outcome(returnGroup.apply(step(group, topic), again))).toBe('done')
    expect(await positions('source', group)).toEqual([70n])
  })

  it('nothing is written over what somebody commits on the source without being a member', async () => {
    const { topic, group, key } = await service()
    const { source, target } = pair.clusters
    await commit(target, group, key, 70n)
    let looks = 0
    const racing = around(source, 'fetchCommits', {
      after: async () => {
        if (++looks === 1) await commit(source, group, key, 90n)
      },
    })
    const run = runWith({ source: racing, target }, [topic], synced(group, key))
    expect(await outcome(returnGroup.apply(step(group, topic), run))).toMatchObject({
      code: 'FERRY1703',
      detail: expect.stringContaining(`moved on old from 40 to 90 of ${key}`),
    })
    expect(await positions('source', group)).toEqual([90n])
    expect(run.state().returns).toEqual([])
  })

  it('nothing is written, nor does it count as put back, where the next record on the source is another one', async () => {
    const { topic, group, key } = await service(70)
    await commit(pair.clusters.target, group, key, 70n)
    const run = runWith(pair.clusters, [topic], synced(group, key))
    expect(await outcome(returnGroup.apply(step(group, topic), run))).toMatchObject({
      code: 'FERRY1812',
      detail: expect.stringContaining(
        'offset 70 on the source and 70 on the target, is not the same',
      ),
    })
    expect(await positions('source', group)).toEqual([40n])
    expect(run.state().returns).toEqual([])
  })

  it('a position that the source holds no more is refused, with the range that would be skipped', async () => {
    const { topic, group, key } = await service()
    await commit(pair.clusters.target, group, key, 50n)
    await deleteUpTo(pair.clusters.source, topic, 60)
    const run = runWith(pair.clusters, [topic], synced(group, key))
    expect(await outcome(returnGroup.apply(step(group, topic), run))).toMatchObject({
      code: 'FERRY1332',
      detail: expect.stringContaining('50 to 59 are gone there and would be skipped'),
    })
    expect(await positions('source', group)).toEqual([40n])
  })
})

describe('while the commits of a group are put back', () => {
  it('positions that the broker does not show are left, as only those of the migration are deleted', async () => {
    const { topic, group, key } = await service()
    const other = await createTopic(pair, `${topic}-of-others`)
    await commit(pair.clusters.target, group, key, 40n)
    await commit(pair.clusters.target, group, `${other}:0` as PartitionKey, 7n)
    // KafkaApis leaves out, without an error, what the caller has no DESCRIBE on, where all topics are asked for.
    const blind = new Proxy(pair.clusters.target, {
      get: (cluster, name) => {
        if (name === 'fetchCommits') {
          return async (...args: Parameters<Cluster['fetchCommits']>) => {
            const { ok, failed } = await cluster.fetchCommits(...args)
            const shown = [...ok].map(
              ([id, commits]) => [id, new Map([...commits].filter(([k]) => k === key))] as const,
            )
            return { ok: new Map(shown), failed }
          }
        }
        const value = Reflect.get(cluster, name, cluster) as unknown
        return typeof value === 'function' ? value.bind(cluster) : value
      },
    })
    const run = runWith({ source: pair.clusters.source, target: blind }, [topic], {
      syncs: [{ group, status: 'done', at: new Date().toISOString(), positions: new Map() }],
    })
    const restored = await restoreGroup.apply(
      {
        kind: 'restore-group',
        id: `restore-group/${group}`,
        stage: 'mirrored',
        reason: '',
        undo: { cost: 'free', says: '' },
        group,
        topics: [topic],
        restored: 0,
        deleted: 1,
      },
      run,
    )
    expect(restored).toMatchObject({ done: true, facts: { deleted: { [key]: '40' } } })
    expect(await oracle.groupOffsets(pair.brokers.target, group)).toMatchObject([
      { topic: other, offset: 7n },
    ])
  })
})
