import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GroupId, PartitionKey, SourceOffset, TopicName } from '../../src/domain/ids.ts'
import type { Seal } from '../../src/domain/mark.ts'
import type { Migration } from '../../src/domain/migration.ts'
import type { GroupSync } from '../../src/domain/moved-groups.ts'
import type { OffsetIndex } from '../../src/domain/offset-index.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { SyncedPosition } from '../../src/domain/step.ts'
import type { NewRecord } from '../../src/records/write-batch.ts'
import type { KnownCleaned } from '../../src/verify/cleaned-topics.ts'
import { type PositionProof, proveEach, provePositions } from '../../src/verify/index.ts'
import {
  createTopic,
  deleteUpTo,
  gap,
  indexOf,
  markOf,
  type Pair,
  recordsFrom,
  startPair,
  transact,
  verify,
  withoutNulls,
  write,
} from './pair.ts'

let pair: Pair
let topics = 0

beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair?.stop())

/** Source offsets 0 to 99, mirrored from 10 on to target offsets 3 to 92. */
const mirrored = async (
  target: readonly NewRecord[] = recordsFrom(10, 90),
): Promise<OffsetIndex> => {
  const topic = await createTopic(pair, `positions-${++topics}`)
  await write(pair.clusters.source, topic, recordsFrom(0, 100), { batch: 8 })
  await write(pair.clusters.target, topic, [...recordsFrom(900, 3), ...target], { batch: 30 })
  await deleteUpTo(pair.clusters.target, topic, 3)
  return indexOf(markOf(topic, 10, 3), 100)
}

const prove = async (
  index: OffsetIndex,
  positions: readonly (readonly [source: number, target?: number])[],
  known: KnownCleaned = {},
): Promise<readonly PositionProof[]> =>
  proveEach({
    clusters: pair.clusters,
    positions: positions.map(([source, target]) => ({
      index,
      source: BigInt(source) as SourceOffset,
      ...(target !== undefined && { target: BigInt(target) }),
    })),
    cleaned: { known },
    patienceMs: 60_000,
    signal: new AbortController().signal,
  })

const proofs = async (...args: Parameters<typeof prove>): Promise<readonly string[]> =>
  (await prove(...args)).map((each) =>
    'proof' in each ? each.proof : `${each.problem.code} ${each.problem.detail}`,
  )

describe('proveEach', () => {
  it('proves every position of a good copy', async () => {
    const index = await mirrored()
    const positions = Array.from({ length: 90 }, (_, i) => [i + 10, i + 3] as const)
    deepStrictEqual(await proofs(index, positions), Array(90).fill('record'))
    deepStrictEqual(await proofs(index, [[100], [4], [10]]), ['boundary', 'record', 'record'])
  })

  it('answers by partition for one group', async () => {
    const index = await mirrored()
    const found = await provePositions({
      clusters: pair.clusters,
      positions: [{ index, source: 50n as SourceOffset }],
      cleaned: { known: {} },
      signal: new AbortController().signal,
    })
    deepStrictEqual([...found], [[`${index.mark.topic}:0`, { proof: 'record' }]])
  })

  it('says empty where nothing was mirrored', async () => {
    const index = await mirrored([])
    deepStrictEqual(await proofs({ ...index, mirroredTo: index.mark.sourceStart }, [[10], [5]]), [
      'empty',
      'empty',
    ])
  })

  it('counts where the source is gone, and compares what is left', async () => {
    const index = await mirrored()
    await deleteUpTo(pair.clusters.source, index.mark.topic, 40)
    deepStrictEqual(await proofs(index, [[20], [39], [40], [41]]), [
      'count',
      'count',
      'record',
      'record',
    ])
    await deleteUpTo(pair.clusters.source, index.mark.topic, 100)
    deepStrictEqual(await proofs(index, [[50], [100]]), ['count', 'count'])
  })

  it('proves the method: mark (1001, 0), source now 3001 on, committed 3200 is 2199', async () => {
    const topic = await createTopic(pair, 'method')
    const options = { batch: 100 }
    await write(pair.clusters.source, topic, recordsFrom(0, 3301), options)
    await write(pair.clusters.target, topic, recordsFrom(1001, 2300), options)
    await deleteUpTo(pair.clusters.source, topic, 3001)
    await deleteUpTo(pair.clusters.target, topic, 1000)
    const index = indexOf(markOf(topic, 1001, 0), 3301)
    deepStrictEqual(await proofs(index, [[3200, 2199]]), ['record'])
  })

  it('refuses another position than the index gives', async () => {
    const index = await mirrored()
    const [one, ahead] = await proofs(index, [
      [50, 44],
      [101, 94],
    ])
    match(
      one!,
      /^FERRY1812 .*offset 50 on old is to be offset 44 on new, but the offset index puts it at target offset 43/,
    )
    match(ahead!, /^FERRY1812 .*but the mirror is 1 offsets behind it/)
  })

  it('refuses where the next or the previous record is another one', async () => {
    const copy = recordsFrom(10, 90)
    const index = await mirrored(
      copy.map((record, i) => (i === 40 ? { ...record, timestamp: 1 } : record)),
    )
    const [before, next, previous, after] = await proofs(index, [[49], [50], [51], [52]])
    deepStrictEqual([before, after], ['record', 'record'])
    match(
      next!,
      /^FERRY1812 .*the next record, offset 50 on the source and 43 on the target, is not the same: timestamp/,
    )
    match(
      previous!,
      /^FERRY1812 .*the previous record, offset 50 on the source and 43 on the target/,
    )
  })

  it('refuses after a shift', async () => {
    const index = await mirrored(recordsFrom(10, 90).toSpliced(20, 1))
    const [good, bad] = await proofs(index, [[25], [60]])
    strictEqual(good, 'record')
    match(bad!, /^FERRY1812 /)
  })

  it('refuses an end where the last record is another one', async () => {
    const index = await mirrored(recordsFrom(10, 90).with(89, recordsFrom(777, 1)[0]!))
    match((await proofs(index, [[100]]))[0]!, /^FERRY1812 .*the previous record, offset 99/)
  })

  it('refuses where the target no longer has the next record', async () => {
    const index = await mirrored()
    await deleteUpTo(pair.clusters.target, index.mark.topic, 50)
    const [gone, there] = await proofs(index, [[30], [57]])
    match(gone!, /^FERRY1812 .*the target's log starts at 50/)
    strictEqual(there, 'record')
  })

  it('refuses where the next record is gone on both sides', async () => {
    const index = await mirrored()
    await deleteUpTo(pair.clusters.source, index.mark.topic, 60)
    await deleteUpTo(pair.clusters.target, index.mark.topic, 50)
    match((await proofs(index, [[30]]))[0]!, /^FERRY1812 .*the target's log starts at 50/)
  })

  it('looks back over any number of markers, whether the index knows them or not', async () => {
    const topic = await createTopic(pair, 'markers')
    const transactions = [true, false, false, true, false].map((commit, i) => ({
      records: recordsFrom(i * 40, 40),
      commit,
    }))
    await transact(pair.brokers.source, topic, transactions)
    await transact(pair.brokers.target, topic, transactions)
    const mark = markOf(topic, 0, 0, { mode: 'identical' })
    const gaps = [gap(40, 123), gap(163, 205)]
    for (const index of [indexOf(mark, 205, gaps), indexOf(mark, 205)]) {
      const offsets = [0, 20, 39, 40, 41, 90, 122, 123, 150, 163, 180, 204, 205]
      deepStrictEqual(
        await proofs(
          index,
          offsets.map((offset) => [offset]),
        ),
        offsets.map((offset) => (offset < 163 ? 'record' : 'boundary')),
      )
    }
  })

  it('goes on over what a cleaner removed on the source, if it may have', async () => {
    const topic = await createTopic(pair, 'cleaned')
    // A source whose cleaner removed offset 20 since it was mirrored: an aborted record there looks the same.
    await transact(pair.brokers.source, topic, [
      { records: recordsFrom(0, 20), commit: true },
      { records: recordsFrom(21, 20), commit: true },
    ])
    await write(pair.clusters.target, topic, withoutNulls(recordsFrom(0, 41)))
    const index = indexOf(markOf(topic, 0, 0), 41)
    match(
      (await proofs(index, [[20]]))[0]!,
      /^FERRY1812 .*must be at target offset 21; the next on the target is the record at 20/,
    )
    const policy = new Map([[topic, new Map([['cleanup.policy', 'compact']])]])
    strictEqual((await pair.clusters.source.alterTopicConfigs(policy)).failed.size, 0)
    deepStrictEqual(await proofs(index, [[20], [21], [22], [41]]), [
      'cleaned',
      'record',
      'record',
      'boundary',
    ])
  })

  it('goes on over what a cleaner removed on the target before that was protected again, as far as the decisions know it of that side', async () => {
    const topic = await createTopic(pair, 'was-cleaned')
    await write(pair.clusters.source, topic, withoutNulls(recordsFrom(0, 41)))
    // A marker stands where the cleaner of the target removed offset 20.
    await transact(pair.brokers.target, topic, [
      { records: recordsFrom(0, 20), commit: true },
      { records: recordsFrom(21, 20), commit: true },
    ])
    const index = indexOf(markOf(topic, 0, 0), 41)
    const positions = [[19], [20], [21], [41]] as const
    const { source, target } = pair.clusters
    const missing = /^FERRY1812 .*must be at target offset 20; the next on the target is .* at 21/
    for (const known of [{}, { cleaned: [{ topic, cluster: source.id }] }]) {
      match((await proofs(index, positions, known))[1]!, missing)
    }
    const known = { cleaned: [{ topic, cluster: target.id }] }
    deepStrictEqual(await proofs(index, positions, known), [
      'record',
      'cleaned',
      'record',
      'boundary',
    ])
  })
})

describe('groups in verify', () => {
  const GROUP = 'readers' as GroupId
  const synced = (source: number, target: number): SyncedPosition => ({
    source: BigInt(source) as SourceOffset,
    target: BigInt(target),
    previous: null,
    metadata: '',
    proof: 'record',
  })
  const AT = '2026-01-01T00:00:00.000Z'
  const syncOf = (topic: TopicName, position?: SyncedPosition): GroupSync => ({
    group: GROUP,
    status: 'done',
    at: AT,
    positions: new Map(position && [[`${topic}:0` as PartitionKey, position]]),
  })
  const commit = async (side: 'source' | 'target', topic: TopicName, offset: number) => {
    const key = `${topic}:0` as PartitionKey
    const offsets = new Map([[key, { offset: BigInt(offset), metadata: '' }]])
    const answer = await pair.clusters[side].commitOffsets(GROUP, offsets)
    strictEqual(answer.failed.size, 0)
  }
  const run = async (
    index: OffsetIndex,
    state: Pick<Partial<MigrationState>, 'syncs' | 'seals' | 'returns'> = {},
    file: Partial<Migration> = {},
  ) => {
    const { report, problems, lines } = await verify(pair, [index.mark], {
      mode: { kind: 'sample', records: 2 },
      groups: [GROUP],
      state,
      file,
    })
    const [position] = report.groups[0]!.partitions
    return { position, problems, lines, ok: report.ok }
  }

  it('before the sync: expects what a sync would write, and proves it', async () => {
    const index = await mirrored()
    strictEqual((await run(index)).position, undefined)
    await commit('source', index.mark.topic, 60)
    const { position, ok } = await run(index)
    deepStrictEqual(position, {
      topic: index.mark.topic,
      partition: 0,
      source: 60,
      target: null,
      expected: 53,
      ok: true,
      proof: 'record',
    })
    strictEqual(ok, true)
  })

  it('before the sync: tells who stands below the mark, and what it would skip', async () => {
    const index = await mirrored()
    const { topic } = index.mark
    const told = async (file: Partial<Migration> = {}) => {
      const { position, problems, ok } = await run(index, {}, file)
      const severities = (position?.problems ?? []).map(({ severity }) => severity)
      return [position?.expected, ok, position?.ok, severities, problems]
    }
    await commit('source', topic, 10)
    deepStrictEqual(await told(), [3, true, true, [], []])
    await commit('source', topic, 4)
    const held = [
      expect.stringMatching(
        /^FERRY1356 readers is at 4 of .* offsets 4 to 9 of .*; old still holds 6 of them/,
      ),
    ]
    expect(await told()).toEqual([3, true, true, ['warning'], held])
    // As the plan that moves it would be refused.
    expect(await told({ stage: 'consumers-moved' })).toEqual([3, false, false, ['error'], held])
    // Left out by the file, or gone from the source: counted, and no failure.
    const latest = {
      stage: 'consumers-moved',
      mirror: { throttle: undefined, startFrom: 'latest' },
    } as const
    const left = [
      expect.stringMatching(/^FERRY1349 readers is at 4 of .*, which it has not read\.$/),
    ]
    expect(await told(latest)).toEqual([3, true, true, ['warning'], left])
    await deleteUpTo(pair.clusters.source, topic, 8)
    expect(await told({ stage: 'consumers-moved' })).toEqual([
      3,
      false,
      false,
      ['error'],
      [expect.stringMatching(/^FERRY1356 .*; old still holds 2 of them/)],
    ])
    await deleteUpTo(pair.clusters.source, topic, 10)
    expect(await told({ stage: 'consumers-moved' })).toEqual([
      3,
      true,
      true,
      ['warning'],
      [expect.stringMatching(/^FERRY1349 .* \(6 of them are gone from old\)/)],
    ])
  })

  it('after the sync: the same position, one that moved on, one that went back', async () => {
    const index = await mirrored()
    const { topic } = index.mark
    await commit('source', topic, 60)
    await commit('target', topic, 53)
    const state = { syncs: [syncOf(topic, synced(60, 53))] }
    const same = await run(index, state)
    deepStrictEqual(
      [same.position!.ok, same.position!.target, same.position!.proof],
      [true, 53, 'record'],
    )
    await commit('target', topic, 70)
    const movedOn = await run(index, state)
    deepStrictEqual(
      [movedOn.ok, movedOn.position!.expected, movedOn.position!.target],
      [true, 53, 70],
    )
    match(movedOn.lines.join('\n'), /readers has moved on by 17 offsets on new/)
    await commit('target', topic, 40)
    const back = await run(index, state)
    match(back.problems[0]!, /^FERRY1810 readers is at 40 in .* on new, but Ferry put it at 53/)
    deepStrictEqual([back.ok, back.position!.ok], [false, false])
  })

  it('after the sync: gone, or still moving on the source', async () => {
    const index = await mirrored()
    const { topic } = index.mark
    const state = { syncs: [syncOf(topic, synced(60, 53))] }
    match((await run(index, state)).problems[0]!, /^FERRY1810 readers has no position/)
    await commit('target', topic, 53)
    await commit('source', topic, 65)
    const moving = await run(index, state)
    match(moving.problems[0]!, /^FERRY1811 readers is at 65 of .* on old, but was synced at 60/)
    const none = { syncs: [syncOf(topic)] }
    match((await run(index, none)).problems[0]!, /^FERRY1811 .* but was synced without a position/)
    // What a rollback has written there is no move of the group.
    const key = `${topic}:0` as PartitionKey
    const position = { source: 65n as SourceOffset, target: 58n, previous: null, metadata: '' }
    const positions = new Map([[key, position]])
    const returns = [{ group: GROUP, status: 'pending' as const, at: AT, of: AT, positions }]
    deepStrictEqual((await run(index, { ...state, returns })).problems, [])
    // Put back, and read on: that is what who rolls back wants, and no consumer that was forgotten.
    await commit('source', topic, 71)
    const done = returns.map((each) => ({ ...each, status: 'done' as const }))
    const { problems } = await run(index, { ...state, returns: done })
    match(
      problems[0]!,
      /^FERRY1811 readers is at 71 .* where a rollback had left it at 65 .* not at its end: a consumer read 6 offsets/,
    )
  })

  it('after the sync: a wrong position is refuted by the records', async () => {
    const index = await mirrored()
    const { topic } = index.mark
    await commit('target', topic, 54)
    const { problems } = await run(index, { syncs: [syncOf(topic, synced(60, 54))] })
    match(problems[0]!, /^FERRY1812 .*puts it at target offset 53/)
  })

  it('after the sync: moved on, with retention behind it', async () => {
    const index = await mirrored()
    const { topic } = index.mark
    await commit('target', topic, 90)
    await deleteUpTo(pair.clusters.target, topic, 80)
    const seal: Seal = {
      topic,
      partition: 0,
      sourceEnd: index.mirroredTo,
      targetEnd: 93n as Seal['targetEnd'],
      at: index.mark.at,
    }
    const state = { syncs: [syncOf(topic, synced(60, 53))], seals: [seal] }
    const { ok, position, problems } = await run(index, state)
    deepStrictEqual(problems, [])
    deepStrictEqual([ok, position!.proof], [true, 'count'])
  })
})
