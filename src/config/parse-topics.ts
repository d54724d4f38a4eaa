import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { didYouMean } from '../domain/did-you-mean.ts'
import type { TopicName } from '../domain/ids.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { checkUnique } from './duplicates.ts'
import type { OpenedFile } from './open-file.ts'
import type { Problems } from './problems.ts'
import type { MigrationFile, RawTopic } from './raw-files.ts'
import {
  KNOWN_TOPIC_CONFIGS,
  normaliseTopicConfig,
  typeOfTopicConfig,
  whyNeverSet,
} from './topic-configs.ts'
import { escapePointer, quote, readablePath } from './words.ts'
import type { ConfigDocument } from './yaml-document.ts'

/** `spec.topics` of a migration. */
export const parseTopics = ({
  raw,
  document,
}: OpenedFile<MigrationFile>): {
  readonly topics: readonly TopicSpec[]
  readonly problems: readonly Diagnostic[]
} => {
  const problems: Problems = []
  const topics: TopicSpec[] = []
  for (const [i, topic] of (raw.spec?.topics ?? []).entries()) {
    if (topic?.name === undefined) continue
    const pointer = `/spec/topics/${i}`
    if (topic.name.startsWith('__')) {
      problems.push(
        diagnostic({
          code: 'FERRY1036',
          detail: `${quote(topic.name)} is an internal topic; what it holds means something only on its own cluster.`,
          fix: 'Remove it; Ferry carries over group positions through groups.',
          at: document.at(`${pointer}/name`),
        }),
      )
    }
    topics.push({
      name: topic.name as TopicName,
      at: document.at(pointer),
      partitions: topic.partitions,
      replicationFactor: topic.replicationFactor,
      configs: topic.configs && parseConfigs(topic, topic.configs, pointer, document, problems),
      offsets: topic.offsets ?? 'auto',
      preventDelete: topic.lifecycle?.preventDelete,
    })
  }
  problems.push(
    ...checkUnique(
      topics,
      (one) => one.name,
      (one) => `Topic ${quote(one.name)}`,
    ),
  )
  return { topics, problems }
}

const parseConfigs = (
  topic: RawTopic,
  raw: NonNullable<RawTopic['configs']>,
  topicPointer: string,
  document: ConfigDocument,
  problems: Problems,
): ReadonlyMap<string, string> => {
  const configs = new Map<string, string>()
  for (const [key, value] of Object.entries(raw)) {
    if (value === undefined) continue
    const pointer = `${topicPointer}/configs/${escapePointer(key)}`
    const never = whyNeverSet(key)
    if (never !== undefined) {
      problems.push(
        diagnostic({
          code: 'FERRY1039',
          detail: `${key} must not be set on a target: ${never}.`,
          fix: 'Remove the key.',
          at: document.at(pointer, 'key'),
        }),
      )
      continue
    }
    const meant = KNOWN_TOPIC_CONFIGS.includes(key)
      ? undefined
      : didYouMean(key, KNOWN_TOPIC_CONFIGS)
    if (meant !== undefined) {
      problems.push(
        diagnostic({
          code: 'FERRY1041',
          severity: 'warning',
          detail: `No Kafka version that Ferry knows has the topic config ${quote(key)}; the target decides.`,
          fix: `Did you mean ${meant}?`,
          at: document.at(pointer, 'key'),
        }),
      )
    }
    const normal = normaliseTopicConfig(key, value, document.sourceOf(pointer))
    if (normal !== undefined) configs.set(key, normal)
    else {
      const [noWhat, fix] = usable(key)
      problems.push(
        diagnostic({
          code: 'FERRY1040',
          detail: `${readablePath(pointer)} is ${quote(value)}, which is no ${noWhat}.`,
          fix,
          at: document.at(pointer),
        }),
      )
    }
  }
  const minInSync = Number(configs.get('min.insync.replicas'))
  if (topic.replicationFactor !== undefined && minInSync > topic.replicationFactor) {
    problems.push(
      diagnostic({
        code: 'FERRY1050',
        detail: `min.insync.replicas is ${minInSync} but replicationFactor is ${topic.replicationFactor}, so nothing could be written with acks=all.`,
        fix: `Lower min.insync.replicas to ${Math.max(1, topic.replicationFactor - 1)}, or raise replicationFactor.`,
        at: document.at(`${topicPointer}/configs/min.insync.replicas`),
      }),
    )
  }
  return configs
}

/** What a config takes, and how that is written. */
const usable = (key: string): readonly [what: string, fix: string] => {
  const type = typeOfTopicConfig(key)
  if (type === 'switch') return ['switch', 'Write true or false.']
  if (type === 'ratio') return ['usable number', 'Write a number: 0.5.']
  if (key.endsWith('ms')) {
    return ['time', 'Write milliseconds or a duration with ms, s, m, h, d or w: 7d.']
  }
  return [
    key.endsWith('bytes') ? 'size' : 'usable number',
    'Write a whole number, or for bytes a size with KiB, MiB, GiB, kB, MB or GB: 5MiB.',
  ]
}
