import type { Operation, ResourceType } from '../domain/access.ts'
import { aclCommand } from '../domain/acl-command.ts'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import { LinkLost } from './cluster.ts'
import { connectFailure } from './connect-failures.ts'
import { UnsupportedApi } from './connection.ts'
import { ErrorCode, errorName, isRetriable } from './error-codes.ts'
import { ConnectFailure } from './open-connection.ts'
import type { CodeAndMessage } from './wire/api.ts'
import { MalformedAnswer } from './wire/decoder.ts'

/** What was asked, for people: the words of a diagnostic, and the right that it needs. */
export interface Asked {
  /** `read the configs of topic orders` */
  readonly what: string
  readonly right: {
    readonly operation: Operation
    readonly resourceType: ResourceType
    readonly resourceName: string
  }
}

/** One thing that a broker did not do, and whether it may the next time. */
export class Fault extends Error {
  readonly diagnostic: Diagnostic
  readonly retriable: boolean
  readonly code: number | undefined

  constructor(fault: {
    readonly diagnostic: Diagnostic
    readonly retriable: boolean
    readonly code?: number
  }) {
    super(fault.diagnostic.detail)
    this.name = 'Fault'
    this.diagnostic = fault.diagnostic
    this.retriable = fault.retriable
    this.code = fault.code
  }
}

const AUTHORIZATION_CODES = new Map<number, ResourceType>([
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED, 'TOPIC'],
  [ErrorCode.GROUP_AUTHORIZATION_FAILED, 'GROUP'],
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'CLUSTER'],
  [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'TRANSACTIONAL_ID'],
])

/** Turns what goes wrong at a cluster's brokers into diagnostics. No message holds a secret. */
export class FaultReporter {
  readonly #spec: ClusterSpec

  constructor(spec: ClusterSpec) {
    this.#spec = spec
  }

  /** An error code of the protocol. `retriable` overrides what the code says of itself; `outcome`: a change may have been made all the same. */
  ofCode(
    code: number,
    asked: Asked,
    options: {
      readonly message?: string | null
      readonly retriable?: boolean
      readonly outcome?: 'unknown'
    } = {},
  ): Fault {
    const said = options.message ? ` (${options.message})` : ''
    const name = errorName(code)
    const detail = `${this.#spec.name} answered ${name}${said} to: ${asked.what}.`
    const retriable = options.retriable ?? isRetriable(code)
    if (options.outcome === 'unknown') {
      const fix = 'Run the same command again: it looks first whether that was done.'
      return new Fault({
        diagnostic: diagnostic({ code: 'FERRY1212', detail, fix }),
        retriable: false,
        code,
      })
    }
    if (AUTHORIZATION_CODES.has(code)) return this.#missingRight(code, asked, name)
    if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      const fix = 'Check the name; if the topic was just created or deleted, run the command again.'
      return new Fault({
        diagnostic: diagnostic({ code: 'FERRY1215', detail, fix }),
        retriable,
        code,
      })
    }
    if (code === ErrorCode.UNSTABLE_OFFSET_COMMIT) {
      const fix = 'Wait until the open transaction ends, then run the command again.'
      return new Fault({
        diagnostic: diagnostic({ code: 'FERRY1214', detail, fix }),
        retriable,
        code,
      })
    }
    if (
      code === ErrorCode.UNKNOWN_MEMBER_ID ||
      code === ErrorCode.STALE_MEMBER_EPOCH ||
      code === ErrorCode.NON_EMPTY_GROUP ||
      code === ErrorCode.REBALANCE_IN_PROGRESS
    ) {
      const fix = 'Stop the consumers of the group on this cluster, then run the command again.'
      return new Fault({
        diagnostic: diagnostic({ code: 'FERRY1213', detail, fix }),
        retriable: false,
        code,
      })
    }
    return new Fault({
      diagnostic: retriable
        ? diagnostic({
            code: 'FERRY1210',
            detail,
            fix: 'Look at the state of the brokers, then run the same command again.',
          })
        : diagnostic({
            code: 'FERRY1209',
            detail,
            fix: `Change what ${name} complains about; \`ferry explain FERRY1209\` says more.`,
          }),
      retriable,
      code,
    })
  }

  /** An error code in answer to a change. What went wrong in a way that nobody knows may have done so behind the change. */
  ofChange(answer: CodeAndMessage, asked: Asked): Fault {
    const isOpen = answer.code === ErrorCode.UNKNOWN_SERVER_ERROR
    return this.ofCode(answer.code, asked, {
      message: answer.message,
      ...(isOpen && { outcome: 'unknown' }),
    })
  }

  /** The broker said nothing about one thing. */
  leftOut(asked: Asked): Fault {
    return new Fault({
      diagnostic: diagnostic({
        code: 'FERRY1211',
        detail: `${this.#spec.name} left this out of its answer: ${asked.what}.`,
        fix: 'Run the command again; if it stays, look at the log of the broker.',
      }),
      retriable: true,
    })
  }

  /**
   * A whole request that failed. One that changes something is not sent again after its answer was lost (`lostIs: 'final'`), because it
   * may have been carried out.
   */
  ofError(error: unknown, asked: Asked, lostIs: 'retriable' | 'final'): Fault {
    if (error instanceof FerryError) {
      return new Fault({ diagnostic: error.diagnostics[0]!, retriable: error.retriable })
    }
    if (error instanceof ConnectFailure) {
      const failure = connectFailure(this.#spec, [error], 'broker')
      return new Fault({ diagnostic: failure.diagnostics[0]!, retriable: failure.retriable })
    }
    if (error instanceof UnsupportedApi) {
      return new Fault({ diagnostic: this.#unsupported(error, asked), retriable: false })
    }
    if (error instanceof LinkLost) {
      return new Fault({
        diagnostic: diagnostic({
          code: 'FERRY1212',
          detail: `${this.#spec.name}: ${error.message}. Asked was: ${asked.what}.`,
          fix: 'Run the same command again.',
        }),
        retriable: lostIs === 'retriable',
      })
    }
    if (error instanceof MalformedAnswer || error instanceof RangeError) {
      return new Fault({
        diagnostic: diagnostic({
          code: 'FERRY1211',
          detail: `The answer of ${this.#spec.name} could not be read (${error.message}). Asked was: ${asked.what}.`,
          fix: 'Run the command again; if it stays, report it with the version of the broker.',
        }),
        retriable: false,
      })
    }
    throw error
  }

  #missingRight(code: number, asked: Asked, name: string): Fault {
    const denied = AUTHORIZATION_CODES.get(code)!
    const type = denied === asked.right.resourceType ? asked.right.resourceType : denied
    const resource = type === 'CLUSTER' ? 'kafka-cluster' : asked.right.resourceName
    const user = this.#spec.sasl?.username
    const principal = user === undefined ? 'User:<name>' : `User:${user}`
    const operation = asked.right.operation
    return new Fault({
      diagnostic: diagnostic({
        code: 'FERRY1207',
        detail: `${principal} may not ${asked.what} on ${this.#spec.name} (${name}): ${operation} on ${type} ${resource} is missing.`,
        fix: `An administrator can run: ${aclCommand({
          bootstrapServers: this.#spec.bootstrapServers[0] ?? '',
          principal,
          operations: [operation],
          resourceType: type,
          resourceName: resource,
        })}`,
      }),
      retriable: false,
      code,
    })
  }

  #unsupported(error: UnsupportedApi, asked: Asked): Diagnostic {
    const theirs =
      error.theirs === undefined
        ? `does not have the request ${error.api}`
        : `speaks ${error.api} versions ${error.theirs.join(' to ')}, Ferry ${error.ours.join(' to ')}`
    return diagnostic({
      code: 'FERRY1208',
      detail: `${this.#spec.name} ${theirs}. It is needed to ${asked.what}.`,
      fix: 'Ferry works with sources from Kafka 0.10.2 and targets from 2.8: upgrade this cluster, or take what needs the request out of the file.',
    })
  }
}
