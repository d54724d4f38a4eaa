import type { DoctorReport } from '../doctor/report.ts'
import type { JudgedRight, SideRights } from '../doctor/rights.ts'
import { aclCommand } from '../domain/acl-command.ts'
import { printable } from './text.ts'

/**
 * What Ferry's user lacks on each cluster, as commands of Kafka's own tool for an administrator to run. Comments say what could not be seen.
 * Rights that several migrations need are printed once.
 */
export const renderAclCommands = (report: DoctorReport): string => {
  const sides = new Map<string, SideRights>()
  const unread: string[] = []
  for (const { migration, rights } of report.migrations) {
    if (rights === undefined) unread.push(migration)
    for (const side of rights ? [rights.source, rights.target] : []) {
      const before = sides.get(side.cluster)
      sides.set(
        side.cluster,
        before === undefined ? side : { ...side, rights: [...before.rights, ...side.rights] },
      )
    }
  }
  const parts = [
    ...unread.map((name) => `# ${name}: a cluster could not be connected to; see ferry doctor.`),
    ...[...sides.values()].map(renderSide),
  ]
  return `${parts.join('\n\n')}\n`
}

const renderSide = (side: SideRights): string => {
  if (!side.checksAcls) return `# ${side.cluster} checks no ACLs: nothing to grant.`
  const missing = side.rights.filter(({ has }) => has === 'no')
  const unknown = side.rights.filter(({ has }) => has === 'unknown')
  const lines = [
    missing.length === 0
      ? `# ${side.cluster}: nothing is known to be missing.`
      : `# ${side.cluster}: what Ferry's user lacks.`,
    ...commands(side, missing),
  ]
  if (unknown.length > 0) {
    lines.push(
      `# ${side.cluster}: whether these are there cannot be seen; granting twice does no harm.`,
      ...commands(side, unknown),
    )
  }
  return lines.join('\n')
}

/** One command for each resource, in the order of need. */
const commands = (
  { bootstrapServers, principal }: SideRights,
  rights: readonly JudgedRight[],
): readonly string[] => {
  const resources = new Map<string, JudgedRight[]>()
  for (const right of rights) {
    const resource = `${right.resourceType} ${right.patternType} ${right.resourceName}`
    const list = resources.get(resource)
    if (list) list.push(right)
    else resources.set(resource, [right])
  }
  return [...resources.values()].map((list) => {
    const { resourceType, resourceName, patternType } = list[0]!
    return printable(
      aclCommand({
        bootstrapServers: bootstrapServers.join(','),
        principal: principal ?? "User:<subject of Ferry's client certificate>",
        operations: [...new Set(list.map(({ operation }) => operation))],
        resourceType,
        resourceName,
        patternType,
      }),
    )
  })
}
