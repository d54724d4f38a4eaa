import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import {
  nothingOnlyOnTarget,
  sourceIsDrained,
  topicsAreSealed,
} from '../../src/steps/gates/index.ts'
import { connect } from '../adapter/connect.ts'
import { oracle } from '../kafka/index.ts'
import { fill } from './_clients.ts'
import { errorsIn, findingsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { runOn } from './_run.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/** Partitions that come on the source while a topic is mirrored, from plan to seal; both sides are read with the Java client. */

let world: World

beforeAll(async () => {
  world = await startWorld()
})

afterAll(() => world?.stop())

const ok = async (running: Promise<Ended>): Promise<Ended> => {
  const ended = await running
  expect(ended.code, `${ended.stdout}\n${ended.stderr}`).toBe(0)
  return ended
}
const create = (topic: string, numPartitions: number) =>
  withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  )
/** On the source, with records in the new partition. */
const grow = async (topic: string, count: number, records = 10): Promise<void> => {
  await withAdmin(world.source, (admin) =>
    admin.createPartitions({ topicPartitions: [{ topic, count }] }),
  )
  if (records > 0) await fill(world.source, topic, records, [count - 1])
}
const commit = (groupId: string, topic: string, partition: number, offset: string) =>
  withAdmin(world.source, (admin) =>
    admin.setOffsets({ groupId, topic, partitions: [{ partition, offset }] }),
  )
const setStage = (project: Project, name: string, stage: string) =>
  project.edit(`plans/${name}.yaml`, /stage: .*/, `stage: ${stage}`)
const isCopied = async (topic: string): Promise<void> => {
  const [here, there] = await Promise.all([
    oracle.digest(world.source, topic),
    oracle.digest(world.target, topic),
  ])
  expect(there).toEqual(here)
}

test('a target that has more partitions than the source is refused before anything is written there', async () => {
  const name = 'wide'
  await create(name, 1)
  await fill(world.source, name, 5, [0])
  await withAdmin(world.target, (admin) =>
    admin.createTopics({ topics: [{ topic: name, numPartitions: 2, replicationFactor: 1 }] }),
  )
  const project = world.project(name)
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec: { from: old, to: new, stage: mirrored, topics: [{ name: ${name} }] }
`,
  )
  const refused = await project.ferry(['apply', name, '--auto-approve'])
  expect(refused.code).toBe(4)
  expect(errorsIn(refused.stderr)).toMatchObject([{ code: 'FERRY1304' }])
  expect(refused.stderr.replace(/\s+/g, ' ')).toContain('1 partition on old, but 2 on new')
  expect((await oracle.offsets(world.target, name)).map(({ end }) => end)).toEqual([0n, 0n])
})

describe('partitions that come on the source', () => {
  test('are added, marked and mirrored by the next plan, with positions, up to the seal', async () => {
    const name = 'grow'
    const group = `${name}-api`
    await create(name, 2)
    await fill(world.source, name, 20, [0, 1])
    await commit(group, name, 0, '7')
    const project = world.project(name)
    project.write(
      `plans/${name}.yaml`,
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: ${name}, offsets: identical }]
  groups: [{ id: ${group}, uncommitted: start }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
    )
    const apply = (...flags: string[]) =>
      ok(project.ferry(['apply', name, '--auto-approve', ...flags]))
    await apply()
    setStage(project, name, 'consumers-moved')
    await ok(project.ferry(['plan', name, '-o', 'before.plan']))

    await grow(name, 3)
    await commit(group, name, 2, '4')
    // What was reviewed did not know of it.
    expect(await project.ferry(['apply', 'before.plan'])).toMatchObject({ code: 5 })
    const { stdout } = await ok(project.ferry(['plan', name]))
    expect(stdout).toMatch(/\+ topic +grow +1 partition more, as on the source: 3 then/)
    expect(stdout).toMatch(/\* mark +grow +1 new partition, identical offsets/)
    await apply()
    await isCopied(name)
    const positions = async () =>
      (await oracle.groupOffsets(world.target, group)).map((p) => `${p.partition}: ${p.offset}`)
    expect(await positions()).toEqual(['0: 7', '1: 0', '2: 4'])
    await ok(project.ferry(['verify', name, '--full']))

    // The group has moved: only what is new gets a position, the others stay where its consumers have brought them.
    await withAdmin(world.target, (admin) =>
      admin.setOffsets({
        groupId: group,
        topic: name,
        partitions: [{ partition: 0, offset: '9' }],
      }),
    )
    await grow(name, 4)
    expect((await ok(project.ferry(['plan', name]))).stdout).toMatch(/= sync +group grow-api/)
    await apply()
    await isCopied(name)
    expect(await positions()).toEqual(['0: 9', '1: 0', '2: 4', '3: 0'])

    setStage(project, name, 'producers-moved')
    await apply()
    const sealed = await project.ferry(['plan', name, '--detailed-exitcode'])
    expect(sealed.code).toBe(0)

    // After the seal: an empty one is said, one with records is refused.
    await grow(name, 5, 0)
    const empty = await ok(project.ferry(['plan', name]))
    expect(findingsIn(empty.stderr).map(({ code }) => code)).toContain('FERRY1337')
    await fill(world.source, name, 3, [4])
    const late = await project.ferry(['plan', name])
    expect([late.code, errorsIn(late.stderr).map(({ code }) => code)]).toEqual([4, ['FERRY1337']])
    expect(errorsIn(late.stderr)[0]?.place).toBe(
      project.place(`plans/${name}.yaml`, '{ name: grow, off'),
    )
  })

  test('as a whole topic in the file, after its group was synced: it has positions there with the same apply', async () => {
    const group = 'more-api'
    await create('more.one', 1)
    await create('more.two', 2)
    await fill(world.source, 'more.one', 20, [0])
    await fill(world.source, 'more.two', 20, [0, 1])
    await commit(group, 'more.one', 0, '7')
    const project = world.project('more')
    project.write(
      'plans/more.yaml',
      `apiVersion: ferry/v1
kind: Migration
metadata: { name: more }
spec:
  from: old
  to: new
  stage: consumers-moved
  topics: [{ name: more.one }]
  groups: [{ id: ${group} }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`,
    )
    const apply = () => ok(project.ferry(['apply', 'more', '--auto-approve']))
    await apply()
    const positions = async () =>
      (await oracle.groupOffsets(world.target, group)).map(
        ({ topic, partition, offset }) => `${topic}:${partition} ${offset}`,
      )
    expect(await positions()).toEqual(['more.one:0 7'])
    // Its consumers go on there, and have begun with another topic on the source.
    await withAdmin(world.target, (admin) =>
      admin.setOffsets({
        groupId: group,
        topic: 'more.one',
        partitions: [{ partition: 0, offset: '9' }],
      }),
    )
    await commit(group, 'more.two', 0, '4')

    project.edit(
      'plans/more.yaml',
      '[{ name: more.one }]',
      '[{ name: more.one }, { name: more.two }]',
    )
    const { stdout } = await ok(project.ferry(['plan', 'more']))
    expect(stdout).toMatch(/= sync +group more-api +1 position,/)
    await apply()
    await isCopied('more.two')
    expect(await positions()).toEqual(['more.one:0 9', 'more.two:0 4'])
    await ok(project.ferry(['verify', 'more', '--full']))
    expect((await project.ferry(['plan', 'more', '--detailed-exitcode'])).code).toBe(0)
  })

  test('keep the seal and the retirement closed, when they come while apply waits', async () => {
    const name = 'waits'
    await create(name, 1)
    await withAdmin(world.target, (admin) =>
      admin.createTopics({ topics: [{ topic: name, numPartitions: 1, replicationFactor: 1 }] }),
    )
    const [source, target] = await Promise.all([connect(world.source), connect(world.target)])
    try {
      const run = runOn({ source, target }, [name])
      const drained = () => sourceIsDrained(name as TopicName, 0).check(run)
      expect(await drained()).toEqual({ holds: true })
      await grow(name, 2, 0)
      expect(await drained()).toMatchObject({
        holds: false,
        worthWaiting: false,
        because: expect.stringMatching(/has got 1 partition on the source since its mark/),
      })
      const seals = run.state().marks.map((mark) => ({
        topic: mark.topic,
        partition: 0,
        sourceEnd: mark.sourceStart,
        targetEnd: mark.targetStart,
        at: mark.at,
      }))
      const sealed = { ...run, state: () => ({ ...run.state(), seals }) }
      const complete = () => topicsAreSealed([name as TopicName]).check(sealed)
      expect(await complete()).toEqual({ holds: true })
      await fill(world.source, name, 1, [1])
      expect(await complete()).toMatchObject({
        holds: false,
        because: expect.stringMatching(/waits:1 came on the source after the seal/),
      })
      // On the target they stand in the way of whoever goes back, once they are used.
      const goesBack = () => nothingOnlyOnTarget([name as TopicName]).check(sealed)
      await withAdmin(world.target, (admin) =>
        admin.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }),
      )
      expect(await goesBack()).toEqual({ holds: true })
      await fill(world.target, name, 1, [1])
      expect(await goesBack()).toMatchObject({
        holds: false,
        worthWaiting: false,
        because: expect.stringMatching(/waits:1 on \S+ was added after the seal/),
      })
    } finally {
      await Promise.all([source.close(), target.close()])
    }
  })
})
