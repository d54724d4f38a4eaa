import { setTimeout as pause } from 'node:timers/promises'
import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import { partitionKey, type TopicName } from '../domain/ids.ts'
import type { MigrationState, Salvage } from '../domain/state.ts'
import { nameRange } from '../domain/stranded.ts'
import { logEnds } from './log-ends.ts'
import type { Run } from './step-kind.ts'

/** Salvages of a topic that were begun and have not come to their end: they died, or stopped at a record that is too large. */
export const pendingSalvages = (
  { salvages }: Pick<MigrationState, 'salvages'>,
  topic: TopicName,
): readonly Salvage[] =>
  salvages.filter((each) => each.topic === topic && each.status === 'pending')

/** What opening a seal, or giving a copy up, makes of them, in a plan; empty: there are none. */
export const withdrawnInWords = (
  state: Pick<MigrationState, 'salvages'>,
  topic: TopicName,
): string => {
  const pending = pendingSalvages(state, topic)
  return pending.length === 0
    ? ''
    : `; the salvage of ${pending.map(nameRange).join(', ')} that was begun is withdrawn, unless it has appended something`
}

/** Without what was salvaged of a topic: to be written together with what opens its seal, or gives its copy up. */
export const withoutSalvages = (
  { salvages }: Pick<MigrationState, 'salvages'>,
  topic: TopicName,
): readonly Salvage[] => salvages.filter((each) => each.topic !== topic)

/** Until what a salvage that broke off has sent of a topic is appended, or never will be: as long as the next salvage would wait. */
export const untilSettled = async (topic: TopicName, run: Run): Promise<void> => {
  if (!pendingSalvages(run.state(), topic).some(({ sent }) => sent !== undefined)) return
  run.report(`waits until nothing that was sent of late records of ${topic} can still arrive`)
  await pause(run.timings.requestTimeoutMs, undefined, { signal: run.signal })
}

/**
 * Why the seal of a topic cannot be opened again: something stands behind it on the target, by the word of its leaders. Undefined: nothing does,
 * and nothing that a salvage has sent can still arrive, so that the mirror may copy there what that was to append.
 */
export const somethingSalvaged = async (
  topic: TopicName,
  run: Run,
): Promise<Diagnostic | undefined> => {
  await untilSettled(topic, run)
  const state = run.state()
  const { target } = run.clusters
  const seals = state.seals.filter((seal) => seal.topic === topic)
  const ends = await logEnds(target, seals)
  const grown = seals.find(
    (seal) => ends.get(partitionKey(topic, seal.partition))! > seal.targetEnd,
  )
  if (grown === undefined) return undefined
  const { name } = run.migration
  const [pending] = pendingSalvages(state, topic)
  return diagnostic({
    code: 'FERRY1330',
    detail: `${topic}:${grown.partition} ends at ${ends.get(partitionKey(topic, grown.partition))} on ${target.name}, behind its seal at ${grown.targetEnd}: what ${pending ? 'a salvage that broke off, or somebody else,' : 'somebody'} has written there would stand between what is mirrored.`,
    fix: pending
      ? `Carry the salvage to its end (ferry salvage ${name} --confirm ${name}), and stay on ${target.name}.`
      : 'Plan again: the plan says what leads on from here.',
  })
}
