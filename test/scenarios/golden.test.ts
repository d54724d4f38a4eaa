import { hostname, userInfo } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { setConfigs } from '../kafka/admin.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill, startConsumer } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { EVENTS, GoldenProject } from './_golden-project.ts'
import { imageOf, withAdmin } from './_image.ts'

/** The first outputs of a migration, compared whole, and every exit code; `golden.slow.test.ts` goes on to its end. */

let gold: GoldenProject
beforeAll(async () => {
  gold = await GoldenProject.start()
})
afterAll(() => gold?.world.stop())

test('wrong use, and a file that cannot be read', () => gold.wrongUse())

test('the first plan', () => gold.firstPlan())

test('blocked: partitions that differ, rights that are missing, records of others', async () => {
  await gold.blocked()
  await gold.missingRight()
  await gold.foreignRecords()
})

test('a stale plan', () => gold.stalePlan())

test('what a program is told while a plan is applied', () => gold.streamed())

test('mirrored, nothing to do, verified; a status that is watched follows it and ends at Ctrl-C', async () => {
  const watched = gold.project.start(['--quiet', 'status', 'gold', '--watch', '--json'])
  await watched.printed('"stage":"nothing"')
  await gold.mirrored()
  await gold.consumersPlanned()
  await watched.printed('"stage":"mirrored"')
  watched.child.kill('SIGINT')
  const { code, stdout, stderr } = await watched.ended
  expect(code, stderr).toBe(0)
  // Whole objects, a line each, to the end.
  const stages = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).migrations[0].stage)
  expect(stages.at(0)).toBe('nothing')
  expect(stages.at(-1)).toBe('mirrored')
  expect(stderr).not.toMatch(/error|Interrupted/)
})

test('a gate that waits, a lock that is taken, an interrupt', async () => {
  gold.setStage('consumers-moved')
  const consumer = await startConsumer(gold.world.source, 'gold-api', EVENTS)
  try {
    await gold.ends(7, ['apply', 'gold', '--auto-approve', '--wait', '0s'])
    const first = gold.project.start(['apply', 'gold', '--auto-approve', '--wait', '150s'])
    await first.said('has no consumers on the source')
    const before = await imageOf(gold.world)
    const { stderr } = await gold.ends(6, ['apply', 'gold', '--auto-approve'])
    expect(await imageOf(gold.world)).toEqual(before)
    const [locked, ...more] = errorsIn(stderr)
    expect(more).toEqual([])
    expect(locked).toMatchObject({ code: 'FERRY1406' })
    expect(locked?.detail).toContain(
      `${userInfo().username}@${hostname()} (pid ${first.child.pid}, apply gold to consumers-moved, since `,
    )
    expect(locked?.fix).toContain('ferry unlock gold')
    first.child.kill('SIGINT')
    gold.saw(130, await first.ended)
  } finally {
    await consumer.stop()
  }
})

test('a step that fails', async () => {
  const { target } = gold.world
  const partitions = [{ partition: 0, offset: '190' }]
  await withAdmin(target, async (admin) => {
    await admin.setOffsets({ groupId: 'gold-api', topic: EVENTS, partitions })
  })
  await gold.ends(8, ['apply', 'gold', '--auto-approve', '--wait', '150s'])
})

test('consumers moved: the ways on and back', async () => {
  await withAdmin(gold.world.target, (admin) => admin.deleteGroups(['gold-api']))
  await gold.apply()
  await gold.bothWaysPlanned()
})

test('a verification that fails, drift', async () => {
  const { target } = gold.world
  await fill(target, EVENTS, 1, [0])
  await gold.ends(9, ['verify', 'gold'])
  await setConfigs(target, EVENTS, { 'retention.ms': '3600000' })
  await gold.ends(3, ['drift', 'gold'])
})

test('every exit code was seen by one of these, from the built ferry', () => {
  expect([...gold.seen.keys()].sort((one, other) => one - other)).toEqual(Object.values(EXIT))
})

test('a status that is watched goes on while a cluster is away', async () => {
  const [broker] = gold.world.target.brokers
  const watched = gold.project.start(['status', 'gold', '--watch'])
  await watched.printed('gold.events')
  // What is written to the source meanwhile is the lag of the next page.
  const lags = () =>
    [...watched.stdout.matchAll(/gold\.events:2 +\d+ -> \d+ +\d+ +\d+ +(\d+)/g)].map(([, lag]) =>
      Number(lag),
    )
  await fill(gold.world.source, EVENTS, 7, [2])
  await waitFor('a page with that lag', { timeoutMs: 60_000 }, () =>
    lags()[0] === 0 && lags().at(-1) === 7 ? true : undefined,
  )
  await broker!.kill()
  await watched.said('error FERRY12')
  await broker!.start()
  const pages = () => watched.stdout.split('gold: old -> new').length
  const before = pages()
  await waitFor('another page', { timeoutMs: 60_000 }, () => (pages() > before ? true : undefined))
  watched.child.kill('SIGINT')
  // What a test before wrote to the target for verify to find, status tells, too.
  expect((await watched.ended).code).toBe(9)
})
