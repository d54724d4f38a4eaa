import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { valuesOf } from '../../src/domain/answers.ts'
import type { GroupId } from '../../src/domain/ids.ts'
import { oracle } from '../kafka/index.ts'
import { forgetLogStarts } from '../kafka/log-starts.ts'
import { waitFor } from '../kafka/wait.ts'
import { contentOf, createTopic, cutLog, topicName } from '../mirror/_support.ts'
import { fill } from '../scenarios/_clients.ts'
import type { Project } from '../scenarios/_world.ts'
import {
  type FaultWorld,
  keyOf,
  migrationFile,
  partitionsOf,
  planTo,
  reached,
  startFaultWorld,
  stopwatch,
  succeeded,
} from './_world.ts'

const RECORDS = 300

let world: FaultWorld
beforeAll(async () => {
  world = await startFaultWorld()
})
afterAll(() => world?.stop())

/** A migration of topics `NAME-same` and `NAME-dense`, mirrored; its groups have read 100 records of each partition. */
const mirrored = async (name: string, kinds: readonly ('same' | 'dense')[]): Promise<Project> => {
  const topics = kinds.map((kind) => `${name}-${kind}`)
  for (const topic of topics) {
    await createTopic(world.from, topicName(topic), 2)
    await fill(world.source, topic, RECORDS, [0, 1])
  }
  const positions = topics.flatMap((topic) =>
    [0, 1].map((partition) => [keyOf(topic, partition), { offset: 100n, metadata: '' }] as const),
  )
  valuesOf(await world.from.commitOffsets(`${name}-readers` as GroupId, new Map(positions)))
  const project = world.project(name)
  const file = migrationFile({
    topics: topics.map((topic, i) => ({
      name: topic,
      offsets: kinds[i] === 'dense' ? 'dense' : 'identical',
    })),
    groups: [`${name}-readers`],
  })
  project.write('plans/shop.yaml', file)
  succeeded(await project.ferry(['apply', 'shop', '--auto-approve']))
  return project
}

/** Primed and copied, and sealed by its producers, which move first. */
const sealed = async (name: string): Promise<Project> => {
  const topic = `${name}-same`
  await createTopic(world.from, topicName(topic), 2)
  await fill(world.source, topic, RECORDS, [0, 1])
  valuesOf(
    await world.from.deleteRecords(
      new Map([0, 1].map((partition) => [keyOf(topic, partition), BigInt(RECORDS)])),
    ),
  )
  await fill(world.source, topic, RECORDS, [0, 1])
  const positions = [0, 1].map(
    (partition) => [keyOf(topic, partition), { offset: 400n, metadata: '' }] as const,
  )
  valuesOf(await world.from.commitOffsets(`${name}-readers` as GroupId, new Map(positions)))
  const project = world.project(name)
  const file = migrationFile({ topics: [{ name: topic }], groups: [`${name}-readers`] })
  project.write(
    'plans/shop.yaml',
    file
      .replace('stage: mirrored', 'stage: producers-moved\n  order: producers-first')
      .replace('mirrorLag: 0', 'mirrorLag: 0, sourceQuiet: 1s'),
  )
  succeeded(await project.ferry(['apply', 'shop', '--auto-approve']))
  return project
}

const back = (project: Project, stage: string) =>
  project.ferry(['rollback', 'shop', '--to', stage, '--auto-approve'])

const apply = async (project: Project, stage: string) => {
  const ended = await project.ferry(['apply', await planTo(project, stage)])
  succeeded(ended)
  return ended
}

/**
 * The target broker dies at once and comes back; what was deleted on it can be read again then, or this shows nothing. Of `lost` nothing is. Nothing is
 * called mirrored before its log starts are durable: they are taken off the disk, as if it had died before, or the disk had lied.
 */
const crash = async (topics: readonly string[], lost: string): Promise<void> => {
  const [broker] = world.target.brokers
  await broker!.kill('SIGKILL')
  forgetLogStarts(broker!.dataFolder!)
  cutLog(join(broker!.dataFolder!, lost), 0)
  await broker!.start()
  const logs = [...(await oracle.offsetsMany(world.target, topics))]
  deepStrictEqual(
    logs.map(([topic, of]) => [topic, ...of.map(({ start }) => start)]),
    topics.map((topic) => [topic, 0n, 0n]),
    'log starts are durable: this shows nothing',
  )
  ok(logs.every(([, of]) => of.every(({ end }) => end >= BigInt(RECORDS))))
}

/** What any client can read on the target, committed or not, is what it can on the source; where offsets are the same, at the same ones. */
const compare = async (topics: readonly string[]): Promise<void> => {
  const [here, there] = await Promise.all(
    [world.source, world.target].map((cluster) =>
      oracle.readMany(cluster, topics, { isolation: 'read_uncommitted' }),
    ),
  )
  for (const topic of topics) {
    const [source, target] = [here!.get(topic)!, there!.get(topic)!]
    strictEqual(source.length, 2 * RECORDS)
    const isSame = topic.endsWith('-same')
    deepStrictEqual(isSame ? target : contentOf(target), isSame ? source : contentOf(source))
  }
}

describe('kill -9 of the target broker right after a copy was emptied brings it back', () => {
  it('and again after the new mark: it is emptied again, and once it is mirrored none of it can be read', {
    timeout: 600_000,
  }, async () => {
    const lap = stopwatch()
    const [again, anew, gone, cut, first] = await Promise.all([
      mirrored('again', ['same', 'dense']),
      mirrored('anew', ['dense']),
      mirrored('gone', ['dense']),
      mirrored('cut', ['dense']),
      sealed('first'),
    ])
    lap('mirrored')
    const ended = await Promise.all([
      back(again, 'prepared'),
      back(gone, 'prepared'),
      back(cut, 'prepared'),
      anew.ferry([
        'resync',
        'shop',
        '--topic',
        'anew-dense',
        '--auto-approve',
        '--confirm',
        'shop',
      ]),
    ])
    for (const each of ended) succeeded(each)
    // Behind what was copied: the next mark can be identical, too.
    const partitions = partitionsOf('again-same', 2)
    const ends = valuesOf(await world.from.listOffsets(partitions, 'latest'))
    valuesOf(await world.from.deleteRecords(ends))
    await fill(world.source, 'again-same', RECORDS, [0, 1])
    lap('emptied')
    await crash(
      ['again-same', 'again-dense', 'anew-dense', 'gone-dense', 'first-same'],
      'cut-dense-1',
    )
    lap('killed and back')

    const plan = await again.ferry(['plan', 'shop'])
    strictEqual(plan.code, 0, plan.stderr)
    match(plan.stdout + plan.stderr, /FERRY1339.*[\s\S]*again-dense-0 \(0 to 299\)/)
    // Somebody writes behind one, and where the end of another was lost: that is not deleted, and named.
    await fill(world.target, 'gone-dense', 1, [1])
    await fill(world.target, 'cut-dense', 5, [1])
    const [, , , ...refused] = await Promise.all([
      apply(again, 'mirrored'),
      apply(anew, 'consumers-moved'),
      // Its topic was sealed before: nobody mirrors it, and its groups move all the same.
      apply(first, 'consumers-moved'),
      back(gone, 'nothing'),
      cut.ferry(['apply', 'shop', '--auto-approve']),
    ])
    const said = [
      /FERRY1331[\s\S]*gone-dense-1 on new holds offsets 300 to 300, which/,
      /FERRY1331[\s\S]*cut-dense[-:]1 on new was emptied up to 300, and ends at 5 .*offsets 0 to 4/,
    ]
    for (const [i, { code, stderr }] of refused.entries()) {
      strictEqual(code, [4, 8][i], stderr)
      match(stderr.replace(/\s+/g, ' '), said[i]!)
    }
    const ofOthers = await oracle.offsetsMany(world.target, ['gone-dense', 'cut-dense'])
    deepStrictEqual(
      [...ofOthers].map(([topic, [, { start, end } = { start: -1n, end: -1n }]]) => [
        topic,
        start,
        end,
      ]),
      [
        ['gone-dense', 0n, 301n],
        ['cut-dense', 0n, 5n],
      ],
    )
    lap('mirrored again')
    await compare(['again-same', 'again-dense', 'anew-dense', 'first-same'])
    lap('compared')

    const told = async (verb: string, exit: number): Promise<string> => {
      const { code, stdout, stderr } = await again.ferry([verb, 'shop'])
      strictEqual(code, exit, stderr)
      return `${stdout}${stderr}`.replace(/\s+/g, ' ')
    }
    await crash(['again-same', 'again-dense', 'anew-dense'], 'gone-dense-0')
    // Mirrored, and no mirror runs: who asks is told.
    const [seen, planned, verified] = await Promise.all([
      told('status', 0),
      told('plan', 0),
      told('verify', 9),
    ])
    for (const text of [seen, planned]) match(text, /FERRY1323.*again-same-0 \(0 to 299\)/)
    match(verified, /FERRY1814.*again-same:0: the log on new begins at 0, below the mark at 300/)
    // Where the end of what is to be deleted was lost, too.
    await fill(world.target, 'gone-dense', 5, [0])
    const deleteTheirs = async (partition: number, end: bigint) =>
      valuesOf(await world.to.deleteRecords(new Map([[keyOf('gone-dense', partition), end]])))
    await deleteTheirs(1, 301n)
    const lost = await back(gone, 'nothing')
    strictEqual(lost.code, 8, lost.stderr)
    match(
      lost.stderr.replace(/\s+/g, ' '),
      /FERRY1331.*gone-dense[-:]0 on new was emptied up to 300, and ends at 5/,
    )
    // Its consumers have moved: what keeps mirroring until the seal deletes it.
    const mirror = anew.start(['mirror', 'shop'])
    const hidden = waitFor('the old copy to be deleted', { timeoutMs: 60_000 }, async () => {
      const found = valuesOf(await world.to.listOffsets(partitionsOf('anew-dense', 2), 'earliest'))
      return [...found.values()].every((start) => start === BigInt(RECORDS)) || undefined
    })
    await Promise.all([apply(again, 'consumers-moved'), reached(mirror, hidden)])
    mirror.child.kill('SIGTERM')
    strictEqual((await mirror.ended).code, 0)
    await compare(['again-same', 'again-dense', 'anew-dense'])
    const read = await oracle.groupOffsets(world.target, 'again-readers')
    deepStrictEqual(
      read.map(({ topic, offset }) => `${topic} ${offset}`).sort(),
      [400n, 400n].map((at) => `again-dense ${at}`).concat(['again-same 300', 'again-same 300']),
    )
    // Last, since a broker that deletes a topic makes all its log starts durable.
    await deleteTheirs(0, 5n)
    succeeded(await back(gone, 'nothing'))
    strictEqual(
      valuesOf(await world.to.describeTopics([topicName('gone-dense')])).get(
        topicName('gone-dense'),
      ),
      'absent',
    )
    lap('killed again, moved and compared')
  })
})
