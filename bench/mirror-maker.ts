import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { recordClassArchive } from '../test/kafka/class-archive.ts'
import { fetchJars } from '../test/kafka/jars.ts'
import { javaCommand } from '../test/kafka/java-command.ts'
import { spawnGuarded } from '../test/kafka/process.ts'
import { formatProperties } from '../test/kafka/server-properties.ts'
import { createTopic } from '../test/mirror/_support.ts'
import type { Engine, EngineName } from './engine.ts'

/** What `connect-mirror-maker.sh` gives the JVM. */
const FLAGS = [
  '-Xms256m',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
]
const HEAP = '2g'

/** Large batches in, large batches out. */
const TUNED = {
  'target.producer.batch.size': '262144',
  'target.producer.linger.ms': '50',
  'source.consumer.max.poll.records': '5000',
}

/** Where MirrorMaker 2 keeps what it did: a run that finds them goes on from there. */
export const isOfMirrorMaker = (topic: string): boolean =>
  topic.startsWith('mm2-') || topic === 'heartbeats' || topic.endsWith('checkpoints.internal')

interface StartFlags {
  /** Its classes come from an archive: it copies the same, and starts sooner. */
  readonly usesArchive: boolean
  /** Beside what it is shipped with. */
  readonly flags?: readonly string[]
}

const mirrorMaker = (
  name: EngineName,
  tuning: Readonly<Record<string, string>>,
  { usesArchive, flags = [] }: StartFlags,
): Engine => ({
  name,
  // A clean end takes seconds, and nobody needs what it would write: its topics are deleted, and the next one has a group of its own.
  endsBy: 'SIGKILL',
  start: async ({ source, target, to }, c, folder) => {
    await createTopic(to, c.topic, c.partitions)
    const properties = {
      clusters: 'source, target',
      'source.bootstrap.servers': source.bootstrapServers.join(','),
      'target.bootstrap.servers': target.bootstrapServers.join(','),
      'source->target.enabled': 'true',
      'source->target.topics': c.topic,
      'target->source.enabled': 'false',
      // A topic keeps its name, as with Ferry.
      'replication.policy.class': 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
      'replication.factor': '1',
      'offset-syncs.topic.replication.factor': '1',
      'checkpoints.topic.replication.factor': '1',
      'heartbeats.topic.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'status.storage.replication.factor': '1',
      'config.storage.replication.factor': '1',
      'target.group.id': basename(folder),
      // Plugins by their manifests (KIP-898), not by a look into all classes: it copies the same, and starts with a quarter less CPU.
      'target.plugin.discovery': 'service_load',
      // Only what copies records is measured; the clusters have no ACLs.
      'emit.heartbeats.enabled': 'false',
      'emit.checkpoints.enabled': 'false',
      'sync.topic.acls.enabled': 'false',
      ...tuning,
    }
    const file = join(folder, 'mm2.properties')
    await writeFile(file, formatProperties(properties))
    const command = javaCommand({
      jars: await fetchJars('mirror-maker'),
      main: 'org.apache.kafka.connect.mirror.MirrorMaker',
      args: [file],
      heap: HEAP,
      flags: [...FLAGS, ...flags],
      usesArchive,
    })
    return spawnGuarded(command, join(folder, 'log'))
  },
})

export const mm2Default = (start: StartFlags): Engine => mirrorMaker('mm2Default', {}, start)
export const mm2Tuned = (start: StartFlags): Engine => mirrorMaker('mm2Tuned', TUNED, start)

/** Records the archive of its classes, unless that was done before: `copy` has an engine copy something. */
export const recordMirrorMaker = async (copy: (engine: Engine) => Promise<unknown>) => {
  const jars = await fetchJars('mirror-maker')
  await recordClassArchive(jars, async (flag) => {
    const engine = mm2Default({ usesArchive: false, flags: [flag] })
    await copy({ ...engine, endsBy: 'SIGTERM' })
  })
}
