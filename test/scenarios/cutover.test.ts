import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PartitionKey, SourceOffset, TargetOffset, TopicName } from '../../src/domain/ids.ts'
import type { Migration } from '../../src/domain/migration.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Salvage } from '../../src/domain/state.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { salvageRange } from '../../src/salvage/salvage-range.ts'
import { decodeContent, encodeContent } from '../../src/state/content-codec.ts'
import { startsFrom } from '../../src/steps/start-from.ts'
import { connect } from '../adapter/connect.ts'
import { configEntries, setConfigs } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { migration } from '../planner/_build.ts'
import { fill, startConsumer } from './_clients.ts'
import { errorsIn, findingsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { clockAhead, type Project, startWorld, type World } from './_world.ts'

/** The cutover in both orders, what comes too late, and where mirroring begins. */

let world: World
let source: Cluster
let target: Cluster

beforeAll(async () => {
  world = await startWorld()
  ;[source, target] = await Promise.all([connect(world.source), connect(world.target)])
})
afterAll(async () => {
  await Promise.all([source?.close(), target?.close()])
  await world?.stop()
})

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

const makeTopic = (cluster: TestCluster, topic: string, numPartitions = 1) =>
  withAdmin(cluster, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  )

/** Below these offsets the log is gone, as retention would have it. */
const trim = (cluster: TestCluster, topic: string, offset: number) =>
  withAdmin(cluster, async (admin) => {
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: 0, offset: String(offset) }],
    })
  })

const endOf = (cluster: TestCluster, topic: string): Promise<bigint> =>
  withAdmin(cluster, async (admin) => BigInt((await admin.fetchTopicOffsets(topic))[0]!.high))

const commit = async (
  cluster: Cluster,
  group: string,
  offsets: Readonly<Record<string, bigint>>,
): Promise<void> => {
  const wanted = Object.entries(offsets).map(
    ([key, offset]) => [key as PartitionKey, { offset, metadata: '' }] as const,
  )
  const { failed } = await cluster.commitOffsets(group as never, new Map(wanted))
  expect([...failed.values()]).toEqual([])
}

const planFile = (name: string, stage: string, more: string): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: ${stage}
  gates: { sourceQuiet: 1s, timeout: 120s }
${more}`

const apply = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name, ...more])

const positions = async (cluster: TestCluster, group: string) =>
  Object.fromEntries(
    (await oracle.groupOffsets(cluster, group)).map((o) => [`${o.topic}:${o.partition}`, o.offset]),
  )

describe('the test vector of the method', () => {
  test('mark (1001, 0), source now 3001..3300, committed 3200: the target commit is 2199', async () => {
    await makeTopic(world.source, 'vector')
    // Each call is a batch: the log starts of both sides fall on their borders.
    for (const count of [1001, 300]) await fill(world.source, 'vector', count, [0])
    await trim(world.source, 'vector', 1001)
    await commit(source, 'vector.api', { 'vector:0': 1100n })
    const project = world.project('vector')
    project.write(
      'plans/vector.yaml',
      planFile(
        'vector',
        'mirrored',
        '  topics: [{ name: vector, offsets: dense }]\n  groups: [{ id: vector.api }]\n',
      ),
    )
    expect(await apply(project, 'vector')).toMatchObject({ code: 0 })
    // As in the method: retention on the source takes what the mirror has while it runs, long before the group is synced.
    const mirror = project.start(['mirror', 'vector'])
    for (const count of [1700, 300]) await fill(world.source, 'vector', count, [0])
    await waitFor('the mirror', { timeoutMs: 60_000 }, async () =>
      (await endOf(world.target, 'vector')) === 2300n ? true : undefined,
    )
    mirror.child.kill('SIGTERM')
    expect(await mirror.ended).toMatchObject({ code: 0 })
    await commit(source, 'vector.api', { 'vector:0': 3200n })
    await trim(world.source, 'vector', 3001)
    expect(await oracle.offsets(world.source, 'vector')).toMatchObject([
      { start: 3001n, end: 3301n },
    ])
    project.edit('plans/vector.yaml', 'stage: mirrored', 'stage: consumers-moved')
    expect(await apply(project, 'vector')).toMatchObject({ code: 0 })
    expect(await positions(world.target, 'vector.api')).toEqual({ 'vector:0': 2199n })
    // The epochs of another cluster mean nothing here.
    expect(await oracle.groupOffsets(world.target, 'vector.api')).toMatchObject([
      { leaderEpoch: -1 },
    ])
    const [here] = await oracle.read(world.source, 'vector', { fromOffset: 3200n })
    const [there] = await oracle.read(world.target, 'vector', { fromOffset: 2199n })
    expect(there).toMatchObject({
      keyHash: here?.keyHash,
      valueHash: here?.valueHash,
      timestamp: here?.timestamp,
    })
    const verified = await project.ferry(['verify', 'vector', '--full', '--json'])
    expect(verified.code).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({
      topics: [{ partitions: [{ mirrored: 2300, compared: 300, gone: 2000 }] }],
      groups: [{ id: 'vector.api', partitions: [{ source: 3200, target: 2199, ok: true }] }],
    })
    // Of what both still hold, so many.
    const sampled = await project.ferry(['verify', 'vector', '--sample', '20', '--json'])
    expect(sampled, sampled.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(sampled.stdout)).toMatchObject({
      topics: [{ partitions: [{ mirrored: 2300, compared: 20, gone: 2000 }] }],
    })
    // For positions that are kept elsewhere: the same map, as a file.
    expect(await project.ferry(['index', 'export', 'vector', '-o', 'vector.csv'])).toMatchObject({
      code: 0,
    })
    expect(project.read('vector.csv')).toBe(
      'topic,partition,sourceFrom,sourceTo,targetFrom\nvector,0,1001,3301,0\n',
    )
    expect(await project.ferry(['index', 'export', 'vector'])).toMatchObject({
      code: 0,
      stdout:
        '{"topic":"vector","partition":0,"sourceFrom":"1001","sourceTo":"3301","targetFrom":"0"}\n',
    })
  })
})

describe('a service that reads, processes and writes', () => {
  /** Positions in a transaction that stays open until it is ended by name. */
  const handled = async (
    cluster: TestCluster,
    id: string,
    group: string,
    offsets: Readonly<Record<string, readonly string[]>>,
  ) => {
    const producer = new kafkajs.Kafka(cluster.kafka()).producer({
      transactionalId: id,
      transactionTimeout: 600_000,
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: Object.entries(offsets).map(([topic, each]) => ({
        topic,
        partitions: each.map((offset, partition) => ({ partition, offset })),
      })),
    })
    return async (how: 'commit' | 'abort') => {
      await transaction[how]()
      await producer.disconnect()
    }
  }

  test('has a transaction open before the plan is made: the plan says so, apply waits for its end, and so does the way back', async () => {
    await makeTopic(world.source, 'rpw', 2)
    await fill(world.source, 'rpw', 30, [0, 1])
    await (await handled(world.source, 'rpw-1', 'rpw.api', { rpw: ['5'] }))('commit')
    const project = world.project('rpw')
    const file = '  topics: [{ name: rpw, offsets: dense }]\n  groups: [{ id: rpw.api }]\n'
    project.write(
      'plans/rpw.yaml',
      planFile('rpw', 'mirrored', `${file}  mirror: { startFrom: committed }\n`),
    )
    // Partition 1 has no position before it.
    const end = await handled(world.source, 'rpw-1', 'rpw.api', { rpw: ['12', '7'] })
    const mirrored = await apply(project, 'rpw')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    expect(mirrored.stdout + mirrored.stderr).not.toContain('FERRY1214')

    project.edit('plans/rpw.yaml', 'stage: mirrored', 'stage: consumers-moved')
    const planned = await project.ferry(['plan', 'rpw', '--json'])
    expect(planned, planned.stderr).toMatchObject({ code: 0 })
    const plan = JSON.parse(planned.stdout) as Plan
    expect(plan.problems.filter(({ code }) => code === 'FERRY1355')).toMatchObject([
      {
        severity: 'warning',
        detail: expect.stringMatching(
          /^rpw\.api has its position in rpw:0 on old in a transaction/,
        ),
      },
    ])
    const waiting = await apply(project, 'rpw', '--wait', '0s')
    expect(waiting, waiting.stderr).toMatchObject({ code: 7 })
    expect(flat(waiting.stderr)).toMatch(
      /no position of rpw\.api is in an open transaction.* is open on old, in rpw:0, rpw:1;/,
    )
    await end('commit')
    // It is answered as ended before its markers are in the log of positions.
    await waitFor('its positions', { timeoutMs: 60_000 }, async () =>
      (await positions(world.source, 'rpw.api'))['rpw:0'] === 12n ? true : undefined,
    )
    // What a sync would write there would stand instead of what this one brings.
    const other = await handled(world.target, 'rpw-2', 'rpw.api', { rpw: ['1'] })
    const closed = await apply(project, 'rpw', '--wait', '0s')
    expect(closed, closed.stderr).toMatchObject({ code: 7 })
    expect(flat(closed.stderr)).toMatch(/ is open on new, in rpw:0;/)
    expect(await positions(world.target, 'rpw.api')).toEqual({})
    await other('abort')
    const moved = await apply(project, 'rpw')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    // The copy begins at 5 and 0.
    expect(await positions(world.target, 'rpw.api')).toEqual({ 'rpw:0': 7n, 'rpw:1': 7n })

    const back = await handled(world.target, 'rpw-2', 'rpw.api', { rpw: ['10'] })
    const rollback = (...more: string[]) =>
      project.ferry(['rollback', 'rpw', '--to', 'mirrored', '--auto-approve', ...more])
    const stopped = await rollback('--wait', '0s')
    expect(stopped, stopped.stderr).toMatchObject({ code: 7 })
    expect(flat(stopped.stderr)).toMatch(
      /FERRY1355.* rpw\.api has its position in rpw:0 on new in a transaction/,
    )
    expect(flat(stopped.stderr)).toMatch(/ is open on new, in rpw:0;/)
    expect(await positions(world.source, 'rpw.api')).toEqual({ 'rpw:0': 12n, 'rpw:1': 7n })
    await back('commit')
    const returned = await rollback('--confirm', 'rpw')
    expect(returned, returned.stderr).toMatchObject({ code: 0 })
    expect(await positions(world.source, 'rpw.api')).toEqual({ 'rpw:0': 15n, 'rpw:1': 7n })
  })
})

describe('deadlines', () => {
  test('a plan whose deadline has passed is not run, and a new one says what is still there', async () => {
    const retention = 3_600_000
    await withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: [
          {
            topic: 'hurry',
            numPartitions: 1,
            replicationFactor: 1,
            configEntries: [{ name: 'retention.ms', value: String(retention) }],
          },
        ],
      }),
    )
    const leftMs = 10 * 60_000
    const expires = Date.now() + leftMs
    await oracle.write(world.source, 'hurry', [
      { key: 'k', value: 'v', timestamp: expires - retention },
    ])
    const project = world.project('hurry')
    project.write(
      'plans/hurry.yaml',
      planFile('hurry', 'mirrored', '  topics: [{ name: hurry }]\n'),
    )
    const planned = await project.ferry(['plan', 'hurry', '-o', 'hurry.plan.json'])
    expect(planned.stdout).toContain('Valid until')
    expect(JSON.parse(project.read('hurry.plan.json')).deadlines).toMatchObject([
      {
        at: new Date(expires).toISOString(),
        about: { kind: 'source-retention', partition: 'hurry:0', offset: '0' },
      },
    ])
    Object.assign(project.env, clockAhead(leftMs))
    const refused = await project.ferry(['apply', 'hurry.plan.json'])
    expect(refused.code).toBe(5)
    expect(errorsIn(refused.stderr)).toMatchObject([{ code: 'FERRY1412' }])
    expect(project.state()).toEqual({})
    // The broker deletes whole segments, every five minutes: the record is still there, so a new plan mirrors it.
    expect(await apply(project, 'hurry')).toMatchObject({ code: 0 })
    expect(await oracle.readText(world.target, 'hurry')).toMatchObject([{ key: 'k' }])
  })

  test('a plan that counts on records which the source has lost since is not run, nor called done where nothing is left to do', async () => {
    await makeTopic(world.source, 'lost')
    await fill(world.source, 'lost', 20, [0])
    await commit(source, 'lost.api', { 'lost:0': 7n })
    const project = world.project('lost')
    const plans = 'plans/lost.yaml'
    project.write(
      plans,
      planFile('lost', 'mirrored', '  topics: [{ name: lost }]\n  groups: [{ id: lost.api }]\n'),
    )
    expect(await apply(project, 'lost')).toMatchObject({ code: 0 })
    project.edit(plans, 'stage: mirrored', 'stage: consumers-moved')
    const asked = Date.now()
    const planned = await project.ferry(['plan', 'lost', '-o', 'lost.plan.json'])
    expect(planned).toMatchObject({ code: 0 })
    expect(planned.stdout).toContain('sync')
    // A broker keeps the positions of a group without members for seven days.
    const says =
      'the positions of lost.api on old, which has no members now, are gone by then at the latest'
    expect(flat(planned.stdout)).toContain(`: ${says}.`)
    const { deadlines } = JSON.parse(project.read('lost.plan.json')) as Plan
    const expires = deadlines.find(({ about }) => about.kind === 'source-commits')
    expect(expires).toMatchObject({ says, about: { group: 'lost.api' } })
    const week = 7 * 24 * 3_600_000
    expect(Date.parse(expires!.at)).toBeGreaterThanOrEqual(asked + week - 1_000)
    expect(Date.parse(expires!.at)).toBeLessThanOrEqual(Date.now() + week)
    expect(flat((await project.ferry(['status', 'lost'])).stdout)).toContain(says)
    await fill(world.source, 'lost', 5, [0])
    await trim(world.source, 'lost', 23)
    const refused = await project.ferry(['apply', 'lost.plan.json'])
    expect(refused.code).toBe(5)
    expect(refused.stdout).toContain('this run changed nothing')
    expect(errorsIn(refused.stderr)).toMatchObject([
      { code: 'FERRY1410', detail: expect.stringContaining('20 to 22 are gone') },
    ])
    expect(await positions(world.target, 'lost.api')).toEqual({})
    project.edit(plans, 'stage: consumers-moved', 'stage: mirrored')
    const idle = await apply(project, 'lost')
    expect(idle.code).toBe(5)
    expect(idle.stdout).toContain('No changes')
    expect(errorsIn(idle.stderr)).toMatchObject([{ code: 'FERRY1410' }])
  })
})

describe('what lag, rate and retention of the brokers foretell', () => {
  const MINUTE = 60_000
  const makeWith = (topic: string, configs: Readonly<Record<string, string>>) =>
    withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: [
          {
            topic,
            numPartitions: 1,
            replicationFactor: 1,
            configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
          },
        ],
      }),
    )
  /** Records that came evenly, from so long ago until now. */
  const evenly = (topic: string, count: number, overMs: number, size = 10) => {
    const from = Date.now() - overMs
    return oracle.write(
      world.source,
      topic,
      Array.from({ length: count }, (_, i) => ({
        partition: 0,
        key: `k-${i}`,
        value: 'v'.repeat(size),
        timestamp: from + Math.round((i * overMs) / count),
      })),
      { batchSize: 0 },
    )
  }
  const better = async (project: Project, name: string) =>
    findingsIn((await project.ferry(['plan', name])).stderr).find(
      ({ code }) => code === 'FERRY1341',
    )?.detail

  test('the plan recommends the other order, with the figures', async () => {
    // Two hours, and the group stands at a record that came 114 minutes ago.
    await makeWith('expires', { 'retention.ms': String(120 * MINUTE) })
    await evenly('expires', 120, 119 * MINUTE)
    await commit(source, 'expires.api', { 'expires:0': 5n })
    const project = world.project('order')
    const groups = '  groups: [{ id: expires.api }]\n'
    const file = planFile('expires', 'mirrored', `  topics: [{ name: expires }]\n${groups}`)
    project.write('plans/expires.yaml', `${file}  order: producers-first\n`)
    const [unread] = await oracle.read(world.source, 'expires', { fromOffset: 5n })
    const left = () => (Number(unread!.timestamp) + 120 * MINUTE - Date.now()) / MINUTE
    const asked = left()
    const advice = (await better(project, 'expires')) ?? ''
    expect(advice).toMatch(
      /^expires moves producers-first; better would be consumers-first: expires\.api is 115 records behind on expires-0, and the oldest of them expire on the source in about \d+ min/,
    )
    const said = Number(/in about (\d+) min/.exec(advice)?.[1])
    // To the minute, and the plan takes a while.
    expect(said).toBeGreaterThanOrEqual(left() - 1)
    expect(said).toBeLessThanOrEqual(asked + 1)
    project.edit('plans/expires.yaml', 'producers-first', 'consumers-first')
    expect(await better(project, 'expires')).toBe(undefined)

    // About 10 KB in a second, and a mirror that may do a tenth of that.
    await makeTopic(world.source, 'flood')
    await evenly('flood', 1000, 100_000, 1000)
    await commit(source, 'flood.api', { 'flood:0': 0n })
    const more = '  topics: [{ name: flood }]\n  groups: [{ id: flood.api }]\n'
    project.write(
      'plans/flood.yaml',
      planFile('flood', 'mirrored', `${more}  mirror: { throttle: 1KiB }\n`),
    )
    const flood = (await better(project, 'flood')) ?? ''
    expect(flood).toMatch(
      /^flood moves consumers-first; better would be producers-first: its topics are written at about .* and the mirror does 1\.0 KiB\/s/,
    )
    // Less with every second that passes.
    const rate = Number(/written at about ([\d.]+) KiB\/s/.exec(flood)?.[1])
    expect(rate).toBeGreaterThan(2)
    expect(rate).toBeLessThan(12)
    project.edit('plans/flood.yaml', 'throttle: 1KiB', 'throttle: 1MiB')
    expect(await better(project, 'flood')).toBe(undefined)
  })

  test('status foretells from the movement of the log start when it reaches what is to be copied', async () => {
    await makeWith('moving', { 'retention.bytes': '100000000' })
    await fill(world.source, 'moving', 100, [0])
    const project = world.project('moving')
    project.write(
      'plans/moving.yaml',
      planFile('moving', 'mirrored', '  topics: [{ name: moving }]\n'),
    )
    const begun = Date.now()
    expect(await apply(project, 'moving')).toMatchObject({ code: 0 })
    const marked = Date.now()
    await fill(world.source, 'moving', 20, [0])
    const reaches = async () => {
      const asked = Date.now()
      const { stdout } = await project.ferry(['status', 'moving', '--json'])
      const { deadlines } = JSON.parse(stdout).migrations[0] as {
        readonly deadlines: readonly { readonly at: string; readonly says: string }[]
      }
      const found = deadlines.find(({ says }) => says.includes('log start of moving-0'))
      return { asked, answered: Date.now(), found }
    }
    // Nothing has moved: nothing is foretold.
    expect((await reaches()).found).toBe(undefined)
    await trim(world.source, 'moving', 50)
    const { asked, answered, found } = await reaches()
    expect(found?.says).toMatch(/moves by [\d,]+ offsets an hour .* what is still to be copied/)
    // It took as long for half of what is copied as it will for the other half.
    const at = Date.parse(found!.at)
    expect(at).toBeGreaterThanOrEqual(2 * asked - marked)
    expect(at).toBeLessThanOrEqual(2 * answered - begun)
  })
})

test('a topic is not sealed once somebody else has written to its copy, while the gate is waited for and after', async () => {
  await makeTopic(world.source, 'foreign')
  await fill(world.source, 'foreign', 20, [0])
  const project = world.project('foreign')
  const file = planFile('foreign', 'producers-moved', '  topics: [{ name: foreign }]\n')
  project.write('plans/foreign.yaml', file.replace('sourceQuiet: 1s', 'sourceQuiet: 1h'))
  const waiting = project.start(['apply', 'foreign', '--auto-approve', '--confirm', 'foreign'])
  await waitFor('the gate to wait for nothing but quiet', { timeoutMs: 90_000 }, () =>
    flat(waiting.stderr).includes('quiet so far') ? true : undefined,
  )
  await fill(world.target, 'foreign', 3, [0])
  const { code, stderr } = await waiting.ended
  // The gate says so within two seconds; on a machine that is very slow the mirror, which looks every minute, may be the first.
  expect([7, 8], stderr).toContain(code)
  expect(flat(stderr)).toMatch(
    code === 7
      ? /FERRY1502.*foreign:0 ends at 23 where it is copied to, 3 offsets past the end of the copy: somebody else writes there/
      : /FERRY1504.*the mirror stopped foreign:0/,
  )
  const again = await apply(project, 'foreign')
  expect(again.code).toBe(8)
  expect(flat(again.stderr)).toMatch(/FERRY1604.*foreign/)
  expect(JSON.parse(project.read('.ferry/foreign/decisions.json')).seals).toEqual([])
})

describe('producers first', () => {
  const FILE = planFile(
    'late',
    'producers-moved',
    `  order: producers-first
  topics: [{ name: late, configs: { retention.ms: 7d } }]
  groups: [{ id: late.api }]
`,
  )

  test('groups sync against the sealed end; what comes late is stranded, named, blocks the end, and is salvaged once', async () => {
    await makeTopic(world.source, 'late', 2)
    await fill(world.source, 'late', 20, [0, 1])
    // One in the middle, one at the very end.
    await commit(source, 'late.api', { 'late:0': 7n, 'late:1': 20n })
    const project = world.project('late')
    project.write('plans/late.yaml', FILE)
    const moved = await apply(project, 'late')
    expect(moved).toMatchObject({ code: 0 })
    expect(moved.stdout.indexOf('seal')).toBeGreaterThan(0)
    expect(moved.stdout).not.toContain('sync group')

    // Producers write on the target; one was forgotten on the source.
    await fill(world.target, 'late', 5, [0, 1])
    await oracle.write(world.source, 'late', [{ partition: 1, key: 'forgotten', value: 'one' }])

    const told = await project.ferry(['status', 'late'])
    expect(findingsIn(told.stderr)).toContainEqual(
      expect.objectContaining({
        code: 'FERRY1342',
        detail: expect.stringContaining('late-1 offset 20'),
        fix: 'Stop it; then: ferry salvage late',
      }),
    )
    project.edit('plans/late.yaml', 'stage: producers-moved', 'stage: consumers-moved')
    expect(await apply(project, 'late')).toMatchObject({ code: 0 })
    expect(await positions(world.target, 'late.api')).toEqual({ 'late:0': 7n, 'late:1': 20n })
    const failed = await project.ferry(['verify', 'late', '--full'])
    expect(failed).toMatchObject({ code: 9, stderr: expect.stringContaining('FERRY1807') })

    project.edit('plans/late.yaml', 'stage: consumers-moved', 'stage: retired')
    const blocked = await apply(project, 'late', '--wait', '0s')
    expect(blocked.code).toBe(7)
    expect(errorsIn(blocked.stderr)[0]?.detail).toContain(
      'late:1 has grown on the source from 20 to 21',
    )

    // Nothing without confirmation; then once, behind what producers wrote meanwhile.
    const unconfirmed = await project.ferry(['salvage', 'late'])
    expect(unconfirmed.code).toBe(4)
    expect(errorsIn(unconfirmed.stderr)[0]?.detail).toContain('late-1 offset 20 would be appended')
    expect(await project.ferry(['salvage', 'late', '--confirm', 'late'])).toMatchObject({
      code: 0,
      stdout: 'Appended 1 record: late-1 offset 20.\n',
    })
    expect(await project.ferry(['salvage', 'late', '--confirm', 'late'])).toMatchObject({
      code: 0,
      stdout: 'Nothing of late is stranded.\n',
    })
    const there = await oracle.readText(world.target, 'late', { partitions: [1] })
    expect(there.map(({ key }) => key).filter((key) => key === 'forgotten')).toHaveLength(1)
    expect(there.at(-1)).toMatchObject({ offset: 25n, key: 'forgotten', value: 'one' })
    expect(await project.ferry(['verify', 'late', '--full'])).toMatchObject({ code: 0 })

    // An old consumer that comes back is named, and blocks the end too.
    const old = await startConsumer(world.source, 'late.api', 'late', { clientId: 'cron-9' })
    const back = await project.ferry(['plan', 'late'])
    expect(findingsIn(back.stderr)).toContainEqual(
      expect.objectContaining({
        code: 'FERRY1343',
        detail: expect.stringMatching(/runs on old \(again\): cron-9 on \/?127\.0\.0\.1/),
      }),
    )
    expect(flat((await project.ferry(['status', 'late'])).stdout)).toMatch(
      /on old \S+, 1 member \(cron-9 on 127\.0\.0\.1\)/,
    )
    await old.stop()
    // Once it has stopped again, what it has committed tells.
    await commit(target, 'late.api', { 'late:0': 8n, 'late:1': 20n })
    await commit(source, 'late.api', { 'late:0': 20n, 'late:1': 20n })
    expect(findingsIn((await project.ferry(['status', 'late'])).stderr)).toContainEqual(
      expect.objectContaining({
        code: 'FERRY1343',
        detail: expect.stringContaining('committed on old since: offsets 7 to 19 of late:0.'),
      }),
    )
    expect(await project.ferry(['drift', 'late'])).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/sync of late\.api on late:0 on old.*at 20, synced at 7/),
    })
    const now = await startConsumer(world.target, 'late.api', 'late')
    expect(await apply(project, 'late')).toMatchObject({ code: 0 })
    await now.stop()
  })

  test('what retention took before it was salvaged is given up by its exact range, and all the rest salvaged, also of a salvage that broke off', async () => {
    await makeTopic(world.source, 'gone')
    await fill(world.source, 'gone', 10, [0])
    const project = world.project('gone')
    const file = planFile('gone', 'producers-moved', '  topics: [{ name: gone }]\n')
    project.write('plans/gone.yaml', file)
    expect(await apply(project, 'gone')).toMatchObject({ code: 0 })

    // Killed behind the first of its batches; then retention takes what it has appended, and more.
    await oracle.produce(world.source, 'gone', { count: 600, size: 20, valuePrefix: 'late-' })
    project.write('died', '')
    const salvage = ['salvage', 'gone', '--confirm', 'gone']
    const killed = dyingAt(project, '^before decisions 2 behind intent salvage/gone')
    expect((await project.ferry(salvage, killed)).code).toBe(-1)
    expect(await endOf(world.target, 'gone')).toBe(510n)
    await trim(world.source, 'gone', 560)
    expect(flat((await project.ferry(['status', 'gone'])).stderr)).toContain(
      'gone-0 offsets 10 to 559 on old are gone there by retention',
    )
    // By now the target takes no batch any more that would hold all that is left.
    const limit = new Map([['gone' as TopicName, new Map([['max.message.bytes', '1000']])]])
    expect((await target.alterTopicConfigs(limit)).failed.size).toBe(0)
    const sent = ['--accept-gap', 'gone:0:10-509']
    const rest = await project.ferry([...salvage, ...sent])
    expect(rest.code).toBe(8)
    expect(flat(rest.stderr)).toMatch(
      /FERRY1710.*gone-0 offsets 510 to 559 on old are gone.*What was left is on new: gone-0 offsets 10 to 509, gone-0 offsets 560 to 609\. Not given up, by now on new: gone-0 offsets 10 to 509\..*ferry salvage gone --accept-gap gone:0:510-559 --confirm gone/,
    )
    const values = (await oracle.readText(world.target, 'gone')).map(({ value }) => value ?? '')
    const late = values
      .filter((value) => value.startsWith('late-'))
      .map((v) => Number(/\d+/.exec(v)))
    const wanted = Array.from({ length: 600 }, (_, i) => i).filter((i) => i < 500 || i >= 550)
    expect(late).toEqual(wanted)

    // It is an error for whoever verifies, and blocks the end, until somebody says that it goes on without exactly this.
    expect((await project.ferry(['verify', 'gone'])).code).toBe(9)
    for (const wrong of ['gone:0:510-560', 'gone:0:500-559', 'gone:0:10-508']) {
      const refused = await project.ferry([...salvage, '--accept-gap', wrong])
      expect(refused.code).toBe(4)
      expect(flat(refused.stderr)).toMatch(/FERRY1351.*--accept-gap gone:0:510-559/)
    }
    const accept = ['--accept-gap', 'gone:0:510-559']
    const shown = await project.ferry(['salvage', 'gone', ...accept])
    expect(shown.code).toBe(4)
    expect(flat(shown.stderr)).toMatch(/FERRY1411.*gone-0 offsets 510 to 559 on old are gone/)
    // What a salvage that broke off has appended, as it turned out, is named and not given up.
    expect(await project.ferry([...salvage, ...accept, ...sent])).toMatchObject({
      code: 0,
      stdout:
        'Given up, gone from the source: gone-0 offsets 510 to 559.\nNot given up, on the target by now: gone-0 offsets 10 to 509.\n',
    })
    // Again: it is known.
    expect((await project.ferry([...salvage, ...accept])).code).toBe(0)

    // Killed behind its only batch; then retention of the target takes that, and its leader forgets who wrote it: that takes a day, here it is another id.
    await oracle.produce(world.source, 'gone', { count: 3, size: 20 })
    project.write('died', '')
    // The journal is told first.
    const told = dyingAt(project, '^after result salvage/gone')
    expect((await project.ferry(salvage, told)).code).toBe(-1)
    const end = await endOf(world.target, 'gone')
    await trim(world.target, 'gone', Number(end))
    const recorded = decodeContent((await project.ferry(['state', 'pull', 'gone'])).stdout, '')
    const { decisions } = recorded
    const salvages = decisions.salvages.map((each) =>
      each.status === 'pending' ? { ...each, producerId: 987654321n } : each,
    )
    project.write(
      'gone.state',
      encodeContent({ ...recorded, decisions: { ...decisions, salvages } }),
    )
    const pushed = await project.ferry(['state', 'push', 'gone', 'gone.state', '--force'])
    expect(pushed, pushed.stderr).toMatchObject({
      code: 0,
    })
    const unsure = await project.ferry(salvage)
    expect(unsure.code).toBe(8)
    expect(flat(unsure.stderr)).toMatch(
      /FERRY1711.*gone-0 offsets 610 to 612 .* is there or not: offsets \d+ to \d+ of gone:0 are gone from new since.*Salvaged, and on new for certain: gone-0 offsets 10 to 509, gone-0 offsets 560 to 609\. Not sent yet: whatever else came late\..*ferry salvage gone --accept-gap gone:0:610-612 --confirm gone/,
    )
    expect(await endOf(world.target, 'gone')).toBe(end)
    expect(await project.ferry([...salvage, '--accept-gap', 'gone:0:610-612'])).toMatchObject({
      code: 0,
      stdout: 'Given up, on the target or not: gone-0 offsets 610 to 612.\n',
    })

    const verified = await project.ferry(['verify', 'gone', '--full'])
    expect(verified.code).toBe(0)
    const status = await project.ferry(['status', 'gone'])
    for (const told of [verified.stdout + verified.stderr, status.stderr]) {
      expect(flat(told)).toMatch(
        /FERRY1352.*gone-0 offsets 510 to 559 .* on no cluster, which \S+@\S+ has accepted on 2/,
      )
      expect(flat(told)).toMatch(
        /gone-0 offsets 610 to 612 .* on the target or not, which \S+@\S+ has accepted on 2/,
      )
    }
    project.edit('plans/gone.yaml', 'stage: producers-moved', 'stage: retired')
    expect(await apply(project, 'gone')).toMatchObject({ code: 0 })
    const { lost, salvaged } = JSON.parse((await project.ferry(['receipt', 'gone'])).stdout)
    expect(lost).toMatchObject([
      { topic: 'gone', partition: 0, from: 510, to: 560, unseen: false },
      { from: 610, to: 613, unsure: true },
    ])
    expect(salvaged).toMatchObject([
      { from: 10, to: 510 },
      { from: 560, to: 610 },
    ])
    expect((await project.ferry(['verify', 'gone', '--receipt'])).code).toBe(0)
  })

  test('a salvage that broke off goes on: every record once and in order, between the writes of others', async () => {
    for (const cluster of [world.source, world.target]) await makeTopic(cluster, 'broken')
    await oracle.produce(world.source, 'broken', { count: 4000, size: 50, compression: 'gzip' })
    await fill(world.target, 'broken', 3, [0])
    const { producerId, epoch } = await target.initProducerId()
    const { producerId: noOne } = await target.initProducerId()
    let salvage: Salvage = {
      topic: 'broken' as TopicName,
      partition: 0,
      from: 100n as SourceOffset,
      to: 4000n as SourceOffset,
      status: 'pending',
      producerId,
      producerEpoch: epoch,
      targetFrom: 3n as TargetOffset,
      at: new Date().toISOString(),
    }
    const attempt = (isResumed: boolean, report: (line: string) => void) =>
      salvageRange({
        source,
        target,
        salvage,
        mirror: { producerId: noOne, sealedEnd: 3n as TargetOffset },
        isResumed,
        known: {},
        requestTimeoutMs: 5_000,
        remember: async (sent) => {
          salvage = { ...salvage, sent }
        },
        pause: async () => undefined,
        report,
        signal: AbortSignal.timeout(60_000),
      })
    const wanted = await oracle.read(world.source, 'broken', { fromOffset: 100n })
    // Killed right after the first batch was acknowledged.
    const killed = attempt(false, () => {
      throw new Error('killed')
    })
    await expect(killed).rejects.toThrow('killed')
    await fill(world.target, 'broken', 2, [0])
    // What was appended may be gone from the source by now: no place is counted there.
    await trim(world.source, 'broken', 600)
    const whole = { records: 3900, to: 4000n }
    expect(await attempt(true, () => undefined)).toEqual(whole)
    // More batches than a broker remembers of a producer: only what is counted keeps the first ones from coming twice.
    // Again, after a crash between the last batch and its note in the state.
    expect(await attempt(true, () => undefined)).toEqual(whole)

    const found = await oracle.read(world.target, 'broken')
    expect(found).toHaveLength(3 + 3900 + 2)
    const content = ({ keyHash, valueHash, headersHash, timestamp }: (typeof found)[number]) =>
      `${keyHash} ${valueHash} ${headersHash} ${timestamp}`
    const late = new Set(wanted.map(content))
    expect(found.map(content).filter((each) => late.has(each))).toEqual(wanted.map(content))

    // What retention has taken from the source cannot be salvaged any more.
    const { producerId: fresh } = await target.initProducerId()
    const { sent: _, ...begun } = salvage
    const again = (mirror: bigint) =>
      salvageRange({
        source,
        target,
        salvage: { ...begun, producerId: fresh, targetFrom: 3905n as TargetOffset },
        mirror: { producerId: mirror, sealedEnd: 3n as TargetOffset },
        isResumed: false,
        known: {},
        requestTimeoutMs: 5_000,
        remember: async () => undefined,
        pause: async () => undefined,
        report: () => undefined,
        signal: AbortSignal.timeout(60_000),
      })
    // Had the mirror written what is there behind the seal, it would come twice.
    await expect(again(producerId)).rejects.toMatchObject({
      diagnostics: [
        { code: 'FERRY1710', detail: expect.stringContaining('from offset 3 on, and would be') },
      ],
    })
    expect(await again(noOne)).toEqual({ records: 0, to: 100n })
    expect(await oracle.offsets(world.target, 'broken')).toMatchObject([{ end: 3905n }])

    // Where retention of the target has taken all of them, the leader remembers, or nobody can tell: nothing comes twice.
    const end = BigInt(found.length)
    await trim(world.target, 'broken', found.length)
    expect(await attempt(true, () => undefined)).toEqual(whole)
    const known = salvage
    salvage = { ...known, producerId: (await target.initProducerId()).producerId }
    expect(await attempt(true, () => undefined)).toEqual({
      unsure: known.sent,
      why: `offsets 3 to ${end - 1n} of broken:0 are gone from ${target.name} since`,
    })
    expect(await oracle.offsets(world.target, 'broken')).toMatchObject([{ end }])
  })

  // Of its batches a broker says so before it is asked, or only by its answer: from the newer cluster to the older one, whose segments may be that small.
  test.each([
    ['tight', 'max.message.bytes', 'takes 5000 at most \\(max.message.bytes of tight\\)'],
    ['narrow', 'segment.bytes', 'answered RECORD_LIST_TOO_LARGE \\(segment.bytes of narrow\\)'],
  ])(
    'a target that takes smaller batches than the source gets them (%s: %s); a record that fits in none is named, and goes on once the limit is raised',
    async (topic, config, says) => {
      const isBack = config === 'segment.bytes'
      const [from, to] = isBack ? [world.target, world.source] : [world.source, world.target]
      await makeTopic(from, topic)
      const limitedTo = (bytes: number) => ({ [config]: String(bytes) })
      await withAdmin(to, (admin) =>
        admin.createTopics({ topics: [{ topic, configEntries: configEntries(limitedTo(5_000)) }] }),
      )
      await oracle.produce(from, topic, { count: 200, size: 100 })
      const one = (size: number, more: { compression?: 'gzip'; noise?: number } = {}) =>
        oracle.produce(from, topic, { count: 1, size, ...more })
      await one(300_000, { compression: 'gzip' })
      await one(8_000, { noise: 8_000 })
      await one(10)
      const clusters = isBack ? { source: target, target: source } : { source, target }
      const { producerId, epoch } = await clusters.target.initProducerId()
      let salvage: Salvage = {
        topic: topic as TopicName,
        partition: 0,
        from: 0n as SourceOffset,
        to: 203n as SourceOffset,
        status: 'pending',
        producerId,
        producerEpoch: epoch,
        targetFrom: 0n as TargetOffset,
        at: new Date().toISOString(),
      }
      const attempt = (isResumed: boolean) =>
        salvageRange({
          ...clusters,
          salvage,
          mirror: { producerId: -2n, sealedEnd: 0n as TargetOffset },
          isResumed,
          known: {},
          requestTimeoutMs: 5_000,
          remember: async (sent) => {
            salvage = { ...salvage, sent }
          },
          pause: async () => undefined,
          report: () => undefined,
          signal: AbortSignal.timeout(60_000),
        })
      await expect(attempt(false)).rejects.toMatchObject({
        diagnostics: [
          {
            code: 'FERRY1710',
            detail: expect.stringMatching(
              new RegExp(
                `the record at offset 201 of ${topic}:0 on .* bytes plain, and \\S+ ${says}`,
              ),
            ),
            fix: expect.stringMatching(
              new RegExp(`^Raise ${config} of ${topic} on \\S+ to 8\\d{3} or more`),
            ),
          },
        ],
      })
      expect(await oracle.offsets(to, topic)).toMatchObject([{ end: 201n }])
      await setConfigs(to, topic, limitedTo(9_000))
      // A broker shows a config before its log goes by it.
      const salvaged = await waitFor('the limit to be in force', { timeoutMs: 30_000 }, () =>
        attempt(true),
      )
      expect(salvaged).toEqual({ records: 203, to: 203n })
      const [there = [], here = []] = await Promise.all(
        [from, to].map((cluster) => oracle.read(cluster, topic)),
      )
      const content = ({ keyHash, valueHash, headersHash, timestamp }: (typeof here)[number]) =>
        `${keyHash} ${valueHash} ${headersHash} ${timestamp}`
      expect(here.map(content)).toEqual(there.map(content))
    },
  )
})

describe('where mirroring begins', () => {
  const starts = async (
    startFrom: Migration['mirror']['startFrom'],
    groups: readonly string[] = [],
  ) => {
    const found = await startsFrom(
      {
        clusters: { source, target },
        migration: migration({
          mirror: { throttle: undefined, startFrom },
          groups: groups.map((id) => ({ ...migration().groups[0]!, id: id as never })),
        }),
      },
      [0, 1].map((partition) => ({ topic: 'starts' as TopicName, partition })),
    )
    return [...found.values()]
  }

  test('is the log start, the lowest commit, the end or a time, as the brokers tell', async () => {
    await makeTopic(world.source, 'starts', 2)
    const first = Date.parse('2025-01-01T00:00:00Z')
    await oracle.write(
      world.source,
      'starts',
      [0, 1, 2, 3].map((day) => ({
        partition: 0,
        key: `day-${day}`,
        value: 'v',
        timestamp: first + day * 86_400_000,
      })),
      { batchSize: 0 },
    )
    await fill(world.source, 'starts', 2, [1])
    await withAdmin(world.source, async (admin) => {
      await admin.fetchTopicOffsets('starts')
      await admin.deleteTopicRecords({
        topic: 'starts',
        partitions: [{ partition: 0, offset: '1' }],
      })
    })
    await commit(source, 'starts.fast', { 'starts:0': 4n, 'starts:1': 2n })
    await commit(source, 'starts.slow', { 'starts:0': 2n })
    await commit(source, 'starts.old', { 'starts:0': 0n, 'starts:1': 1n })
    expect(await starts('earliest')).toEqual([1n, 0n])
    expect(await starts('latest')).toEqual([4n, 2n])
    expect(await starts(new Date('2025-01-02T12:00:00Z'))).toEqual([2n, 0n])
    // No record is so young.
    expect(await starts(new Date('2125-01-01T00:00:00Z'))).toEqual([4n, 2n])
    expect(await starts('committed', ['starts.fast'])).toEqual([4n, 2n])
    // The slow one has no position in partition 1, and may still read all of it.
    expect(await starts('committed', ['starts.fast', 'starts.slow'])).toEqual([2n, 0n])
    // Never below the log start.
    expect(await starts('committed', ['starts.fast', 'starts.old'])).toEqual([1n, 1n])
  })

  test('is where the mark is: nothing before it is on the target, and groups go on exactly', async () => {
    await makeTopic(world.source, 'from')
    for (const count of [30, 10, 20]) await fill(world.source, 'from', count, [0])
    // In the middle of a batch.
    await commit(source, 'from.api', { 'from:0': 33n })
    await commit(source, 'from.audit', { 'from:0': 45n })
    const project = world.project('from')
    project.write(
      'plans/from.yaml',
      planFile(
        'from',
        'consumers-moved',
        `  topics: [{ name: from }]
  groups: [{ id: from.api }, { id: from.audit }]
  mirror: { startFrom: committed }
`,
      ),
    )
    expect(await apply(project, 'from')).toMatchObject({ code: 0 })
    expect(await oracle.offsets(world.target, 'from')).toMatchObject([{ start: 33n, end: 60n }])
    expect(await positions(world.target, 'from.api')).toEqual({ 'from:0': 33n })
    expect(await positions(world.target, 'from.audit')).toEqual({ 'from:0': 45n })
    expect(await oracle.digest(world.target, 'from', { fromOffset: 33n })).toEqual(
      await oracle.digest(world.source, 'from', { fromOffset: 33n }),
    )
    // One that is added behind the mark would skip what the source still holds: nothing is written.
    await commit(source, 'from.slow', { 'from:0': 20n })
    project.edit('plans/from.yaml', '{ id: from.audit }', '{ id: from.audit }, { id: from.slow }')
    const refused = await apply(project, 'from')
    expect(refused.code).toBe(4)
    expect(flat(refused.stderr)).toMatch(
      /FERRY1356.*from\.slow has not read 13 records of from:0 \(offsets 20 to 32\)\. old still holds that/,
    )
    expect(await positions(world.target, 'from.slow')).toEqual({})
    // A file that leaves records out says that it may. It is told with the count.
    project.edit('plans/from.yaml', 'startFrom: committed', 'startFrom: latest')
    const applied = await apply(project, 'from')
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(flat(applied.stdout)).toContain('1 position, 13 skipped (below the mark)')
    expect(flat(applied.stderr)).toMatch(
      /FERRY1349.*from\.slow has not read 13 records of from:0 \(offsets 20 to 32\)/,
    )
    expect(await positions(world.target, 'from.slow')).toEqual({ 'from:0': 33n })
  })
})

describe('positions in a topic of transactions', () => {
  /** All that a consumer sees, as Kafka's own client reads it. */
  const visible = (cluster: TestCluster, topic: string) =>
    oracle.read(cluster, topic, { isolation: 'read_committed' })

  /** What is left to read from an offset on. */
  const rest = (records: Awaited<ReturnType<typeof visible>>, from: bigint) =>
    records
      .filter(({ offset }) => offset >= from)
      .map(({ keyHash, valueHash, timestamp }) => `${keyHash} ${valueHash} ${timestamp}`)

  test.each(['dense', 'identical'])(
    'on records, markers, aborted records and the end: the same records are left (%s)',
    async (mode) => {
      const topic = `tx.${mode}`
      await makeTopic(world.source, topic)
      // Three records and a marker; every second transaction is aborted. The last marker is at the end of the log.
      await oracle.produce(world.source, topic, {
        count: 36,
        transactionalId: `tx-${mode}`,
        commitEvery: 3,
        abortEvery: 2,
      })
      const [log] = await oracle.offsets(world.source, topic)
      const end = log!.end
      const at = [0n, 2n, 3n, 4n, 5n, 7n, 8n, 21n, end - 1n, end]
      for (const offset of at)
        await commit(source, `${topic}.${offset}`, { [`${topic}:0`]: offset })
      const project = world.project(`tx-${mode}`)
      project.write(
        'plans/tx.yaml',
        planFile(
          'tx',
          'consumers-moved',
          `  topics: [{ name: ${topic}, offsets: ${mode} }]
  groups: [${at.map((offset) => `{ id: ${topic}.${offset} }`).join(', ')}]
`,
        ),
      )
      const applied = await apply(project, 'tx')
      expect(applied, applied.stderr).toMatchObject({ code: 0 })
      const [here, there] = [await visible(world.source, topic), await visible(world.target, topic)]
      expect(here).toHaveLength(18)
      await withAdmin(world.target, async (admin) => {
        for (const offset of at) {
          const groupId = `${topic}.${offset}`
          const [read] = await admin.fetchOffsets({ groupId, topics: [topic] })
          const position = BigInt(read!.partitions[0]!.offset)
          expect(rest(there, position), `${offset} -> ${position}`).toEqual(rest(here, offset))
        }
      })
      expect(await project.ferry(['verify', 'tx', '--full'])).toMatchObject({ code: 0 })
    },
  )
})
