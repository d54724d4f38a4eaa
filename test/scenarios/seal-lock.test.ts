import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { type Project, type Running, startWorld, type World } from './_world.ts'

/**
 * Between the moment in which a topic is sealed and the one in which a `ferry mirror` hears of it, a producer may still write. Apply stands
 * still right behind the seal, and the mirror looks for decisions once a minute, so that the window is as long as a test wants it.
 */

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const FOLLOWS_LATE = { FERRY_MIRROR_FOLLOW_MS: '60000' }

const makeProject = async (name: string, more = ''): Promise<Project> => {
  await withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic: name, numPartitions: 1, replicationFactor: 1 }] }),
  )
  await oracle.produce(world.source, name, { count: 20, size: 30, valuePrefix: 'old-' })
  const project = world.project(name)
  project.write('died', '')
  Object.assign(project.env, { SHOP_PASSWORD: 'shop-secret' })
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: mirrored
  topics: [{ name: ${name} }]
  gates: { sourceQuiet: 1s, timeout: 60s }
  users: [{ name: shop, mechanism: scram-sha-512, password: "\${env:SHOP_PASSWORD}" }]
  access: [{ principal: User:shop, produce: [${name}] }]
${more}`,
  )
  expect(await apply(project, name)).toMatchObject({ code: 0 })
  return project
}

const apply = (project: Project, name: string) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name])

/** A mirror that holds the only partition of a topic, as a record that only it can copy shows. */
const mirrorThatCopies = async (
  project: Project,
  name: string,
  from: TestCluster = world.source,
  to: TestCluster = world.target,
): Promise<Running> => {
  const mirror = project.start(['mirror', name, '--log-format', 'json'], FOLLOWS_LATE)
  await oracle.write(from, name, [{ key: 'probe', value: 'probe' }])
  await copied(to, name, 'probe')
  return mirror
}

const valuesOf = async (cluster: TestCluster, name: string): Promise<readonly string[]> =>
  (await oracle.readText(cluster, name, { isolation: 'read_committed' })).map(({ value }) =>
    (value ?? '').replace(/\.*$/, ''),
  )

const copied = (to: TestCluster, name: string, value: string) =>
  waitFor(`${value} on the other side`, { timeoutMs: 30_000 }, async () =>
    (await valuesOf(to, name)).includes(value) ? true : undefined,
  )

/** Runs a command that stands still right after it has stored a seal; answers it then. */
const stoppedBehind = async (
  project: Project,
  step: string,
  args: readonly string[],
): Promise<Running> => {
  const running = project.start(
    args,
    dyingAt(project, `^after decisions 1 behind intent ${step}`, 'SIGSTOP'),
  )
  await waitFor('the seal to be stored', { timeoutMs: 60_000 }, async () =>
    readFileSync(project.path('died'), 'utf8').includes(step) ? true : undefined,
  )
  return running
}

const statusOf = async (project: Project, name: string) =>
  JSON.parse((await project.ferry(['state', 'show', name])).stdout) as { readonly seals: number }

describe('while a topic is sealed and a mirror has yet to hear of it', () => {
  test('what it copies behind the seal is mirrored and counted, and the topic sealed behind it', async () => {
    const project = await makeProject('window')
    const mirror = await mirrorThatCopies(project, 'window')
    project.edit('plans/window.yaml', 'stage: mirrored', 'stage: producers-moved')
    const moving = await stoppedBehind(project, 'seal-topic/window', [
      'apply',
      'window',
      '--auto-approve',
      '--confirm',
      'window',
    ])
    await oracle.write(world.source, 'window', [{ key: 'late', value: 'late' }])
    await copied(world.target, 'window', 'late')
    // Nothing rests on it yet, whoever asks.
    expect(await statusOf(project, 'window')).toMatchObject({ seals: 0 })
    moving.child.kill('SIGCONT')
    const { code, stdout, stderr } = await moving.ended
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 })
    expect(await statusOf(project, 'window')).toMatchObject({ seals: 1 })
    expect(await valuesOf(world.target, 'window')).toEqual(await valuesOf(world.source, 'window'))
    expect(await project.ferry(['verify', 'window', '--full'])).toMatchObject({ code: 0 })
    expect(mirror.child.exitCode).toBe(null)
    mirror.child.kill('SIGTERM')
  })

  test('a mirror that slept through the seal copies nothing of what came late: it is salvaged, once', async () => {
    const project = await makeProject('slept')
    const mirror = await mirrorThatCopies(project, 'slept')
    mirror.child.kill('SIGSTOP')
    project.edit('plans/slept.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await apply(project, 'slept')).toMatchObject({ code: 0 })
    await oracle.write(world.source, 'slept', [{ key: 'late', value: 'late' }])
    mirror.child.kill('SIGCONT')
    // It got the partition again, as nobody else wants it, and asked before it sent.
    await mirror.said('slept:0: is sealed or given up by now, and not copied')
    expect(await valuesOf(world.target, 'slept')).not.toContain('late')
    expect(await project.ferry(['salvage', 'slept', '--confirm', 'slept'])).toMatchObject({
      code: 0,
    })
    expect(await valuesOf(world.target, 'slept')).toEqual(await valuesOf(world.source, 'slept'))
    mirror.child.kill('SIGTERM')
  })

  test('a seal that was stored and not confirmed when apply was killed is taken back by the next', async () => {
    const project = await makeProject('killed')
    const mirror = await mirrorThatCopies(project, 'killed')
    project.edit('plans/killed.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await project.ferry(['plan', 'killed', '-o', 'plan.json'])).toMatchObject({ code: 0 })
    const moving = await stoppedBehind(project, 'seal-topic/killed', ['apply', 'plan.json'])
    await oracle.write(world.source, 'killed', [{ key: 'late', value: 'late' }])
    await copied(world.target, 'killed', 'late')
    moving.child.kill('SIGKILL')
    await moving.ended
    expect(await project.ferry(['apply', 'plan.json'])).toMatchObject({ code: 0 })
    expect(await valuesOf(world.target, 'killed')).toEqual(await valuesOf(world.source, 'killed'))
    mirror.child.kill('SIGTERM')
  })

  test('the same on the way back', async () => {
    const project = await makeProject('back', '  rollback: { keepSourceWarm: true }\n')
    project.edit('plans/back.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await apply(project, 'back')).toMatchObject({ code: 0 })
    const mirror = await mirrorThatCopies(project, 'back', world.target, world.source)
    const returning = await stoppedBehind(project, 'seal-reverse/back', [
      'rollback',
      'back',
      '--to',
      'prepared',
      '--auto-approve',
    ])
    // As the admin, who is not fenced.
    await oracle.write(world.target, 'back', [{ key: 'late', value: 'late' }])
    await copied(world.source, 'back', 'late')
    returning.child.kill('SIGCONT')
    const { code, stdout, stderr } = await returning.ended
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 })
    expect((await valuesOf(world.source, 'back')).slice(-2)).toEqual(['probe', 'late'])
    mirror.child.kill('SIGTERM')
  })
})
