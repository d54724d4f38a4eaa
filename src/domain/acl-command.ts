import type { Operation, PatternType, ResourceType } from './access.ts'

export interface AclCommand {
  readonly bootstrapServers: string
  readonly principal: string
  readonly operations: readonly Operation[]
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly patternType?: PatternType
}

/** A command of Kafka's own tool that grants operations on one resource. For a shell: whatever a name holds, it stays one argument. */
export const aclCommand = (acl: AclCommand): string =>
  [
    `kafka-acls.sh --bootstrap-server ${quoted(acl.bootstrapServers)} --command-config admin.properties`,
    `--add --allow-principal ${quoted(acl.principal)}`,
    ...acl.operations.map((operation) => `--operation ${toolName(operation)}`),
    resourceFlag(acl.resourceType, acl.resourceName),
    ...(acl.patternType === 'PREFIXED' ? ['--resource-pattern-type prefixed'] : []),
  ].join(' ')

/** `DescribeConfigs`: the tool does not know the names with underscores (SecurityUtils.operation). */
const toolName = (operation: Operation): string =>
  operation
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('')

const resourceFlag = (type: ResourceType, name: string): string => {
  switch (type) {
    case 'TOPIC':
      return `--topic ${quoted(name)}`
    case 'GROUP':
      return `--group ${quoted(name)}`
    case 'CLUSTER':
      return '--cluster'
    case 'TRANSACTIONAL_ID':
      return `--transactional-id ${quoted(name)}`
    case 'DELEGATION_TOKEN':
      return `--delegation-token ${quoted(name)}`
    case 'USER':
      return `--user-principal ${quoted(`User:${name}`)}`
  }
}

const quoted = (text: string): string =>
  /^[\w.:,=@/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
