import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../kafka/wait.ts'
import { withAdmin } from './_image.ts'
import {
  dyingAt,
  makeService,
  migrate,
  moveAndGoBack,
  projectOn,
  remainsOf,
  type StoreName,
} from './_kill-apply.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

/** Promise 8 with the built ferry; `kill-apply.slow.test.ts` kills at every write, in both stores. */

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 180_000)
afterAll(() => world?.stop())

test('apply killed inside of every step, its work done and not yet recorded, ends as an undisturbed one', async () => {
  const project = projectOn(world, 'kills', 'kafka')
  await migrate(world, project, 'calm')
  const died = await migrate(world, project, 'killed', '^before result')
  // Every kind of step that a migration consumers-first has.
  expect(died.length).toBeGreaterThanOrEqual(10)
  const calm = await remainsOf(world, project, 'calm')
  expect(calm).toMatchObject({
    state: { stage: 'retired', marks: 2, lock: null, openIntent: null },
  })
  expect(await remainsOf(world, project, 'killed')).toEqual(calm)
}, 240_000)

test('the first Ctrl-C lets the step end, the second leaves it half done; the next apply goes on', async () => {
  const project = projectOn(world, 'stops', 'file')
  await makeService(world, project, 'stops')
  const args = ['apply', 'stops', '--auto-approve', '--confirm', 'stops']
  const shown = async () => JSON.parse((await project.ferry(['state', 'show', 'stops'])).stdout)

  const once = await project.ferry(args, dyingAt(project, '^after intent create-topic', 'SIGINT'))
  expect(once.code, once.stderr).toBe(130)
  expect(await shown()).toMatchObject({ openIntent: null, lock: null, plan: { status: 'open' } })
  const journal = project.read('.ferry/stops/journal.jsonl')
  expect(journal.trimEnd().split('\n').at(-1)).toMatch(
    /"kind":"result","outcome":"done","step":"create-topic\/stops"/,
  )
  const topics = await withAdmin(world.target, (admin) => admin.listTopics())
  expect(topics).toContain('stops')

  // Nothing comes back from a broker that stands still.
  const [broker] = world.target.brokers
  const twice = project.start(args, dyingAt(project, '^after intent set-user', 'SIGSTOP'))
  await stopped(project, 'after intent set-user')
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
  expect(await shown()).toMatchObject({ openIntent: 'set-user/stops-user/scram-sha-512' })

  const last = await project.ferry(args)
  expect(last.code, last.stderr).toBe(0)
  expect(await shown()).toMatchObject({ openIntent: null, plan: { status: 'done' } })
}, 120_000)

test('a rollback after producers have moved, killed inside of every step, ends as an undisturbed one', async () => {
  const project = projectOn(world, 'backs', 'kafka')
  await moveAndGoBack(world, project, 'calm-back')
  const died = await moveAndGoBack(world, project, 'killed-back', '^before result')
  for (const kind of ['mark', 'mirror', 'seal', 'verify']) {
    expect(died).toContainEqual(expect.stringContaining(`${kind}-reverse/killed-back`))
  }
  const calm = await remainsOf(world, project, 'calm-back')
  expect(calm).toMatchObject({
    old: { topic: { offsets: ['0: 0-25', '1: 0-25'] } },
    topic: { offsets: ['0: 25-25', '1: 25-25'] },
    state: { stage: 'prepared', marks: 0, seals: 0, lock: null, openIntent: null },
  })
  expect(await remainsOf(world, project, 'killed-back')).toEqual(calm)
}, 240_000)

describe.each<StoreName>(['file', 'kafka'])('two applies at once with the %s store', (store) => {
  test('the second is told who works; one whose lock was broken changes nothing any more', async () => {
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
    expect(words).toContain(`(pid ${first.child.pid}, apply, since `)

    const freed = await project.ferry(['unlock', name, '--confirm', name])
    expect(freed.stdout).toMatch(/^Freed the lock of /)
    expect(await project.ferry(args)).toMatchObject({ code: 0 })
    const before = await project.ferry(['state', 'pull', name])
    first.child.kill('SIGCONT')
    const late = await first.ended
    expect([6, 8]).toContain(late.code)
    expect(late.stderr).toMatch(/FERRY1407/)
    expect((await project.ferry(['state', 'pull', name])).stdout).toBe(before.stdout)
  }, 120_000)
})

const stopped = async (project: Project, at: string): Promise<void> => {
  await waitFor('ferry to stand still', { timeoutMs: 30_000 }, () =>
    project.read('died').includes(at) ? true : undefined,
  )
}
