import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TopicName } from '../../src/domain/ids.ts'
import { Secret } from '../../src/domain/secret.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { decodeDecisions, encodeDecisions } from '../../src/state/decisions-codec.ts'
import { connect } from '../adapter/connect.ts'
import { configEntries, setConfigs } from '../kafka/admin.ts'
import type { TestCluster } from '../kafka/index.ts'
import { waitFor } from '../kafka/wait.ts'
import { fill } from './_clients.ts'
import { errorsIn } from './_findings.ts'
import { imageOf, withAdmin } from './_image.ts'
import { type Project, startWorld, type World } from './_world.ts'

/**
 * What somebody changes outside of Ferry. Promise 6: everything that makes a saved plan stale, each by itself; the refusal names what
 * changed, and changes nothing. And `ferry drift`, which names the same after an apply.
 */

const PLAN = 'stale.plan.json'
const FILE = 'plans/stale.yaml'
const MIGRATION = `apiVersion: ferry/v1
kind: Migration
metadata: { name: stale }
spec:
  from: old
  to: new
  stage: prepared
  topics:
    - name: stale.a
    - name: stale.b
  groups:
    - id: stale-reader
  users:
    - { name: stale-reader, mechanism: scram-sha-512, password: "\${env:PASSWORD}" }
  access:
    - principal: User:stale-reader
      consume: { topics: [stale.a, stale.b], groups: [stale-reader] }
  quotas:
    - { user: stale-reader, consumerByteRate: 20MiB }
`

let world: World
let project: Project
/** Only to change things from outside. */
let target: Cluster

beforeAll(async () => {
  world = await startWorld()
  target = await connect(world.target)
  await withAdmin(world.source, async (admin) => {
    const topics = ['stale.a', 'stale.b', 'stale.c'].map((topic) => ({ topic, numPartitions: 2 }))
    await admin.createTopics({ topics })
  })
  await fill(world.source, 'stale.a', 20, [0, 1])
  await commit(world.source, 'stale-reader', '7')
  project = world.project('stale')
  project.write(FILE, MIGRATION)
  project.env.PASSWORD = 'a-password'
  await run(['apply', 'stale', '--auto-approve'])
  project.edit(FILE, 'stage: prepared', 'stage: mirrored')
})

afterAll(async () => {
  await target?.close()
  await world?.stop()
})

const run = async (args: readonly string[]): Promise<void> => {
  const { code, stdout, stderr } = await project.ferry(args)
  expect(code, stdout + stderr).toBe(0)
}

const commit = (cluster: TestCluster, groupId: string, offset: string, topic = 'stale.a') =>
  withAdmin(cluster, (admin) =>
    admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset }] }),
  )

const addPartitions = (cluster: TestCluster, topic: string, count: number) =>
  withAdmin(cluster, (admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }))

/** With the same partitions and configs: only its id is another one. */
const makeAnew = async (side: 'source' | 'target', topic: string): Promise<void> => {
  const was = (await imageOf(world))[side].topics[topic]!
  const configs = configEntries(was.overrides)
  await withAdmin(world[side], async (admin) => {
    await admin.deleteTopics({ topics: [topic] })
    const made = { topic, numPartitions: was.partitions, configEntries: configs }
    // False as long as the controller still deletes it.
    await waitFor(`${topic} to be made again`, { timeoutMs: 30_000 }, async () =>
      (await admin.createTopics({ topics: [made] })) ? true : undefined,
    )
  })
  const is = (await imageOf(world))[side].topics[topic]
  expect({ ...is, offsets: [] }).toEqual({ ...was, offsets: [] })
}

const aclsOfReader = async () => {
  const acls = await target.describeAcls()
  if (acls === 'no-authorizer') throw new Error('the target has no authorizer')
  return acls.filter(({ principal }) => principal === 'User:stale-reader')
}

/** An edit of the plan file itself. */
const forge = (change: (plan: { clusters: Record<string, { id: string }> }) => void) => {
  const plan = JSON.parse(project.read(PLAN))
  change(plan)
  project.write(PLAN, JSON.stringify(plan))
}

interface Stale {
  readonly what: string
  /** Before the plan is made. */
  readonly first?: () => void
  /** It has begun, and stopped behind its first steps. */
  readonly begun?: true
  readonly change: () => unknown
  /** All that the refusal names. */
  readonly names: RegExp
  readonly code?: string
  readonly exit?: number
}

/** In an order in which each can be planned after the one before; what no plan can follow on comes last. */
const CASES: readonly Stale[] = [
  {
    what: 'the plan file of the migration',
    change: () => project.edit(FILE, '20MiB', '21MiB'),
    names: /a file that it was made from changed: plans\/stale\.yaml\./,
  },
  {
    what: 'a cluster file and ferry.yaml',
    change: () => {
      for (const file of ['clusters/old.yaml', 'ferry.yaml']) {
        project.write(file, `# reviewed\n${project.read(file)}`)
      }
    },
    names: /files that it was made from changed: clusters\/old\.yaml, ferry\.yaml\./,
  },
  {
    what: 'the cluster that the plan is for',
    change: () => forge(({ clusters }) => Object.assign(clusters.target!, { id: 'another-one' })),
    names: /target new has the id \S+; this migration was planned and begun with another-one/,
    code: 'FERRY1201',
  },
  {
    what: 'a config of a target topic',
    change: () => setConfigs(world.target, 'stale.a', { 'retention.bytes': '1000000' }),
    names: /this changed: configs of topic stale\.a on the target\.$/,
  },
  {
    what: 'a config of a source topic',
    change: () => setConfigs(world.source, 'stale.b', { 'max.message.bytes': '500000' }),
    names: /this changed: configs of topic stale\.b on the source\.$/,
  },
  {
    what: 'a target topic, deleted and made again as it was',
    change: () => makeAnew('target', 'stale.a'),
    names: /this changed: topic stale\.a on the target\.$/,
  },
  {
    what: 'a source topic, deleted and made again as it was',
    change: () => makeAnew('source', 'stale.b'),
    names: /this changed: topic stale\.b on the source\.$/,
  },
  {
    what: 'an ACL that somebody else got',
    change: async () =>
      target.createAcls(
        (await aclsOfReader())
          .filter(
            ({ resourceName, operation }) => `${resourceName} ${operation}` === 'stale.a READ',
          )
          .map((acl) => ({ ...acl, principal: 'User:mallory', operation: 'WRITE' as const })),
      ),
    names:
      /this changed: ACL TOPIC\|LITERAL\|stale\.a\|User:mallory\|\*\|WRITE\|ALLOW on the target\.$/,
  },
  {
    what: 'an ACL that was taken away',
    change: async () =>
      target.deleteAcls(
        (await aclsOfReader()).filter(
          ({ resourceName, operation }) => `${resourceName} ${operation}` === 'stale.b READ',
        ),
      ),
    names:
      /this changed: ACL TOPIC\|LITERAL\|stale\.b\|User:stale-reader\|\*\|READ\|ALLOW on the target\.$/,
  },
  {
    what: 'a user',
    change: () => target.deleteUser('stale-reader', 'scram-sha-512'),
    names: /this changed: user stale-reader on the target\.$/,
  },
  {
    what: 'a quota',
    change: () => target.setQuota('stale-reader', { consumerByteRate: 6 }),
    names: /this changed: quota of stale-reader on the target\.$/,
  },
  {
    what: 'a group that nobody has reviewed reads the topic',
    change: () => commit(world.source, 'stale-newcomer', '3'),
    names: /this changed: group stale-newcomer on the source\.$/,
  },
  {
    what: 'a group is gone',
    change: () => withAdmin(world.source, (admin) => admin.deleteGroups(['stale-newcomer'])),
    names: /this changed: group stale-newcomer on the source\.$/,
  },
  {
    what: 'anything that none of its own steps has changed, after it was begun',
    begun: true,
    change: async () => {
      const acls = (await aclsOfReader()).filter(({ resourceName }) => resourceName === 'stale.b')
      await target.createAcls(
        acls.map((acl) => ({ ...acl, principal: 'User:mallory' })).slice(0, 1),
      )
      await target.setQuota('stale-reader', { consumerByteRate: 7 })
      await setConfigs(world.source, 'stale.a', { 'max.message.bytes': '500000' })
      await commit(world.source, 'stale-late', '3')
    },
    names:
      /this changed: ACL TOPIC\|LITERAL\|stale\.b\|User:mallory\|\*\|\w+\|ALLOW on the target; configs of topic stale\.a on the source; group stale-late on the source; quota of stale-reader on the target\.$/,
  },
  {
    what: 'a decision that another plan has made',
    change: async () => {
      await run(['plan', 'stale', '-o', 'other.plan.json'])
      await run(['apply', 'other.plan.json', '--until', 'prepared'])
    },
    names: /this changed: .*decisions in the state/,
  },
  {
    what: 'it has run to its end',
    change: () => run(['apply', PLAN]),
    names: /The plan of \S+ for stale has run to its end/,
    code: 'FERRY1408',
  },
  {
    what: 'partitions of a source topic',
    first: () => project.edit(FILE, 'stage: mirrored', 'stage: consumers-moved'),
    change: () => addPartitions(world.source, 'stale.b', 3),
    names: /this changed: partitions of topic stale\.b on the source\.$/,
  },
  {
    what: 'a topic that it has made itself, and that somebody has deleted and made again',
    first: () => project.edit(FILE, '- name: stale.b\n', '- name: stale.b\n    - name: stale.c\n'),
    begun: true,
    change: () => makeAnew('target', 'stale.c'),
    names: /this changed: topic stale\.c on the target\.$/,
  },
  {
    what: 'what a new plan would be refused for, and no fingerprint tells of',
    begun: true,
    change: async () => {
      await withAdmin(world.source, (admin) =>
        admin.createTopics({ topics: [{ topic: 'stale.foreign', numPartitions: 1 }] }),
      )
      await commit(world.source, 'stale-reader', '0', 'stale.foreign')
    },
    names: /^stale-reader has committed positions on stale\.foreign, which is in no plan file\.$/,
    code: 'FERRY1308',
    exit: 4,
  },
]

describe('a saved plan does not run after a change of', () => {
  test.each(CASES)(
    '$what',
    async ({ first, begun, change, names, code = 'FERRY1401', exit = 5 }) => {
      first?.()
      await run(['plan', 'stale', '-o', PLAN])
      // What those before have changed is mended by its first steps, and what they did does not stop it.
      for (const _ of begun ? ['begins', 'goes on'] : []) {
        await run(['apply', PLAN, '--until', 'prepared'])
        expect(project.read('.ferry/stale/journal.jsonl')).toMatch(/"set-quota\/stale-reader"/)
      }
      await change()
      const before = { clusters: await imageOf(world), state: project.state() }
      const refused = await project.ferry(['apply', PLAN, '--auto-approve'])
      const errors = errorsIn(refused.stderr)
      expect(errors.map((error) => error.code)).toEqual([code])
      expect(errors[0]?.detail).toMatch(names)
      expect(refused.code).toBe(exit)
      expect({ clusters: await imageOf(world), state: project.state() }).toEqual(before)
    },
  )
})

describe('drift', () => {
  const DRIFT = 'plans/drift.yaml'
  let drifting: Project
  const drift = async (exit: number): Promise<readonly unknown[]> => {
    const { code, stdout, stderr } = await drifting.ferry(['drift', 'drift', '--json'])
    expect(code, stderr).toBe(exit)
    return JSON.parse(stdout).migrations[0].drift
  }

  test('is no edit of the plan file, whatever is there of what it names now', async () => {
    await withAdmin(world.source, async (admin) => {
      await admin.createTopics({ topics: [{ topic: 'drift.a', numPartitions: 1 }] })
      const partitions = [{ partition: 0, offset: '7' }]
      await admin.setOffsets({ groupId: 'drift-reader', topic: 'drift.a', partitions })
    })
    await fill(world.source, 'drift.a', 20, [0])
    drifting = world.project('drift')
    drifting.env.PASSWORD = 'a-password'
    drifting.write(
      DRIFT,
      MIGRATION.replaceAll('stale', 'drift')
        .replace('    - name: drift.b\n', '')
        .replace(', drift.b', '')
        .replace('stage: prepared', 'stage: consumers-moved')
        .concat('  removed: [{ quota: drift-left, reason: has left }]\n'),
    )
    await target.setQuota('drift-left', { consumerByteRate: 7 })
    const applied = await drifting.ferry(['apply', 'drift', '--auto-approve', '--max-destroy', '1'])
    expect(applied.code, applied.stderr).toBe(0)
    expect(await drift(0)).toEqual([])
    await target.setUser({
      name: 'there-already',
      mechanism: 'scram-sha-512',
      password: new Secret('x'),
    })
    drifting.edit(
      DRIFT,
      '  users:\n',
      '  users:\n    - { name: there-already, mechanism: scram-sha-512, password: "${env:PASSWORD}" }\n',
    )
    drifting.edit(DRIFT, /quotas:\n.*\n/, 'quotas: []\n')
    expect(await drift(0)).toEqual([])
  })

  test('is every kind of thing that somebody else changed, by its name', async () => {
    const topic = 'drift.a' as TopicName
    const user = 'drift-reader'
    await target.alterTopicConfigs(new Map([[topic, new Map([['retention.bytes', '5000000']])]]))
    await setConfigs(world.source, topic, { 'retention.ms': '3600000' })
    await addPartitions(world.target, topic, 2)
    await addPartitions(world.source, topic, 3)
    await commit(world.source, 'drift-late', '2', topic)
    await target.setQuota('drift-left', { consumerByteRate: 8 })
    await target.createAcls([
      {
        resourceType: 'TOPIC',
        resourceName: topic,
        patternType: 'LITERAL',
        principal: 'User:mallory',
        host: '*',
        operation: 'WRITE',
        permission: 'ALLOW',
      },
    ])
    await target.deleteUser(user, 'scram-sha-512')
    await target.setQuota(user, { consumerByteRate: 6 })
    await withAdmin(world.target, (admin) =>
      admin.setOffsets({ groupId: user, topic, partitions: [{ partition: 0, offset: '1' }] }),
    )
    expect(await drift(3)).toEqual([
      {
        what: 'ACL TOPIC|LITERAL|drift.a|User:mallory|*|WRITE|ALLOW on new',
        was: null,
        is: 'there',
      },
      {
        what: 'commit of drift-reader on drift.a:0 on new',
        was: 'as synced, or read on',
        is: '1, behind the sync at 7',
      },
      { what: 'consumerByteRate of drift-reader on new', was: '20971520', is: '6' },
      { what: 'partitions of topic drift.a on new', was: '1', is: '2' },
      { what: 'partitions of topic drift.a on old', was: '1', is: '3' },
      { what: 'positions of drift-late on drift.a on old', was: null, is: 'there' },
      { what: 'removed target/quota/drift-left', was: null, is: 'there' },
      { what: 'retention.bytes of topic drift.a on new', was: '-1', is: '5000000' },
      { what: 'retention.ms of topic drift.a on old', was: null, is: '3600000' },
      { what: 'user drift-reader (scram-sha-512) on new', was: 'there', is: null },
    ])
  })

  test('is not told from what an older version wrote down, which knew no configs of the source', async () => {
    const decisions = '.ferry/drift/decisions.json'
    const state = decodeDecisions(drifting.read(decisions), decisions)
    const { sourceConfigs: _, ...older } = state.seen!
    drifting.write(decisions, encodeDecisions({ ...state, seen: older }))
    const { code, stderr } = await drifting.ferry(['drift', 'drift'])
    expect(errorsIn(stderr).map((error) => error.code)).toEqual(['FERRY1430'])
    expect(code).toBe(4)
  })
})
