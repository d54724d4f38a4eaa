import { strictEqual } from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName, untilForgotten } from '../mirror/_support.ts'
import { Backlog, beginAt } from './_source.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  migrationFile,
  partitionsOf,
  planTo,
  startFaultWorld,
  succeeded,
} from './_world.ts'

const STARTS = [5_000, 0, 1, 20, 300, 4_000]

/** The lock within one process is tested in test/mirror/processes.test.ts; here are the processes that people start. */
describe('two `ferry mirror` and a `ferry apply` at the same time', () => {
  let world: FaultWorld
  beforeAll(async () => {
    world = await startFaultWorld({ target: { config: FORGETFUL } })
  })
  afterAll(() => world?.stop())

  /** As the coordinator tells a client that is not ferry's. */
  const untilMembers = async (count: number): Promise<void> => {
    const admin = new kafkajs.Kafka(world.target.kafka()).admin()
    await admin.connect()
    try {
      await waitFor(`${count} members`, { timeoutMs: 60_000 }, async () => {
        const { groups } = await admin.describeGroups(['ferry-mirror-doubled'])
        const [group] = groups
        return (group?.state === 'Stable' && group.members.length === count) || undefined
      })
    } finally {
      await admin.disconnect()
    }
  }

  it('one of them stopped past its session: exactly one copy', async () => {
    const topic = 'doubled'
    await createTopic(world.from, topicName(topic), STARTS.length)
    await beginAt(world.from, topic, STARTS)
    const project = world.project(topic)
    project.write('plans/shop.yaml', migrationFile({ topics: [{ name: topic }], throttle: '1MiB' }))
    const backlog = await Backlog.start({
      source: world.from,
      target: world.to,
      topic,
      partitions: STARTS.length,
      records: 10_000,
      timestamp: Date.now() - 3 * DAY,
    })
    const apply = project.start(['apply', await planTo(project, 'mirrored')])
    const ends = async () => {
      const { ok } = await world.to.listOffsets(partitionsOf(topic, STARTS.length), 'latest')
      return [...ok.values()].map(Number)
    }
    const growAbove = (what: string, before: readonly number[]) =>
      waitFor(what, { timeoutMs: 60_000 }, async () => {
        const now = await ends()
        return now.every((end, i) => end > before[i]!) || undefined
      })
    await growAbove('the copy to begin', STARTS)
    const mirrors = [project.start(['mirror', 'shop']), project.start(['mirror', 'shop'])]
    await untilMembers(3)
    await growAbove('all to be copied by three', await ends())
    const [slept] = mirrors
    slept!.child.kill('SIGSTOP')
    await untilMembers(2)
    await growAbove('all to be copied by two', await ends())
    const written = await backlog.stop()
    // While the others copy the broker would refuse what it sends by its sequence; later only the lock keeps it from sending.
    succeeded(await apply.ended)
    await untilForgotten(world.to, partitionsOf(topic, STARTS.length))
    slept!.child.kill('SIGCONT')
    await slept!.said('the session is over')
    for (const mirror of mirrors) mirror.child.kill('SIGTERM')
    for (const mirror of mirrors) succeeded(await mirror.ended)
    strictEqual(await compareTopic(world, topic), written)
  })
})
