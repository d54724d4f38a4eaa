import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/domain/plan.ts'
import { configEntries, setConfigs } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import type { Writing } from '../kafka/oracle.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, readAndCommit, startConsumer, writeAs, writeSteadily } from './_clients.ts'
import { withAdmin } from './_image.ts'
import { workedFor } from './_journal.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/**
 * Edge case 20: back to the source after producers have written to the target. Judged with kafkajs and the Java client: every record is
 * on the source once, and every group reads every record once, over both clusters.
 */

let world: World

beforeAll(async () => {
  world = await startWorld({ targetConfig: { 'log.cleaner.backoff.ms': '200' } })
})
afterAll(() => world?.stop())

const makeTopic = (topic: string, numPartitions: number) =>
  withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  )

const apply = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name, ...more])
const rollback = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['rollback', name, '--auto-approve', ...more])
const toStage = (project: Project, name: string, stage: string): void =>
  project.edit(`plans/${name}.yaml`, /stage: .*/, `stage: ${stage}`)

const planFile = (name: string, topics: string, more = ''): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: ${topics}
  gates: { sourceQuiet: 1s, timeout: 120s }
${more}`

const SHOP = { name: 'shop', password: 'shop-secret' }
const ACCESS = (topic: string, group: string) => `
  users: [{ name: shop, mechanism: scram-sha-512, password: "\${env:SHOP_PASSWORD}" }]
  access:
    - { principal: User:shop, produce: [${topic}], consume: { topics: [${topic}], groups: [${group}] } }
`

const writingAsShop = (topic: string) => writeAs(world.target, SHOP, topic)

/** Each record a batch of its own: a log start within one cannot be mirrored yet. */
const write = (
  cluster: TestCluster,
  topic: string,
  options: Parameters<typeof oracle.produce>[2],
) => oracle.produce(cluster, topic, { size: 30, batchSize: 0, ...options })

const committed = { isolation: 'read_committed' } as const

/** What a consumer sees of each partition, in order; with `offsets` also where. */
const contents = async (
  cluster: TestCluster,
  topics: readonly string[],
  { offsets = false } = {},
): Promise<Readonly<Record<string, readonly string[]>>> => {
  const found: Record<string, string[]> = {}
  for (const [topic, records] of await oracle.readMany(cluster, topics, committed)) {
    for (const { partition, offset, timestamp, keyHash, valueHash, headersHash } of records) {
      const place = `${topic}-${partition}`
      found[place] ??= []
      found[place].push(
        [...(offsets ? [offset] : []), timestamp, keyHash, valueHash, headersHash].join(' '),
      )
    }
  }
  return found
}

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

const endsOf = (cluster: TestCluster, topic: string): Promise<readonly bigint[]> =>
  withAdmin(cluster, async (admin) =>
    [...(await admin.fetchTopicOffsets(topic))]
      .sort((one, other) => one.partition - other.partition)
      .map(({ high }) => BigInt(high)),
  )

const valuesOf = async (cluster: TestCluster, topics: readonly string[]) =>
  (await Promise.all(topics.map((topic) => oracle.readText(cluster, topic, committed))))
    .flat()
    .map(({ value }) => value ?? '')

describe('back after producers have moved', () => {
  test('consumers first: what they wrote is on the source once, groups go on at their next record, and the way there is open again', async () => {
    await makeTopic('wb.same', 2)
    await makeTopic('wb.dense', 1)
    const topics = ['wb.same', 'wb.dense']
    await write(world.source, 'wb.same', { count: 300, partitions: [0, 1], valuePrefix: 's-' })
    await write(world.source, 'wb.dense', { count: 200, valuePrefix: 'd-' })
    // So its numbers differ from the start on.
    await withAdmin(world.source, async (admin) => {
      await admin.fetchTopicOffsets('wb.dense')
      await admin.deleteTopicRecords({
        topic: 'wb.dense',
        partitions: [{ partition: 0, offset: '50' }],
      })
    })
    const api = await readAndCommit(world.source, 'wb.api', topics, 100)
    const slow = await readAndCommit(world.source, 'wb.slow', topics, 20)

    const project = world.project('wb')
    Object.assign(project.env, { SHOP_PASSWORD: SHOP.password })
    project.write(
      'plans/wb.yaml',
      planFile(
        'wb',
        '[{ name: wb.same }, { name: wb.dense, offsets: dense }]',
        `  groups: [{ id: wb.api }, { id: wb.slow }]${ACCESS('wb.same', 'wb.api')}`,
      ),
    )
    expect(await apply(project, 'wb')).toMatchObject({ code: 0 })
    // The service writes in transactions on the target, one in three of which it aborts.
    const inTransactions = { transactionalId: 'wb-shop', commitEvery: 10, abortEvery: 3 }
    await write(world.target, 'wb.same', {
      count: 60,
      partitions: [0, 1],
      valuePrefix: 'moved-',
      ...inTransactions,
    })
    await write(world.target, 'wb.dense', { count: 30, valuePrefix: 'on-', ...inTransactions })
    expect(await writingAsShop('wb.same')).toBe('ok')
    const [there, exactly] = [
      await contents(world.target, topics),
      await contents(world.target, ['wb.same'], { offsets: true }),
    ]
    const all = await valuesOf(world.target, topics)
    // Past the seal in every partition; the other group stays below it.
    api.push(...(await readAndCommit(world.target, 'wb.api', topics, all.length - 115)))
    slow.push(...(await readAndCommit(world.target, 'wb.slow', topics, 30)))
    const pastSeal = await oracle.groupOffsets(world.target, 'wb.api')
    expect(pastSeal.filter(({ offset }) => offset > 150n).length).toBeGreaterThan(0)

    const refused = await rollback(project, 'wb', '--to', 'mirrored')
    expect(refused.code).toBe(4)
    expect(refused.stderr).toContain('FERRY1330')
    expect(refused.stderr).toContain('ferry rollback wb --to prepared')

    const planned = await rollback(project, 'wb', '--to', 'prepared', '-o', 'back.json')
    expect(planned).toMatchObject({ code: 0 })
    expect(planned.stderr).toContain('FERRY1361')
    const { steps } = JSON.parse(project.read('back.json')) as Plan
    expect(steps.filter(({ kind }) => kind === 'mark-reverse')).toMatchObject([
      { topic: 'wb.dense', partitions: 1 },
      { topic: 'wb.same', mode: 'identical', partitions: 2 },
    ])
    expect(await project.ferry(['apply', 'back.json'])).toMatchObject({ code: 0 })
    expect(await writingAsShop('wb.same')).toBe('not authorized')

    expect(await contents(world.source, topics)).toEqual(there)
    // Where the numbers were equal they stay so, also behind what was aborted.
    expect(await contents(world.source, ['wb.same'], { offsets: true })).toEqual(exactly)
    // Where they were not, nothing fills the holes: two transactions of ten came back.
    expect(await endsOf(world.source, 'wb.dense')).toEqual([220n])
    const emptied = await oracle.offsetsMany(world.target, topics)
    expect([...emptied.values()].flat().map(({ start, end }) => end - start)).toEqual([0n, 0n, 0n])

    // The service goes on on the source.
    await oracle.write(world.source, 'wb.same', [{ partition: 0, key: 'on', value: 'on' }])
    const whole = [...all, 'on'].sort()
    api.push(...(await readAndCommit(world.source, 'wb.api', topics, whole.length - api.length)))
    slow.push(...(await readAndCommit(world.source, 'wb.slow', topics, whole.length - slow.length)))
    expect(api.sort()).toEqual(whole)
    expect(slow.sort()).toEqual(whole)

    // Forwards once more, to the end.
    expect(await project.ferry(['plan', 'wb', '--json'])).toMatchObject({
      stdout: expect.stringContaining('"from": "prepared"'),
    })
    expect(await apply(project, 'wb')).toMatchObject({ code: 0 })
    // What is left there of their first life keeps a mirror from renewing them, and the plan says that it does.
    const renewed = JSON.parse((await project.ferry(['plan', 'wb', '--json'])).stdout) as Plan
    for (const group of ['wb.api', 'wb.slow']) {
      expect(renewed.deadlines.map(({ says }) => says)).toContainEqual(
        expect.stringMatching(`positions of ${group} expire on new .* no mirror renews them`),
      )
    }
    expect(await project.ferry(['verify', 'wb', '--full'])).toMatchObject({ code: 0 })
    expect(await contents(world.target, topics)).toEqual(await contents(world.source, topics))
    const consumers = await Promise.all([
      startConsumer(world.target, 'wb.api', 'wb.same'),
      startConsumer(world.target, 'wb.slow', 'wb.dense'),
    ])
    toStage(project, 'wb', 'retired')
    expect(await apply(project, 'wb')).toMatchObject({ code: 0 })
    await Promise.all(consumers.map((consumer) => consumer.stop()))
  })

  test('producers first: groups that never moved, those that have read past the seal, and what came late to the source', async () => {
    await makeTopic('pf', 1)
    await write(world.source, 'pf', { count: 100, valuePrefix: 'old-' })
    const read = await readAndCommit(world.source, 'pf.api', ['pf'], 40)
    const project = world.project('pf')
    Object.assign(project.env, { SHOP_PASSWORD: SHOP.password })
    project.write(
      'plans/pf.yaml',
      planFile(
        'pf',
        '[{ name: pf }]',
        `  order: producers-first\n  groups: [{ id: pf.api }]${ACCESS('pf', 'pf.api')}`,
      ),
    )
    expect(await apply(project, 'pf')).toMatchObject({ code: 0 })
    await write(world.target, 'pf', { count: 20, valuePrefix: 'new-' })
    await oracle.write(world.source, 'pf', [{ key: 'late', value: 'late' }])

    // The group is on the source still: it reads what came late in its place, and behind it what was mirrored back.
    const back = await rollback(project, 'pf', '--to', 'prepared')
    expect(back).toMatchObject({ code: 0 })
    expect(back.stderr).toContain('FERRY1362')
    read.push(...(await readAndCommit(world.source, 'pf.api', ['pf'], 50)))
    const afterLate = (await oracle.readText(world.source, 'pf', { fromOffset: 99n })).map(
      ({ value }) => value?.replace(/\.*$/, ''),
    )
    expect(afterLate.slice(0, 4)).toEqual(['old-99', 'late', 'new-0', 'new-1'])

    // Forwards once more, now with the group. The source is kept warm once that has gone: it cannot go back alone any more, but with the producers.
    toStage(project, 'pf', 'consumers-moved')
    const order = 'order: producers-first'
    project.edit('plans/pf.yaml', order, `${order}\n  rollback: { keepSourceWarm: true }`)
    const warm = await apply(project, 'pf')
    expect(warm, warm.stderr).toMatchObject({ code: 0 })
    const alone = await rollback(project, 'pf', '--to', 'producers-moved')
    expect(alone.code).toBe(4)
    expect(flat(alone.stderr)).toMatch(/FERRY1330.*ferry rollback pf --to prepared/)
    const opened = await rollback(project, 'pf', '--to', 'mirrored')
    expect(opened, opened.stderr).toMatchObject({ code: 0 })

    // It reads past the seal, and all is taken back to the beginning.
    expect(await apply(project, 'pf')).toMatchObject({ code: 0 })
    await write(world.target, 'pf', { count: 20, valuePrefix: 'newer-' })
    read.push(...(await readAndCommit(world.target, 'pf.api', ['pf'], 40)))
    const [at] = await oracle.groupOffsets(world.target, 'pf.api')
    expect(at?.offset).toBeGreaterThan(241n)
    const there = await oracle.readText(world.target, 'pf')
    expect(await rollback(project, 'pf', '--to', 'nothing')).toMatchObject({ code: 0 })
    read.push(...(await readAndCommit(world.source, 'pf.api', ['pf'], 141 - read.length)))
    expect(read.sort()).toEqual(there.map(({ value }) => value ?? '').sort())
    expect(read).toHaveLength(141)
    const state = await project.ferry(['plan', 'pf', '--json'])
    expect(JSON.parse(state.stdout)).toMatchObject({ from: 'nothing' })
  })

  test('of a compacted topic: what was deleted on the target is deleted on the source, within the time that the target remembers it, and else it is refused', async () => {
    const configs = (kept: string) => ({ 'cleanup.policy': 'compact', 'delete.retention.ms': kept })
    const hour = String(3_600_000)
    await withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: [{ topic: 'table', configEntries: configEntries(configs(hour)) }],
      }),
    )
    const row = (key: string, value: string | null) => ({ partition: 0, key, value })
    await oracle.write(world.source, 'table', [row('a', '1'), row('b', '1'), row('c', '1')])
    const project = world.project('table')
    project.write('plans/table.yaml', planFile('table', '[{ name: table }]'))
    const moved = await apply(project, 'table')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    expect(flat(moved.stderr)).toMatch(/FERRY1366.*was deleted for 1h .*exact for 55m/)
    const { cleaned } = JSON.parse(project.read('.ferry/table/decisions.json'))
    expect(cleaned).toMatchObject([{ topic: 'table', keptMs: 3_600_000 }])
    await oracle.write(world.target, 'table', [row('b', null), row('a', '2'), row('d', '2')])

    // A target that forgets within a second may have done so by now.
    const forgetIn = (kept: string) => setConfigs(world.target, 'table', configs(kept))
    // Over before any command can begin.
    await forgetIn('100')
    const late = await rollback(project, 'table', '--to', 'prepared')
    expect(late.code).toBe(4)
    expect(flat(late.stderr)).toMatch(/FERRY1366.*table is compacted on new: from 2/)
    expect(await endsOf(world.source, 'table')).toEqual([3n])

    await forgetIn(hour)
    const planned = await rollback(project, 'table', '--to', 'prepared', '-o', 'back.json')
    expect(planned, planned.stderr).toMatchObject({ code: 0 })
    const { deadlines } = JSON.parse(project.read('back.json')) as Plan
    const limit = deadlines.find(({ about }) => about.kind === 'tombstones')
    expect(Date.parse(limit!.at) - Date.now()).toBeGreaterThan(3_000_000)
    const applied = await project.ferry(['apply', 'back.json'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    const rows = await oracle.readText(world.source, 'table')
    const table = new Map(rows.map(({ key, value }) => [key, value]))
    expect(Object.fromEntries(table)).toEqual({ a: '2', b: null, c: '1', d: '2' })

    // Where deletions are remembered for less than a command takes to begin, that is said before; a mirror that copies back stops before it sends anything.
    await withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: [{ topic: 'brief', configEntries: configEntries(configs('100')) }],
      }),
    )
    await oracle.write(world.source, 'brief', [row('a', '1'), row('b', '1')])
    const brief = world.project('brief')
    brief.write(
      'plans/brief.yaml',
      planFile('brief', '[{ name: brief }]', '  rollback: { keepSourceWarm: true }'),
    )
    const warned = await apply(brief, 'brief')
    expect(warned, warned.stderr).toMatchObject({ code: 0 })
    expect(flat(warned.stderr)).toMatch(/FERRY1366.*In effect there is no way back to old/)
    await oracle.write(world.target, 'brief', [row('a', null), row('c', '2')])
    const mirror = brief.start(['mirror', 'brief', '--metrics-port', '0'])
    await mirror.said('FERRY1615')
    mirror.child.kill('SIGTERM')
    await mirror.ended
    expect(await endsOf(world.source, 'brief')).toEqual([2n])
    const ended = await rollback(brief, 'brief', '--to', 'prepared')
    expect(ended.code).toBe(4)
    expect(flat(ended.stderr)).toMatch(/FERRY1366.*since the seal was read too late by the mirror/)
  })

  test('kept warm: two mirrors copy back, one of them is killed, and the rollback has next to nothing to copy', async () => {
    await makeTopic('warm', 2)
    await write(world.source, 'warm', { count: 100, partitions: [0, 1], valuePrefix: 'old-' })
    const read = await readAndCommit(world.source, 'warm.api', ['warm'], 40)
    const project = world.project('warm')
    Object.assign(project.env, { SHOP_PASSWORD: SHOP.password })
    project.write(
      'plans/warm.yaml',
      planFile(
        'warm',
        '[{ name: warm }]',
        `  rollback: { keepSourceWarm: true }\n  groups: [{ id: warm.api }]${ACCESS('warm', 'warm.api')}`,
      ),
    )
    const moved = await apply(project, 'warm')
    expect(moved).toMatchObject({ code: 0 })
    expect(moved.stdout.indexOf('mark back')).toBeLessThan(moved.stdout.indexOf('WRITE on the'))
    const cold = await project.ferry(['status', 'warm'])
    expect(cold.stdout).toMatch(/back +mirrored to old: NOBODY mirrors back/)

    const serve = async () => {
      const mirror = project.start(['mirror', 'warm', '--metrics-port', '0'])
      await mirror.said('/metrics')
      return mirror
    }
    const [first, second] = [await serve(), await serve()]
    const inTransactions = { transactionalId: 'warm-shop', commitEvery: 50, abortEvery: 4 }
    const writing = write(world.target, 'warm', {
      count: 4000,
      partitions: [0, 1],
      valuePrefix: 'new-',
      ...inTransactions,
    })
    await waitFor('something on its way back', { timeoutMs: 60_000 }, async () =>
      (await endsOf(world.source, 'warm')).some((end) => end > 60n) ? true : undefined,
    )
    first.child.kill('SIGKILL')
    await writing
    read.push(...(await readAndCommit(world.target, 'warm.api', ['warm'], 300)))
    // The last markers may come after the commit was answered.
    await waitFor('all of it on the source', { timeoutMs: 60_000 }, async () => {
      const [to, from] = [await endsOf(world.source, 'warm'), await endsOf(world.target, 'warm')]
      return String(to) === String(from) ? true : undefined
    })
    const verified = await project.ferry(['verify', 'warm', '--full'])
    expect(verified).toMatchObject({ code: 0 })
    expect(verified.stdout).toMatch(/back: warm:0 +identical/)
    const there = await contents(world.target, ['warm'], { offsets: true })
    const all = await valuesOf(world.target, ['warm'])
    // What the mirror has copied is known to others once it has stored that.
    const status = await waitFor('status to know', { timeoutMs: 60_000 }, async () => {
      const { stdout, stderr } = await project.ferry(['status', 'warm', '--json'])
      const { back } = JSON.parse(stdout).migrations[0]
      if (back.topics[0].lag === 0) return back
      throw new Error(`${JSON.stringify(back)}\n${stderr}${second.stderr.slice(-3_000)}`)
    })
    expect(status).toMatchObject({
      processes: [{ pid: second.child.pid }],
      topics: [{ name: 'warm', lag: 0, sealed: false, stopped: 0 }],
    })

    const copied = await endsOf(world.source, 'warm')
    const sum = (ends: readonly bigint[]) => Number(ends.reduce((all, end) => all + end, 0n))
    // Four thousand records and their markers; a rollback that had to copy them would begin with the source at its seal.
    expect(sum(copied)).toBeGreaterThan(4_100)
    const leftToCopy = sum(await endsOf(world.target, 'warm')) - sum(copied)
    expect(leftToCopy).toBeLessThanOrEqual(10)
    const back = await rollback(project, 'warm', '--to', 'prepared')
    expect(back, back.stderr).toMatchObject({ code: 0 })
    expect(back.stdout).not.toContain('mark back')
    // Nothing was left to copy: what was left was the wait for quiet, which is before a step begins, and seconds of looks.
    const worked = workedFor(project, 'warm')
    expect([...worked.keys()]).toEqual(
      expect.arrayContaining(['mirror-reverse/warm', 'seal-reverse/warm', 'return-group/warm.api']),
    )
    expect(
      [...worked.values()].reduce((all, ms) => all + ms, 0),
      String([...worked]),
    ).toBeLessThan(60_000)
    expect(await endsOf(world.source, 'warm')).toEqual(copied)
    second.child.kill('SIGTERM')
    expect((await second.ended).code).toBe(0)
    expect(await contents(world.source, ['warm'], { offsets: true })).toEqual(there)
    read.push(
      ...(await readAndCommit(world.source, 'warm.api', ['warm'], all.length - read.length)),
    )
    expect(read.sort()).toEqual(all.sort())
  })
})

/**
 * A compacted topic whose cleaner runs on the target as soon as it may. Segments are rolled by the records' times, so that what was written in
 * an earlier hour is cleaned once something of a later one has come.
 */
describe.concurrent('back after the cleaner of the target was at the copy', () => {
  const HOUR = 3_600_000
  const BEGIN = Date.now() - 72 * HOUR
  const CLEANED =
    '{ cleanup.policy: compact, segment.ms: 10m, min.cleanable.dirty.ratio: "0.001", delete.retention.ms: 1d }'
  const rows = (topic: string, hour: number, count: number, size = 1_000): Writing => ({
    topic,
    count,
    keys: 10,
    valuePrefix: `h${hour}-`,
    size,
    timestamp: BEGIN + hour * HOUR,
    timestampStep: 1,
  })
  /** Two hours of it. The second one is compressed: the mirror leaves it alone, and merges nothing with it. */
  const fillSource = async (topics: readonly string[], policy: string) => {
    await withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: topics.map((topic) => ({
          topic,
          configEntries: [{ name: 'cleanup.policy', value: policy }],
        })),
      }),
    )
    await oracle.writeMany(
      world.source,
      topics.flatMap((topic): Writing[] => [
        rows(topic, 0, 400),
        { ...rows(topic, 5, 10), compression: 'gzip' },
      ]),
    )
  }
  const seen = async (cluster: TestCluster, topic: string, fromOffset = 0n) =>
    oracle.readText(cluster, topic, { ...committed, fromOffset })
  /** Until a record that a group stands at is gone from the target, and nothing else goes. */
  const untilGone = (topic: string, offset: bigint) =>
    waitFor(
      `the cleaner to take ${topic} ${offset}`,
      { timeoutMs: 60_000, everyMs: 500 },
      async () =>
        (await seen(world.target, topic)).some((record) => record.offset === offset)
          ? undefined
          : true,
    )
  const commitAt = (cluster: TestCluster, groupId: string, topic: string, offset: number) =>
    withAdmin(cluster, (admin) =>
      admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: String(offset) }] }),
    )
  const positionsOf = async (cluster: TestCluster, group: string) =>
    Object.fromEntries(
      (await oracle.groupOffsets(cluster, group)).map(({ topic, offset }) => [
        topic,
        Number(offset),
      ]),
    )
  const done = async (ended: Promise<Ended>) => {
    const { code, stderr } = await ended
    expect(code, stderr).toBe(0)
  }

  test('cold: the copy is opened again, moved on, and given up; groups stand at records that are gone', async () => {
    // Of the second one the source keeps everything: there nothing may be missing.
    await Promise.all([fillSource(['sw.table'], 'compact'), fillSource(['sw.log'], 'delete')])
    await commitAt(world.source, 'sw.api', 'sw.table', 20)
    await commitAt(world.source, 'sw.api', 'sw.log', 30)
    const project = world.project('sw')
    const topics = `[{ name: sw.table, configs: ${CLEANED} }, { name: sw.log, configs: ${CLEANED} }]`
    project.write('plans/sw.yaml', planFile('sw', topics, '  groups: [{ id: sw.api }]'))
    await done(apply(project, 'sw'))
    await Promise.all([untilGone('sw.table', 100n), untilGone('sw.log', 50n)])
    await commitAt(world.target, 'sw.api', 'sw.table', 100)
    await commitAt(world.target, 'sw.api', 'sw.log', 50)

    // Nobody has written there: the same copy is mirrored on.
    await done(rollback(project, 'sw', '--to', 'mirrored'))
    expect(await positionsOf(world.source, 'sw.api')).toEqual({ 'sw.table': 100, 'sw.log': 50 })
    await oracle.writeMany(
      world.source,
      ['sw.table', 'sw.log'].map((topic) => rows(topic, 9, 5)),
    )
    await done(apply(project, 'sw'))
    expect(await positionsOf(world.target, 'sw.api')).toEqual({ 'sw.table': 100, 'sw.log': 50 })
    await done(project.ferry(['verify', 'sw', '--full']))

    // Its producers write three hours there, of which the first is cleaned before anything is mirrored back.
    await oracle.writeMany(
      world.target,
      ['sw.table', 'sw.log'].flatMap((topic) => [20, 22, 24].map((hour) => rows(topic, hour, 30))),
    )
    // The last that goes: its key has come again in the second hour, which may be cleaned a while after the first.
    await untilGone('sw.table', 444n)
    await commitAt(world.target, 'sw.api', 'sw.table', 420)
    const there = await seen(world.target, 'sw.table', 415n)
    const next = there.find(({ offset }) => offset >= 420n)
    await done(rollback(project, 'sw', '--to', 'prepared'))
    const here = await seen(world.source, 'sw.table')
    expect(here.slice(-there.length).map(({ value }) => value)).toEqual(
      there.map(({ value }) => value),
    )
    const back = await positionsOf(world.source, 'sw.api')
    expect(here.find(({ offset }) => offset >= BigInt(back['sw.table']!))?.value).toBe(next!.value)
    // What the group read again there is gone on the target only.
    expect(back['sw.log']).toBe(50)
    const log = await seen(world.source, 'sw.log')
    expect(log.slice(0, 415).map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: 415 }, (_, i) => i),
    )
  })

  test('warm: what was mirrored back is cleaned on the target afterwards', async () => {
    await fillSource(['sww'], 'delete')
    await commitAt(world.source, 'sww.api', 'sww', 10)
    const project = world.project('sww')
    project.write(
      'plans/sww.yaml',
      planFile(
        'sww',
        `[{ name: sww, configs: ${CLEANED} }]`,
        '  rollback: { keepSourceWarm: true }\n  groups: [{ id: sww.api }]',
      ),
    )
    await done(apply(project, 'sww'))
    const mirror = project.start(['mirror', 'sww', '--metrics-port', '0'])
    await mirror.said('/metrics')
    await oracle.writeMany(world.target, [rows('sww', 20, 30)])
    await waitFor('it to be on the source', { timeoutMs: 60_000 }, async () =>
      String(await endsOf(world.source, 'sww')) === '440' ? true : undefined,
    )
    const copied = await seen(world.source, 'sww')
    await oracle.writeMany(world.target, [rows('sww', 22, 30)])
    await untilGone('sww', 415n)
    await commitAt(world.target, 'sww.api', 'sww', 415)
    await done(rollback(project, 'sww', '--to', 'prepared'))
    mirror.child.kill('SIGTERM')
    expect((await mirror.ended).code).toBe(0)
    // The source holds all of it, and the group goes on at the very record that the target has no more.
    const all = await seen(world.source, 'sww')
    expect(all.slice(0, 440)).toEqual(copied)
    expect(all).toHaveLength(470)
    expect(await positionsOf(world.source, 'sww.api')).toEqual({ sww: 415 })
  })
})

test('a record that comes late to one topic while the way back of another is sealed ends the rollback: it is salvaged, and all goes on forwards', async () => {
  await Promise.all(['stuck.a', 'stuck.b'].map((topic) => makeTopic(topic, 1)))
  const both = (cluster: TestCluster) =>
    Promise.all(['stuck.a', 'stuck.b'].map((topic) => fill(cluster, topic, 20, [0])))
  await both(world.source)
  const project = world.project('stuck')
  project.write('plans/stuck.yaml', planFile('stuck', '[{ name: stuck.a }, { name: stuck.b }]'))
  expect(await apply(project, 'stuck')).toMatchObject({ code: 0 })
  await both(world.target)
  // The second topic is never quiet, so only the first one is sealed.
  const writing = await writeSteadily(world.target, 'stuck.b')
  const going = project.start(['rollback', 'stuck', '--to', 'prepared', '--auto-approve'])
  await waitFor('the first topic to be sealed', { timeoutMs: 60_000 }, () => {
    const { reverse } = JSON.parse(project.read('.ferry/stuck/decisions.json'))
    return reverse.seals.length > 0 || undefined
  })
  going.child.kill('SIGINT')
  expect((await going.ended).code).toBe(130)
  await writing.stop()
  await oracle.write(world.source, 'stuck.b', [{ partition: 0, key: 'late', value: 'late' }])

  const refused = await rollback(project, 'stuck', '--to', 'prepared')
  expect(refused.code).toBe(4)
  expect(refused.stderr.replace(/\s+/g, ' ')).toMatch(
    /FERRY1360.*stuck\.b-0 offset.*ferry salvage stuck/,
  )
  const forwards = await apply(project, 'stuck')
  expect(forwards.code).toBe(4)
  expect(forwards.stderr.replace(/\s+/g, ' ')).toMatch(/FERRY1363.*ferry salvage stuck/)
  expect(await project.ferry(['salvage', 'stuck', '--confirm', 'stuck'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Appended 1 record: stuck\.b-0 offset \d+\.\n$/),
  })
  expect(await apply(project, 'stuck')).toMatchObject({ code: 0 })
  expect(await project.ferry(['verify', 'stuck', '--full'])).toMatchObject({ code: 0 })
  const [last, ...before] = (await oracle.readText(world.target, 'stuck.b')).reverse()
  expect(last?.value).toBe('late')
  expect(before.some(({ value }) => value === 'late')).toBe(false)
  // What was mirrored back of the other stays where it is, and what comes to it goes back as ever.
  expect(await oracle.offsets(world.source, 'stuck.a')).toMatchObject([{ end: 40n }])
  expect((await rollback(project, 'stuck', '--to', 'prepared')).stderr).toContain('FERRY1360')
})

test('a partition that only the target has keeps a rollback from its end while another topic is sealed: the plan forwards opens that seal, and gives the rights back', async () => {
  await Promise.all(['end.a', 'end.b'].map((topic) => makeTopic(topic, 1)))
  const both = (cluster: TestCluster) =>
    Promise.all(['end.a', 'end.b'].map((topic) => fill(cluster, topic, 20, [0])))
  await both(world.source)
  await readAndCommit(world.source, 'end.api', ['end.a'], 5)
  const project = world.project('end')
  Object.assign(project.env, { SHOP_PASSWORD: SHOP.password })
  project.write(
    'plans/end.yaml',
    planFile(
      'end',
      '[{ name: end.a }, { name: end.b }]',
      `  groups: [{ id: end.api }]${ACCESS('end.a', 'end.api')}`,
    ),
  )
  const moved = await apply(project, 'end')
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  await both(world.target)
  const writing = await writeSteadily(world.target, 'end.b')
  const going = project.start(['rollback', 'end', '--to', 'prepared', '--auto-approve'])
  await waitFor('the first topic to be sealed', { timeoutMs: 60_000 }, () => {
    const { reverse } = JSON.parse(project.read('.ferry/end/decisions.json'))
    return reverse.seals.length > 0 || undefined
  })
  going.child.kill('SIGINT')
  expect((await going.ended).code).toBe(130)
  await writing.stop()
  expect(await writingAsShop('end.a')).toBe('not authorized')
  await withAdmin(world.target, (admin) =>
    admin.createPartitions({ topicPartitions: [{ topic: 'end.b', count: 2 }] }),
  )
  await oracle.write(world.target, 'end.b', [{ partition: 1, key: 'new', value: 'new' }])

  const refused = await rollback(project, 'end', '--to', 'prepared')
  expect(refused.code).toBe(4)
  expect(flat(refused.stderr)).toMatch(/FERRY1338.*end\.b:1/)
  const habit = await project.ferry(['apply', 'end', '--auto-approve'])
  expect(habit.code).toBe(4)
  expect(flat(habit.stderr)).toMatch(
    /FERRY1411.*This gives up a rollback, .*: mirror-reverse\/end\.a\./,
  )
  const forwards = await apply(project, 'end')
  expect(forwards, forwards.stderr + forwards.stdout).toMatchObject({ code: 0 })
  expect(flat(forwards.stderr)).toMatch(/FERRY1363.*opens the seals of the way back of end\.a/)
  expect(await writingAsShop('end.a')).toBe('ok')
  const { reverse, stage } = JSON.parse(project.read('.ferry/end/decisions.json'))
  expect([reverse.seals, stage]).toEqual([[], 'producers-moved'])
  expect(await oracle.offsets(world.source, 'end.a')).toMatchObject([{ end: 40n }])
})
