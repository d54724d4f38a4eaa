import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName } from '../mirror/_support.ts'
import type { Project, Running } from '../scenarios/_world.ts'
import { API, type Caught, FaultProxy } from './_proxy.ts'
import { Backlog, beginAt, LiveWriter, writeUntimed } from './_source.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  killHard,
  migrationFile,
  partitionsOf,
  planTo,
  reached,
  startFaultWorld,
  stopwatch,
  succeeded,
} from './_world.ts'

const REQUEST_MS = 1_000

const TOPICS = [
  { name: 'orders', offsets: 'identical', starts: [9e6, 8e6, 7e6, 6e6, 5e6, 4e6] },
  { name: 'untimed', offsets: 'identical', starts: [1_000, 123_456] },
  { name: 'live', offsets: 'identical', starts: [77, 0, 500_000] },
  { name: 'packed', offsets: 'dense', starts: [300, 20_000] },
] as const

const GROUPS = ['billing', 'search', 'audit'] as const

type Kind = 'priming' | 'before DeleteRecords' | 'produce in flight' | 'sync' | 'any moment'

/** So that what went wrong once can be had again. */
const seed = Number(process.env.FERRY_TEST_SEED ?? Date.now() % 1_000_000)
const random = (() => {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
})()

describe('kill -9', () => {
  let world: FaultWorld
  let proxy: FaultProxy
  let project: Project
  const kills = new Map<Kind, number>()

  beforeAll(async () => {
    world = await startFaultWorld({ target: { config: FORGETFUL } })
    proxy = await FaultProxy.start(world.target.brokers[0]!.port)
  })
  afterAll(async () => {
    await world?.stop()
    await proxy?.stop()
  })

  /** Through the proxy, with the clocks of the test. */
  const start = (args: readonly string[]): Running => project.start(args, proxy.env)

  const kill = async (kind: Kind, running: Running): Promise<void> => {
    await killHard(running)
    proxy.catchNothing()
    kills.set(kind, (kills.get(kind) ?? 0) + 1)
  }

  /** The sum of a topic's log ends on the target. */
  const targetEnd = async (topic: string, partitions: number): Promise<number> => {
    const { ok: ends } = await world.to.listOffsets(partitionsOf(topic, partitions), 'latest')
    return [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
  }

  /** Right after the process died, or as late as one of its requests can still be on its way. */
  const stragglers: Promise<void>[] = []
  const deliverLate = (caught: Caught): void => {
    stragglers.push(pause(REQUEST_MS * 0.9).then(() => caught.deliver()))
  }

  const fill = async (): Promise<void> => {
    for (const { name, starts } of TOPICS) {
      await createTopic(world.from, topicName(name), starts.length)
      await beginAt(world.from, name, starts)
    }
    const threeDaysAgo = Date.now() - 3 * DAY
    const produce = (topic: string, count: number, partitions: number, timestamp: number) =>
      oracle.produce(world.source, topic, {
        count,
        partitions: partitionsOf(topic, partitions).map((p) => p.partition),
        size: 60,
        timestamp,
        timestampStep: 1,
        compression: topic === 'packed' ? 'lz4' : 'none',
      })
    await Promise.all([
      produce('orders', 420_000, 6, threeDaysAgo),
      writeUntimed(world.from, 'untimed', { partitions: 2, perPartition: 60_000 }),
    ])
    await produce('live', 300_000, 3, Date.now() - 600_000)
    await produce('packed', 200_000, 2, threeDaysAgo)
  }

  it('at any moment, and a re-run gives exactly one copy', { timeout: 600_000 }, async () => {
    process.stderr.write(`FERRY_TEST_SEED=${seed}\n`)
    const lap = stopwatch()
    project = world.project('killed')
    Object.assign(project.env, { FERRY_MIRROR_REQUEST_MS: String(REQUEST_MS) })
    project.write(
      'plans/shop.yaml',
      migrationFile({ topics: TOPICS, groups: GROUPS, throttle: '8MiB' }),
    )
    await fill()
    await commitOnSource()
    lap('filled')
    const mirrored = ['apply', await planTo(project, 'mirrored')]

    // While it primes: seen from outside, with filler lost on its way, and with filler that arrives later.
    const offsetsToPrime = TOPICS[0].starts.reduce((sum, each) => sum + each, 0)
    const primes = start(mirrored)
    const isPriming = async () => ((await targetEnd('orders', 6)) > 2e6 ? true : undefined)
    await waitFor('filler', { timeoutMs: 60_000, everyMs: 5 }, isPriming)
    await kill('priming', primes)
    for (const late of [false, true, true]) {
      const again = start(mirrored)
      const filler = proxy.catch({ key: API.produce, naming: 'orders', after: 6, at: 'request' })
      const caught = await reached(again, filler)
      await kill('priming', again)
      if (late) deliverLate(caught)
      else caught.drop()
    }
    ok((await targetEnd('orders', 6)) < offsetsToPrime)
    lap('killed while priming')

    // Between filler and DeleteRecords: lost, done without a word, done after the death.
    for (const how of ['lost', 'unheard', 'late'] as const) {
      const again = start(mirrored)
      const at = how === 'unheard' ? 'answer' : 'request'
      const caught = await reached(again, proxy.catch({ key: API.deleteRecords, at }))
      strictEqual(await targetEnd('orders', 6), offsetsToPrime)
      await kill('before DeleteRecords', again)
      if (how === 'lost') caught.drop()
      if (how === 'late') deliverLate(caught)
    }
    lap('killed before DeleteRecords')

    // A produce in flight, by a request on the network.
    const writer = new LiveWriter(world.from, 'live', 3)
    const backlog = await Backlog.start({
      source: world.from,
      target: world.to,
      topic: 'orders',
      partitions: 6,
      records: 10_000,
      timestamp: Date.now() - 3 * DAY,
    })
    for (const how of ['lost', 'unheard', 'late', 'late', 'late'] as const) {
      const again = start(mirrored)
      const at = how === 'unheard' ? 'answer' : 'request'
      const after = Math.floor(random() * 4)
      const produce = proxy.catch({ key: API.produce, naming: 'orders', after, at })
      const caught = await reached(again, produce)
      await kill('produce in flight', again)
      if (how === 'lost') caught.drop()
      if (how === 'late') deliverLate(caught)
    }
    lap('killed with a produce on the network')

    // And by a broker that stands still with it in its hands.
    const broker = world.target.brokers[0]!
    for (let round = 0; round < 4; round++) {
      const again = start(round % 2 === 0 ? mirrored : ['mirror', 'shop'])
      const before = await targetEnd('orders', 6)
      const moves = async () => ((await targetEnd('orders', 6)) > before ? true : undefined)
      await waitFor('records', { timeoutMs: 60_000, everyMs: 5 }, moves)
      for (let isInFlight = false; !isInFlight; ) {
        await pause(random() * 100)
        await broker.kill('SIGSTOP')
        isInFlight = await proxy.inFlight(API.produce, 200)
        if (!isInFlight) await broker.kill('SIGCONT')
      }
      await kill('produce in flight', again)
      await pause(REQUEST_MS * 0.5)
      await broker.kill('SIGCONT')
    }
    lap('killed while the broker stood still')

    for (let round = 0; round < 8; round++) {
      const again = start(round % 2 === 0 ? ['mirror', 'shop'] : mirrored)
      await pause(300 + random() * 2_500)
      await kill('any moment', again)
    }
    lap('killed at any moment')
    await Promise.all([writer.stop(), backlog.stop()])
    succeeded(await start(mirrored).ended)
    await Promise.all(stragglers)
    lap('mirrored')

    const moved = ['apply', await planTo(project, 'consumers-moved')]
    for (const how of ['lost', 'unheard', 'late', 'lost'] as const) {
      const again = start(moved)
      const at = how === 'unheard' ? 'answer' : 'request'
      const caught = await reached(again, proxy.catch({ key: API.offsetCommit, at }))
      await kill('sync', again)
      if (how === 'lost') caught.drop()
      if (how === 'late') deliverLate(caught)
    }
    succeeded(await start(moved).ended)
    await Promise.all(stragglers)
    lap('synced')

    let records = 0
    for (const { name, offsets } of TOPICS) records += await compareTopic(world, name, offsets)
    await comparePositions()
    succeeded(await start(['verify', 'shop', '--full']).ended)
    lap('compared')
    const total = [...kills.values()].reduce((sum, count) => sum + count, 0)
    const each = [...kills].map(([kind, count]) => `${count} ${kind}`).join(', ')
    process.stderr.write(`${total} kills (${each}), ${records} records compared\n`)
    ok(total >= 20)
    ok(records >= 1_000_000)
    for (const kind of ['priming', 'before DeleteRecords', 'produce in flight', 'sync'] as const) {
      ok(kills.get(kind)! >= 3, kind)
    }
  })

  const positionsOf = (group: string) =>
    TOPICS.flatMap(({ name, offsets, starts }) =>
      starts.flatMap((start, partition) => {
        const beyond = { billing: 0, search: 12_345, audit: 60_000 }[group]!
        // One partition per group and topic stays without a commit.
        if (partition === starts.length - 1 && group === 'audit') return []
        const offset = start + beyond
        return [{ topic: name, partition, offset, target: offsets === 'dense' ? beyond : offset }]
      }),
    )

  const commitOnSource = async (): Promise<void> => {
    for (const group of GROUPS) {
      const positions = positionsOf(group).map(
        ({ topic, partition, offset }) =>
          [`${topic}:${partition}`, { offset: BigInt(offset), metadata: `by ${group}` }] as const,
      )
      const { failed } = await world.from.commitOffsets(
        group as Parameters<typeof world.from.commitOffsets>[0],
        new Map(positions as never),
      )
      strictEqual(failed.size, 0)
    }
  }

  const comparePositions = async (): Promise<void> => {
    for (const group of GROUPS) {
      const found = await oracle.groupOffsets(world.target, group)
      const wanted = positionsOf(group).map(({ topic, partition, target }) => ({
        topic,
        partition,
        offset: BigInt(target),
        leaderEpoch: -1,
        metadata: `by ${group}`,
      }))
      const order = (each: { topic: string; partition: number }) =>
        `${each.topic}:${each.partition}`
      const sorted = wanted.sort((a, b) => (order(a) < order(b) ? -1 : 1))
      deepStrictEqual(found, sorted)
    }
  }
})
