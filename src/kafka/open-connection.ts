import type { ClusterSpec } from '../domain/migration.ts'
import { LinkLost } from './cluster.ts'
import { AnswerTimedOut, BrokerConnection } from './connection.ts'
import { NotKafka } from './frame-reader.ts'
import { createKafkajsConnection, type KafkaLogger } from './kafkajs.ts'
import { apiVersions } from './wire/api-versions.ts'

/** Why a connection could not be opened; each has its own advice. */
export type ConnectFailureKind =
  | 'unreachable'
  | 'timeout'
  | 'name-not-found'
  | 'tls-expected'
  | 'tls-refused'
  | 'certificate'
  | 'sasl-expected'
  | 'login-refused'
  | 'mechanism-refused'
  | 'closed'

/** One address that could not be connected to. The reason never holds a secret. */
export class ConnectFailure extends Error {
  readonly kind: ConnectFailureKind
  readonly address: string
  readonly reason: string

  constructor(kind: ConnectFailureKind, address: string, reason: string, cause?: unknown) {
    super(`${address}: ${reason}`, { cause })
    this.name = 'ConnectFailure'
    this.kind = kind
    this.address = address
    this.reason = reason
  }
}

export interface ConnectionOptions {
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly log: KafkaLogger | undefined
}

interface SystemError extends Error {
  readonly code?: string
}

/** Opens a connection, asks for the broker's versions, logs in. Rejects with {@link ConnectFailure} only. */
export const openConnection = async (
  spec: ClusterSpec,
  at: { readonly host: string; readonly port: number },
  options: ConnectionOptions,
): Promise<BrokerConnection> => {
  const address = `${at.host}:${at.port}`
  const opened = createKafkajsConnection(
    {
      host: at.host,
      port: at.port,
      clientId: options.clientId,
      connectionTimeout: options.connectTimeoutMs,
      requestTimeout: options.connectTimeoutMs,
      ssl: tlsOptions(spec),
      sasl:
        (spec.sasl && {
          mechanism: spec.sasl.mechanism,
          username: spec.sasl.username,
          password: spec.sasl.password.reveal(),
        }) ||
        null,
    },
    options.log,
  )
  const timeout = new Timeout(options.connectTimeoutMs)
  try {
    await timeout.race(opened.connection.connect()).catch((error: SystemError) => {
      throw connectError(spec, address, error, options.connectTimeoutMs)
    })
    const connection = new BrokerConnection(opened, {
      address,
      clientId: options.clientId,
      usesSasl: spec.sasl !== undefined,
    })
    try {
      const announced = await connection
        .call(apiVersions, undefined, options.connectTimeoutMs)
        .catch((error: Error) => {
          throw firstAnswerError(spec, address, error)
        })
      connection.announce(announced.versions)
      if (spec.sasl !== undefined) {
        await timeout.race(connection.authenticate()).catch((error: SystemError) => {
          throw loginError(spec, address, error)
        })
      }
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  } catch (error) {
    opened.connection.socket?.destroy()
    throw error
  } finally {
    timeout.clear()
  }
}

const tlsOptions = (spec: ClusterSpec) =>
  spec.tls === undefined
    ? null
    : {
        ...(spec.tls.ca !== undefined && { ca: spec.tls.ca }),
        ...(spec.tls.cert !== undefined && { cert: spec.tls.cert }),
        ...(spec.tls.key !== undefined && { key: spec.tls.key.reveal() }),
        ...(spec.tls.serverName !== undefined && { servername: spec.tls.serverName }),
      }

class TimedOut extends Error {}

/** One time limit over several waits. kafkajs has a limit for the first only, and an authenticator whose socket ends may wait for ever. */
class Timeout {
  readonly #expired: Promise<never>
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.#expired = new Promise((_, reject) => {
      this.#timer = setTimeout(() => reject(new TimedOut('timed out')), ms)
    })
    this.#expired.catch(() => undefined)
  }

  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#expired])
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused (ECONNREFUSED): nothing listens there',
  EHOSTUNREACH: 'no route to the host (EHOSTUNREACH)',
  ENETUNREACH: 'no route to the network (ENETUNREACH)',
  EACCES: 'not permitted by this machine (EACCES)',
}

const connectError = (
  spec: ClusterSpec,
  address: string,
  error: SystemError,
  timeoutMs: number,
): ConnectFailure => {
  const code = error.code ?? ''
  if (error instanceof TimedOut || code === 'ETIMEDOUT' || error.message === 'Connection timeout') {
    return new ConnectFailure('timeout', address, `no connection within ${timeoutMs} ms`, error)
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new ConnectFailure('name-not-found', address, `its name is not known (${code})`, error)
  }
  const unreachable = UNREACHABLE[code]
  if (unreachable !== undefined) {
    return new ConnectFailure('unreachable', address, unreachable, error)
  }
  if (spec.tls !== undefined) {
    if (code === 'ECONNRESET' || code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
      const reason = `the TLS handshake was not answered (${code || error.message})`
      return new ConnectFailure('tls-refused', address, reason, error)
    }
    return new ConnectFailure('certificate', address, `${error.message} (${code})`, error)
  }
  return new ConnectFailure('unreachable', address, code || error.message, error)
}

const firstAnswerError = (spec: ClusterSpec, address: string, error: Error): ConnectFailure => {
  if (error.cause instanceof AnswerTimedOut) {
    return new ConnectFailure('timeout', address, 'it did not answer in time', error)
  }
  const speaksTls = error instanceof LinkLost && error.cause instanceof NotKafka
  if (speaksTls && spec.tls === undefined) {
    return new ConnectFailure('tls-expected', address, 'it answered with a TLS alert', error)
  }
  if (spec.tls === undefined && error instanceof LinkLost) {
    const reason = 'it closed the connection at the first request'
    return new ConnectFailure('tls-expected', address, reason, error)
  }
  const isCertificateAlert = error.message.includes('alert')
  return new ConnectFailure(
    isCertificateAlert ? 'certificate' : 'closed',
    address,
    error.message,
    error,
  )
}

/** kafkajs wraps what went wrong in text; only the type of its error and the protocol's own words are used. */
const loginError = (spec: ClusterSpec, address: string, error: SystemError): ConnectFailure => {
  const mechanism = spec.sasl?.mechanism.toUpperCase() ?? ''
  const type = (error as { readonly type?: string }).type
  if (error instanceof TimedOut) {
    return new ConnectFailure('timeout', address, 'the login was not answered in time', error)
  }
  if (
    type === 'UNSUPPORTED_SASL_MECHANISM' ||
    error.message.includes('mechanism is not supported')
  ) {
    const reason = `${mechanism} is not enabled on this listener`
    return new ConnectFailure('mechanism-refused', address, reason, error)
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    const reason = 'this listener has no SASL, but the file asks for a login'
    return new ConnectFailure('mechanism-refused', address, reason, error)
  }
  const reason = `${mechanism} login of user ${spec.sasl?.username} was refused`
  return new ConnectFailure('login-refused', address, reason, error)
}
