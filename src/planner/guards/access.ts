import { type AclBinding, covers } from '../../domain/access.ts'
import { type Diagnostic, diagnostic } from '../../domain/diagnostic.ts'
import { parsePartitionKey, type TopicName } from '../../domain/ids.ts'
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
  found.push(...shutOut({ desired, observed }))
  // A topic that the user may not even describe is a read that failed, which says so.
  const unread = desired.topics.filter(
    ({ name }) => !has(observed.source.topics.get(name)?.description.authorized, 'READ'),
  )
  found.push(...unread.map(({ name }) => lacks(observed.source.name, `READ on topic ${name}`)))
  return found
}

/** ALL on a topic waits for the seal. Consumers that move before need something else that lets them read. */
const shutOut = ({ desired, observed }: Pick<PlanContext, 'desired' | 'observed'>) => {
  const { source, target } = observed
  if (desired.order !== 'consumers-first' || typeof target.acls === 'string') return []
  const before = [...target.acls, ...desired.access.flatMap(({ atOnce }) => atOnce)]
  const sealed = desired.access.flatMap(({ afterSeal }) => afterSeal)
  return desired.groups.flatMap(({ id }) => {
    const read = new Set(
      [...(source.groups.get(id)?.commits.keys() ?? [])].map((key) => parsePartitionKey(key).topic),
    )
    const topics = desired.topics.map(({ name }) => name).filter((name) => read.has(name))
    const members = desired.access.filter(({ afterSync }) =>
      afterSync.some(
        (acl) => acl.resourceType === 'GROUP' && acl.operation !== 'DELETE' && covers(acl, id),
      ),
    )
    return members.flatMap(({ principal, at }) => {
      const may = (acls: readonly AclBinding[], topic: TopicName) =>
        acls.some((acl) => letsRead(acl, principal, topic))
      const late = topics.filter((topic) => may(sealed, topic) && !may(before, topic))
      if (late.length === 0) return []
      return [
        diagnostic({
          code: 'FERRY1353',
          severity: 'warning',
          detail: `${principal} may read ${late.join(', ')} on ${target.name} only by ALL, which waits for the seal: consumers of ${id} move before, and are refused until producers move.`,
          fix: 'Name the topics under `consume.topics` too; ALL may stay as it is.',
          at,
        }),
      ]
    })
  })
}

const letsRead = (acl: AclBinding, principal: string, topic: TopicName): boolean =>
  acl.resourceType === 'TOPIC' &&
  acl.permission === 'ALLOW' &&
  (acl.operation === 'READ' || acl.operation === 'ALL') &&
  (acl.principal === principal || acl.principal === 'User:*') &&
  covers(acl, topic)

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
