import { ok, strictEqual } from 'node:assert/strict'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { GroupId } from '../../src/domain/ids.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName } from '../mirror/_support.ts'
import type { Project } from '../scenarios/_world.ts'
import { beginAt } from './_source.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  keyOf,
  killHard,
  migrationFile,
  partitionsOf,
  planTo,
  startFaultWorld,
  succeeded,
} from './_world.ts'

const STARTS = [150_000, 40_000, 7]
/** Not made durable by itself while a test runs. */
const FORGETS_LOG_STARTS = { 'log.flush.start.offset.checkpoint.interval.ms': '3600000' }

describe('kill -9 of the target broker brings filler back', () => {
  let world: FaultWorld
  beforeAll(async () => {
    world = await startFaultWorld({ target: { config: { ...FORGETFUL, ...FORGETS_LOG_STARTS } } })
  })
  afterAll(() => world?.stop())

  const projectOf = async (topic: string): Promise<Project> => {
    await createTopic(world.from, topicName(topic), STARTS.length)
    await beginAt(world.from, topic, STARTS)
    await oracle.produce(world.source, topic, {
      count: 60_000,
      partitions: [0, 1, 2],
      timestamp: Date.now() - 3 * DAY,
    })
    const commits = STARTS.map(
      (start, partition) =>
        [keyOf(topic, partition), { offset: BigInt(start + 1_000), metadata: '' }] as const,
    )
    const { failed } = await world.from.commitOffsets(
      `${topic}-readers` as GroupId,
      new Map(commits),
    )
    strictEqual(failed.size, 0)
    const project = world.project(topic)
    const topics = [{ name: topic }]
    const groups = [`${topic}-readers`]
    project.write('plans/shop.yaml', migrationFile({ topics, groups, throttle: '4MiB' }))
    return project
  }

  const untilPrimed = (topic: string) =>
    waitFor(`${topic} to be primed`, { timeoutMs: 30_000, everyMs: 10 }, async () => {
      const starts = (await world.to.listOffsets(partitionsOf(topic, 3), 'earliest')).ok
      return STARTS.every((s, i) => starts.get(keyOf(topic, i)) === BigInt(s)) || undefined
    })

  const crash = async (topic: string): Promise<void> => {
    const [broker] = world.target.brokers
    await broker!.kill('SIGKILL')
    await broker!.start()
    const [first] = await oracle.offsets(world.target, topic)
    strictEqual(first!.start, 0n, 'this broker made the log start durable: the test shows nothing')
  }

  it('and ferry too: after a re-run none can be read, and all records are there', async () => {
    const project = await projectOf('both')
    const apply = ['apply', await planTo(project, 'mirrored')]
    const first = project.start(apply)
    await untilPrimed('both')
    await killHard(first)
    await crash('both')
    succeeded(await project.ferry(apply))
    strictEqual(await compareTopic(world, 'both'), 60_000)
  })

  it('and ferry goes on', async () => {
    const project = await projectOf('alive')
    const apply = ['apply', await planTo(project, 'mirrored')]
    const first = project.start(apply)
    await untilPrimed('alive')
    // Stands still meanwhile, so that the filler is seen before it is deleted.
    first.child.kill('SIGSTOP')
    await crash('alive')
    first.child.kill('SIGCONT')
    const { code, stdout, stderr } = await first.ended
    ok([0, 1, 8].includes(code), `${code}: ${stdout}${stderr}`)
    if (code !== 0) succeeded(await project.ferry(apply))
    strictEqual(await compareTopic(world, 'alive'), 60_000)
  })

  it('after all was mirrored: none can be read by the consumers that move', async () => {
    const project = await projectOf('later')
    succeeded(await project.ferry(['apply', await planTo(project, 'mirrored')]))
    await crash('later')
    succeeded(await project.ferry(['apply', await planTo(project, 'consumers-moved')]))
    strictEqual(await compareTopic(world, 'later'), 60_000)
    const positions = await oracle.groupOffsets(world.target, 'later-readers')
    strictEqual(
      positions.map((p) => Number(p.offset) - STARTS[p.partition]!).join(),
      '1000,1000,1000',
    )
  })
})
