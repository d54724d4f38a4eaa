import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommitRenewer } from '../../src/app/renew-commits.ts'
import { decodeDecisions } from '../../src/state/decisions-codec.ts'
import { connect } from '../adapter/connect.ts'
import { joinNewProtocol } from '../adapter/new-protocol.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, readAndCommit, visit } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { joinShareGroup, joinStreamsGroup } from './_raw.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** Groups of each protocol of a broker of today, through `ferry`. Judged by Kafka's own client and by kafkajs. */

let world: World

beforeAll(async () => {
  world = await startWorld({
    sourceVersion: '4.x',
    sourceConfig: {
      'group.consumer.min.session.timeout.ms': '1000',
      'group.consumer.session.timeout.ms': '10000',
    },
  })
  const admin = new kafkajs.Kafka(world.source.kafka()).admin()
  await admin.connect()
  await admin.createTopics({
    topics: ['plain', 'shared', 'summed', 'kept'].map((topic) => ({
      topic,
      numPartitions: 1,
      replicationFactor: 1,
    })),
  })
  await admin.disconnect()
  for (const topic of ['plain', 'kept']) await fill(world.source, topic, 40, [0])
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
  gates: { timeout: 60s }
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
        const admin = new kafkajs.Kafka(world.target.kafka()).admin()
        await admin.connect()
        expect(await admin.listTopics()).not.toContain(topic)
        await admin.disconnect()
      } finally {
        member.close()
      }
    },
  )

  test('of the new protocol (KIP-848) is waited for while it has members, then moved to its next record', async () => {
    const id = 'new-group'
    const cluster = await connect(world.source)
    const project = projectOf('kip848', 'plain', id)
    await (await joinNewProtocol(world.source, id, 'plain')).close()
    const mirrored = await project.ferry([
      'apply',
      'kip848',
      '--auto-approve',
      '--until',
      'mirrored',
    ])
    expect(mirrored, mirrored.stderr).toMatchObject({ code: 0 })
    const member = await joinNewProtocol(world.source, id, 'plain')
    const waiting = await project.ferry(['apply', 'kip848', '--auto-approve', '--wait', '0s'])
    expect(waiting.code).toBe(7)
    expect(waiting.stderr).toContain('new-client on /127.0.0.1')
    member.close()
    await waitFor('the session to end', { timeoutMs: 60_000 }, async () => {
      const answer = await cluster.describeGroups([id as never])
      return answer.ok.get(id as never)?.members.length === 0 ? true : undefined
    })
    const offsets = new Map([['plain:0' as never, { offset: 17n, metadata: 'kept' }]])
    expect((await cluster.commitOffsets(id as never, offsets)).failed.size).toBe(0)
    await cluster.close()
    const applied = await project.ferry(['apply', 'kip848', '--auto-approve'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(await oracle.groupOffsets(world.target, id)).toMatchObject([
      { topic: 'plain', partition: 0, offset: 17n, metadata: 'kept' },
    ])
    const left = await readAndCommit(world.target, id, ['plain'], 100)
    expect(left).toEqual(Array.from({ length: 23 }, (_, i) => `value-${17 + i}`))
  })
})

describe('positions that Ferry wrote', () => {
  /** How often each group has committed on the target, as its log of positions has it: by group and topic, each with its length before it. */
  const commitsOf = async (groups: readonly string[]): Promise<readonly number[]> => {
    const log = await oracle.readText(world.target, '__consumer_offsets')
    return groups.map((id) => log.filter(({ key }) => key?.includes(`${id}\0\u0004kept`)).length)
  }

  test('are renewed in the last quarter of their life; a group that has joined, committed and left is never taken back', async () => {
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
    const lines: string[] = []
    const target = await connect(world.target)
    const lookIn = (days: number) =>
      new CommitRenewer({
        target,
        log: ({ message }) => lines.push(message),
        now: () => Date.now() + days * 86_400_000,
      }).look('renewed', state)
    // Of the seven days that a broker keeps them by default.
    await lookIn(5)
    expect(await commitsOf(groups)).toEqual([1, 2, 2])
    await lookIn(5.5)
    expect(await commitsOf(groups)).toEqual([2, 2, 2])
    await target.close()
    expect(lines).toEqual([
      expect.stringMatching(/^renewed the positions of kept-waiting on /),
      expect.stringMatching(/^the positions of kept-visited on .* are not renewed: it has members/),
      expect.stringMatching(/^the positions of kept-same-again on .* are not renewed: it has/),
    ])
    const found = await Promise.all(groups.map((id) => oracle.groupOffsets(world.target, id)))
    expect(found.flat().map(({ offset, metadata }) => `${offset} ${metadata}`)).toEqual([
      '17 noted',
      '3 noted',
      '17 noted',
    ])
  })
})
