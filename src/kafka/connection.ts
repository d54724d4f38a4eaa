import type { Socket } from 'node:net'
import { type AnswerSpace, LinkLost } from './cluster.ts'
import { FrameReader } from './frame-reader.ts'
import type { DirectReader, KafkajsConnection, SwitchedConnection } from './kafkajs.ts'
import type { Api } from './wire/api.ts'
import type { AnnouncedVersions } from './wire/api-versions.ts'
import { Decoder } from './wire/decoder.ts'
import { Encoder } from './wire/encoder.ts'

/** How often deadlines of open requests are looked at. */
const TIMEOUT_CHECK_MS = 250

interface OpenRequest {
  readonly correlationId: number
  readonly name: string
  readonly deadline: number
  readonly resolve: (payload: Buffer) => void
  readonly reject: (error: Error) => void
  readonly space: AnswerSpace
}

interface QueuedRequest {
  readonly pieces: readonly Buffer[]
  readonly request: OpenRequest
}

/** The cause of a LinkLost whose answer did not come in time. */
export class AnswerTimedOut extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AnswerTimedOut'
  }
}

/** The broker does not speak the API in any version of ours. */
export class UnsupportedApi extends Error {
  readonly api: string
  readonly ours: readonly [number, number]
  readonly theirs: readonly [number, number] | undefined

  constructor(
    api: string,
    ours: readonly [number, number],
    theirs: readonly [number, number] | undefined,
  ) {
    super(`${api}: ours ${ours.join('-')}, the broker's ${theirs?.join('-') ?? 'none'}`)
    this.name = 'UnsupportedApi'
    this.api = api
    this.ours = ours
    this.theirs = theirs
  }
}

/**
 * An open connection to one broker. kafkajs opened it and authenticates it (and again, where the broker limits a session: KIP-368);
 * requests and answers are framed here, because kafkajs copies each request three times. Requests are pipelined and answered in order.
 * A request whose answer does not come in time ends the connection: what comes after it could not be told apart.
 */
export class BrokerConnection {
  readonly address: string
  readonly #kafkajs: KafkajsConnection
  readonly #switch: SwitchedConnection
  readonly #usesSasl: boolean
  readonly #socket: Socket
  readonly #clientId: Buffer
  #versions: AnnouncedVersions = new Map()
  #correlationId = 0
  #open: OpenRequest[] = []
  #waitingForLogin: QueuedRequest[] | undefined
  #lost: LinkLost | undefined
  #timer: NodeJS.Timeout | undefined
  #onLost: (() => void)[] = []

  constructor(
    opened: SwitchedConnection,
    options: { readonly address: string; readonly clientId: string; readonly usesSasl: boolean },
  ) {
    this.address = options.address
    this.#switch = opened
    this.#kafkajs = opened.connection
    this.#usesSasl = options.usesSasl
    this.#clientId = Buffer.from(options.clientId)
    this.#socket = opened.connection.socket!
    this.#takeOver()
  }

  get connected(): boolean {
    return this.#lost === undefined
  }

  get versions(): AnnouncedVersions {
    return this.#versions
  }

  /** What the broker announced; before this only ApiVersions may be sent. */
  announce(versions: AnnouncedVersions): void {
    this.#versions = versions
    const announced = [...versions].map(
      ([key, [minVersion, maxVersion]]) => [key, { minVersion, maxVersion }] as const,
    )
    this.#kafkajs.setVersions(Object.fromEntries(announced))
    this.#kafkajs.setSupportAuthenticationProtocol(versions.has(36))
  }

  /** The highest version that both sides speak. */
  negotiate(api: Pick<Api<unknown, unknown>, 'key' | 'versions'>): number | undefined {
    const theirs = api.key === 18 ? api.versions : this.#versions.get(api.key)
    if (theirs === undefined) return undefined
    const version = Math.min(theirs[1], api.versions[1])
    return version >= Math.max(theirs[0], api.versions[0]) ? version : undefined
  }

  /** Sends one request and decodes its answer. Rejects with {@link UnsupportedApi} before anything was sent, or with {@link LinkLost}. */
  async call<Request, Answer>(
    api: Api<Request, Answer>,
    request: Request,
    timeoutMs: number,
  ): Promise<Answer> {
    const version = this.negotiate(api)
    if (version === undefined) {
      throw new UnsupportedApi(api.name, api.versions, this.#versions.get(api.key))
    }
    const flexible = version >= api.flexibleFrom
    const to = new Encoder(flexible)
    to.tags()
    api.encode(to, request, version)
    const payload = await this.send(api, version, [to.finish()], timeoutMs)
    const from = new Decoder(payload, flexible, 4)
    from.tags()
    return api.decode(from, version)
  }

  /**
   * Sends a request whose body is in pieces, none of which is copied; answers the response with its correlation id in front.
   * The pieces must not change before the answer, which is read into what `space` gives.
   */
  send(
    api: { readonly name: string; readonly key: number },
    version: number,
    pieces: readonly Buffer[],
    timeoutMs: number,
    space: AnswerSpace = Buffer.allocUnsafeSlow,
  ): Promise<Buffer> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    const correlationId = this.#correlationId
    this.#correlationId = (correlationId + 1) & 0x7fff_ffff
    return new Promise((resolve, reject) => {
      const request = {
        correlationId,
        name: api.name,
        deadline: Date.now() + timeoutMs,
        resolve,
        reject,
        space,
      }
      const framed = [this.#header(api.key, version, correlationId, pieces), ...pieces]
      if (this.#usesSasl && this.#authenticated && !this.#kafkajs.isAuthenticated()) {
        this.#logInAgain()
      }
      if (this.#waitingForLogin !== undefined) {
        this.#waitingForLogin.push({ pieces: framed, request })
      } else {
        this.#write(framed, request)
      }
    })
  }

  #authenticated = false

  /** SASL by kafkajs: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512. */
  async authenticate(): Promise<void> {
    const { processData } = this.#kafkajs
    const { directReader } = this.#switch
    // Only for the exchange: the prototype's reader, which hands its bytes to kafkajs' authenticator.
    Reflect.deleteProperty(this.#kafkajs, 'processData')
    this.#switch.directReader = undefined
    try {
      await this.#kafkajs.authenticate()
      this.#authenticated = true
    } finally {
      this.#kafkajs.processData = processData
      this.#switch.directReader = directReader
      // kafkajs leaves a timer behind that runs every millisecond for ever.
      this.#kafkajs.requestQueue.destroy()
    }
  }

  /** Called once when the connection is gone, at once if it is. */
  whenLost(listener: () => void): void {
    if (this.#lost !== undefined) listener()
    else this.#onLost.push(listener)
  }

  /** Ends the connection; open requests reject. */
  close(reason = 'the connection was closed'): void {
    this.#lose(reason)
  }

  #takeOver(): void {
    const reader = new FrameReader(
      (frame) => this.#answer(frame),
      // Answers come in the order of the requests; one that nobody asked for ends the connection.
      (bytes) => this.#open[0]?.space(bytes) ?? Buffer.allocUnsafeSlow(bytes),
    )
    const read = (work: () => void) => {
      try {
        work()
      } catch (error) {
        this.#lose((error as Error).message, error)
      }
    }
    this.#kafkajs.processData = (data) => read(() => reader.push(data))
    const directReader: DirectReader = {
      space: () => reader.space(),
      filled: (bytes) => read(() => reader.filled(bytes)),
    }
    this.#switch.directReader = directReader
    this.#socket.setNoDelay(true)
    this.#socket.on('error', (error) => this.#lose(error.message, error))
    this.#socket.on('end', () => this.#lose('the broker closed the connection'))
    this.#socket.on('close', () => this.#lose('the connection was closed'))
  }

  /** Request header v1: api_key INT16, api_version INT16, correlation_id INT32, client_id NULLABLE_STRING; v2 ends in tagged fields, which the encoder wrote as the body's first byte. */
  #header(key: number, version: number, correlationId: number, pieces: readonly Buffer[]): Buffer {
    const header = Buffer.allocUnsafe(14 + this.#clientId.length)
    let size = header.length - 4
    for (const piece of pieces) size += piece.length
    header.writeInt32BE(size, 0)
    header.writeInt16BE(key, 4)
    header.writeInt16BE(version, 6)
    header.writeInt32BE(correlationId, 8)
    header.writeInt16BE(this.#clientId.length, 12)
    this.#clientId.copy(header, 14)
    return header
  }

  #write(pieces: readonly Buffer[], request: OpenRequest): void {
    if (this.#lost !== undefined) {
      request.reject(this.#lost)
      return
    }
    this.#open.push(request)
    this.#timer ??= setInterval(() => this.#checkTimeouts(), TIMEOUT_CHECK_MS)
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  #answer(frame: Buffer): void {
    const request = this.#open.shift()
    const correlationId = frame.readInt32BE(0)
    if (request === undefined || request.correlationId !== correlationId) {
      this.#lose(`answer ${correlationId} does not belong to an open request`)
      request?.reject(this.#lost!)
      return
    }
    request.resolve(frame)
    if (this.#open.length === 0) this.#idle()
  }

  #idle(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#waitingForLogin !== undefined) this.#finishLogin()
  }

  #logInAgain(): void {
    if (this.#waitingForLogin !== undefined) return
    this.#waitingForLogin = []
    if (this.#open.length === 0) this.#finishLogin()
  }

  /** Nothing is in flight: authenticates, then sends what waited. */
  #finishLogin(): void {
    this.authenticate().then(
      () => {
        const waiting = this.#waitingForLogin ?? []
        this.#waitingForLogin = undefined
        for (const { pieces, request } of waiting) this.#write(pieces, request)
      },
      (error: Error) => this.#lose(`logging in again failed: ${error.message}`, error),
    )
  }

  #checkTimeouts(): void {
    const now = Date.now()
    const late = this.#open.find((request) => request.deadline < now)
    if (late === undefined) return
    const reason = `${late.name} was not answered in time`
    this.#lose(reason, new AnswerTimedOut(reason))
  }

  #lose(reason: string, cause?: unknown): void {
    if (this.#lost !== undefined) return
    const lost = new LinkLost(`${this.address}: ${reason}`, { cause })
    this.#lost = lost
    clearInterval(this.#timer)
    this.#kafkajs.requestQueue.destroy()
    cut(this.#socket)
    const open = [...this.#open, ...(this.#waitingForLogin ?? []).map((queued) => queued.request)]
    this.#open = []
    this.#waitingForLogin = undefined
    for (const request of open) request.reject(lost)
    const listeners = this.#onLost
    this.#onLost = []
    for (const listener of listeners) listener()
  }
}

/** Throws away what the kernel has not sent yet: an orderly end would still deliver it, to be appended after the request counts as lost. */
const cut = (socket: Socket): void => {
  try {
    socket.resetAndDestroy()
  } catch {
    // A TLS socket cannot be reset.
    socket.destroy()
  }
}
