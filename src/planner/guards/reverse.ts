import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { TopicName } from '../../domain/ids.ts'
import type { Migration } from '../../domain/migration.ts'
import { lostOnWayBack } from '../../domain/reverse.ts'
import type { LostRange, MigrationState, Salvage } from '../../domain/state.ts'
import { placesOf } from '../../domain/state-places.ts'
import { lateBetween, nameRange } from '../../domain/stranded.ts'
import { counted } from '../../steps/_words.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import { mirroredBackTo } from '../deadlines.ts'
import { forgottenOnWayBack } from '../forgetting.ts'
import { addedOnTarget } from '../grown.ts'
import { type Observed, partitionAt } from '../observed.ts'
import { effective } from '../topic-configs.ts'
import { mayMirrorBack } from './access.ts'

/** What stands against mirroring a sealed topic back to the source, all of it. Pure. */
export const reverseGuards = (context: PlanContext, topic: TopicName): readonly Diagnostic[] => {
  const { state, observed } = context
  const { source, target } = observed
  const here = source.topics.get(topic)
  const found: Diagnostic[] = []
  const refuse = (detail: string, fix: string) =>
    found.push(diagnostic({ code: 'FERRY1360', detail, fix }))
  if (!source.takesIdempotentWrites) {
    refuse(
      `${source.name} is older than 0.11 and knows no idempotent producer: a record that is mirrored back to ${topic} could stand there twice.`,
      `Stay on ${target.name}, or bring ${source.name} to 0.11 or later first.`,
    )
    return found
  }
  const format = here && effective(here, 'message.format.version')
  if (format !== undefined && /^0\.([0-9]|10)\b/.test(format)) {
    refuse(
      `${topic} on ${source.name} keeps the message format ${format}, which has no place for the sequence of an idempotent producer, nor for headers.`,
      `Set message.format.version of ${topic} on ${source.name} to 0.11 or later if its consumers can read that.`,
    )
  }
  if (here && effective(here, 'message.timestamp.type') === 'LogAppendTime') {
    refuse(
      `${topic} on ${source.name} has message.timestamp.type=LogAppendTime: what is mirrored back would lose its timestamps.`,
      `Set message.timestamp.type=CreateTime on ${topic} on ${source.name} for as long as it is mirrored back.`,
    )
  }
  found.push(...mayMirrorBack(source, topic))
  found.push(...salvagedGuard({ state, observed }, topic))
  found.push(...goneGuard(context, topic))
  return found
}

/** What was written to the target after the seal, is not on the source again, and is gone: no mirror can bring it back. */
export const goneGuard = (context: PlanContext, topic: TopicName): readonly Diagnostic[] => {
  const { state, observed } = context
  const { target } = observed
  return (placesOf(state).sealedTopics.get(topic) ?? []).flatMap((seal) => {
    const start = partitionAt(target.topics.get(topic), seal.partition)?.logStart
    const next = mirroredBackTo(context, seal)
    if (start === undefined || start <= next) return []
    return [
      diagnostic({
        code: 'FERRY1360',
        detail: `${topic}:${seal.partition}: offsets ${next} to ${start - 1n} were written to ${target.name} after the seal and are gone there by retention: they cannot be mirrored back.`,
        fix: `Stay on ${target.name}.`,
      }),
    ]
  })
}

/**
 * What was salvaged stands on both clusters, in different places: before the way back was marked no other begins, afterwards it has ended. So
 * it has where a range of it was given up.
 */
export const salvagedGuard = (
  { state, observed: { source, target } }: Pick<PlanContext, 'state' | 'observed'>,
  topic: TopicName,
): readonly Diagnostic[] => {
  const of = <R extends { readonly topic: TopicName }>(ranges: readonly R[]) =>
    ranges.filter((range) => range.topic === topic)
  const refuse = (detail: string, first = '') =>
    diagnostic({ code: 'FERRY1360', detail, fix: `${first}Stay on ${target.name}.` })
  const salvaged = (status: Salvage['status']) =>
    of(state.salvages ?? []).filter((each) => each.status === status)
  const listed = (ranges: readonly Salvage[]) =>
    ranges.map(({ partition, from, to }) => `${partition}: ${from} to ${to - 1n}`).join('; ')
  const [done, pending] = [salvaged('done'), salvaged('pending')]
  const lost = of(lostOnWayBack({ lost: state.lost ?? [], reverse: state.reverse }))
  return [
    ...(pending.length > 0
      ? [
          refuse(
            `A salvage of late records of ${topic} (partition ${listed(pending)}) was begun and has not ended: some of them may be on both clusters, in different places. Mirrored back they would be on ${source.name} twice.`,
            `Carry it to its end: ferry salvage ${state.migration} --confirm ${state.migration}. `,
          ),
        ]
      : []),
    ...(done.length > 0
      ? [
          refuse(
            `Late records of ${topic} (partition ${listed(done)}) were salvaged: they are on both clusters, in different places. Mirrored back they would be on ${source.name} twice, and no position would be right.`,
          ),
        ]
      : []),
    ...(lost.length > 0
      ? [
          refuse(
            `${lost.map(nameRange).join(', ')} on ${source.name}, between what was mirrored back, were gone there and were given up: the way back of ${topic} has ended with that, since nobody knows what stood there.`,
          ),
        ]
      : []),
  ]
}

/** Partitions that came on the target after the seal: the source has none for what is written there. */
export const addedGuards = (context: PlanContext): readonly Diagnostic[] =>
  [...placesOf(context.state).sealedTopics.keys()].sort().flatMap((topic) => {
    const added = addedOnTarget(context, topic)
    if (added === undefined) return []
    const { source, target } = context.observed
    const isUsed = added.used.length > 0
    const used = added.used.map(
      (p) => `${topic}:${p.partition} (up to offset ${p.highWatermark - 1n})`,
    )
    return [
      diagnostic({
        code: 'FERRY1338',
        severity: isUsed ? 'error' : 'warning',
        detail: `${topic} was sealed with ${counted(added.sealed, 'partition')} and has ${added.target} on ${target.name} now. ${isUsed ? `What was written to ${used.join(', ')} has no partition on ${source.name}, and its keys stand in others there: it cannot be mirrored back.` : 'Nothing was written to the new ones yet.'}`,
        fix: isUsed
          ? `Stay on ${target.name}: the migration can go on forwards${mayReopenWayBack(context.state) ? ' as ever' : ' no more, as groups were put back, or copies given up, already'}.`
          : 'Go back before a producer uses them: what it writes there stands in the way.',
      }),
    ]
  })

/** A record of somebody else between what was mirrored back took the place of the next one: what follows has none any more. */
export const endedGuards = (
  { state, observed, desired }: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] => {
  const isSealed = state.reverse.seals.length > 0 && mayReopenWayBack(state)
  return lateBetween(observed.lateOnWayBack ?? [], state)
    .filter(({ topic }) => topics.includes(topic))
    .map((range) => {
      const { source, target } = observed
      return diagnostic({
        code: 'FERRY1360',
        detail: `${nameRange(range)} on ${source.name} came between what was mirrored back, from somebody else than the mirror, and is not on ${target.name}. What comes behind has no place on ${source.name} any more.`,
        fix: `Stay on ${target.name}: stop that producer, then ferry salvage ${desired.name} appends what it wrote there${isSealed ? ' and opens again what is sealed of the way back, so that apply can go on forwards' : ''}.`,
      })
    })
}

/** What closes the way back for good, of the topics that are sealed; undefined: it is open, or a right is missing that can be granted. Pure. */
export const closedWayBack = (context: PlanContext): Diagnostic | undefined => {
  const topics = [...placesOf(context.state).sealedTopics.keys()].sort()
  return [
    ...addedGuards(context),
    ...topics.flatMap((topic) => reverseGuards(context, topic)),
    ...endedGuards(context, topics),
    ...forgottenOnWayBack(context, topics),
  ].find(({ severity, code }) => severity === 'error' && CLOSING.has(code))
}

const CLOSING: ReadonlySet<string> = new Set(['FERRY1338', 'FERRY1360', 'FERRY1366'])

/** Whether what producers write to a topic on the target can be mirrored back. A right that is missing can still be granted. */
export const hasWayBack = (context: PlanContext, topic: TopicName): boolean =>
  !reverseGuards(context, topic).some(({ code }) => code === 'FERRY1360')

/**
 * What keeps a rollback from ever coming to its end while a part of it is sealed on the source: of what is not sealed there something is gone, may be
 * forgotten, or has no place. Waiting and trying again changes nothing of it.
 */
export const endlessRollback = (context: PlanContext): readonly Diagnostic[] => {
  const back = placesOf(context.state.reverse)
  if (back.sealedTopics.size === 0) return []
  const open = [...placesOf(context.state).sealedTopics.keys()]
    .filter((topic) => !back.sealedTopics.has(topic))
    .sort()
  return [
    ...addedGuards(context),
    ...open.flatMap((topic) => [...salvagedGuard(context, topic), ...goneGuard(context, topic)]),
    ...forgottenOnWayBack(context, open),
  ].filter(({ severity }) => severity === 'error')
}

/** The topics whose seals on the source a plan forwards opens again, since the rollback cannot end. None: it can, or they may not be opened. */
export const reopenedForwards = (context: PlanContext): readonly TopicName[] =>
  mayReopenWayBack(context.state) && endlessRollback(context).length > 0
    ? [...placesOf(context.state.reverse).sealedTopics.keys()].sort()
    : []

/** What a plan forwards does about a rollback that cannot end. */
export const reopensWayBack = (
  context: PlanContext,
  topics: readonly TopicName[],
): readonly Diagnostic[] => {
  const { source, target } = context.observed
  if (topics.length === 0) return []
  return [
    diagnostic({
      code: 'FERRY1363',
      severity: 'warning',
      detail: `The rollback cannot be carried to its end: ${endlessRollback(context)
        .map(({ detail }) => detail)
        .join(
          ' ',
        )} This plan goes forwards instead. It opens the seals of the way back of ${topics.join(', ')} on ${source.name} again: what was mirrored back stays there, and the service goes on on ${target.name}.`,
      fix: `See that nobody has started on ${source.name}: what somebody wrote there is late, stops the step, and is salvaged (ferry salvage ${context.desired.name}). Then: ferry apply ${context.desired.name} --confirm ${context.desired.name}.`,
    }),
  ]
}

/** From the first seal of a way back on the source counts: nothing may lead forwards before the rollback has ended. */
export const rollbackUnderWay = ({
  desired,
  state,
  observed,
}: {
  readonly desired: Pick<Migration, 'name' | 'from' | 'to'>
  readonly state: MigrationState
  readonly observed?: Pick<Observed, 'lateOnWayBack'>
}): readonly Diagnostic[] => {
  if (state.reverse.seals.length === 0 && !state.purges.some((purge) => purge.copiedBackTo)) {
    return []
  }
  const sealed = `What producers wrote to ${desired.to} was mirrored back to ${desired.from} and sealed there`
  const late = lateBetween(observed?.lateOnWayBack ?? [], state)
  const isStuck = late.length > 0 && mayReopenWayBack(state)
  return [
    diagnostic({
      code: 'FERRY1363',
      detail: isStuck
        ? `${sealed}, but not all of it: ${late.map(nameRange).join(', ')} came between, so that the rollback cannot end.`
        : `${sealed}.`,
      fix: isStuck
        ? `Stop that producer. Then \`ferry salvage ${desired.name}\` appends what it wrote to ${desired.to} and opens the seals of the way back again; apply goes on forwards after it.`
        : `Carry the rollback to its end: ferry rollback ${desired.name} --to prepared`,
    }),
  ]
}

/**
 * Whether the seals of a way back may be opened again: no group was put back behind them, and no copy was given up. What others have written to
 * the source behind such a seal is late then, as it was before.
 */
export const mayReopenWayBack = ({
  reverse,
  returns,
  purges,
}: Pick<MigrationState, 'reverse' | 'returns' | 'purges'>): boolean =>
  !purges.some((purge) => purge.copiedBackTo) &&
  !returns.some(({ behind = [] }) =>
    behind.some((id) => reverse.marks.some(({ producerId }) => producerId === id)),
  )

/** The decisions with those seals open. A rollback that had begun must not go on with what it has done. */
export const reopenedWayBack = (state: MigrationState): MigrationState => {
  if (state.reverse.seals.length === 0 || !mayReopenWayBack(state)) return state
  const { sealing: _, ...reverse } = state.reverse
  return { ...state, plan: null, reverse: { ...reverse, seals: [] } }
}

/**
 * The decisions with ranges given up. Where that ends the way back of a topic while another is sealed, the rollback cannot end any more: those
 * seals are opened. Undefined: they may not be.
 */
export const withGivenUp = (
  state: MigrationState,
  given: readonly LostRange[],
): MigrationState | undefined => {
  const endsWayBack = lostOnWayBack({ lost: given, reverse: state.reverse }).length > 0
  const open = endsWayBack ? reopenedWayBack(state) : state
  if (endsWayBack && open.reverse.seals.length > 0) return undefined
  return { ...open, lost: [...state.lost, ...given] }
}
