import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/domain/plan.ts'
import { oracle, type TestCluster } from '../kafka/index.ts'
import { fill } from './_clients.ts'
import { withAdmin } from './_image.ts'
import { dyingAt } from './_kill-apply.ts'
import { type Project, startWorld, type World } from './_world.ts'

/** Records that come to the source behind the seal, and what may become of them there: copied, appended, or waited for; never twice. */

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const makeTopic = (cluster: TestCluster, topic: string) =>
  withAdmin(cluster, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] }),
  )

const planFile = (name: string, stage: string, topics: string): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: ${stage}
  topics: ${topics}
  gates: { sourceQuiet: 1s, timeout: 120s }
`

const apply = (project: Project, name: string, env: Readonly<Record<string, string>> = {}) =>
  project.ferry(['apply', name, '--auto-approve', '--confirm', name], env)

const configsOf = (cluster: TestCluster, topic: string, keys: readonly string[]) =>
  withAdmin(cluster, async (admin) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: [...keys] }],
    })
    const entries = resources[0]!.configEntries
    return Object.fromEntries(entries.map((e) => [e.configName, e.configValue]))
  })

const YEAR_AGO = Date.now() - 365 * 24 * 3_600_000

describe('before WRITE is granted', () => {
  test('they are copied as they are though the final configs are set by then, which are set again behind the new seal', async () => {
    const final = {
      restamp: { 'message.timestamp.type': 'LogAppendTime' },
      window: { 'message.timestamp.before.max.ms': '3600000' },
      compact: { 'cleanup.policy': 'compact' },
    }
    const names = Object.keys(final) as (keyof typeof final)[]
    for (const name of names) {
      await makeTopic(world.source, name)
      await fill(world.source, name, 10, [0])
    }
    const project = world.project('protect')
    const topics = names.map((name) => `{ name: ${name}, configs: ${JSON.stringify(final[name])} }`)
    project.write(
      'plans/protect.yaml',
      planFile('protect', 'producers-moved', `[${topics.join(', ')}]`),
    )
    project.write('died', '')
    // All is done but for its very end: from then on the seals would stay.
    const dying = dyingAt(project, '^after result configure-topic/final/compact done$')
    const order = await apply(project, 'protect', dying)
    expect(order.code, order.stderr).toBe(-1)
    for (const name of names) {
      expect(await configsOf(world.target, name, Object.keys(final[name]))).toEqual(final[name])
    }

    // Older than the window, and two of a key.
    for (const name of names) {
      await oracle.write(world.source, name, [
        { partition: 0, key: 'late', value: 'one', timestamp: YEAR_AGO },
        { partition: 0, key: 'late', value: 'two', timestamp: YEAR_AGO + 5 },
      ])
    }
    const planned = await project.ferry(['plan', 'protect', '--json'])
    const steps = (JSON.parse(planned.stdout) as Plan).steps.map(({ id }) => id)
    const applied = await apply(project, 'protect')
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    for (const name of names) {
      const late = await oracle.readText(world.target, name, { partitions: [0] })
      expect(late.slice(-2), name).toMatchObject([
        { offset: 10n, key: 'late', value: 'one', timestamp: BigInt(YEAR_AGO) },
        { offset: 11n, key: 'late', value: 'two', timestamp: BigInt(YEAR_AGO + 5) },
      ])
      expect(await configsOf(world.target, name, Object.keys(final[name]))).toEqual(final[name])
    }
    for (const name of names) {
      expect(steps.filter((id) => id.endsWith(`/${name}`))).toEqual([
        `configure-topic/protective/${name}`,
        `reopen-topic/${name}`,
        `seal-topic/${name}`,
        `configure-topic/final/${name}`,
      ])
    }
  })
})
