import { deepStrictEqual, ok } from 'node:assert/strict'
import { type PartitionKey, partitionKey, type TopicPartition } from '../../src/domain/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { oracle, type StartOptions, startKafka } from '../kafka/index.ts'
import { connectTo, topicName } from '../mirror/_support.ts'
import { type Ended, type Project, type Running, World } from '../scenarios/_world.ts'

export const DAY = 24 * 60 * 60 * 1000

/** A broker that forgets the producers of old records within a second: nothing but the lock and the log end protect then. */
export const FORGETFUL = { 'producer.id.expiration.check.interval.ms': '1000' }

/** Long enough for the broker to forget the producer of old records, which it does once a second. Where it must have: `untilForgotten`. */
export const FORGETS_MS = 2_000

/** Two clusters with ferry between them, and the ports by which a test writes to the source and watches the target. */
export class FaultWorld extends World {
  readonly from: Cluster
  readonly to: Cluster

  constructor(world: World, from: Cluster, to: Cluster) {
    super(world.source, world.target)
    this.from = from
    this.to = to
  }

  override async stop(): Promise<void> {
    await Promise.allSettled([this.from.close(), this.to.close()])
    await super.stop()
  }
}

export const startFaultWorld = async (
  options: {
    readonly target?: Partial<StartOptions>
    readonly source?: Partial<StartOptions>
  } = {},
): Promise<FaultWorld> => {
  const [source, target] = await Promise.all([
    startKafka({ version: '4.x', ...options.source }),
    startKafka({ version: '4.x', ...options.target }),
  ])
  const [from, to] = await Promise.all([connectTo(source, 'old'), connectTo(target, 'new')])
  return new FaultWorld(new World(source, target), from, to)
}

/** One topic of a migration file. */
export interface TopicLine {
  readonly name: string
  readonly offsets?: 'identical' | 'dense'
  readonly replicationFactor?: number
}

/** A migration `shop` of these topics and groups. */
export const migrationFile = (options: {
  readonly topics: readonly TopicLine[]
  readonly groups?: readonly string[]
  readonly throttle?: string
}): string => {
  const { topics, groups = [], throttle } = options
  const topic = ({ name, offsets = 'identical', replicationFactor = 1 }: TopicLine) =>
    `    - { name: ${name}, offsets: ${offsets}, replicationFactor: ${replicationFactor} }\n`
  return `apiVersion: ferry/v1
kind: Migration
metadata: { name: shop }
spec:
  from: old
  to: new
  stage: mirrored
  topics:
${topics.map(topic).join('')}${groups.length === 0 ? '' : `  groups:\n${groups.map((id) => `    - { id: ${id} }\n`).join('')}`}${
  throttle === undefined ? '' : `  mirror: { throttle: ${throttle} }\n`
}  gates: { mirrorLag: 0, timeout: 180s }
`
}

/** Plans up to a stage. The file is what apply is given, again and again. */
export const planTo = async (project: Project, stage: string): Promise<string> => {
  const file = `${stage}.plan.json`
  const plan = 'plans/shop.yaml'
  project.write(plan, project.read(plan).replace(/^( *stage:) .*$/m, `$1 ${stage}`))
  succeeded(await project.ferry(['plan', 'shop', '-o', file]))
  return file
}

export const succeeded = (ended: Ended): void => {
  ok(ended.code === 0, `ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`)
}

/** Kills a ferry that must still be running: a test that killed what had ended would show nothing. */
export const killHard = async (running: Running): Promise<void> => {
  const { exitCode } = running.child
  if (exitCode !== null) {
    const { stdout, stderr } = await running.ended
    throw new Error(`it had ended with ${exitCode} before it was killed:\n${stdout}${stderr}`)
  }
  running.child.kill('SIGKILL')
  await running.ended
}

/** What is waited for, or an error if ferry ends before it comes there. */
export const reached = <T>(running: Running, what: Promise<T>): Promise<T> =>
  Promise.race([
    what,
    running.ended.then(({ code, stdout, stderr }) => {
      throw new Error(`ended with ${code} before it came there:\n${stdout}${stderr}`)
    }),
  ])

export const partitionsOf = (topic: string, count: number): TopicPartition[] =>
  Array.from({ length: count }, (_, partition) => ({ topic: topicName(topic), partition }))

export const keyOf = (topic: string, partition: number): PartitionKey =>
  partitionKey(topicName(topic), partition)

/** Records that were compared, one by one and by other code than ferry's. Throws where both sides differ. */
export const compareTopic = async (
  world: World,
  topic: string,
  offsets: 'identical' | 'dense' = 'identical',
  isolation: 'read_uncommitted' | 'read_committed' = 'read_uncommitted',
): Promise<number> => {
  const options = { offsets: offsets === 'identical', isolation }
  const [before, after] = await Promise.all([
    oracle.digest(world.source, topic, options),
    oracle.digest(world.target, topic, options),
  ])
  const visible = (digests: typeof before) =>
    options.offsets ? digests : digests.map(({ firstOffset: _f, lastOffset: _l, ...d }) => d)
  deepStrictEqual(visible(after), visible(before), `${topic} differs`)
  if (options.offsets) {
    const [here, there] = await Promise.all([
      oracle.offsets(world.source, topic),
      oracle.offsets(world.target, topic),
    ])
    deepStrictEqual(there, here, `log starts and ends of ${topic} differ`)
  }
  return before.reduce((sum, digest) => sum + Number(digest.count), 0)
}

/** Says what took how long. */
export const stopwatch = (): ((what: string) => void) => {
  let last = performance.now()
  return (what) => {
    const now = performance.now()
    process.stderr.write(`${((now - last) / 1_000).toFixed(1).padStart(6)} s  ${what}\n`)
    last = now
  }
}
