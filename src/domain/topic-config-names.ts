/** Names of topic configs (TopicConfig.java and LogConfig.java of Apache Kafka 2.8 to 4.x). */

/** Accepted by every target from 2.8 on: an override of the source is carried over. */
export const CARRIED_TOPIC_CONFIGS: ReadonlySet<string> = new Set([
  'cleanup.policy',
  'compression.gzip.level',
  'compression.type',
  'compression.zstd.level',
  'delete.retention.ms',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'index.interval.bytes',
  'max.compaction.lag.ms',
  'max.message.bytes',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'preallocate',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
  'unclean.leader.election.enable',
])

/** Known to some versions only, or about storage that the target may not have: carried over only where the planner says so. */
export const OTHER_TOPIC_CONFIGS: ReadonlySet<string> = new Set([
  'local.retention.bytes',
  'local.retention.ms',
  'message.downconversion.enable',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.difference.max.ms',
  'remote.log.copy.disable',
  'remote.log.delete.on.disable',
  'remote.storage.enable',
])
