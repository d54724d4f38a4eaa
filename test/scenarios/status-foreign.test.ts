import { cpSync, rmSync } from 'node:fs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foreignOnTarget } from '../../src/app/status-foreign.ts'
import type { TargetOffset } from '../../src/domain/ids.ts'
import type { MigrationState } from '../../src/domain/state.ts'
import type { Observed } from '../../src/planner/observed.ts'
import { decodeDecisions } from '../../src/state/decisions-codec.ts'
import { FileStore } from '../../src/state/file-store.ts'
import type { MigrationStatus } from '../../src/views/status-report.ts'
import { connect } from '../adapter/connect.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { migration, topicSpec } from '../planner/_build.ts'
import { fill, writeSteadily } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import { planFile } from './_plan-file.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** What others write to a mirrored topic while no mirror runs: `ferry status` says so, and never takes for that what is none. */

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const makeTopic = async (topic: string, numPartitions: number) => {
  await withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }),
  )
  await fill(
    world.source,
    topic,
    50,
    Array.from({ length: numPartitions }, (_, i) => i),
  )
}

const apply = async (project: Project, name: string, stage: string): Promise<void> => {
  const file = `plans/${name}.yaml`
  project.write(file, project.read(file).replace(/stage: .*/, `stage: ${stage}`))
  const ended = await project.ferry(['apply', name, '--auto-approve', '--confirm', name])
  expect(ended).toMatchObject({ code: 0 })
}

const statusOf = async (project: Project, name: string) => {
  const ended = await project.ferry(['status', name, '--json'])
  const [status] = (JSON.parse(ended.stdout) as { migrations: MigrationStatus[] }).migrations
  return { ...ended, status: status! }
}

const codesIn = ({ problems }: MigrationStatus) => problems.map(({ code }) => code)

/** A producer that nobody told of the migration, as the service itself with a new address. */
const intrude = async (cluster: TestCluster, topic: string, partition: number, count: number) => {
  const intruder = new kafkajs.Kafka(cluster.kafka()).producer({ idempotent: true })
  await intruder.connect()
  const messages = Array.from({ length: count }, () => ({ partition, value: 'not ours' }))
  await intruder.send({ topic, messages })
  await intruder.disconnect()
}

describe('what others wrote to the target while no mirror runs', () => {
  test('is in status, with the range and the way on, until the copy was made anew', async () => {
    await makeTopic('sf.dense', 2)
    await makeTopic('sf.same', 1)
    const project = world.project('sf')
    project.write(
      'plans/sf.yaml',
      planFile('sf', '[{ name: sf.dense, offsets: dense }, { name: sf.same }]'),
    )
    await apply(project, 'sf', 'mirrored')
    // What is still to be copied is nobody's mistake.
    await fill(world.source, 'sf.dense', 20, [0, 1])
    const before = await statusOf(project, 'sf')
    expect([before.code, codesIn(before.status)]).toEqual([
      0,
      expect.not.arrayContaining(['FERRY1604']),
    ])

    await intrude(world.target, 'sf.dense', 1, 3)
    await intrude(world.target, 'sf.same', 0, 1)
    const seen = await statusOf(project, 'sf')
    expect(seen.code).toBe(9)
    expect(seen.status.next).toEqual({ kind: 'blocked' })
    const partitions = seen.status.topics.flatMap((topic) =>
      topic.partitions.map((each) => ({ ...each, topic: topic.name })),
    )
    expect(partitions).toMatchObject([
      { topic: 'sf.dense', partition: 0, stopped: false, problem: null, mirroredTo: 50, lag: 20 },
      {
        topic: 'sf.dense',
        partition: 1,
        stopped: true,
        problem: { code: 'FERRY1604' },
        mirroredTo: 50,
        lag: 20,
      },
      { topic: 'sf.same', partition: 0, stopped: true, problem: { code: 'FERRY1604' } },
    ])
    const shown = await project.ferry(['status', 'sf'])
    expect(shown.code).toBe(9)
    expect(shown.stdout).toMatch(/STOPPED sf\.dense:1 at 50: FERRY1604 Foreign write on target/)
    const [dense, same] = errorsIn(shown.stderr).filter(({ code }) => code === 'FERRY1604')
    expect(dense!.detail).toMatch(
      /^sf\.dense:1: the records at target offsets 50 to 52 on new were not written by the mirror \(producer \d+\)/,
    )
    expect(same!.detail).toMatch(/^sf\.same:0: the records at target offset 50 on new /)
    expect(dense!.fix).toContain('`ferry resync sf --topic sf.dense`')
    // A mirror says the same of the same range.
    const mirror = project.start(['mirror', 'sf'])
    await mirror.said('FERRY1604 sf.dense:1: ')
    mirror.child.kill('SIGTERM')
    const { code, stderr } = await mirror.ended
    expect(code).toBe(9)
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      'sf.dense:1: the records at target offsets 50 to 52 were not written by this mirror',
    )

    const resync = (topic: string) =>
      project.ferry(['resync', 'sf', '--topic', topic, '--auto-approve', '--confirm', 'sf'])
    expect(await resync('sf.dense')).toMatchObject({ code: 0 })
    expect(await resync('sf.same')).toMatchObject({ code: 0 })
    const after = await statusOf(project, 'sf')
    expect([after.code, codesIn(after.status)]).toEqual([
      0,
      expect.not.arrayContaining(['FERRY1604']),
    ])
  })

  test('is told from what a mirror wrote that keeps its progress elsewhere, and from what is decided meanwhile', async () => {
    await makeTopic('sf.else', 1)
    const project = world.project('else')
    project.write('plans/else.yaml', planFile('else', '[{ name: sf.else }]'))
    await apply(project, 'else', 'mirrored')
    // The progress of this machine stays behind what another one copies.
    cpSync(project.path('.ferry'), project.path('kept'), { recursive: true })
    await fill(world.source, 'sf.else', 30, [0])
    await mirrorUntil(project, 'else', 'sf.else', 80n)
    rmSync(project.path('.ferry'), { recursive: true })
    cpSync(project.path('kept'), project.path('.ferry'), { recursive: true })
    const seen = await statusOf(project, 'else')
    expect([seen.code, codesIn(seen.status)]).toEqual([
      0,
      expect.not.arrayContaining(['FERRY1604']),
    ])

    // Decisions that are others by now may have let producers in.
    await intrude(world.target, 'sf.else', 0, 1)
    const target = await connect(world.target)
    try {
      const parts = await partsOf(project, 'else', 'sf.else', 81n)
      const found = async (checkedTo: bigint, change: Partial<MigrationState> = {}) => {
        const progress = new Map(
          [...parts.progress].map(([key, each]) => [
            key,
            { ...each, checkedTo: checkedTo as TargetOffset },
          ]),
        )
        const now = async () => ({ ...parts.state, ...change })
        return [...(await foreignOnTarget({ ...parts, progress }, target, now)).found.keys()]
      }
      // Its own first.
      expect(await found(50n)).toEqual([])
      expect(await found(80n)).toEqual(['sf.else:0'])
      expect(await found(80n, { serial: parts.state.serial + 1 })).toEqual([])
      expect(await found(80n, { lineage: 'another' })).toEqual([])
    } finally {
      await target.close()
    }
  })

  test('is never taken for it while mirrors run and end, once producers have moved, and on the way back', async () => {
    await makeTopic('sf.life', 2)
    const project = world.project('life')
    project.write(
      'plans/life.yaml',
      planFile('life', '[{ name: sf.life }]', '  rollback: { keepSourceWarm: true }\n'),
    )
    const looks = lookAllTheTime(project, 'life')
    await apply(project, 'life', 'mirrored')
    const writing = await writeSteadily(world.source, 'sf.life')
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      const before = await endOf(world.target, 'sf.life')
      await mirrorUntil(project, 'life', 'sf.life', before + 20n, signal)
    }
    await writing.stop()
    await apply(project, 'life', 'producers-moved')
    const moved = await writeSteadily(world.target, 'sf.life')
    const sealed = looks.count()
    await waitFor('looks behind the seal', { timeoutMs: 60_000 }, async () =>
      looks.count() > sealed + 2 ? true : undefined,
    )
    await moved.stop()
    const back = await project.ferry([
      'rollback',
      'life',
      '--to',
      'prepared',
      '--auto-approve',
      '--confirm',
      'life',
    ])
    expect(back).toMatchObject({ code: 0 })
    const seen = await looks.stop()
    expect(seen.length).toBeGreaterThan(5)
    expect(seen.filter((codes) => codes.includes('FERRY1604'))).toEqual([])
  })
})

/** Mirrors until the target's log of partition 0 ends there. */
const mirrorUntil = async (
  project: Project,
  name: string,
  topic: string,
  end: bigint,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> => {
  const mirror = project.start(['mirror', name])
  await waitFor(`${topic} to be copied`, { timeoutMs: 60_000 }, async () =>
    (await endOf(world.target, topic)) >= end ? true : undefined,
  )
  mirror.child.kill(signal)
  await mirror.ended
}

const endOf = async (cluster: TestCluster, topic: string): Promise<bigint> =>
  (await oracle.offsets(cluster, topic))[0]!.end

/** What a look at one partition rests on, with its log end as it is said here. */
const partsOf = async (project: Project, name: string, topic: string, highWatermark: bigint) => {
  const file = `.ferry/${name}/decisions.json`
  const state = decodeDecisions(project.read(file), file)
  const progress = await new FileStore(project.path('.ferry')).readProgress(name)
  const seen = { description: {}, partitions: [{ partition: 0, highWatermark }] }
  const target = { name: 'new', topics: new Map([[topic, seen]]) }
  const observed = { target, problems: [] } as unknown as Observed
  return { migration: migration({ topics: [topicSpec(topic)] }), state, progress, observed }
}

/** The codes that each look has told, one look after the other until it is stopped. */
const lookAllTheTime = (project: Project, name: string) => {
  const seen: (readonly string[])[] = []
  let isStopping = false
  const looking = (async () => {
    while (!isStopping) {
      const { status, stderr, code } = await statusOf(project, name)
      if (![0, 9].includes(code)) throw new Error(stderr)
      seen.push(codesIn(status))
    }
  })()
  looking.catch(() => {})
  return {
    count: () => seen.length,
    stop: async () => {
      isStopping = true
      await looking
      return seen
    },
  }
}
