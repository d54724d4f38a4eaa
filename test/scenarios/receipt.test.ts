import { hostname, userInfo } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson, sha256 } from '../../src/domain/canonical-json.ts'
import type { Receipt } from '../../src/domain/receipt.ts'
import { oracle } from '../kafka/index.ts'
import { schemaProblems } from '../schema-problems.ts'
import { fill, startConsumer } from './_clients.ts'
import { digestOf, framedMessages } from './_content-digest.ts'
import { errorsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** What a retired migration leaves to be checked again, by a file alone: judged by what kafkajs reads on both clusters. */

let world: World
let project: Project
let receipt: Receipt
/** What another client read once everything was marked, and before anything moved. */
let before: {
  readonly starts: readonly { readonly sourceStart: number; readonly targetStart: number }[]
  readonly targetBefore: readonly (number | null)[]
}
const PARTITIONS = [
  ['moved.same', 0],
  ['moved.same', 1],
  ['moved.tx', 0],
] as const
const FILE = `apiVersion: ferry/v1
kind: Migration
metadata: { name: moved }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: moved.same }, { name: moved.tx, offsets: dense }]
  groups: [{ id: moved.api }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const PLAN = 'retire.plan.json'
const apply = () => project.ferry(['apply', 'moved', '--auto-approve', '--confirm', 'moved'])
const check = (...more: string[]) => project.ferry(['verify', 'moved', '--receipt', ...more])

beforeAll(async () => {
  world = await startWorld()
  project = world.project('receipts')
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({
      topics: [
        { topic: 'moved.same', numPartitions: 2, replicationFactor: 1 },
        { topic: 'moved.tx', numPartitions: 1, replicationFactor: 1 },
      ],
    })
  })
  await fill(world.source, 'moved.same', 300, [0, 1])
  await oracle.write(world.source, 'moved.same', [
    { partition: 0, key: null, value: '', headers: [['trace', 'a']], timestamp: 1 },
    {
      partition: 0,
      key: 'k',
      value: null,
      headers: [
        ['trace', null],
        ['more', ''],
      ],
    },
  ])
  await oracle.produce(world.source, 'moved.tx', {
    count: 60,
    transactionalId: 'moved-tx',
    commitEvery: 3,
    abortEvery: 2,
  })
  // Its first transaction, and the aborted one behind it: so its mark is at another number than the copy begins at.
  await withAdmin(world.source, async (admin) => {
    await admin.fetchTopicOffsets('moved.tx')
    await admin.deleteTopicRecords({
      topic: 'moved.tx',
      partitions: [{ partition: 0, offset: '8' }],
    })
  })
  await withAdmin(world.source, (admin) =>
    admin.setOffsets({
      groupId: 'moved.api',
      topic: 'moved.same',
      partitions: [
        { partition: 0, offset: '120' },
        { partition: 1, offset: '300' },
      ],
    }),
  )
  project.write('plans/moved.yaml', FILE)
  const mirrored = await apply()
  expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
  // The group was on the target before, in one of the partitions.
  await withAdmin(world.target, (admin) =>
    admin.setOffsets({
      groupId: 'moved.api',
      topic: 'moved.same',
      partitions: [{ partition: 0, offset: '33' }],
    }),
  )
  before = await readBefore()
  project.edit('plans/moved.yaml', 'stage: mirrored', 'stage: producers-moved')
  const moved = await apply()
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  const none = await project.ferry(['receipt', 'moved'])
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('FERRY1822') })
  project.edit('plans/moved.yaml', 'producers-moved', 'retired')
  const consumer = await startConsumer(world.target, 'moved.api', 'moved.same')
  // As a pipeline does it: the plan that was reviewed.
  expect(await project.ferry(['plan', 'moved', '-o', PLAN])).toMatchObject({ code: 0 })
  const retired = await project.ferry(['apply', PLAN, '--auto-approve', '--confirm', 'moved'])
  expect(retired, retired.stderr).toMatchObject({ code: 0 })
  await consumer.stop()
  expect(await project.ferry(['receipt', 'moved', '-o', 'moved.receipt.json'])).toMatchObject({
    code: 0,
  })
  receipt = JSON.parse(project.read('moved.receipt.json'))
})
afterAll(() => world?.stop())

const readBefore = async (): Promise<typeof before> => {
  const topics = ['moved.same', 'moved.tx']
  const [here, there, positions] = await Promise.all([
    oracle.offsetsMany(world.source, topics),
    oracle.offsetsMany(world.target, topics),
    oracle.groupOffsets(world.target, 'moved.api'),
  ])
  return {
    starts: PARTITIONS.map(([topic, partition]) => {
      const startIn = (logs: typeof here) =>
        Number(logs.get(topic)?.find((log) => log.partition === partition)?.start)
      return { sourceStart: startIn(here), targetStart: startIn(there) }
    }),
    targetBefore: [0, 1].map((partition) => {
      const found = positions.find((each) => each.partition === partition)
      return found === undefined ? null : Number(found.offset)
    }),
  }
}

/** As somebody would who knows how: changed, and its digest made anew. */
const forged = (change: (body: Receipt) => Receipt): string => {
  const { digest: _, ...body } = change(structuredClone(receipt))
  return canonicalJson({ ...body, digest: sha256(`${canonicalJson(body)}\n`) })
}

describe('a receipt', () => {
  test('is written when a migration is retired, for programs and for people, without secrets', async () => {
    expect(await schemaProblems('receipt', receipt)).toEqual([])
    expect(receipt).toMatchObject({
      migration: 'moved',
      plan: sha256(project.read(PLAN)),
      by: { user: userInfo().username, host: hostname() },
      clusters: { source: { id: world.source.clusterId }, target: { id: world.target.clusterId } },
      partitions: [
        { topic: 'moved.same', partition: 0, offsets: 'identical', mirrored: 302, gone: 0 },
        { topic: 'moved.same', partition: 1, offsets: 'identical', mirrored: 300, gone: 0 },
        { topic: 'moved.tx', partition: 0, offsets: 'dense', mirrored: 27, gone: 0 },
      ],
      groups: [
        {
          group: 'moved.api',
          positions: [
            { partition: 0, source: 120, target: 120, atRetire: 120 },
            { partition: 1, source: 300, target: 300, atRetire: 300 },
          ],
        },
      ],
    })
    // The one is not the other, and not nothing, and so they can be told apart.
    expect(before.starts.at(-1)).toEqual({ sourceStart: 8, targetStart: 0 })
    expect(before.targetBefore).toEqual([33, null])
    expect(receipt.partitions.map(({ mark: { at, ...starts } }) => starts)).toEqual(before.starts)
    expect(receipt.groups[0]?.positions.map(({ targetBefore }) => targetBefore)).toEqual(
      before.targetBefore,
    )
    const people = await project.ferry(['receipt', 'moved', '--markdown'])
    expect(people.stdout).toContain('629 records in 3 partitions moved from `old`')
    for (const text of [project.read('moved.receipt.json'), people.stdout]) {
      expect(text).not.toContain(world.target.admin?.password)
    }
  })

  test('holds the digest of every block, and of the index, as another client takes them on both sides', async () => {
    for (const { topic, partition, blocks, seal, index } of receipt.partitions) {
      const [here, there] = await Promise.all([
        // The last offset of a topic of transactions is a marker.
        framedMessages(
          world.source,
          topic,
          partition,
          seal.sourceEnd - (topic === 'moved.tx' ? 8 : 1),
        ),
        framedMessages(world.target, topic, partition, seal.targetEnd - 1),
      ])
      expect(blocks.length).toBeGreaterThan(3)
      for (const block of blocks) {
        const { records, sha256: digest } = block
        expect(digestOf(here, block.sourceFrom, block.sourceTo)).toEqual({
          records,
          sha256: digest,
        })
        expect(digestOf(there, block.targetFrom, block.targetTo)).toEqual({
          records,
          sha256: digest,
        })
        expect(block.source).toBe('equal')
      }
      await project.ferry(['index', 'export', 'moved', '-o', 'map.csv'])
      const lines = project
        .read('map.csv')
        .split('\n')
        .filter((line) => line.startsWith(`${topic},${partition},`))
      expect(index).toEqual({ runs: lines.length, sha256: sha256(`${lines.join('\n')}\n`) })
    }
  })

  test('comes with the index as a file: of a topic with gaps, each record of the source is where a line of it says, by another client', async () => {
    const [here, there] = await Promise.all(
      [world.source, world.target].map((cluster) =>
        oracle.read(cluster, 'moved.tx', { isolation: 'read_committed' }),
      ),
    )
    expect(await project.ferry(['index', 'export', 'moved', '-o', 'map.csv'])).toMatchObject({
      code: 0,
    })
    const runs = project
      .read('map.csv')
      .split('\n')
      .filter((line) => line.startsWith('moved.tx,0,'))
      .map((line) => line.split(',').slice(2).map(Number) as [number, number, number])
    // A run for each transaction that was committed and is left.
    expect(runs).toHaveLength(9)
    const mapped = runs.flatMap(([from, to, target]) =>
      Array.from({ length: to - from }, (_, i) => [from + i, target + i] as const),
    )
    type Read = Awaited<ReturnType<typeof oracle.read>>
    const contents = (records: Read = []) =>
      new Map(
        records.map(({ offset, timestamp, keyHash, valueHash, headersHash }) => [
          Number(offset),
          `${timestamp} ${keyHash} ${valueHash} ${headersHash}`,
        ]),
      )
    const [from, to] = [contents(here), contents(there)]
    // Each record of either side is in one line, and no line is of anything else.
    expect(mapped.map(([source]) => source)).toEqual([...from.keys()])
    expect(mapped.map(([, target]) => target)).toEqual([...to.keys()])
    for (const [source, target] of mapped) {
      expect(to.get(target), `${source} -> ${target}`).toBe(from.get(source))
    }
    expect(new Set(from.values()).size).toBe(27)
  })

  test('is confirmed by the clusters; an edit of it is found, also one with a new digest', async () => {
    const confirmed = await check('--json')
    expect(confirmed, confirmed.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(confirmed.stdout)).toMatchObject({
      ok: true,
      digest: receipt.digest,
      notes: [],
      partitions: [
        { target: { confirmed: 302, gone: 0 }, source: { confirmed: 302 }, indexConfirmed: true },
        { target: { confirmed: 300, gone: 0 }, source: { confirmed: 300 }, indexConfirmed: true },
        { target: { confirmed: 27, gone: 0 }, source: { confirmed: 27 }, indexConfirmed: true },
      ],
    })
    expect(await check('moved.receipt.json')).toMatchObject({ code: 0 })
    project.write(
      'edited.json',
      project.read('moved.receipt.json').replace('"mirrored": 302', '"mirrored": 301'),
    )
    expect(await check('edited.json')).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(/FERRY1820[\s\S]*its digest does not fit/),
    })
    project.write(
      'forged.json',
      forged((body) => ({ ...body, by: { ...body.by, user: 'somebody-else' } })),
    )
    expect(await check('forged.json')).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(
        /FERRY1820[\s\S]*not the receipt that the state of moved holds/,
      ),
    })
  })

  test('ends a migration: nothing leads back from there', async () => {
    expect(await project.ferry(['rollback', 'moved', '--to', 'mirrored'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('FERRY1312'),
    })
  })

  test('of which the records are others than it says is not confirmed: the offsets are named', async () => {
    // Without a state only the clusters can tell.
    const other = world.project('receipts-elsewhere')
    other.write('plans/moved.yaml', project.read('plans/moved.yaml'))
    other.write(
      'forged.json',
      forged((body) => ({
        ...body,
        partitions: body.partitions.map((part, i) => ({
          ...part,
          blocks: part.blocks.map((block, b) =>
            i === 1 && b === 2 ? { ...block, sha256: 'ab'.repeat(32) } : block,
          ),
        })),
        groups: body.groups.map((group) => ({
          ...group,
          positions: group.positions.map((each, i) => (i === 0 ? { ...each, target: 121 } : each)),
        })),
      })),
    )
    const wrong = await other.ferry(['verify', 'moved', '--receipt', 'forged.json'])
    expect(wrong.code).toBe(9)
    const block = receipt.partitions[1]?.blocks[2]
    const at = `offsets ${block?.targetFrom} to ${(block?.targetTo ?? 0) - 1}`
    expect(errorsIn(wrong.stderr).map(({ detail }) => detail)).toEqual([
      'moved.same:0: moved.api is at 120 of moved.same:0 on new, but was put at 121: somebody took it back.',
      `moved.same:1: ${at} on new: its ${block?.records} records are not those of the receipt.`,
      `moved.same:1: ${at} on old: its ${block?.records} records are not those of the receipt.`,
    ])
    expect(wrong.stdout).toContain('no offset index of 3 of 3 partitions any more')
  })

  test('counts what retention has taken, and needs no source any more; a topic made anew is told', async () => {
    const [first] = receipt.partitions
    const cut = first?.blocks[3]?.targetFrom ?? 0
    await withAdmin(world.target, async (admin) => {
      await admin.fetchTopicOffsets('moved.same')
      await admin.deleteTopicRecords({
        topic: 'moved.same',
        partitions: [{ partition: 0, offset: String(cut + 1) }],
      })
    })
    await world.source.stop()
    const later = await check('--json')
    expect(later, later.stderr).toMatchObject({ code: 0 })
    // The block that was cut is no longer whole.
    const held = first?.blocks.slice(4).reduce((sum, { records }) => sum + records, 0) ?? 0
    expect(JSON.parse(later.stdout)).toMatchObject({
      ok: true,
      notes: ['the source was not read: old cannot be reached'],
      partitions: [
        { target: { confirmed: held, gone: 302 - held }, source: null, ok: true },
        { target: { confirmed: 300, gone: 0 } },
        {},
      ],
    })
    await withAdmin(world.target, async (admin) => {
      await admin.deleteTopics({ topics: ['moved.tx'] })
    })
    expect(await check()).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('the topic is not on new any more'),
    })
  })
})
