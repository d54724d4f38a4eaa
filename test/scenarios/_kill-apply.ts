import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { fill, startConsumer } from './_clients.ts'
import { imageOf, withAdmin } from './_image.ts'
import type { Ended, Project, World } from './_world.ts'

export type StoreName = 'file' | 'kafka'

export const projectOn = (world: World, name: string, store: StoreName): Project => {
  const project = world.project(name)
  const kafka = `store: kafka, cluster: new, topic: state-${name}`
  if (store === 'kafka') project.edit('ferry.yaml', 'store: file', kafka)
  project.env.PASSWORD = 'a-password'
  project.write('died', '')
  return project
}

/** What makes ferry die at the points that match; see dying.mjs. */
export const dyingAt = (project: Project, at: string, by = 'SIGKILL') => ({
  NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'dying.mjs')).href}`,
  FERRY_DIE_LOG: project.path('died'),
  FERRY_DIE_AT: at,
  FERRY_DIE_BY: by,
})

/** A service of its own: two partitions, a group with commits, a user with rights. */
export const makeService = async (world: World, project: Project, name: string): Promise<void> => {
  await withAdmin(world.source, async (admin) => {
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 2, replicationFactor: 1 }] })
    const partitions = [
      { partition: 0, offset: '7' },
      { partition: 1, offset: '20' },
    ]
    await admin.setOffsets({ groupId: `${name}-api`, topic: name, partitions })
  })
  await fill(world.source, name, 20, [0, 1])
  project.write(
    `plans/${name}.yaml`,
    `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: ${name}, configs: { retention.ms: 7d } }]
  groups: [{ id: ${name}-api }]
  users: [{ name: ${name}-user, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }]
  access:
    - principal: User:${name}-user
      produce: [${name}]
      consume: { topics: [${name}], groups: [${name}-api] }
  quotas: [{ user: ${name}-user, producerByteRate: 20MiB }]
  gates: { sourceQuiet: 1s, timeout: 60s }
`,
  )
}

/** Applies one plan file, again and again while ferry dies, and answers at which points it died. */
const applyDying = async (
  project: Project,
  name: string,
  at: string | undefined,
  planning: readonly string[] = ['plan', name],
): Promise<readonly string[]> => {
  const file = `${name}.plan.json`
  expect(await project.ferry([...planning, '-o', file])).toMatchObject({ code: 0 })
  let begun: string | undefined
  for (;;) {
    const env = at === undefined ? {} : dyingAt(project, at)
    const { code, stdout, stderr }: Ended = await project.ferry(
      ['apply', file, '--confirm', name],
      env,
    )
    // Whoever takes the lock over says so, and which step may be half done: that is looked at before anything else.
    if (begun !== undefined) {
      expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
        /took over the lock of .*: that process is gone, or its lease has ended/,
      )
      expect(stderr.replaceAll(/\s+/g, ' ')).toContain(`It had begun ${begun}, `)
    }
    if (code === 0) return project.read('died').split('\n').filter(Boolean)
    // A signal: it died at the next point. Everything else would be an apply that did not go on.
    expect(code, `${stdout}\n${stderr}`).toBe(-1)
    const last = project.read('died').trimEnd().split('\n').at(-1) ?? ''
    begun = /(?:after intent|before result|behind intent) (\S+)/.exec(last)?.[1]
  }
}

/** From nothing to retired; answers at which points it died on the way. */
export const migrate = async (
  world: World,
  project: Project,
  name: string,
  at?: string,
): Promise<readonly string[]> => {
  await makeService(world, project, name)
  await applyDying(project, name, at)
  expect(await project.ferry(['verify', name, '--full'])).toMatchObject({ code: 0 })
  project.edit(`plans/${name}.yaml`, 'stage: producers-moved', 'stage: retired')
  const consumer = await startConsumer(world.target, `${name}-api`, name)
  try {
    return await applyDying(project, name, at)
  } finally {
    await consumer.stop()
  }
}

/** To producers-moved, undisturbed, and after they have written to the target back to prepared; answers at which points it died then. */
export const moveAndGoBack = async (
  world: World,
  project: Project,
  name: string,
  at?: string,
): Promise<readonly string[]> => {
  await makeService(world, project, name)
  await applyDying(project, name, undefined)
  await fill(world.target, name, 5, [0, 1])
  return applyDying(project, name, at, ['rollback', name, '--to', 'prepared'])
}

/** All that a migration leaves, with its name taken out: equal for two that went the same way. */
export const remainsOf = async (world: World, project: Project, name: string): Promise<unknown> => {
  const { source, target } = await imageOf(world)
  const shown = await project.ferry(['state', 'show', name])
  const { stage, marks, seals, openIntent, lock, plan } = JSON.parse(shown.stdout)
  const remains = {
    old: { topic: source.topics[name], commits: source.groups[`${name}-api`] },
    topic: target.topics[name],
    commits: target.groups[`${name}-api`],
    acls: target.acls.filter((acl) => acl.includes(`User:${name}-user `)),
    state: { stage, marks, seals, openIntent, lock, plan: plan?.status },
  }
  return JSON.parse(JSON.stringify(remains).replaceAll(name, 'NAME'))
}
