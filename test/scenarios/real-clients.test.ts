import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ATTRIBUTES, encodeBatch } from '../../src/records/index.ts'
import { decodeDecisions } from '../../src/state/decisions-codec.ts'
import { configEntries, setConfigs } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { runStreamsApp } from '../kafka/streams-app.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, startConsumer, untilCommitted, writeSteadily } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { imageOf, withAdmin } from './_image.ts'
import { hangTransaction } from './_raw.ts'
import { type Project, startWorld, type World } from './_world.ts'

/**
 * What brokers and Kafka's own clients do by themselves, and no test can do for them: retention that deletes segments, leader epochs in
 * commits, a Streams application with topics of its own. Judged with the Java client on both clusters.
 */

let world: World

/** Instead of every five minutes, and not in the first half of one. */
const QUICK_RETENTION = {
  'log.retention.check.interval.ms': '300',
  'log.initial.task.delay.ms': '300',
}
const HOUR = 3_600_000
const TWO_DAYS_AGO = Date.now() - 48 * HOUR

beforeAll(async () => {
  world = await startWorld({
    sourceVersion: '3.9',
    // Without the check no bug of a broker is needed for a transaction that hangs.
    sourceConfig: { ...QUICK_RETENTION, 'transaction.partition.verification.enable': 'false' },
    targetConfig: QUICK_RETENTION,
  })
})
afterAll(() => world?.stop())

const makeTopic = (
  cluster: TestCluster,
  topic: string,
  configs: Readonly<Record<string, string>> = {},
  numPartitions = 1,
) =>
  withAdmin(cluster, (admin) =>
    admin.createTopics({
      topics: [
        {
          topic,
          numPartitions,
          replicationFactor: 1,
          configEntries: configEntries(configs),
        },
      ],
    }),
  )

const startOf = async (cluster: TestCluster, topic: string): Promise<number> =>
  withAdmin(cluster, async (admin) => Number((await admin.fetchTopicOffsets(topic))[0]!.low))

const untilDeleted = (cluster: TestCluster, topic: string, atLeast: number): Promise<number> =>
  waitFor(`retention of ${topic}`, { timeoutMs: 30_000 }, async () => {
    const start = await startOf(cluster, topic)
    return start >= atLeast ? start : undefined
  })

const planFile = (name: string, stage: string, topics: string, groups: string): string =>
  `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: ${stage}
  topics: ${topics}
  groups: ${groups}
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const apply = (project: Project, name: string, ...more: string[]) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name, ...more])

const toStage = (project: Project, name: string, stage: string): void =>
  project.edit(`plans/${name}.yaml`, /stage: .*/, `stage: ${stage}`)

const sealsOf = (project: Project, name: string) =>
  decodeDecisions(project.read(`.ferry/${name}/decisions.json`), 'decisions').seals

/** What people read, without its line breaks. */
const plain = (text: string): string => text.replace(/\s+/g, ' ')

type Records = Awaited<ReturnType<typeof oracle.read>>

/** What a record is, wherever it stands. */
const content = (records: Records) =>
  records.map(
    ({ partition, timestamp, keyHash, valueHash, headersHash }) =>
      `${partition} ${timestamp} ${keyHash} ${valueHash} ${headersHash}`,
  )

/** Of a partition, as verify says it. */
const verified = async (project: Project, name: string) => {
  const ended = await project.ferry(['verify', name, '--full', '--json'])
  const report = JSON.parse(ended.stdout) as {
    readonly ok: boolean
    readonly topics: readonly {
      readonly name: string
      readonly partitions: readonly {
        readonly mirrored: number
        readonly compared: number
        readonly gone: number
      }[]
    }[]
  }
  const topics = Object.fromEntries(
    report.topics.map(({ name: topic, partitions }) => [
      topic,
      partitions.map(({ mirrored, compared, gone }) => ({ mirrored, compared, gone })),
    ]),
  )
  return { code: ended.code, ok: report.ok, topics }
}

describe('retention, as brokers do it', () => {
  test('of the source, before the mirror has been there: it stops with the range; what is gone is accepted by name, and counted', async () => {
    const topic = 'expiring'
    const small = { 'segment.bytes': '20000' }
    await makeTopic(world.source, topic, { ...small, 'retention.ms': '-1' })
    // About 35 of them are a segment.
    const old = { size: 500, batchSize: 0, timestamp: TWO_DAYS_AGO }
    await oracle.produce(world.source, topic, { ...old, count: 100 })
    await oracle.consume(world.source, 'expiring.api', topic, { count: 30, reset: 'earliest' })
    const project = world.project('expiring')
    project.write(
      'plans/expiring.yaml',
      planFile(
        'expiring',
        'mirrored',
        // The target takes no segments that small.
        `[{ name: ${topic}, configs: { segment.bytes: 1048576 } }]`,
        '[{ id: expiring.api }]',
      ),
    )
    const mirrored = await apply(project, 'expiring')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })

    await oracle.writeMany(world.source, [
      { topic, ...old, count: 50, firstId: 100 },
      { topic, size: 500, batchSize: 0, count: 50, firstId: 150 },
    ])
    const all = await oracle.read(world.source, topic)
    expect(all).toHaveLength(200)
    await setConfigs(world.source, topic, { ...small, 'retention.ms': String(HOUR) })
    const start = await untilDeleted(world.source, topic, 101)
    expect(start).toBeLessThanOrEqual(150)

    // It is not clamped to what is left, and nobody moves.
    toStage(project, 'expiring', 'consumers-moved')
    const stopped = await apply(project, 'expiring', '--wait', '10s')
    expect(stopped.code, stopped.stderr).toBe(5)
    expect(plain(stopped.stderr)).toContain(`100 to ${start - 1} are gone`)
    const mirror = project.start(['mirror', 'expiring'])
    await mirror.said('FERRY1602')
    mirror.child.kill('SIGTERM')
    const mirroring = await mirror.ended
    expect(mirroring.code).toBe(9)
    expect(plain(mirroring.stderr)).toContain(`source offsets 100 to ${start - 1}`)
    expect(await oracle.read(world.target, topic)).toEqual(all.slice(0, 100))
    expect(await oracle.groupOffsets(world.target, 'expiring.api')).toEqual([])

    const gap = ['--accept-gap', `${topic}:0:100-${start - 1}`]
    const accepted = await project.ferry([
      ...['resync', 'expiring', ...gap, '--auto-approve', '--confirm', 'expiring'],
    ])
    expect(accepted, accepted.stderr).toMatchObject({ code: 0 })
    const moved = await apply(project, 'expiring')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })

    // Exactly its next record, though the source has lost it; then all that was mirrored, and all behind the gap.
    const rest = [...all.slice(30, 100), ...all.slice(start)]
    const [position] = await oracle.groupOffsets(world.target, 'expiring.api')
    expect(position).toMatchObject({ offset: 30n })
    const read = await oracle.consume(world.target, 'expiring.api', topic, { count: rest.length })
    expect(content(read)).toEqual(content(rest))
    // What both still hold is compared, the rest is counted from the index.
    expect(await oracle.offsets(world.source, topic)).toMatchObject([{ start: BigInt(start) }])
    expect(await verified(project, 'expiring')).toEqual({
      code: 0,
      ok: true,
      topics: { [topic]: [{ mirrored: 300 - start, compared: 200 - start, gone: 100 }] },
    })
  })

  test('of the target: old records stay until the seal, beside a topic whose like are deleted at once; after it they are counted', async () => {
    const [aged, stamped] = ['aged', 'stamped']
    const week = { 'retention.ms': String(7 * 24 * HOUR) }
    await makeTopic(world.source, aged, week)
    await makeTopic(world.source, stamped, {
      ...week,
      'message.timestamp.type': 'LogAppendTime',
    })
    await makeTopic(world.target, 'aged.beside', { 'retention.ms': String(HOUR) })
    const old = { count: 100, timestamp: TWO_DAYS_AGO }
    await oracle.writeMany(world.source, [
      { topic: aged, ...old },
      { topic: stamped, ...old },
    ])
    await oracle.consume(world.source, 'aged.api', `${aged},${stamped}`, {
      count: 80,
      reset: 'earliest',
    })
    const project = world.project('aged')
    const topics = [aged, stamped].map((name) => `{ name: ${name}, configs: { retention.ms: 1h } }`)
    project.write(
      'plans/aged.yaml',
      planFile('aged', 'consumers-moved', `[${topics.join(', ')}]`, '[{ id: aged.api }]'),
    )
    const moved = await apply(project, 'aged')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    await oracle.produce(world.target, 'aged.beside', old)
    await untilDeleted(world.target, 'aged.beside', 100)

    const [here, there] = [
      await oracle.readMany(world.source, [aged, stamped]),
      await oracle.readMany(world.target, [aged, stamped]),
    ]
    expect(there.get(aged)).toEqual(here.get(aged))
    expect(here.get(stamped)![0]).toMatchObject({ timestampType: 'LOG_APPEND_TIME' })
    // The time at which the old broker took it, not the one at which it was copied, nor the producer's.
    expect(there.get(stamped)).toEqual(
      here.get(stamped)!.map((record) => ({ ...record, timestampType: 'CREATE_TIME' })),
    )
    await oracle.consume(world.target, 'aged.api', `${aged},${stamped}`, { count: 120 })

    toStage(project, 'aged', 'producers-moved')
    const sealed = await apply(project, 'aged')
    expect(sealed, sealed.stderr).toMatchObject({ code: 0 })
    await untilDeleted(world.target, aged, 100)
    expect(await verified(project, 'aged')).toEqual({
      code: 0,
      ok: true,
      topics: {
        [aged]: [{ mirrored: 100, compared: 0, gone: 100 }],
        [stamped]: [{ mirrored: 100, compared: 100, gone: 0 }],
      },
    })
  })
})

describe('a commit with the leader epoch of its batch', () => {
  test('moves without the epoch, which on the target would mean another log, and waits for the mirror where it is ahead of it', async () => {
    const topic = 'epochs'
    await makeTopic(world.source, topic)
    await oracle.produce(world.source, topic, { count: 20 })
    const read = await oracle.consume(world.source, 'epochs.api', topic, {
      count: 5,
      reset: 'earliest',
    })
    const project = world.project('epochs')
    project.write(
      'plans/epochs.yaml',
      planFile('epochs', 'mirrored', `[{ name: ${topic} }]`, '[{ id: epochs.api }]'),
    )
    const mirrored = await apply(project, 'epochs')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    // Told to end it gives up its partitions, and another epoch begins with each.
    const [broker] = world.source.brokers
    await broker!.kill('SIGTERM')
    await broker!.start()
    await oracle.produce(world.source, topic, { count: 20, firstId: 20 })
    read.push(...(await oracle.consume(world.source, 'epochs.api', topic, { count: 20 })))
    const [before] = await oracle.groupOffsets(world.source, 'epochs.api')
    expect(before).toMatchObject({ offset: 25n })
    expect(before!.leaderEpoch).toBeGreaterThan(0)

    // The mirror has come to 20 only.
    expect(await oracle.offsets(world.target, topic)).toMatchObject([{ end: 20n }])
    toStage(project, 'epochs', 'consumers-moved')
    const moved = await apply(project, 'epochs')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    expect(await oracle.groupOffsets(world.target, 'epochs.api')).toEqual([
      { ...before, leaderEpoch: -1 },
    ])
    // Resets nowhere: a log that is taken for cut would end it.
    const rest = await oracle.consume(world.target, 'epochs.api', topic, { count: 15 })
    expect([...read, ...rest]).toEqual(await oracle.read(world.source, topic))
    // Now it is the target's own.
    const [after] = await oracle.groupOffsets(world.target, 'epochs.api')
    expect(after).toMatchObject({ offset: 40n, leaderEpoch: 0 })
  })
})

describe('a source topic that was deleted and created again', () => {
  test('is another one: nothing of it is copied, and nobody moves', async () => {
    const topic = 'reborn'
    await makeTopic(world.source, topic)
    await oracle.produce(world.source, topic, { count: 50 })
    await oracle.consume(world.source, 'reborn.api', topic, { count: 10, reset: 'earliest' })
    const project = world.project('reborn')
    project.write(
      'plans/reborn.yaml',
      planFile('reborn', 'mirrored', `[{ name: ${topic} }]`, '[{ id: reborn.api }]'),
    )
    expect(await apply(project, 'reborn')).toMatchObject({ code: 0 })
    const copied = await oracle.read(world.target, topic)
    expect(copied).toEqual(await oracle.read(world.source, topic))
    await withAdmin(world.source, (admin) => admin.deleteTopics({ topics: [topic] }))
    // The broker takes the positions in it away on its own time.
    await waitFor('its positions to be gone', { timeoutMs: 30_000, everyMs: 200 }, async () =>
      (await oracle.groupOffsets(world.source, 'reborn.api')).length === 0 ? true : undefined,
    )
    expect(await makeTopic(world.source, topic)).toBe(true)
    // Longer than the old one: no number tells.
    await oracle.produce(world.source, topic, { count: 80, keyPrefix: 'other-' })
    toStage(project, 'reborn', 'consumers-moved')
    // Its positions went with the topic.
    const unknown = await apply(project, 'reborn')
    expect(unknown.code, unknown.stderr).toBe(4)
    expect(unknown.stderr).toContain('old knows no group reborn.api')
    await oracle.consume(world.source, 'reborn.api', topic, { count: 60, reset: 'earliest' })
    // It is not waited for: a partition has stopped.
    const stopped = await apply(project, 'reborn', '--wait', '60s')
    expect(stopped.code, stopped.stderr).toBe(8)
    expect(plain(stopped.stderr)).toContain('the source topic has id')
    expect(await oracle.read(world.target, topic)).toEqual(copied)
    expect(await oracle.groupOffsets(world.target, 'reborn.api')).toEqual([])
  })
})

describe('a transaction that is open when producers move', () => {
  test('is waited for, and named; committed it is on both sides, aborted on neither', async () => {
    const topic = 'open'
    await makeTopic(world.source, topic)
    const producer = new kafkajs.Kafka(world.source.kafka({ clientId: 'shop-3' })).producer({
      transactionalId: 'shop',
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    const send = async (value: string) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ partition: 0, key: 'k', value }] })
      return transaction
    }
    await (await send('committed')).commit()
    await (await send('aborted')).abort()
    const project = world.project('open')
    project.write(
      'plans/open.yaml',
      planFile('open', 'producers-moved', `[{ name: ${topic} }]`, '[]'),
    )
    const waits = async (from: number) => {
      const waiting = await apply(project, 'open', '--wait', '5s')
      expect(waiting.code, waiting.stderr).toBe(7)
      expect(plain(waiting.stderr)).toMatch(
        new RegExp(`producer id \\d+ \\(epoch \\d+\\) on open:0 from offset ${from} is open`),
      )
    }
    // The copy cannot be complete, nor can the source be quiet.
    const first = await send('first')
    await waits(4)
    await first.commit()
    const mirrored = await apply(project, 'open', '--until', 'consumers-moved')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    const last = await send('last')
    await waits(6)
    const committed = { isolation: 'read_committed' } as const
    const values = async (cluster: TestCluster) =>
      (await oracle.readText(cluster, topic, committed)).map(({ value }) => value)
    expect(await values(world.target)).toEqual(['committed', 'first'])
    await last.commit()
    await producer.disconnect()
    const sealed = await apply(project, 'open')
    expect(sealed, sealed.stderr).toMatchObject({ code: 0 })
    expect(await values(world.source)).toEqual(['committed', 'first', 'last'])
    // Also to those who read what is not committed: what was aborted is not there at all.
    const there = await oracle.readText(world.target, topic)
    expect(there.map(({ value }) => value)).toEqual(['committed', 'first', 'last'])
  })

  test('is named and not waited for where nobody will end it, and nothing is sealed', async () => {
    const topic = 'hung'
    await makeTopic(world.source, topic)
    await fill(world.source, topic, 10, [0])
    const project = world.project('hung')
    project.write(
      'plans/hung.yaml',
      planFile('hung', 'producers-moved', `[{ name: ${topic} }]`, '[]'),
    )
    const mirrored = await apply(project, 'hung', '--until', 'mirrored')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    const { producerId, epoch } = await hangTransaction(
      world.source,
      topic,
      'lost',
      (transaction) =>
        encodeBatch({
          records: [{ timestamp: Date.now(), key: null, value: Buffer.from('h') }],
          ...transaction,
          baseSequence: 0,
          attributes: ATTRIBUTES.transactional,
        }),
    )
    const stopped = await apply(project, 'hung')
    expect(stopped.code, stopped.stderr).toBe(7)
    expect(errorsIn(stopped.stderr)).toMatchObject([
      {
        code: 'FERRY1502',
        detail: expect.stringContaining(
          `producer id ${producerId} (epoch ${epoch}) on hung:0 from offset 10 hangs`,
        ),
      },
    ])
    expect(sealsOf(project, 'hung')).toEqual([])
    expect(await oracle.offsets(world.source, topic)).toMatchObject([{ end: 11n, stable: 10n }])
    expect(await oracle.offsets(world.target, topic)).toMatchObject([{ end: 10n }])
  })
})

describe('a producer that goes on writing', () => {
  test('keeps its topic open, which is said; once it has stopped, apply goes on to the seal', async () => {
    const topic = 'steady'
    await makeTopic(world.source, topic)
    const project = world.project('steady')
    const access = `  access: [{ principal: User:shop, produce: [${topic}] }]\n`
    project.write(
      'plans/steady.yaml',
      planFile('steady', 'producers-moved', `[{ name: ${topic} }]`, '[]') + access,
    )
    // However slow the machine is, no pause of it is long enough.
    project.edit('plans/steady.yaml', 'sourceQuiet: 1s', 'sourceQuiet: 1h')
    const mayWrite = async () =>
      (await imageOf(world)).target.acls.filter((acl) =>
        acl.startsWith(
          `User:shop ${kafkajs.AclPermissionTypes.ALLOW} ${kafkajs.AclOperationTypes.WRITE} `,
        ),
      )
    const writer = await writeSteadily(world.source, topic)
    const waiting = await apply(project, 'steady', '--wait', '5s')
    expect(waiting.code, waiting.stderr).toBe(7)
    expect(plain(waiting.stderr)).toContain('producers still write to old: stop them')
    expect(sealsOf(project, 'steady')).toEqual([])
    expect(await mayWrite()).toEqual([])

    await writer.stop()
    project.edit('plans/steady.yaml', 'sourceQuiet: 1h', 'sourceQuiet: 1s')
    const sealed = await apply(project, 'steady')
    expect(sealed, sealed.stderr).toMatchObject({ code: 0 })
    const here = await oracle.read(world.source, topic)
    expect(here.length).toBeGreaterThan(10)
    expect(await oracle.read(world.target, topic)).toEqual(here)
    expect(sealsOf(project, 'steady')).toMatchObject([{ sourceEnd: BigInt(here.length) }])
    expect(await mayWrite()).toHaveLength(1)
  })
})

describe('a source that is kept warm', () => {
  test('does not keep a migration from being retired while producers never pause', async () => {
    const topic = 'warm'
    await makeTopic(world.source, topic)
    await oracle.produce(world.source, topic, { count: 20 })
    await oracle.consume(world.source, 'warm.api', topic, { count: 5, reset: 'earliest' })
    const project = world.project('warm')
    project.write(
      'plans/warm.yaml',
      `${planFile('warm', 'producers-moved', `[{ name: ${topic} }]`, '[{ id: warm.api }]')}  rollback: { keepSourceWarm: true }\n`,
    )
    const moved = await apply(project, 'warm')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    const mirror = project.start(['mirror', 'warm'])
    const producer = new kafkajs.Kafka(world.target.kafka()).producer()
    await producer.connect()
    let isWriting = true
    const writing = (async () => {
      while (isWriting) {
        await producer.send({ topic, messages: [{ partition: 0, key: 'k', value: 'v' }] })
      }
    })()
    const consumer = await startConsumer(world.target, 'warm.api', topic)
    await waitFor('some of it on the source', { timeoutMs: 30_000 }, async () =>
      (await oracle.offsets(world.source, topic))[0]!.end > 50n ? true : undefined,
    )
    toStage(project, 'warm', 'retired')
    const retired = await apply(project, 'warm')
    isWriting = false
    await writing
    await Promise.all([producer.disconnect(), consumer.stop()])
    mirror.child.kill('SIGTERM')
    await mirror.ended
    expect(retired, retired.stderr).toMatchObject({ code: 0 })
    const [here, there] = [
      await oracle.read(world.source, topic),
      await oracle.read(world.target, topic),
    ]
    expect(here.length).toBeGreaterThan(50)
    expect(here).toEqual(there.slice(0, here.length))
  })
})

describe('a Streams application', () => {
  test('moves with its repartition topic and its changelog, and counts on: no record twice, none left out', async () => {
    const [orders, counts] = ['orders', 'counts']
    await makeTopic(world.source, orders, {}, 2)
    await makeTopic(world.source, counts)
    const values = ['red', 'green', 'blue']
    const order = (id: number) => ({
      partition: id % 2,
      key: `order-${id}`,
      value: values[id % 3]!,
    })
    const upTo = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => order(from + i))
    await oracle.write(world.source, orders, upTo(0, 90))
    const app = { application: 'sums', input: orders, output: counts }
    // Closed in the middle of its work: what it has taken is in part between its two halves.
    await runStreamsApp(world.source, { ...app, count: 60 })
    await oracle.write(world.source, orders, upTo(90, 120))

    const internal = ['sums-by-value-changelog', 'sums-sorted-repartition']
    const project = world.project('sums')
    project.write(
      'plans/sums.yaml',
      planFile('sums', 'producers-moved', `[{ name: ${orders} }]`, '[{ id: sums }]'),
    )
    // Without its own topics it is refused or warned of by name: its positions reach into them.
    const alone = await project.ferry(['plan', 'sums'])
    for (const topic of internal) expect(alone.stderr).toContain(topic)
    const topics = [orders, counts, ...internal].map((name) => `{ name: ${name} }`)
    project.edit('plans/sums.yaml', `[{ name: ${orders} }]`, `[${topics.join(', ')}]`)
    const moved = await apply(project, 'sums')
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    for (const [topic, here] of await oracle.readMany(world.source, [orders, counts, ...internal], {
      isolation: 'read_committed',
    })) {
      const there = await oracle.read(world.target, topic, { isolation: 'read_committed' })
      expect(content(there), topic).toEqual(content(here))
    }

    await oracle.write(world.target, orders, upTo(120, 150))
    await runStreamsApp(world.target, { ...app, count: 150 })
    await untilCommitted(world.target, [counts])
    const last = new Map<string, number>()
    for (const { key, value } of await oracle.readText(world.target, counts, {
      isolation: 'read_committed',
    })) {
      // It goes up by ones, also over the move.
      expect(Number(value), `${key}`).toBe((last.get(key ?? '') ?? 0) + 1)
      last.set(key ?? '', Number(value))
    }
    expect(Object.fromEntries(last)).toEqual({ red: 50, green: 50, blue: 50 })
  })
})
