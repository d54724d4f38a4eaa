import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName } from '../mirror/_support.ts'
import {
  compareTopic,
  type FaultWorld,
  keyOf,
  migrationFile,
  partitionsOf,
  planTo,
  startFaultWorld,
  succeeded,
} from './_world.ts'

/** What becomes of each topic between two mirrors, and what is said of it. */
const STOPS = {
  overtaken: ['FERRY1602', /source offsets 500 to 799 \(300 at most\) were removed/],
  recreated: ['FERRY1603', /source topic has id .* copied from source offsets 0 to 499, which/],
  foreign: ['FERRY1604', /target offsets 500 to 502 were not written by this mirror/],
  damaged: ['FERRY1612', /source offsets \d+ to \d+ do not match their checksum/],
  unknown: ['FERRY1601', /source offsets \d+ to \d+ are in a format that is not known/],
} as const
const TOPICS = [...Object.keys(STOPS), 'fine']

/** One process, one mirror, five partitions that only a person can help. What an unclean election does is in unclean.test.ts. */
describe('a partition that cannot go on', () => {
  let world: FaultWorld
  let sourceData: string
  beforeAll(async () => {
    sourceData = await mkdtemp(join(tmpdir(), 'ferry-alone-'))
    world = await startFaultWorld({ source: { config: { 'log.dirs': sourceData } } })
  })
  afterAll(async () => {
    await world?.stop()
    await rm(sourceData, { recursive: true, force: true })
  })

  const produce = (topics: readonly string[], over = {}) =>
    oracle.writeMany(
      world.source,
      topics.map((topic) => ({ topic, count: 500, batchSize: 2_000, ...over })),
    )

  /** Changes a byte of the first batch behind what was copied, as a disk does. */
  const damage = (topic: string, byte: 'magic' | 'last'): void => {
    const file = join(sourceData, `${topic}-0`, '00000000000000000000.log')
    const log = readFileSync(file)
    let at = 0
    while (log.readBigInt64BE(at) < 500n) at += 12 + log.readInt32BE(at + 8)
    const place = byte === 'magic' ? at + 16 : at + 11 + log.readInt32BE(at + 8)
    const disk = openSync(file, 'r+')
    writeSync(disk, Buffer.from([log[place]! ^ 0x40]), 0, 1, place)
    closeSync(disk)
  }

  it('stops alone: the others go on, status shows each with its range, exit codes say so', async () => {
    for (const topic of TOPICS) await createTopic(world.from, topicName(topic), 1)
    await produce(TOPICS)
    const project = world.project('alone')
    const topics = TOPICS.map((name) => ({ name, offsets: 'dense' as const }))
    project.write('plans/shop.yaml', migrationFile({ topics }))
    succeeded(await project.ferry(['apply', await planTo(project, 'mirrored')]))

    await produce(['overtaken', 'damaged', 'unknown', 'fine'])
    await world.from.deleteRecords(new Map([[keyOf('overtaken', 0), 800n]]))
    damage('damaged', 'last')
    damage('unknown', 'magic')
    await world.from.deleteTopics([topicName('recreated')])
    await waitFor('it to be gone', { timeoutMs: 20_000 }, async () => {
      const found = (await world.from.describeTopics([topicName('recreated')])).ok
      return found.get(topicName('recreated')) === 'absent' || undefined
    })
    await createTopic(world.from, topicName('recreated'), 1)
    await produce(['recreated', 'recreated'], { keyPrefix: 'other-' })
    await oracle.produce(world.target, 'foreign', { count: 3 })

    const mirror = project.start(['mirror', 'shop'])
    for (const [code] of Object.values(STOPS)) await mirror.said(code)
    await produce(['fine'])
    await waitFor('the other one', { timeoutMs: 30_000 }, async () => {
      const { ok: ends } = await world.to.listOffsets(partitionsOf('fine', 1), 'latest')
      return ends.get(keyOf('fine', 0)) === 1_500n || undefined
    })
    mirror.child.kill('SIGTERM')
    const { code, stdout, stderr } = await mirror.ended
    strictEqual(code, 9, stdout + stderr)
    match(stdout, /5 partitions stopped:\n/)

    const status = await project.ferry(['status', 'shop', '--json'])
    strictEqual(status.code, 9, status.stderr)
    const [migration] = (JSON.parse(status.stdout) as { migrations: Status[] }).migrations
    deepStrictEqual(
      migration!.topics.map(({ name, partitions }) => [name, partitions[0]!.stopped]),
      TOPICS.map((name) => [name, name !== 'fine']),
    )
    for (const [topic, [problem, says]] of Object.entries(STOPS)) {
      const found = migration!.problems.filter(
        (each) => each.code === problem && each.detail.startsWith(`${topic}:0`),
      )
      strictEqual(found.length, 1, JSON.stringify(migration!.problems))
      match(found[0]!.detail, says)
    }
    strictEqual(await compareTopic(world, 'fine', 'dense'), 1_500)
  })
})

interface Status {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly stopped: boolean }[]
  }[]
  readonly problems: readonly { readonly code: string; readonly detail: string }[]
}
