import kafkajs from 'kafkajs'
import { expect } from 'vitest'
import { expectGolden, expectGoldenEvents, expectGoldenText, type Golden } from './_golden.ts'
import { withAdmin } from './_image.ts'
import { expectJunit } from './_junit.ts'
import { type Ended, type Project, startWorld, type World } from './_world.ts'

export const EVENTS = 'gold.events'
export const DLQ = 'gold.dlq'
export const FILE = 'plans/gold.yaml'
export const APPLY = ['apply', 'gold', '--auto-approve', '--confirm', 'gold']
const STREAM = 'gold-stream'

/** A service with records and a group, and a plan file for it: what golden outputs are about. */
export class GoldenProject {
  readonly world: World
  readonly project: Project
  /** The exit codes that were seen. */
  readonly seen = new Set<number>()

  private constructor(world: World, project: Project) {
    this.world = world
    this.project = project
  }

  static async start(): Promise<GoldenProject> {
    const world = await startWorld({
      users: [{ name: 'nobody', password: 'nobody-secret' }],
    })
    const project = world.project('golden')
    project.env.GOLD_PASSWORD = 'gold-secret'
    const made = new GoldenProject(world, project)
    await withAdmin(world.source, async (admin) => {
      await admin.createTopics({
        topics: [
          { topic: EVENTS, numPartitions: 3, replicationFactor: 1 },
          { topic: DLQ, numPartitions: 1, replicationFactor: 1 },
          { topic: 'foreign', numPartitions: 1, replicationFactor: 1 },
        ],
      })
      await made.write(EVENTS, 200, [0, 1, 2])
      // kafkajs wants to have heard of the topic.
      await admin.fetchTopicOffsets(EVENTS)
      const first = { partition: 0, offset: '50' }
      await admin.deleteTopicRecords({ topic: EVENTS, partitions: [first] })
      const partitions = ['150', '20', '200'].map((offset, partition) => ({ partition, offset }))
      await admin.setOffsets({ groupId: 'gold-api', topic: EVENTS, partitions })
    })
    project.write(FILE, MIGRATION)
    return made
  }

  /** All records in one batch at one time, so that sizes are the same in every run. */
  async write(topic: string, count: number, partitions: readonly number[]): Promise<void> {
    const producer = new kafkajs.Kafka(this.world.source.kafka()).producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    const timestamp = String(Date.now())
    for (const partition of partitions) {
      const messages = Array.from({ length: count }, (_, n) => ({
        partition,
        timestamp,
        key: `key-${n}`,
        value: `value-${n}`,
      }))
      await producer.send({ topic, acks: -1, messages })
    }
    await producer.disconnect()
  }

  /** Runs it to this exit code. */
  async ends(exit: number, args: readonly string[]): Promise<Ended> {
    const ended = await this.project.ferry(['--quiet', ...args])
    this.saw(exit, ended)
    return ended
  }

  /** One that ended with this exit code. */
  saw(exit: number, { code, stdout, stderr }: Ended): void {
    expect(code, stdout + stderr).toBe(exit)
    this.seen.add(exit)
  }

  async golden(each: Golden): Promise<void> {
    await expectGolden(this.world, this.project, each)
    this.seen.add(each.exit)
  }

  /** The plan file that a command writes. */
  async shown(name: string, command: readonly string[]): Promise<void> {
    const file = `${name}.plan.json`
    const { code, stderr } = await this.project.ferry([...command, '-o', file])
    expect(code, stderr).toBe(0)
    await this.golden({ name, args: ['show', file], exit: 0, markdown: true })
  }

  async apply(): Promise<void> {
    const { code, stdout, stderr } = await this.project.ferry(APPLY)
    expect(code, stdout + stderr).toBe(0)
  }

  setStage(stage: string): void {
    this.project.edit(FILE, /stage: .*/, `stage: ${stage}`)
  }

  /** With the file changed, and then as it was. */
  async edited(from: string, to: string, work: () => Promise<void>): Promise<void> {
    this.project.edit(FILE, from, to)
    await work()
    this.project.edit(FILE, to, from)
  }

  async wrongUse(): Promise<void> {
    await this.golden({ name: 'unknown-name', args: ['plan', 'gould'], exit: 64 })
    await this.edited('owner: team-gold', 'ownr: team-gold', () =>
      this.golden({ name: 'invalid-file', args: ['validate'], exit: 1 }),
    )
  }

  async firstPlan(): Promise<void> {
    await this.golden({
      name: 'first-plan',
      args: ['plan', 'gold', '--detailed-exitcode'],
      exit: 2,
      markdown: true,
    })
    await this.edited('stage: mirrored', 'stage: producers-moved\n  order: producers-first', () =>
      this.golden({
        name: 'plan-all-stages',
        args: ['plan', 'gold'],
        exit: 0,
        markdown: true,
      }),
    )
    await this.golden({ name: 'status-before', args: ['status', 'gold'], exit: 0 })
  }

  async blocked(): Promise<void> {
    await this.edited(`- name: ${DLQ}`, `- name: ${DLQ}\n      partitions: 7`, () =>
      this.golden({
        name: 'blocked-partitions',
        args: ['plan', 'gold'],
        exit: 4,
        markdown: true,
      }),
    )
    const removed = 'removed: [{ user: nobody, reason: nobody signs in with it }]'
    await this.edited('  gates: {', `  ${removed}\n  gates: {`, () =>
      this.golden({ name: 'blocked-removal', args: ['plan', 'gold'], exit: 4, markdown: true }),
    )
  }

  async missingRight(): Promise<void> {
    await this.golden({
      name: 'missing-right',
      args: ['plan', 'gold'],
      env: { FERRY_USER: 'nobody', FERRY_PASSWORD: 'nobody-secret' },
      exit: 4,
      markdown: true,
    })
  }

  async foreignRecords(): Promise<void> {
    await withAdmin(this.world.target, async (admin) => {
      const topics = [{ topic: 'foreign', numPartitions: 1, replicationFactor: 1 }]
      await admin.createTopics({ topics })
    })
    const producer = new kafkajs.Kafka(this.world.target.kafka()).producer()
    await producer.connect()
    await producer.send({ topic: 'foreign', messages: [{ value: 'not ours' }] })
    await producer.disconnect()
    this.project.write('plans/foreign.yaml', FOREIGN)
    await this.golden({
      name: 'foreign-records',
      args: ['plan', 'foreign'],
      exit: 4,
      markdown: true,
    })
  }

  async stalePlan(): Promise<void> {
    const planned = await this.project.ferry(['plan', 'gold', '-o', 'old.plan.json'])
    expect(planned.code, planned.stderr).toBe(0)
    await this.edited('retention.ms: 7d', 'retention.ms: 8d', () =>
      this.golden({ name: 'stale-plan', args: ['apply', 'old.plan.json'], exit: 5 }),
    )
  }

  /** What a program is told of another service that moves in one go: every event of an apply that ends well. */
  async streamed(): Promise<void> {
    await withAdmin(this.world.source, async (admin) => {
      await admin.createTopics({
        topics: [{ topic: STREAM, numPartitions: 2, replicationFactor: 1 }],
      })
      await this.write(STREAM, 100, [0, 1])
      const partitions = ['30', '100'].map((offset, partition) => ({ partition, offset }))
      await admin.setOffsets({ groupId: STREAM, topic: STREAM, partitions })
    })
    const project = this.world.project(STREAM)
    project.env.GOLD_PASSWORD = 'gold-secret'
    project.write(`plans/${STREAM}.yaml`, STREAMED)
    const args = ['apply', STREAM, '--auto-approve', '--confirm', STREAM, '--json']
    const ended = await project.ferry(['--quiet', ...args])
    expect(ended.code, ended.stdout + ended.stderr).toBe(0)
    const events = await expectGoldenEvents(this.world, project, 'apply-stream', ended.stdout)
    // How often depends on the machine, but no source is quiet for long enough at the first look.
    const told = events.map(({ event, step }) => `${event} ${step}`)
    expect(told).toContain(`waiting seal-topic/${STREAM}`)
  }

  /** What is seen after {@link mirrored}, of it and of the stage that follows. */
  async consumersPlanned(): Promise<void> {
    await this.golden({ name: 'status-mirrored', args: ['status', 'gold'], exit: 0 })
    await this.edited('stage: mirrored', 'stage: consumers-moved', () =>
      this.golden({ name: 'plan-consumers', args: ['plan', 'gold'], exit: 0, markdown: true }),
    )
  }

  /** Of consumers that were moved: what going back and going on would do. */
  async bothWaysPlanned(): Promise<void> {
    await this.shown('rollback-shown', ['rollback', 'gold', '--to', 'mirrored'])
    this.setStage('producers-moved')
    await this.golden({ name: 'plan-producers', args: ['plan', 'gold'], exit: 0, markdown: true })
  }

  async mirrored(): Promise<void> {
    await expectGoldenText(
      this.world,
      this.project,
      { name: 'apply-mirrored', args: APPLY },
      await this.project.ferry(['--quiet', ...APPLY]),
    )
    await this.golden({
      name: 'nothing-to-do',
      args: ['plan', 'gold', '--detailed-exitcode'],
      exit: 0,
      markdown: true,
    })
    await this.edited('stage: mirrored', 'stage: prepared', () =>
      this.golden({ name: 'lower-stage', args: ['plan', 'gold'], exit: 0, markdown: true }),
    )
    await this.shown('resync-shown', ['resync', 'gold', '--topic', EVENTS])
    await this.golden({ name: 'verify-ok', args: ['verify', 'gold', '--full'], exit: 0 })
    await expectJunit(this.project, ['verify', 'gold', '--full'], 0)
  }
}

const MIGRATION = `apiVersion: ferry/v1
kind: Migration
metadata: { name: gold, owner: team-gold }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
    - name: ${EVENTS}
      configs: { retention.ms: 7d }
    - name: ${DLQ}
  groups:
    - id: gold-api
  users:
    - { name: gold-api, mechanism: scram-sha-512, password: "\${env:GOLD_PASSWORD}" }
  access:
    - { principal: User:gold-api, produce: [${DLQ}], consume: { topics: [${EVENTS}], groups: [gold-api] } }
  gates: { sourceQuiet: 1s, timeout: 30s }
`

const STREAMED = `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${STREAM} }
spec:
  from: old
  to: new
  stage: producers-moved
  topics: [{ name: ${STREAM}, configs: { retention.ms: 7d } }]
  groups: [{ id: ${STREAM} }]
  users: [{ name: ${STREAM}, mechanism: scram-sha-512, password: "\${env:GOLD_PASSWORD}" }]
  access: [{ principal: User:${STREAM}, produce: [${STREAM}], consume: { topics: [${STREAM}], groups: [${STREAM}] } }]
  quotas: [{ user: ${STREAM}, producerByteRate: 20MiB }]
  gates: { sourceQuiet: 1s, timeout: 60s }
`

const FOREIGN = `apiVersion: ferry/v1
kind: Migration
metadata: { name: foreign }
spec: { from: old, to: new, stage: mirrored, topics: [{ name: foreign }] }
`
