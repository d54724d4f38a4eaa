import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitFor } from '../kafka/wait.ts'
import { GoldenProject } from './_golden-project.ts'

/** The first outputs of a migration, compared whole; `golden.slow.test.ts` goes on to its end. */

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

test('a status that is watched goes on while a cluster is away', async () => {
  const [broker] = gold.world.target.brokers
  const watched = gold.project.start(['status', 'gold', '--watch'])
  await watched.printed('gold.events')
  await broker!.kill()
  await watched.said('error FERRY12')
  await broker!.start()
  const pages = () => watched.stdout.split('gold: old -> new').length
  const before = pages()
  await waitFor('another page', { timeoutMs: 60_000 }, () => (pages() > before ? true : undefined))
  watched.child.kill('SIGINT')
  expect((await watched.ended).code).toBe(0)
})
