import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  compareTopic,
  type FaultWorld,
  migrationFile,
  partitionsOf,
  planTo,
  startFaultWorld,
  succeeded,
} from '../faults/_world.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName } from '../mirror/_support.ts'
import type { Project, Running } from './_world.ts'

const TOPIC = 'served'
const WEEK = String(7 * 24 * 60 * 60 * 1000)
const LABELS = `{migration="shop",topic="${TOPIC}"}`
const PARTITIONS = [0, 1]

describe('`ferry mirror` as a service', () => {
  let world: FaultWorld
  let project: Project
  beforeAll(async () => {
    world = await startFaultWorld()
    await createTopic(world.from, topicName(TOPIC), 2, { 'retention.ms': WEEK })
    await oracle.produce(world.source, TOPIC, { count: 2_000, partitions: PARTITIONS })
    project = world.project('service')
    // A process that waits for its machine keeps its partitions: it tells of each once.
    project.env.FERRY_MIRROR_SESSION_MS = '15000'
    project.write('plans/shop.yaml', migrationFile({ topics: [{ name: TOPIC }] }))
  })
  afterAll(() => world?.stop())

  const serve = async (): Promise<{ readonly mirror: Running; readonly url: string }> => {
    const mirror = project.start(['mirror', '--metrics-port', '0', '--log-format', 'json'])
    await mirror.said('/metrics')
    return { mirror, url: /serves (http:\S+)\/metrics/.exec(mirror.stderr)![1]! }
  }
  const health = async (url: string) => {
    const answer = await fetch(`${url}/healthz`)
    const { ok: isOk, reasons } = (await answer.json()) as { ok: boolean; reasons: string[] }
    strictEqual(answer.status, isOk ? 200 : 503)
    return reasons
  }
  const metric = async (url: string, name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text()
    const line = text.split('\n').find((each) => each.startsWith(`ferry_mirror_${name} `))
    return Number(line?.split(' ').at(-1))
  }
  /** Batches sent so far, by how they were made. */
  const batchesMade = async (url: string) => ({
    passedThrough: await metric(url, 'batches_total{made="passed-through"}'),
    merged: await metric(url, 'batches_total{made="merged"}'),
    reEncoded: await metric(url, 'batches_total{made="re-encoded"}'),
  })
  const untilMetric = (url: string, name: string, holds: (value: number) => boolean) =>
    waitFor(name, { timeoutMs: 40_000 }, async () =>
      holds(await metric(url, name)) ? true : undefined,
    ).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await (await fetch(`${url}/metrics`)).text()}`)
    })

  it('follows what apply decides while it runs, says how it is, and ends with 0 at SIGTERM', async () => {
    const { mirror, url } = await serve()
    match(url, /^http:\/\/127\.0\.0\.1:/)
    deepStrictEqual(await health(url), [])
    // Nothing is marked yet; apply and this process share the partitions then.
    succeeded(await project.ferry(['apply', await planTo(project, 'mirrored')]))
    await untilMetric(url, 'partitions{migration="shop",state="mirroring"}', (n) => n === 2)
    const before = await metric(url, `records_total${LABELS}`)
    await oracle.produce(world.source, TOPIC, { count: 1_000, partitions: PARTITIONS })
    await untilMetric(url, `records_total${LABELS}`, (n) => n >= before + 1_000)
    await untilMetric(url, `lag_records${LABELS}`, (n) => n === 0)
    strictEqual(await metric(url, 'lock_held{source="old",target="new"}'), 1)
    strictEqual(await metric(url, 'healthy'), 1)
    const requests = await metric(url, 'produce_requests_total')
    const { passedThrough, merged, reEncoded } = await batchesMade(url)
    // At least one for each partition, and none without a request; plain records are never opened.
    ok(passedThrough + merged >= PARTITIONS.length && requests > 0, `${passedThrough} ${merged}`)
    strictEqual(reEncoded, 0)
    ok((await metric(url, 'source_batches_merged_total')) >= 2 * merged)
    ok((await metric(url, `bytes_total${LABELS}`)) > 100_000)
    await untilMetric(
      url,
      'seconds_to_first_deadline{migration="shop"}',
      (n) => n > 0 && n <= Number(WEEK) / 1000,
    )
    strictEqual((await fetch(`${url}/`)).status, 404)
    mirror.child.kill('SIGTERM')
    const ended = await mirror.ended
    succeeded(ended)
    for (const line of ended.stderr.trim().split('\n')) {
      const { level, message, time } = JSON.parse(line) as Record<string, string>
      ok(level !== undefined && message !== undefined && !Number.isNaN(Date.parse(time!)), line)
    }
    strictEqual(await compareTopic(world, TOPIC), 3_000)
  })

  it('with a stopped partition: goes on with the others, is not healthy, and says so everywhere', async () => {
    const { mirror, url } = await serve()
    await untilMetric(url, 'partitions{migration="shop",state="mirroring"}', (n) => n === 2)
    await oracle.produce(world.target, TOPIC, { count: 3, partitions: [0] })
    await oracle.produce(world.source, TOPIC, { count: 200, partitions: PARTITIONS })
    await untilMetric(url, 'partitions{migration="shop",state="stopped"}', (n) => n === 1)
    deepStrictEqual(await health(url), [
      `shop: ${TOPIC}:0 stopped: FERRY1604 Foreign write on target`,
    ])
    strictEqual(await metric(url, 'healthy'), 0)
    ok((await metric(url, `errors_total${LABELS}`)) >= 1)
    await waitFor('the other partition', { timeoutMs: 20_000 }, async () => {
      const { ok: ends } = await world.to.listOffsets(partitionsOf(TOPIC, 2), 'latest')
      return [...ends.values()].some((end) => end === 1_600n) ? true : undefined
    })
    mirror.child.kill('SIGTERM')
    const { code, stdout, stderr } = await mirror.ended
    strictEqual(code, 9, stdout + stderr)
    match(stdout, /1 partition stopped:\n/)
    const told = stderr.split('\n').filter((line) => line.includes('"code":"FERRY1604"'))
    strictEqual(told.length, 1, stderr)
    const { level, detail } = JSON.parse(told[0]!) as Record<string, string>
    strictEqual(level, 'error')
    match(detail!, /served:0: the records at target offsets 1500 to 1502 were not written by/)
    const status = await project.ferry(['status', 'shop', '--json'])
    strictEqual(status.code, 9, status.stderr)
    const [migration] = (JSON.parse(status.stdout) as { migrations: Status[] }).migrations
    deepStrictEqual(
      migration!.topics[0]!.partitions.map(({ stopped }) => stopped),
      [true, false],
    )
    ok(migration!.problems.some(({ code: found }) => found === 'FERRY1604'))

    // No group has to move, so no step leads to this stage; nobody may rest on such a copy all the same.
    const moved = await project.ferry(['apply', await planTo(project, 'consumers-moved')])
    strictEqual(moved.code, 8, moved.stdout + moved.stderr)
    const said = moved.stderr.replace(/\s+/g, ' ')
    match(said, /FERRY1504 .* The stage consumers-moved was not reached: .* stopped served:0: /)
    strictEqual(JSON.parse(project.read('.ferry/shop/decisions.json')).stage, 'mirrored')
  })

  it('refuses a port that is taken, before it connects to anything', async () => {
    const port = String(world.source.brokers[0]!.port)
    const { code, stderr } = await project.ferry(['mirror', '--metrics-port', port])
    strictEqual(code, 64, stderr)
    match(stderr, /FERRY1105 Wrong value\n {2}Metrics cannot be served on 127\.0\.0\.1, port /)
  })
})

interface Status {
  readonly topics: readonly { readonly partitions: readonly { readonly stopped: boolean }[] }[]
  readonly problems: readonly { readonly code: string }[]
}
