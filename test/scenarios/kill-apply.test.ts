import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { STEP_KINDS } from '../../src/steps/index.ts'
import { API, FaultProxy } from '../faults/_proxy.ts'
import { oracle } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { errorsIn } from './_findings.ts'
import { withAdmin } from './_image.ts'
import {
  type Death,
  dyingAt,
  insideOfEachKind,
  isBetweenWrites,
  makeService,
  nowhere,
  projectOn,
  type StoreName,
} from './_kill-apply.ts'
import { CHAPTERS, live } from './_life.ts'
import { clockAhead, type Ended, type Project, startWorld, type World } from './_world.ts'

/** Promise 8 with the built ferry; `kill-apply.slow.test.ts` kills at every write, in both stores. */

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

test('apply killed inside of every kind of step, its work done and not yet recorded, and between any two writes of a step, ends as an undisturbed one; a rollback to nothing leaves what was there before', async () => {
  const [calm, killed] = await Promise.all([
    live(world, projectOn(world, 'calm', 'file'), 'calm', nowhere),
    live(world, projectOn(world, 'killed', 'kafka'), 'killed', insideOfEachKind()),
  ])
  const kinds = (deaths: readonly Death[]) => deaths.map(({ kind }) => kind).sort()
  const [between, done] = [
    killed.deaths.filter(isBetweenWrites),
    killed.deaths.filter((each) => !isBetweenWrites(each)),
  ]
  expect(kinds(done)).toEqual([...STEP_KINDS].sort())
  expect(kinds(between)).toEqual(
    expect.arrayContaining([
      ...['accept-gap', 'forget-mark', 'mark-topic', 'remove-object', 'restore-group'],
    ]),
  )
  for (const chapter of CHAPTERS) {
    expect.soft(killed.remains[chapter], chapter).toEqual(calm.remains[chapter])
  }

  const { before, 'producers moved': moved, 'back at the beginning': back } = calm.remains
  expect(moved.state).toMatchObject({ stage: 'producers-moved', plan: { status: 'done' } })
  expect(calm.remains.retired.state).toMatchObject({ stage: 'retired' })
  // Each of these was changed on the way.
  for (const what of ['topics', 'groups', 'acls', 'users'] as const) {
    expect(moved.target[what], what).not.toEqual(before.target[what])
  }
  expect(back.target.acls).toEqual(before.target.acls)
  expect(back.target.users).toEqual(before.target.users)
  expect(back.target.groups).toEqual(before.target.groups)
  const found = { overrides: { 'retention.ms': '86400000', 'segment.bytes': '20000000' } }
  expect(before.target.topics['NAME.found']).toMatchObject(found)
  expect(moved.target.topics['NAME.found']).not.toMatchObject(found)
  // Its records were the mirror's copy; a log never begins anew.
  expect(back.target.topics).toEqual({
    ...before.target.topics,
    'NAME.found': { partitions: 1, ...found, offsets: ['0: 10-10'] },
  })
  const returned: Readonly<Record<string, string>> = { '"7"': '"32"', '"20"': '"24"', '"4"': '"8"' }
  const positions = JSON.stringify(before.source.groups)
  expect(back.source.groups).toEqual(
    JSON.parse(positions.replaceAll(/"(7|20|4)"/g, (offset) => returned[offset]!)),
  )
  expect(calm.remains.retired.target.users).toEqual(
    back.target.users.filter((line) => !line.includes('NAME-two')),
  )
}, 900_000)

test('an apply by name that was killed leaves nothing to compare with, which drift says, until one has ended, whether or not a step is left for that', async () => {
  const project = projectOn(world, 'gone', 'file')
  await makeService(world, project, 'gone')
  project.edit('plans/gone.yaml', 'stage: mirrored', 'stage: prepared')
  const unconfirmed = ['apply', 'gone', '--auto-approve']
  const apply = [...unconfirmed, '--confirm', 'gone']
  // The credential is made, and nobody has heard of it: the second word of that step is never written.
  const user = 'set-user/gone-user/scram-sha-512'
  const killed = await project.ferry(
    unconfirmed,
    dyingAt(project, `^before decisions 2 behind intent ${user}`),
  )
  expect(killed.code, killed.stderr).toBe(-1)
  const asked = await project.ferry(unconfirmed)
  expect([asked.code, errorsIn(asked.stderr)]).toMatchObject([
    EXIT.blocked,
    [{ code: 'FERRY1411', detail: expect.stringContaining(`${user} (if somebody else has made`) }],
  ])
  const blind = await project.ferry(['drift', 'gone'])
  expect(errorsIn(blind.stderr).map(({ code }) => code)).toEqual(['FERRY1430'])
  expect(blind.code).toBe(4)
  const decisions = () => JSON.parse(project.read('.ferry/gone/decisions.json'))
  // Behind its last step, and behind its last stage: no plan has a step for what is missing then.
  for (const [at, stage, said] of [
    ['^before decisions 1 behind result', 'nothing', 'gone: nothing -> prepared'],
    ['^before decisions 1 behind plan-finished', 'prepared', 'gone comes to stage prepared'],
  ] as const) {
    const { code, stdout, stderr } = await project.ferry(apply, dyingAt(project, at))
    expect(code, stderr).toBe(-1)
    expect(stdout).toContain(said)
    expect(decisions()).toMatchObject({ stage, plan: { status: 'open' }, seen: null })
  }
  const ran = async (code: number, args: readonly string[]) => {
    const ended = await project.ferry(args)
    expect(ended.code, ended.stderr).toBe(code)
    return ended.stdout
  }
  expect(await ran(0, apply)).toContain('did not write down what it left behind')
  expect(decisions()).toMatchObject({ stage: 'prepared', plan: { status: 'done' } })

  // What changes from here on is seen, and where it needs no step it is taken as it is.
  await withAdmin(world.source, (admin) =>
    admin.setOffsets({
      groupId: 'gone-late',
      topic: 'gone',
      partitions: [{ partition: 0, offset: '1' }],
    }),
  )
  expect(await ran(3, ['drift', 'gone'])).toContain('`ferry apply gone` takes it as it is')
  const taken = await ran(0, apply)
  expect(taken).toContain('1 thing that changed outside is taken as it is')
  expect(taken).toContain('positions of gone-late on gone on old')
  await ran(0, ['drift', 'gone'])
})

test('a topic whose creation was not answered is Ferry’s own where it is what was asked for; one that somebody else has made since is left alone', async () => {
  const [mine, theirs] = ['asked.a-mine', 'asked.b-theirs'] as const
  const topics = [mine, theirs].map((topic) => ({ topic, replicationFactor: 1 }))
  await withAdmin(world.source, (admin) => admin.createTopics({ topics }))
  const project = projectOn(world, 'asked', 'file')
  project.write('plans/asked.yaml', twoTopics(mine, theirs))
  const args = ['apply', 'asked', '--auto-approve', '--confirm', 'asked']
  const decisions = () => JSON.parse(project.read('.ferry/asked/decisions.json'))
  const proxy = await FaultProxy.start(world.target.brokers[0]!.port)
  /** The creation of a topic is caught: two requests before it only ask whether it would be taken. */
  const losing = async (naming: string, at: 'request' | 'answer') => {
    const creation = proxy.catch({ key: API.createTopics, naming, after: 2, at })
    const applying = project.start(args, proxy.env)
    const caught = await Promise.race([
      creation,
      applying.ended.then((ended) => {
        throw new Error(`ended before it came there:\n${ended.stdout}${ended.stderr}`)
      }),
    ])
    caught.drop()
    // Whatever waits for an answer hears that there is none.
    proxy.heal()
    const ended = await applying.ended
    expect(errorsIn(ended.stderr).map(({ code }) => code)).toEqual(['FERRY1212'])
    expect(ended.code, ended.stderr).toBe(EXIT.partlyApplied)
  }
  try {
    await losing(mine, 'answer')
    expect(decisions()).toMatchObject({ createdTopics: [mine], creating: [{ topic: mine }] })
    // It goes on with what it has made, and the next is lost before the broker has it.
    await losing(theirs, 'request')
    expect(decisions()).toMatchObject({
      createdTopics: [mine, theirs],
      creating: [{ topic: theirs }],
    })
  } finally {
    await proxy.stop()
  }
  await withAdmin(world.target, (admin) => admin.createTopics({ topics: topics.slice(1) }))
  const refused = await project.ferry(args)
  expect(refused.code, refused.stderr).toBe(EXIT.partlyApplied)
  const [error] = errorsIn(refused.stderr)
  expect(error).toMatchObject({ code: 'FERRY1401' })
  expect(error?.detail).toMatch(
    /b-theirs has appeared on new .* not the one that Ferry asked for: its /,
  )
  expect(decisions()).toMatchObject({ createdTopics: [mine] })
  expect(decisions()).not.toHaveProperty('creating')

  const back = await project.ferry(['rollback', 'asked', '--to', 'nothing', ...args.slice(2)])
  expect(back.code, back.stderr).toBe(0)
  const left = await withAdmin(world.target, (admin) => admin.listTopics())
  expect(left.filter((topic) => topic.startsWith('asked.'))).toEqual([theirs])
})

const twoTopics = (one: string, other: string): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: asked }
spec: { from: old, to: new, stage: prepared, topics: [{ name: ${one} }, { name: ${other} }] }
`

describe('the first Ctrl-C lets the step end, the second leaves it half done, and the next run goes on', () => {
  test('of apply, of resync and of rollback', async () => {
    const project = projectOn(world, 'stops', 'file')
    await makeService(world, project, 'stops')
    const flags = ['--auto-approve', '--confirm', 'stops']
    const ended = async (args: readonly string[]) => {
      const last = await project.ferry([...args, ...flags])
      expect(last.code, last.stderr).toBe(0)
      expect(await shown(project)).toMatchObject({ openIntent: null, plan: { status: 'done' } })
    }
    const apply = ['apply', 'stops']
    await stoppedOnce(project, [...apply, ...flags], 'create-topic/stops')
    const topics = await withAdmin(world.target, (admin) => admin.listTopics())
    expect(topics).toContain('stops')
    const user = 'set-user/stops-user/scram-sha-512'
    await stoppedTwice(project, [...apply, ...flags], user, 'apply stops to mirrored')
    await ended(apply)
    const copied = await oracle.digest(world.source, 'stops')
    expect(await oracle.digest(world.target, 'stops')).toEqual(copied)

    const resync = ['resync', 'stops', '--topic', 'stops']
    await stoppedOnce(project, [...resync, ...flags], 'forget-mark/stops')
    const anew = 'resync stops, topics stops'
    await stoppedTwice(project, [...resync, ...flags], 'create-topic/stops', anew)
    await ended(resync)
    expect(await oracle.digest(world.target, 'stops')).toEqual(copied)

    const rollback = ['rollback', 'stops', '--to', 'nothing']
    await stoppedOnce(project, [...rollback, ...flags], 'forget-mark/stops')
    const back = 'rollback stops to nothing'
    await stoppedTwice(project, [...rollback, ...flags], 'delete-topic/stops', back)
    await ended(rollback)
    expect(await withAdmin(world.target, (admin) => admin.listTopics())).not.toContain('stops')
  })
})

/** SIGINT right after the intent of a step was written: it runs to its end, and what comes after it does not begin. */
const stoppedOnce = async (
  project: Project,
  args: readonly string[],
  step: string,
): Promise<void> => {
  project.write('died', '')
  const once = await project.ferry(args, dyingAt(project, `^after intent ${step}$`, 'SIGINT'))
  expect(once.code, once.stderr).toBe(130)
  expect(await shown(project)).toMatchObject({
    openIntent: null,
    lock: null,
    plan: { status: 'open' },
  })
  const journal = project.read('.ferry/stops/journal.jsonl')
  const { what } = JSON.parse(journal.trimEnd().split('\n').at(-1) ?? '')
  expect(what).toMatchObject({ kind: 'result', outcome: 'done', step })
}

/** SIGINT again and again inside of a step in which nothing comes back, from a broker that stands still. Whoever asks is told for what it has the lock. */
const stoppedTwice = async (
  project: Project,
  args: readonly string[],
  step: string,
  operation: string,
): Promise<void> => {
  project.write('died', '')
  const [broker] = world.target.brokers
  const twice = project.start(args, dyingAt(project, `^after intent ${step}$`, 'SIGSTOP'))
  await stopped(project, `after intent ${step}`)
  expect(await shown(project)).toMatchObject({ lock: { pid: twice.child.pid, operation } })
  process.kill(broker!.pid, 'SIGSTOP')
  try {
    let ended: Ended | undefined
    void twice.ended.then((each) => {
      ended = each
    })
    twice.child.kill('SIGCONT')
    const code = await waitFor('ferry to leave', { timeoutMs: 30_000 }, () => {
      twice.child.kill('SIGINT')
      return ended?.code
    })
    expect(code, ended?.stderr).toBe(130)
  } finally {
    process.kill(broker!.pid, 'SIGCONT')
  }
  expect(await shown(project)).toMatchObject({ openIntent: step })
}

const shown = async (project: Project) =>
  JSON.parse((await project.ferry(['state', 'show', 'stops'])).stdout)

describe.concurrent.each<StoreName>(['file', 'kafka'])(
  'two applies at once with the %s store',
  (store) => {
    test('the second is told who works; one whose lock was broken, or whose lease has ended, changes nothing any more', async () => {
      const name = `two-${store}`
      const project = projectOn(world, name, store)
      await makeService(world, project, name)
      const args = ['apply', name, '--auto-approve', '--confirm', name]
      // The first stands still inside of a step, as on a machine that swaps.
      const first = project.start(args, dyingAt(project, '^before result create-topic', 'SIGSTOP'))
      await stopped(project, 'before result create-topic')
      const second = await project.ferry(args)
      expect(second.code).toBe(6)
      const words = second.stderr.replaceAll(/\s+/g, ' ')
      expect(words).toMatch(/FERRY1406/)
      expect(words).toContain(`(pid ${first.child.pid}, apply ${name} to mirrored, since `)
      const { stdout: status } = await project.ferry(['status', name])
      expect(status).toContain(`(pid ${first.child.pid}): apply ${name} to mirrored, for `)

      if (store === 'file') {
        const freed = await project.ferry(['unlock', name, '--confirm', name])
        expect(freed.stdout).toMatch(/^Freed the lock of /)
        expect(await project.ferry(args)).toMatchObject({ code: 0 })
      } else {
        // The process is there; that it has not renewed its lease is enough.
        const next = await project.ferry(args, clockAhead(LEASE_AND_MORE_MS))
        expect(next.code, next.stderr).toBe(0)
        const told = next.stderr.replaceAll(/\s+/g, ' ')
        expect(told).toMatch(
          new RegExp(
            `took over the lock of \\S+ \\(pid ${first.child.pid}, apply ${name} to mirrored, `,
          ),
        )
        expect(told).toContain(`or its lease has ended. It had begun create-topic/${name}, `)
      }
      const before = await project.ferry(['state', 'pull', name])
      first.child.kill('SIGCONT')
      const late = await first.ended
      // It had begun a step, so it is partly applied, whatever became of the lock.
      expect(late.code).toBe(EXIT.partlyApplied)
      expect(late.stderr).toMatch(/FERRY1407/)
      expect((await project.ferry(['state', 'pull', name])).stdout).toBe(before.stdout)
    })
  },
)

/** A lease is renewed three times a minute, and lasts one. */
const LEASE_AND_MORE_MS = 120_000

const stopped = async (project: Project, at: string): Promise<void> => {
  await waitFor('ferry to stand still', { timeoutMs: 30_000 }, () =>
    project.read('died').includes(at) ? true : undefined,
  )
}
