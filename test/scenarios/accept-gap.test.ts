import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeDecisions } from '../../src/state/decisions-codec.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { type Project, type Running, startWorld, type World } from './_world.ts'

/** `ferry resync NAME --accept-gap`: on behind records that are nowhere any more. Judged with the Java client. */

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const TOPICS = ['gap.dense', 'gap.same'] as const
const PLAN = `apiVersion: ferry/v1
kind: Migration
metadata: { name: gap }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: gap.dense, offsets: dense }, { name: gap.same, offsets: identical }]
  groups: [{ id: below }, { id: inside }, { id: beyond }]
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const fill = (count: number, valuePrefix: string) =>
  oracle.writeMany(
    world.source,
    TOPICS.map((topic) => ({ topic, count, valuePrefix, size: 40, batchSize: 0 })),
  )

const commit = (groupId: string, offset: number) =>
  withAdmin(world.source, async (admin) => {
    for (const topic of TOPICS) {
      await admin.setOffsets({
        groupId,
        topic,
        partitions: [{ partition: 0, offset: String(offset) }],
      })
    }
  })

const deleteBelow = (offset: number) =>
  withAdmin(world.source, async (admin) => {
    for (const topic of TOPICS) {
      // kafkajs wants to have heard of the topic.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: 0, offset: String(offset) }],
      })
    }
  })

const decisionsOf = (project: Project) =>
  decodeDecisions(project.read('.ferry/gap/decisions.json'), 'decisions')

/** The state without the progress, which a mirror that runs may write at any time. */
const decidedIn = (project: Project) =>
  Object.entries(project.state()).filter(([file]) => !file.includes('/progress/'))

/** What people read, without its line breaks. */
const plain = (text: string): string => text.replace(/\s+/g, ' ')

/** On the target, in the order of the topics. */
const ends = async () =>
  [...(await oracle.offsetsMany(world.target, TOPICS)).values()].map(([only]) => only!.end)

/** What status says once both partitions have stopped there, which the mirror says first. */
const stoppedAll = async (project: Project, mirror: Running, range: string) => {
  await Promise.all(TOPICS.map((topic) => mirror.said(`${topic}:0:${range}`)))
  return waitFor('both to stop', { timeoutMs: 60_000, everyMs: 500 }, async () => {
    const { stdout } = await project.ferry(['status', 'gap', '--json'])
    const [status] = (JSON.parse(stdout) as { migrations: [StatusLook] }).migrations
    const found = status.problems.filter(({ code }) => code === 'FERRY1602')
    return found.length === TOPICS.length ? found : undefined
  })
}

describe('accepting a gap', () => {
  test('is bound to the stop, shown with who loses what, survives a kill, and a running mirror goes on', {
    timeout: 600_000,
  }, async () => {
    await withAdmin(world.source, (admin) =>
      admin.createTopics({
        topics: TOPICS.map((topic) => ({ topic, numPartitions: 1, replicationFactor: 1 })),
      }),
    )
    await fill(400, 'a')
    await Promise.all([commit('below', 100), commit('inside', 300), commit('beyond', 300)])
    const project = world.project('gap')
    project.write('plans/gap.yaml', PLAN)
    expect(await project.ferry(['apply', 'gap', '--auto-approve'])).toMatchObject({ code: 0 })
    const accept = (...more: string[]) => project.ferry(['resync', 'gap', ...more])
    const range = (topic: string, from: number, to: number) => [
      '--accept-gap',
      `${topic}:0:${from}-${to}`,
    ]
    const both = TOPICS.flatMap((topic) => range(topic, 400, 599))

    const early = await accept(...both, '--auto-approve')
    expect(early.code).toBe(4)
    expect(plain(early.stderr)).toMatch(/FERRY1351.*is not stopped/)

    await fill(400, 'b')
    await Promise.all([commit('inside', 450), commit('beyond', 700)])
    const source = await oracle.readMany(world.source, TOPICS)
    await deleteBelow(600)
    const mirror = project.start(['mirror'], {}, 600_000)
    const stopped = await stoppedAll(project, mirror, '400-599')
    // The message has the command.
    for (const topic of TOPICS) {
      expect(stopped.map(({ fix }) => fix).join()).toContain(
        `\`ferry resync gap --accept-gap ${topic}:0:400-599\``,
      )
    }

    const before = decidedIn(project)
    const refused = [
      [range('gap.dense', 400, 500), 4, 'what cannot be mirrored now is 400 to 599'],
      [range('gap.dense', 300, 599), 4, 'everything below 400 was mirrored'],
      [range('gap.dense', 700, 799), 4, 'what cannot be mirrored now is 400 to 599'],
      [['--accept-gap', 'gap.dense:1:400-599'], 4, 'has no mark'],
      [['--accept-gap', 'other:0:400-599'], 64, 'is no topic of gap'],
      [['--accept-gap', 'gap.dense:0:599-400'], 64, 'TOPIC:PARTITION:FROM-TO'],
      [[...both, '--topic', 'gap.dense'], 64, 'exclude each other'],
      // Two groups have not read it.
      [both, 4, 'FERRY1411'],
    ] as const
    await Promise.all(
      refused.map(async ([args, code, says]) => {
        const ended = await accept(...args, '--auto-approve')
        expect(plain(ended.stderr)).toContain(says)
        expect(ended.code).toBe(code)
      }),
    )
    expect(await accept(...both)).toMatchObject({ code: 64 })
    expect(decidedIn(project)).toEqual(before)

    const shown = plain((await accept(...both, '--auto-approve')).stdout)
    expect(shown).toContain('2 gaps to accept')
    expect(await accept(...both, '-o', 'gap.json')).toMatchObject({ code: 0 })
    const losing = [
      { group: 'below', side: 'source', offsets: '200' },
      { group: 'inside', side: 'source', offsets: '150' },
    ]
    expect(JSON.parse(project.read('gap.json'))).toMatchObject({
      purpose: { kind: 'accept-gap', gaps: TOPICS.map((topic) => `${topic}:0:400-599`) },
      steps: [
        { kind: 'accept-gap', topic: 'gap.dense', offsets: 'dense', losing },
        { kind: 'accept-gap', topic: 'gap.same', offsets: 'padded', losing },
        { kind: 'mirror-topic' },
        { kind: 'verify-topic' },
        { kind: 'mirror-topic' },
        { kind: 'verify-topic' },
      ],
    })

    // Killed as soon as the first decision is written, and run again.
    const confirmed = [...both, '--auto-approve', '--confirm', 'gap']
    project.write('died', '')
    const dying = dyingAt(project, '^after decisions 1 behind intent accept-gap/gap.dense')
    expect((await project.ferry(['resync', 'gap', ...confirmed], dying)).code).toBe(-1)
    expect(decisionsOf(project).acceptedGaps).toMatchObject([{ topic: 'gap.dense' }])
    // The mirror hears of it by itself: were it to go on while the next run is planned, that plan would be stale.
    await waitFor('the mirror to go on behind the first gap', { timeoutMs: 60_000 }, async () =>
      String(await ends()) === '600,400' ? true : undefined,
    )
    const again = await accept(...confirmed)
    expect(again, again.stderr).toMatchObject({ code: 0 })
    const { acceptedGaps, marks } = decisionsOf(project)
    expect(acceptedGaps).toMatchObject(
      TOPICS.map((topic) => ({
        topic,
        from: 400n,
        to: 600n,
        code: 'FERRY1602',
        offsets: topic === 'gap.dense' ? 'dense' : 'padded',
        producerId: marks.find((mark) => mark.topic === topic)!.producerId,
        losing,
      })),
    )
    // Once more: it is done.
    expect(await accept(...confirmed)).toMatchObject({ code: 0 })
    expect(decisionsOf(project).acceptedGaps).toHaveLength(2)

    // The mirror that ran beside it goes on, without a restart.
    await fill(50, 'c')
    await waitFor('the mirror to go on', { timeoutMs: 60_000 }, async () =>
      String(await ends()) === '650,850' ? true : undefined,
    )
    mirror.child.kill('SIGTERM')
    expect(await mirror.ended).toMatchObject({ code: 0 })
    const [left, target] = [
      await oracle.readMany(world.source, TOPICS),
      await oracle.readMany(world.target, TOPICS),
    ]
    for (const topic of TOPICS) {
      const expected = [
        ...source.get(topic)!.filter(({ offset }) => offset < 400n),
        ...left.get(topic)!.filter(({ offset }) => offset >= 600n),
      ].map((record, i) => (topic === 'gap.dense' ? { ...record, offset: BigInt(i) } : record))
      expect(target.get(topic)).toEqual(expected)
    }

    const [verified, planned, status, exported] = await Promise.all([
      project.ferry(['verify', 'gap', '--full', '--json']),
      project.ferry(['plan', 'gap']),
      project.ferry(['status', 'gap']),
      project.ferry(['index', 'export', 'gap', '--format', 'csv']),
    ])
    expect(verified.code).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      topics: TOPICS.map(() => ({
        partitions: [
          {
            ok: true,
            acceptedGaps: [{ from: 400, to: 600, code: 'FERRY1602' }],
            problems: [{ code: 'FERRY1352', severity: 'warning' }],
          },
        ],
      })),
    })
    expect(plain(planned.stderr)).toContain(
      'gap.dense:0: source offsets 400 to 599 are not on the target',
    )
    expect(status.stderr).toContain('FERRY1352')
    expect(exported.stdout.split('\n').filter((line) => line.startsWith('gap.dense'))).toEqual([
      'gap.dense,0,0,400,0',
      'gap.dense,0,600,850,400',
    ])

    project.edit('plans/gap.yaml', 'stage: mirrored', 'stage: consumers-moved')
    const moved = await project.ferry(['apply', 'gap', '--auto-approve', '--confirm', 'gap'])
    expect(moved, moved.stderr).toMatchObject({ code: 0 })
    const positions = async (group: string) =>
      (await oracle.groupOffsets(world.target, group)).map(({ offset }) => offset)
    // In the order of the topics: dense, identical (inside of the hole or behind it, the next record is the same).
    expect(await positions('below')).toEqual([100n, 100n])
    expect(await positions('inside')).toEqual([400n, 600n])
    expect(await positions('beyond')).toEqual([500n, 700n])
    expect(await project.ferry(['verify', 'gap', '--full'])).toMatchObject({ code: 0 })

    // After groups have moved there is no other way on: the source does not hold what they would go back to.
    await fill(100, 'd')
    await deleteBelow(900)
    const late = project.start(['mirror'])
    await stoppedAll(project, late, '850-899')
    late.child.kill('SIGTERM')
    expect(await late.ended).toMatchObject({ code: 9 })
    const behind = TOPICS.flatMap((topic) => range(topic, 850, 899))
    const unconfirmed = await accept(...behind, '--auto-approve')
    expect(unconfirmed).toMatchObject({ code: 4, stderr: expect.stringContaining('FERRY1411') })
    expect(plain(unconfirmed.stdout)).toContain('beyond (on the target)')
    const accepted = await accept(...behind, '--auto-approve', '--confirm', 'gap')
    expect(accepted, accepted.stderr).toMatchObject({ code: 0 })
    expect(await ends()).toEqual([700n, 950n])
    expect(await project.ferry(['verify', 'gap', '--full'])).toMatchObject({ code: 0 })
  })
})

interface StatusLook {
  readonly problems: readonly { readonly code: string; readonly fix: string }[]
}
