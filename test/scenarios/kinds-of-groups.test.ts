import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeDecisions, encodeDecisions } from '../../src/state/decisions-codec.ts'
import { connect } from '../adapter/connect.ts'
import { withAdmin } from '../kafka/admin.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, visit } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { joinShareGroup, joinStreamsGroup } from './_raw.ts'
import { type Project, type Running, startWorld, type World } from './_world.ts'

/** Groups of each protocol of a broker of today, through `ferry`. Judged by Kafka's own client and by kafkajs. */

let world: World

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ')

beforeAll(async () => {
  world = await startWorld({
    sourceVersion: '4.x',
    sourceConfig: {
      'group.consumer.min.session.timeout.ms': '1000',
      'group.consumer.session.timeout.ms': '10000',
    },
  })
  await withAdmin(world.source, (admin) =>
    admin.createTopics({
      topics: ['plain', 'shared', 'summed', 'kept', 'static', 'returns'].map((topic) => ({
        topic,
        numPartitions: 1,
        replicationFactor: 1,
      })),
    }),
  )
  for (const topic of ['plain', 'kept', 'static', 'returns'])
    await fill(world.source, topic, 40, [0])
})
afterAll(() => world?.stop())

const projectOf = (name: string, topic: string, ...groups: readonly string[]): Project => {
  const project = world.project(name)
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: consumers-moved
  topics: [{ name: ${topic} }]
  groups: [${groups.map((id) => `{ id: ${id} }`).join(', ')}]
  gates: { timeout: 120s }
`,
  )
  return project
}

describe('a group', () => {
  test.each([
    ['share', 'shared', joinShareGroup],
    ['streams', 'summed', joinStreamsGroup],
  ] as const)(
    'that is a %s group is refused with the reason, and nothing is begun',
    async (kind, topic, join) => {
      const member = await join(world.source, `${kind}-group`, topic)
      try {
        const project = projectOf(kind, topic, `${kind}-group`)
        const planned = await project.ferry(['plan', kind])
        expect(planned.code).toBe(4)
        expect(errorsIn(planned.stderr)).toMatchObject([
          { code: 'FERRY1314', detail: expect.stringContaining(`${kind}-group`) },
        ])
        expect(planned.stderr).toContain(kind)
        expect(await project.ferry(['apply', kind, '--auto-approve'])).toMatchObject({ code: 4 })
        expect(await oracle.groupOffsets(world.target, `${kind}-group`)).toEqual([])
        const topics = await withAdmin(world.target, (admin) => admin.listTopics())
        expect(topics).not.toContain(topic)
      } finally {
        member.close()
      }
    },
  )

  test('of the new protocol (KIP-848) is waited for while it has members on either side, moved to its next record, and seen to have come', async () => {
    const id = 'new-group'
    const protocol = { 'group.protocol': 'consumer', 'client.id': 'shop-848' }
    /** A service; it leaves with its last record. */
    const service = (cluster: TestCluster, count: number, commits: boolean) =>
      oracle.consume(cluster, id, 'plain', { count, commits, protocol, reset: 'earliest' })
    const project = projectOf('kip848', 'plain', id)
    project.edit('plans/kip848.yaml', 'timeout: 120s', 'timeout: 120s, sourceQuiet: 1s')
    const apply = (...more: string[]) =>
      project.ferry(['apply', 'kip848', '--auto-approve', '--confirm', 'kip848', ...more])
    const more = (cluster: TestCluster, value: string) =>
      oracle.write(cluster, 'plain', [{ partition: 0, key: 'k', value }])
    const sees = async (cluster: TestCluster, members: number) => {
      const ferry = await connect(cluster)
      await waitFor(`${members} members`, { timeoutMs: 60_000 }, async () => {
        const { ok: groups } = await ferry.describeGroups([id as never])
        return groups.get(id as never)?.members.length === members ? true : undefined
      })
      await ferry.close()
    }
    await service(world.source, 17, true)
    const mirrored = await apply('--until', 'mirrored')
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })

    // On the source: of 40 records it has read 17, and waits for one that is not there yet.
    const before = service(world.source, 24, false)
    await sees(world.source, 1)
    const waiting = await apply('--wait', '0s')
    expect(waiting.code).toBe(7)
    expect(flat(waiting.stderr)).toMatch(/consumers on old: shop-848 on \/127\.0\.0\.1/)
    await more(world.source, 'value-40')
    await before

    // On the target, started too early: it stands in the way of the sync as long as it is there.
    const early = service(world.target, 42, false)
    await sees(world.target, 1)
    const hindered = await apply('--wait', '0s')
    expect(hindered.code).toBe(7)
    expect(flat(hindered.stderr)).toMatch(/consumers on new: shop-848 on \/127\.0\.0\.1/)
    expect(await oracle.groupOffsets(world.target, id)).toEqual([])
    await more(world.source, 'value-41')
    const applied = await apply()
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(await early).toHaveLength(42)
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([
      { topic: 'plain', partition: 0, offset: 17n },
    ])

    // Retired only once it has come.
    project.edit('plans/kip848.yaml', 'stage: consumers-moved', 'stage: retired')
    const retiring = project.start(['apply', 'kip848', '--auto-approve', '--confirm', 'kip848'])
    await retiring.said('start its consumers on new')
    const moved = service(world.target, 26, true)
    const retired = await retiring.ended
    expect(retired, retired.stderr).toMatchObject({ code: 0 })
    await more(world.target, 'value-42')
    expect(await moved).toEqual((await oracle.read(world.target, 'plain')).slice(17))
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([{ offset: 43n }])
  })
})

describe('a whole move', () => {
  const flags = (name: string) => ['--auto-approve', '--confirm', name]

  test('of a static member waits for its session to end, and it goes on under its name, restarts included', async () => {
    const id = 'static-group'
    const protocol = { 'group.instance.id': 'till-3', 'session.timeout.ms': '30000' }
    const service = (cluster: TestCluster, count: number) =>
      oracle.consume(cluster, id, 'static', { count, protocol, reset: 'earliest' })
    const project = projectOf('static', 'static', id)
    await service(world.source, 5)
    const mirrored = await project.ferry([
      'apply',
      'static',
      ...flags('static'),
      '--until',
      'mirrored',
    ])
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    // It has stopped, and the broker keeps its place.
    expect(await service(world.source, 12)).toHaveLength(12)
    const moving = project.start(['apply', 'static', ...flags('static')])
    await moving.said('static member till-3')
    const moved = await moving.ended
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([{ offset: 17n }])

    const all = await oracle.read(world.target, 'static')
    expect(await service(world.target, 10)).toEqual(all.slice(17, 27))
    // Started anew within its session it takes its own place again.
    expect(await service(world.target, 13)).toEqual(all.slice(27))
    const verified = await project.ferry(['verify', 'static', '--full'])
    expect(verified, verified.stderr).toMatchObject({ code: 0 })
  })

  test('and the return of a group of the new protocol (KIP-848) goes on at its next record on either side', async () => {
    const id = 'returning-group'
    const protocol = { 'group.protocol': 'consumer' }
    const service = (cluster: TestCluster, count: number) =>
      oracle.consume(cluster, id, 'returns', { count, protocol, reset: 'earliest' })
    const project = projectOf('returns', 'returns', id)
    await service(world.source, 17)
    const moved = await project.ferry(['apply', 'returns', ...flags('returns')])
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    const all = await oracle.read(world.target, 'returns')
    expect(await service(world.target, 10)).toEqual(all.slice(17, 27))

    const back = await project.ferry([
      'rollback',
      'returns',
      '--to',
      'mirrored',
      ...flags('returns'),
    ])
    expect(back, back.stderr).toMatchObject({ code: 0 })
    // Each of its positions lives from when it was written: there is no hurry, as with a classic group.
    expect(back.stderr).not.toContain('FERRY1369')
    expect(await oracle.groupOffsets(world.source, id)).toMatchObject([{ offset: 27n }])
    expect(await oracle.groupOffsets(world.target, id)).toEqual([])
    const here = await oracle.read(world.source, 'returns')
    expect(await service(world.source, 13)).toEqual(here.slice(27))

    // And there once more.
    const again = await project.ferry(['apply', 'returns', ...flags('returns')])
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([{ offset: 40n }])
  })
})

describe('positions that Ferry wrote', () => {
  /** How often each group has committed on the target, as its log of positions has it: by group and topic, each with its length before it. */
  const commitsOf = async (groups: readonly string[]): Promise<readonly number[]> => {
    const log = await oracle.readText(world.target, '__consumer_offsets')
    return groups.map((id) => log.filter(({ key }) => key?.includes(`${id}\0\u0004kept`)).length)
  }

  test('are renewed by `ferry mirror` in the last quarter of their life; a group that has joined, committed and left is never taken back', async () => {
    const groups = ['kept-waiting', 'kept-visited', 'kept-same-again']
    const source = await connect(world.source)
    for (const id of groups) {
      const offsets = new Map([['kept:0' as never, { offset: 17n, metadata: 'noted' }]])
      expect((await source.commitOffsets(id as never, offsets)).failed.size).toBe(0)
    }
    await source.close()
    const project = projectOf('renewed', 'kept', ...groups)
    const applied = await project.ferry(['apply', 'renewed', '--auto-approve'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    // One behind where it was put; one at the very position that Ferry wrote: only its having been there tells that it is its own.
    for (const [id, offset] of [
      ['kept-visited', '3'],
      ['kept-same-again', '17'],
    ] as const) {
      await visit(world.target, id, { topic: 'kept', offset, metadata: 'noted' })
    }
    expect(await commitsOf(groups)).toEqual([1, 2, 2])

    const state = decodeDecisions(project.read('.ferry/renewed/decisions.json'), 'decisions')
    /** What a mirror says of them that finds them that old. */
    const mirrored = async (days: number, until: (mirror: Running) => Promise<unknown>) => {
      const at = new Date(Date.now() - days * 86_400_000).toISOString()
      const syncs = state.syncs.map((sync) => ({ ...sync, at }))
      const older = encodeDecisions({ ...state, syncs })
      for (const file of ['decisions', `decisions.${state.serial}`]) {
        project.write(`.ferry/renewed/${file}.json`, older)
      }
      const mirror = project.start([
        'mirror',
        'renewed',
        ...'--log-format json --log-level info'.split(' '),
      ])
      await until(mirror)
      mirror.child.kill('SIGTERM')
      const { code, stderr } = await mirror.ended
      expect(code, stderr).toBe(0)
      return stderr.split('\n').filter((line) => line.includes('the positions of'))
    }
    // Of the seven days that a broker keeps them by default.
    const early = await mirrored(5, async () => {
      // What it copies it copies after it has looked at them.
      await fill(world.source, 'kept', 1, [0])
      await waitFor('the new record', { timeoutMs: 30_000, everyMs: 200 }, async () =>
        (await oracle.offsets(world.target, 'kept'))[0]?.end === 41n ? true : undefined,
      )
    })
    expect(early).toEqual([])
    expect(await commitsOf(groups)).toEqual([1, 2, 2])
    const due = await mirrored(5.5, (mirror) =>
      Promise.all([
        mirror.said('renewed the positions of kept-waiting on new'),
        ...['kept-visited', 'kept-same-again'].map((id) =>
          mirror.said(`the positions of ${id} on new are not renewed: it has members`),
        ),
      ]),
    )
    expect(due).toHaveLength(3)
    expect(await commitsOf(groups)).toEqual([2, 2, 2])
    const found = await Promise.all(groups.map((id) => oracle.groupOffsets(world.target, id)))
    // As it was written first, without an epoch of the other log.
    expect(found[0]).toMatchObject([{ leaderEpoch: -1 }])
    expect(found.flat().map(({ offset, metadata }) => `${offset} ${metadata}`)).toEqual([
      '17 noted',
      '3 noted',
      '17 noted',
    ])
  })
})
