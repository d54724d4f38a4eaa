import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** Kafka's keys of the requests that change something. */
export const API = {
  produce: 0,
  offsetCommit: 8,
  createTopics: 19,
  deleteRecords: 21,
  writeTxnMarkers: 27,
} as const

/** Which request to catch. */
export interface Catch {
  readonly key: number
  /** It must name this, e.g. a topic. */
  readonly naming?: string
  /** How many to let pass first. Default 0. */
  readonly after?: number
  /** `request`: before the broker has it. `answer`: the broker has done it, and the client does not hear of it. `sight`: it passes. */
  readonly at: 'request' | 'answer' | 'sight'
}

/** A request that was caught on its way, or its answer was. */
export interface Caught {
  /** Hands the request to the broker, whatever has become of its sender; resolves once it is answered. */
  deliver(): Promise<void>
  /** It never arrives. */
  drop(): void
}

interface Waiting extends Catch {
  left: number
  readonly caught: (request: Caught) => void
}

interface Pending {
  readonly correlation: number
  readonly key: number
  /** Its answer is kept from the client. */
  readonly isSilenced: boolean
  readonly answered: () => void
}

/**
 * A network between ferry and one broker that can lose or delay a chosen request. What was sent by a process that has died since still
 * arrives, as it does in a network.
 */
export class FaultProxy {
  readonly #server: Server
  readonly #brokerPort: number
  readonly #wires = new Set<Wire>()
  readonly #waiting = new Set<Waiting>()
  #isIsolated = false

  private constructor(brokerPort: number) {
    this.#brokerPort = brokerPort
    this.#server = createServer((client) => {
      const wire: Wire = new Wire(client, this.#brokerPort, {
        judge: (frame) => this.#judge(frame),
        isIsolated: () => this.#isIsolated,
        closed: () => this.#wires.delete(wire),
      })
      this.#wires.add(wire)
    })
  }

  static async start(brokerPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(brokerPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** Makes a ferry use it. */
  get env(): Readonly<Record<string, string>> {
    return envOf([this])
  }

  /** The broker's port and its own. */
  get route(): string {
    const { port } = this.#server.address() as { port: number }
    return `${this.#brokerPort}=${port}`
  }

  /** From now on nothing gets through, and nobody hears that it does not. What the broker has by now it may still do. */
  isolate(): void {
    this.#isIsolated = true
  }

  /** Lets through what comes on new connections. */
  heal(): void {
    this.#isIsolated = false
    for (const wire of this.#wires) wire.cut()
  }

  /** The next request like this, once it comes. */
  catch(what: Catch): Promise<Caught> {
    return new Promise((caught) => {
      this.#waiting.add({ ...what, left: what.after ?? 0, caught })
    })
  }

  /** Forgets what nobody came for. */
  catchNothing(): void {
    this.#waiting.clear()
  }

  /** Requests of this kind that the broker has been handed and has not answered. */
  unanswered(key: number): number {
    return [...this.#wires].reduce((sum, wire) => sum + wire.unanswered(key), 0)
  }

  /** Until the broker has been handed one. Answers whether it was within the time. */
  async inFlight(key: number, timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs
    while (this.unanswered(key) === 0 && performance.now() < until) await pause(5)
    return this.unanswered(key) > 0
  }

  async stop(): Promise<void> {
    for (const wire of this.#wires) wire.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #judge(frame: Buffer): Waiting | undefined {
    for (const waiting of this.#waiting) {
      if (frame.readInt16BE(4) !== waiting.key) continue
      if (waiting.naming !== undefined && !frame.includes(waiting.naming)) continue
      if (waiting.left-- > 0) continue
      this.#waiting.delete(waiting)
      return waiting
    }
    return undefined
  }
}

/** Makes a ferry use these, one for each broker. */
export const envOf = (proxies: readonly FaultProxy[]): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import ${new URL('reroute.mjs', import.meta.url).href}`,
  FERRY_TEST_REROUTE: proxies.map(({ route }) => route).join(),
})

interface WireEvents {
  isIsolated(): boolean
  judge(frame: Buffer): Waiting | undefined
  closed(): void
}

/** One connection of a client, and the one to the broker that stands for it. */
class Wire {
  readonly #client: Socket
  readonly #broker: Socket
  readonly #events: WireEvents
  readonly #pending: Pending[] = []
  #isHeld = false
  #clientIsGone = false

  constructor(client: Socket, brokerPort: number, events: WireEvents) {
    this.#client = client
    this.#events = events
    this.#broker = tcpConnect(brokerPort, '127.0.0.1')
    const ask = frames((frame) => this.#asked(frame))
    const answer = frames((frame) => this.#answered(frame))
    client.on('data', ask).on('error', () => {})
    client.on('close', () => {
      this.#clientIsGone = true
      this.#endIfIdle()
    })
    this.#broker.on('data', answer).on('error', () => {})
    this.#broker.on('close', () => {
      client.destroy()
      for (const { answered } of this.#pending.splice(0)) answered()
      events.closed()
    })
  }

  unanswered(key: number): number {
    return this.#pending.filter((pending) => pending.key === key).length
  }

  cut(): void {
    this.#client.destroy()
    this.#broker.destroy()
  }

  #asked(frame: Buffer): void {
    if (this.#isHeld || this.#events.isIsolated()) return
    const waiting = this.#events.judge(frame)
    if (waiting?.at === 'request') {
      this.#isHeld = true
      waiting.caught({ deliver: () => this.#send(frame, true), drop: () => this.cut() })
    } else if (waiting?.at === 'answer') {
      const done = this.#send(frame, true)
      void done.then(() => waiting.caught({ deliver: () => done, drop: () => {} }))
    } else {
      const done = this.#send(frame, false)
      waiting?.caught({ deliver: () => done, drop: () => {} })
    }
  }

  #send(frame: Buffer, isSilenced: boolean): Promise<void> {
    return new Promise((answered) => {
      const [key, correlation] = [frame.readInt16BE(4), frame.readInt32BE(8)]
      this.#pending.push({ key, correlation, isSilenced, answered })
      this.#broker.write(frame)
    })
  }

  #answered(frame: Buffer): void {
    const pending = this.#pending.shift()
    if (pending?.correlation !== frame.readInt32BE(4)) throw new Error('an answer out of order')
    const isHeard = !pending.isSilenced && !this.#events.isIsolated()
    if (isHeard && !this.#clientIsGone) this.#client.write(frame)
    pending.answered()
    if (pending.isSilenced) this.#isHeld = false
    this.#endIfIdle()
  }

  /** The client is gone: what it sent before still arrives. */
  #endIfIdle(): void {
    if (this.#clientIsGone && !this.#isHeld && this.#pending.length === 0) this.#broker.end()
  }
}

/** Cuts a stream into Kafka's frames: a length of four bytes, then as many. */
const frames = (whole: (frame: Buffer) => void): ((chunk: Buffer) => void) => {
  let parts: Buffer[] = []
  let bytes = 0
  let needed = 4
  return (chunk) => {
    parts.push(chunk)
    bytes += chunk.length
    while (bytes >= needed) {
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      const length = 4 + all.readInt32BE(0)
      parts = [all]
      needed = length
      if (bytes < length) return
      whole(all.subarray(0, length))
      parts = [all.subarray(length)]
      bytes -= length
      needed = 4
    }
  }
}
