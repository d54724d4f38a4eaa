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
/** So long that a process that stands still keeps its part of the lock. */
const LONG_SESSION = '15000'

const makeProject = async (name: string, more = '', session = LONG_SESSION): Promise<Project> => {
  await withAdmin(world.source, (admin) =>
    admin.createTopics({ topics: [{ topic: name, numPartitions: 1, replicationFactor: 1 }] }),
  )
  await oracle.produce(world.source, name, { count: 20, size: 30, valuePrefix: 'old-' })
  const project = world.project(name)
  project.write('died', '')
  Object.assign(project.env, { SHOP_PASSWORD: 'shop-secret', FERRY_MIRROR_SESSION_MS: session })
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
  gates: { sourceQuiet: 1s, timeout: 120s }
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
  const mirror = project.start(
    ['mirror', name, '--log-format', 'json', '--log-level', 'info'],
    FOLLOWS_LATE,
  )
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
    const project = await makeProject('slept', '', '3000')
    const mirror = await mirrorThatCopies(project, 'slept')
    mirror.child.kill('SIGSTOP')
    project.edit('plans/slept.yaml', 'stage: mirrored', 'stage: producers-moved')
    // Dead before WRITE is granted; somebody who is not fenced has written there all the same, so that no seal can be opened again.
    const killed = dyingAt(project, '^after result seal-topic/slept done$')
    const moving = ['apply', 'slept', '--auto-approve', '--confirm', 'slept']
    expect((await project.ferry(moving, killed)).code).toBe(-1)
    await oracle.write(world.target, 'slept', [{ key: 'early', value: 'early' }])
    await oracle.write(world.source, 'slept', [{ key: 'late', value: 'late' }])
    mirror.child.kill('SIGCONT')
    // It got the partition again, as nobody else wants it, and asked before it sent.
    await mirror.said('slept:0: is sealed or given up by now, and not copied')
    expect(await valuesOf(world.target, 'slept')).not.toContain('late')
    expect(await project.ferry(['salvage', 'slept', '--confirm', 'slept'])).toMatchObject({
      code: 0,
      stdout: 'Appended 1 record: slept-0 offset 21.\n',
    })
    expect((await valuesOf(world.target, 'slept')).slice(-2)).toEqual(['early', 'late'])
    expect(await apply(project, 'slept')).toMatchObject({ code: 0 })
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
    // Until then it is told, to whoever looks: nothing of the topic is mirrored meanwhile.
    await oracle.write(world.source, 'killed', [{ key: 'later', value: 'later' }])
    const unsealed = /FERRY1706.*killed is being sealed, or whoever sealed it has died/
    for (const look of ['status', 'plan']) {
      expect(unwrapped((await project.ferry([look, 'killed'])).stderr)).toMatch(unsealed)
    }
    expect(await project.ferry(['apply', 'plan.json'])).toMatchObject({ code: 0 })
    expect(await valuesOf(world.target, 'killed')).toEqual(await valuesOf(world.source, 'killed'))
    expect((await project.ferry(['status', 'killed'])).stderr).not.toContain('FERRY1706')
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

describe('what a forgotten producer writes to a source that is kept warm', () => {
  test('ends the way back, is named, and salvaged once between the writes of others', async () => {
    const project = await makeProject('warmlate', '  rollback: { keepSourceWarm: true }\n')
    project.edit('plans/warmlate.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await apply(project, 'warmlate')).toMatchObject({ code: 0 })
    const mirror = project.start(['mirror', 'warmlate', '--log-format', 'json'])
    const shop = (value: string) => oracle.write(world.target, 'warmlate', [{ key: value, value }])
    await shop('on-1')
    await copied(world.source, 'warmlate', 'on-1')
    // Offsets 21 and 22 of the source: the mirror is idle and hears of them with what it writes next.
    await oracle.write(world.source, 'warmlate', [
      { key: 'late', value: 'late-1' },
      { key: 'late', value: 'late-2' },
    ])
    const range = 'warmlate-0 offsets 21 to 22'
    const named = await project.ferry(['status', 'warmlate'])
    expect(unwrapped(named.stderr)).toMatch(/FERRY1342.*warmlate-0 offsets 21 to 22/)
    expect((await project.ferry(['verify', 'warmlate', '--full'])).code).toBe(9)
    await shop('on-2')
    await mirror.said('FERRY1604')
    const rollback = ['rollback', 'warmlate', '--to', 'prepared', '--auto-approve']
    const refused = await project.ferry(rollback)
    expect(refused.code).toBe(4)
    expect(unwrapped(refused.stderr)).toMatch(/FERRY1360.*warmlate-0 offsets 21 to 22/)

    const unconfirmed = await project.ferry(['salvage', 'warmlate'])
    expect(unwrapped(unconfirmed.stderr)).toContain(range)
    const salvaged = await project.ferry(['salvage', 'warmlate', '--confirm', 'warmlate'])
    expect(salvaged).toMatchObject({ code: 0, stdout: `Appended 2 records: ${range}.\n` })
    expect(await project.ferry(['salvage', 'warmlate', '--confirm', 'warmlate'])).toMatchObject({
      stdout: 'Nothing of warmlate is stranded.\n',
    })
    await shop('on-3')
    expect((await valuesOf(world.target, 'warmlate')).slice(20)).toEqual([
      ...['on-1', 'on-2', 'late-1', 'late-2', 'on-3'],
    ])
    // Nothing of it came back.
    const onSource = await valuesOf(world.source, 'warmlate')
    expect(onSource.filter((value) => value.startsWith('late'))).toEqual(['late-1', 'late-2'])
    expect(await project.ferry(['verify', 'warmlate', '--full'])).toMatchObject({ code: 0 })
    expect((await project.ferry(rollback)).stderr).toContain('FERRY1360')
    expect(mirror.child.exitCode).toBe(null)

    // What comes later still is found as well; then it ends.
    await oracle.write(world.source, 'warmlate', [{ key: 'late', value: 'late-3' }])
    project.edit('plans/warmlate.yaml', 'stage: producers-moved', 'stage: retired')
    const retire = ['apply', 'warmlate', '--auto-approve', '--confirm', 'warmlate', '--wait', '0s']
    const waiting = await project.ferry(retire)
    expect(waiting.code).toBe(7)
    expect(unwrapped(waiting.stderr)).toMatch(/warmlate-0 offset 2\d on old came late/)
    const again = ['salvage', 'warmlate', '--confirm', 'warmlate']
    expect(await project.ferry(again)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Appended 1 record'),
    })
    // Directly behind it, so that both are one range of the source: only what is new of it is appended.
    await oracle.write(world.source, 'warmlate', [{ key: 'late', value: 'late-4' }])
    expect(await project.ferry(again)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Appended 1 record: .*\n$/),
    })
    expect(await project.ferry(again)).toMatchObject({
      stdout: 'Nothing of warmlate is stranded.\n',
    })
    expect((await valuesOf(world.target, 'warmlate')).slice(-2)).toEqual(['late-3', 'late-4'])

    // What retention takes there before anybody has looked may have been late, or not: that is said, and somebody decides.
    await oracle.write(world.source, 'warmlate', [{ key: 'late', value: 'late-5' }])
    const end = (await oracle.offsets(world.source, 'warmlate'))[0]!.end
    await takenBelow('warmlate', end)
    const unknown = new RegExp(
      `warmlate-0 offset ${end - 1n} on old, between what is mirrored back, were gone there by retention before anybody looked`,
    )
    expect(unwrapped((await project.ferry(['status', 'warmlate'])).stderr)).toMatch(unknown)
    const told = await project.ferry(again)
    expect(told.code).toBe(8)
    expect(unwrapped(told.stderr)).toMatch(unknown)
    expect((await project.ferry(commandIn(told.stderr))).code).toBe(0)
    expect(await apply(project, 'warmlate')).toMatchObject({ code: 0 })
    mirror.child.kill('SIGTERM')
    expect((await mirror.ended).code).toBe(0)
  })

  test('and its retention takes before anything was salvaged: giving that up ends the way back, and the migration', async () => {
    const project = await makeProject('warmgone', '  rollback: { keepSourceWarm: true }\n')
    project.edit('plans/warmgone.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await apply(project, 'warmgone')).toMatchObject({ code: 0 })
    const mirror = project.start(['mirror', 'warmgone', '--log-format', 'json'])
    const shop = (value: string) => oracle.write(world.target, 'warmgone', [{ key: value, value }])
    await shop('on-1')
    await copied(world.source, 'warmgone', 'on-1')
    const late = ['late-1', 'late-2'].map((value) => ({ key: 'late', value }))
    await oracle.write(world.source, 'warmgone', late)
    await shop('on-2')
    // Stored, with how far the mirror had seen its own: what it has not written down by then counts as unseen, too.
    await waitFor('the stop to be stored', { timeoutMs: 30_000, everyMs: 200 }, async () => {
      const { stdout, stderr } = await project.ferry(['status', 'warmgone'])
      return `${stdout}${stderr}`.includes('FERRY1604') || undefined
    })
    await takenBelow('warmgone', 23n)
    const told = await project.ferry(['salvage', 'warmgone', '--confirm', 'warmgone'])
    expect(told.code).toBe(8)
    expect(commandIn(told.stderr)).toContain('warmgone:0:21-22')
    // Killed behind that decision: whoever runs it next finishes it.
    const killed = dyingAt(project, '^after decisions 1 behind start$')
    expect((await project.ferry(commandIn(told.stderr), killed)).code).toBe(-1)
    expect(await project.ferry(['salvage', 'warmgone', '--confirm', 'warmgone'])).toMatchObject({
      code: 0,
      stdout: 'Given up, gone from the source: warmgone-0 offsets 21 to 22.\n',
    })
    // What stands behind it is the mirror's own, as was seen then: that retention takes it, too, makes nothing late of it.
    const { end } = (await oracle.offsets(world.source, 'warmgone'))[0]!
    expect(end).toBeGreaterThan(23n)
    await takenBelow('warmgone', end)
    expect(await project.ferry(['salvage', 'warmgone', '--confirm', 'warmgone'])).toMatchObject({
      stdout: 'Nothing of warmgone is stranded.\n',
    })
    project.edit('plans/warmgone.yaml', 'stage: producers-moved', 'stage: retired')
    expect(await apply(project, 'warmgone')).toMatchObject({ code: 0 })
    mirror.child.kill('SIGTERM')
  })
})

/** As retention would have it. */
const takenBelow = (topic: string, offset: bigint) =>
  withAdmin(world.source, async (admin) => {
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: 0, offset: String(offset) }],
    })
  })

/** The command that a message has ready. */
const commandIn = (text: string): readonly string[] =>
  (/ferry (salvage .*?)\.( |$)/.exec(unwrapped(text))?.[1] ?? '').split(' ')

const unwrapped = (text: string): string => text.replaceAll(/\s+/g, ' ')

describe('partitions that somebody adds on the target after producers have moved', () => {
  test('are shown everywhere; once they are used there is no way back, and the way forwards stays open', async () => {
    const project = await makeProject('wide')
    project.edit('plans/wide.yaml', 'stage: mirrored', 'stage: producers-moved')
    expect(await apply(project, 'wide')).toMatchObject({ code: 0 })
    await withAdmin(world.target, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: 'wide', count: 2 }] }),
    )
    const back = (to: string) => project.ferry(['rollback', 'wide', '--to', to, '-o', `${to}.json`])
    const unused = await back('mirrored')
    expect(unused.code).toBe(0)
    expect(unused.stderr).toContain('FERRY1338')

    await oracle.produce(world.target, 'wide', { count: 3, partitions: [1] })
    // What was planned before is stale.
    const gated = await project.ferry(['apply', 'mirrored.json'])
    expect(gated.code).not.toBe(0)
    for (const to of ['mirrored', 'prepared']) {
      const refused = await back(to)
      expect(refused.code).toBe(4)
      expect(unwrapped(refused.stderr)).toMatch(/FERRY1338.*wide:1 \(up to offset 2\)/)
    }
    const status = await project.ferry(['status', 'wide'])
    expect(status.stderr).toContain('FERRY1338')
    const verified = await project.ferry(['verify', 'wide', '--full', '--json'])
    expect(verified.code).toBe(0)
    expect(verified.stdout).toContain('FERRY1338')
    const drift = await project.ferry(['drift', 'wide'])
    expect(drift.code).toBe(3)
    expect(drift.stdout).toContain('partitions of topic wide on new')
    project.edit('plans/wide.yaml', 'stage: producers-moved', 'stage: retired')
    expect(await apply(project, 'wide')).toMatchObject({ code: 0 })
  })
})
