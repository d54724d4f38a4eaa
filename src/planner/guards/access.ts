import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import type { TopicName } from '../../domain/ids.ts'
import type { Migration } from '../../domain/migration.ts'
import type { Step } from '../../domain/step.ts'
import type { PlanContext } from '../../steps/step-kind.ts'
import type { ObservedSide } from '../observed.ts'

export const accessGuards = ({ desired, observed }: PlanContext): readonly Diagnostic[] => {
  const found: Diagnostic[] = []
  const { target } = observed
  const first = desired.access[0]
  if (first && target.acls === 'no-authorizer') {
    found.push(
      diagnostic({
        code: 'FERRY1311',
        detail: `The file lists access, but ${target.name} checks no ACLs.`,
        fix: 'Take `access` out of the file, or turn on an authorizer on the target.',
        at: first.at,
      }),
    )
  }
  found.push(...rightsGuards(desired, observed.target, first !== undefined))
  // A topic that the user may not even describe is a read that failed, which says so.
  const unread = desired.topics.filter(
    ({ name }) => !has(observed.source.topics.get(name)?.description.authorized, 'READ'),
  )
  found.push(...unread.map(({ name }) => lacks(observed.source.name, `READ on topic ${name}`)))
  return found
}

/** Rights without which a step of the plan would stop half way, whatever the plan is for. */
export const stepRightsGuards = (
  { observed: { source, target } }: Pick<PlanContext, 'observed'>,
  steps: readonly Step[],
): readonly Diagnostic[] =>
  steps.flatMap((step) => {
    const may = (side: ObservedSide, topic: TopicName, right: string): readonly Diagnostic[] =>
      has(side.topics.get(topic)?.description.authorized, right)
        ? []
        : [lacks(side.name, `${right} on topic ${topic}`)]
    switch (step.kind) {
      case 'forget-mark':
      case 'delete-topic':
        return may(target, step.topic, 'DELETE')
      case 'mirror-topic':
        return [...may(source, step.topic, 'READ'), ...may(target, step.topic, 'WRITE')]
      case 'mirror-reverse':
        return mayMirrorBack(source, step.topic)
      default:
        return []
    }
  })

/** Without WRITE on the source nothing is mirrored back. It may have been taken away since the way back began. */
export const mayMirrorBack = (source: ObservedSide, topic: TopicName): readonly Diagnostic[] =>
  has(source.topics.get(topic)?.description.authorized, 'WRITE')
    ? []
    : [lacks(source.name, `WRITE on topic ${topic}, which mirroring back needs`)]

/** Brokers before 2.3 do not say what the user may do. */
const has = (rights: ReadonlySet<string> | undefined, right: string): boolean =>
  rights === undefined || rights.has(right) || rights.has('ALL')

const lacks = (cluster: string, what: string): Diagnostic =>
  diagnostic({
    code: 'FERRY1307',
    detail: `Ferry's user on ${cluster} lacks ${what}.`,
    fix: `Grant it on ${cluster}, then plan again. \`ferry doctor NAME --print-acls\` prints the commands.`,
  })

/** Rights of Ferry's user on the target, as far as the broker tells them. Topics' own rights are checked where the topic exists. */
const rightsGuards = (
  desired: Migration,
  target: PlanContext['observed']['target'],
  managesAcls: boolean,
): readonly Diagnostic[] => {
  const missing: string[] = []
  const cluster = target.cluster.authorized
  // CREATE may also be granted on the topic's name; only a dry creation can tell, and plan asks for one.
  if ((managesAcls || desired.users.length > 0) && !has(cluster, 'ALTER')) {
    missing.push('ALTER on the cluster (users and ACLs)')
  }
  for (const spec of desired.topics) {
    const rights = target.topics.get(spec.name)?.description.authorized
    for (const right of ['READ', 'WRITE', 'ALTER_CONFIGS']) {
      if (!has(rights, right)) missing.push(`${right} on topic ${spec.name}`)
    }
  }
  return missing.map((what) => lacks(target.name, what))
}
