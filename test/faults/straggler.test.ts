import { match, ok, strictEqual } from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { createTopic, topicName, untilForgotten } from '../mirror/_support.ts'
import type { Project } from '../scenarios/_world.ts'
import { API, type Caught, FaultProxy } from './_proxy.ts'
import { beginAt } from './_source.ts'
import {
  compareTopic,
  DAY,
  type FaultWorld,
  FORGETFUL,
  FORGETS_MS,
  killHard,
  migrationFile,
  partitionsOf,
  planTo,
  reached,
  startFaultWorld,
  succeeded,
} from './_world.ts'

const REQUEST_MS = 4_000
const START = 100_000
const RECORDS = 4_000

/**
 * A request that was on its way when its sender died, about records so old that the broker does not remember their producer: it would
 * append a second copy, unless who comes next has waited for it.
 */
describe('a request of a ferry that was killed', () => {
  let world: FaultWorld
  let proxy: FaultProxy
  beforeAll(async () => {
    world = await startFaultWorld({ target: { config: FORGETFUL } })
    proxy = await FaultProxy.start(world.target.brokers[0]!.port)
  })
  afterAll(async () => {
    await world?.stop()
    await proxy?.stop()
  })

  const projectOf = async (topic: string): Promise<Project> => {
    await createTopic(world.from, topicName(topic), 1)
    await beginAt(world.from, topic, [START])
    await produce(topic, 0)
    const project = world.project(topic)
    const clocks = { FERRY_MIRROR_SESSION_MS: '10000', FERRY_MIRROR_REQUEST_MS: `${REQUEST_MS}` }
    Object.assign(project.env, proxy.env, clocks)
    project.write('plans/shop.yaml', migrationFile({ topics: [{ name: topic }] }))
    return project
  }

  const produce = (topic: string, firstId: number) =>
    oracle.produce(world.source, topic, {
      count: RECORDS,
      firstId,
      timestamp: Date.now() - 3 * DAY,
    })

  /** The n-th produce of a ferry that is killed then. */
  const killedAt = async (project: Project, apply: string[], after: number): Promise<Caught> => {
    proxy.catchNothing()
    const first = project.start(apply)
    const request = await reached(first, proxy.catch({ key: API.produce, after, at: 'request' }))
    await killHard(first)
    return request
  }

  for (const [what, after, topic] of [
    ['of filler', 0, 'filler'],
    ['of records', 1, 'records'],
  ] as const) {
    it(`${what} arrives as late as it can: exactly one copy`, async () => {
      const project = await projectOf(topic)
      const apply = ['apply', await planTo(project, 'mirrored')]
      const request = await killedAt(project, apply, after)
      const again = project.start(apply)
      // Should the next one not wait, it has what it sends forgotten before the late one comes.
      const hasSent = proxy.catch({ key: API.produce, at: 'sight' }).then(() => pause(FORGETS_MS))
      await Promise.race([hasSent, pause(REQUEST_MS * 0.9)])
      await request.deliver()
      succeeded(await again.ended)
      strictEqual(await compareTopic(world, topic), RECORDS)
    })
  }

  it('arrives later than any of its clocks allows: the next one stops there, and says where', async () => {
    const project = await projectOf('later')
    const apply = ['apply', await planTo(project, 'mirrored')]
    const request = await killedAt(project, apply, 1)
    succeeded(await project.ferry(apply))
    await untilForgotten(world.to, partitionsOf('later', 1))
    await request.deliver()
    const [after] = await oracle.offsets(world.target, 'later')
    strictEqual(Number(after!.end), START + 2 * RECORDS, 'the broker refused it: nothing is shown')
    const { code, stdout, stderr } = await project.ferry(['verify', 'shop', '--full'])
    strictEqual(code, 9, stdout + stderr)
    const mirror = project.start(['mirror', 'shop'])
    await mirror.said('FERRY1604')
    mirror.child.kill('SIGTERM')
    const end = await mirror.ended
    match(end.stderr, /later:0: the records at target offsets 104000 to 107999 were not written by/)
    ok(end.code !== 0)
  })

  it('arrives in the middle of the work of the next one: it stops at once, and says where', async () => {
    const project = await projectOf('amid')
    const apply = ['apply', await planTo(project, 'mirrored')]
    const request = await killedAt(project, apply, 1)
    succeeded(await project.ferry(apply))
    const started = performance.now()
    const mirror = project.start(['mirror', 'shop'])
    const copies = reached(mirror, proxy.catch({ key: API.produce, at: 'sight' }))
    await produce('amid', RECORDS)
    await copies
    await waitFor('all of it to be copied', { timeoutMs: 60_000 }, async () => {
      const [now] = await oracle.offsets(world.target, 'amid')
      return Number(now!.end) === START + 2 * RECORDS || undefined
    })
    await untilForgotten(world.to, partitionsOf('amid', 1))
    await request.deliver()
    const [before] = await oracle.offsets(world.target, 'amid')
    strictEqual(Number(before!.end), START + 3 * RECORDS, 'the broker refused it: nothing is shown')
    const began = performance.now()
    await produce('amid', 2 * RECORDS)
    await mirror.said('FERRY1604')
    // By the offset that the next batch got, not by the look around a minute after its start, and each minute then.
    const now = performance.now()
    ok(now - started < 60_000 || now - began < 20_000)
    mirror.child.kill('SIGTERM')
    const { code, stderr } = await mirror.ended
    match(stderr, /amid:0: the records at target offsets 108000 to \d+ were not written by/)
    ok(code !== 0)
  })
})
