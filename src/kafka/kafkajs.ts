import { createRequire } from 'node:module'
import { connect, type Socket } from 'node:net'

/**
 * The parts of kafkajs 2.2.4 that Ferry stands on: its connection with TLS and SASL. They are internals (the package has no exports map,
 * its version is pinned exactly); nothing outside this folder may know them.
 */
export interface KafkajsConnection {
  socket: Socket | undefined
  /** Set while an old-style SASL exchange waits for its bytes. */
  readonly requestQueue: { destroy(): void }
  processData(data: Buffer): void
  connect(): Promise<boolean>
  disconnect(): Promise<boolean>
  authenticate(): Promise<void>
  isAuthenticated(): boolean
  setVersions(
    versions: Record<number, { readonly minVersion: number; readonly maxVersion: number }>,
  ): void
  setSupportAuthenticationProtocol(isSupported: boolean): void
}

export interface KafkajsTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

export interface KafkajsConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly logger: unknown
  readonly socketFactory: unknown
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly maxInFlightRequests: number | null
  readonly ssl: KafkajsTls | null
  readonly sasl: {
    readonly mechanism: string
    readonly username: string
    readonly password: string
  } | null
}

interface SocketOptions {
  readonly host: string
  readonly port: number
  readonly ssl: KafkajsTls | null
  readonly onConnect: () => void
}
type SocketFactory = (options: SocketOptions) => Socket

interface LogEntry {
  readonly namespace: string
  readonly label: string
  readonly log: { readonly message: string; readonly broker?: string }
}

const require = createRequire(import.meta.url)

const load = () => ({
  Connection: require('kafkajs/src/network/connection') as new (
    options: KafkajsConnectionOptions,
  ) => KafkajsConnection,
  loggers: require('kafkajs/src/loggers') as {
    createLogger(options: { level: number; logCreator: () => (entry: LogEntry) => void }): unknown
  },
  socketFactory: require('kafkajs/src/network/socketFactory') as () => SocketFactory,
})
let loaded: ReturnType<typeof load> | undefined

/** Loaded at the first connect: `ferry --help` must not pay for it. */
const kafkajs = () => {
  loaded ??= load()
  return loaded
}

/** Where this folder writes what helps to debug a connection. Never a secret, never records. */
export type KafkaLogger = (message: string) => void

/** Takes bytes where it wants them: see FrameReader. */
export interface DirectReader {
  space(): Buffer
  filled(bytes: number): void
}

/** A connection, and the switch that says who reads its bytes. */
export interface SwitchedConnection {
  readonly connection: KafkajsConnection
  /** While set it reads the socket, without a copy; else kafkajs does. Has no effect on a TLS socket. */
  directReader: DirectReader | undefined
}

const KEEP_ALIVE_MS = 60_000
const SHARED_BYTES = 65_536

/** A kafkajs connection that is not yet open. It prints nothing: its messages go to `log`, if there is one. */
export const createKafkajsConnection = (
  options: Omit<
    KafkajsConnectionOptions,
    'logger' | 'socketFactory' | 'enforceRequestTimeout' | 'maxInFlightRequests'
  >,
  log: KafkaLogger | undefined,
): SwitchedConnection => {
  const { Connection, loggers, socketFactory } = kafkajs()
  const logger = loggers.createLogger({
    level: log === undefined ? 0 : 4,
    logCreator: () => (entry) =>
      log?.(`kafkajs ${entry.namespace} ${entry.log.broker ?? ''} ${entry.log.message}`),
  })
  const secureSocket = socketFactory()
  const connection = new Connection({
    ...options,
    logger,
    socketFactory: (to: SocketOptions) =>
      to.ssl === null ? plainSocket(to, switched) : secureSocket(to),
    enforceRequestTimeout: false,
    maxInFlightRequests: null,
  })
  const switched: SwitchedConnection = { connection, directReader: undefined }
  return switched
}

/** Like that of kafkajs, but its bytes go where the direct reader wants them (`onread` of net.connect). */
const plainSocket = ({ host, port, onConnect }: SocketOptions, to: SwitchedConnection): Socket => {
  const shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
  let reader: DirectReader | undefined
  const socket = connect(
    {
      host,
      port,
      onread: {
        buffer: () => {
          reader = to.directReader
          return reader?.space() ?? shared
        },
        callback: (bytes, buffer) => {
          if (reader !== undefined && reader === to.directReader) reader.filled(bytes)
          else to.connection.processData(Buffer.from(buffer.subarray(0, bytes)))
          return true
        },
      },
    },
    onConnect,
  )
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return socket
}
