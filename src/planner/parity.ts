import type { DiagnosticCode } from '../domain/diagnostic.ts'
import type { TopicSpec } from '../domain/migration.ts'
import { stageRank } from '../domain/stage.ts'
import { placesOf } from '../domain/state-places.ts'
import { humanDuration } from '../steps/_words.ts'
import type { PlanContext } from '../steps/step-kind.ts'
import type { TopicWarning } from './guards/topic-warning.ts'
import type { ObservedTopic } from './observed.ts'
import { effective, isLess, OPEN, type TopicConfigs, targetDefault } from './topic-configs.ts'

interface Difference {
  readonly code: DiagnosticCode
  readonly key: string
  readonly source: string
  readonly target: string
}

/**
 * Where a topic will behave otherwise on the target than on the source once its final configs hold: values in force are compared, defaults
 * of the brokers included, since nobody has written those into a plan file. What the file sets itself is meant.
 */
export const parityWarnings = (
  context: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  configs: Pick<TopicConfigs, 'final'>,
): readonly TopicWarning[] => {
  const { observed, state } = context
  if (placesOf(state).sealedTopics.has(spec.name)) return []
  const differences = differencesOf(context, spec, source, configs)
  const codes = [...new Set(differences.map(({ code }) => code))]
  return codes.map((code) => {
    const mine = differences.filter((each) => each.code === code)
    return {
      code,
      spec,
      says: (topics, isOne) =>
        `${topics} on ${observed.target.name}, once ${isOne ? 'it is' : 'they are'} sealed: ${mine.map(inWords).join(', ')} on ${observed.source.name}.`,
      fix: `If it should be as on ${observed.source.name}, write ${mine.map(({ key, source: value }) => `\`${key}: "${value}"\``).join(', ')} under \`configs\`.`,
    }
  })
}

const inWords = ({ key, source, target }: Difference): string => {
  const said = (value: string) =>
    value === OPEN ? 'any' : key.endsWith('.ms') ? humanDuration(value) : value
  return `${key} ${said(target)} instead of ${said(source)}`
}

const differencesOf = (
  { desired, observed }: PlanContext,
  spec: TopicSpec,
  source: ObservedTopic,
  { final }: Pick<TopicConfigs, 'final'>,
): readonly Difference[] => {
  const found: Difference[] = []
  const compare = (
    code: DiagnosticCode,
    key: string,
    differs: (source: string, target: string) => boolean,
    here = effective(source, key),
  ) => {
    const there = final.get(key) ?? targetDefault(observed.target, key)
    if (here === undefined || there === undefined || spec.configs?.has(key)) return
    if (differs(here, there)) found.push({ code, key, source: here, target: there })
  }
  const isOther = (here: string, there: string) => here !== there
  const isShorter = (here: string, there: string) => isLess(there, here)
  compare('FERRY1371', 'max.message.bytes', isShorter)
  compare('FERRY1372', 'retention.ms', isShorter)
  compare('FERRY1372', 'retention.bytes', isShorter)
  compare('FERRY1373', 'message.timestamp.type', isOther)
  compare('FERRY1374', 'compression.type', isOther)
  // Only matters to producers, and differs wherever a target is newer than 3.6 and its source is not.
  if (stageRank(desired.stage, desired.order) >= stageRank('producers-moved', desired.order)) {
    for (const key of ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']) {
      const window =
        effective(source, key) ?? effective(source, 'message.timestamp.difference.max.ms')
      compare('FERRY1373', key, isShorter, window)
    }
  }
  return found
}
