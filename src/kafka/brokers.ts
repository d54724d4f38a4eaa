import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { ClusterId } from '../domain/ids.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import { type BrokerAddress, LinkLost } from './cluster.ts'
import { connectFailure, mayTryNext } from './connect-failures.ts'
import { AnswerTimedOut, type BrokerConnection } from './connection.ts'
import type { KafkaLogger } from './kafkajs.ts'
import { ConnectFailure, openConnection } from './open-connection.ts'
import type { Api } from './wire/api.ts'
import { type MetadataAnswer, type MetadataRequest, metadata } from './wire/metadata.ts'

export interface BrokersOptions {
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly log: KafkaLogger | undefined
}

/** The brokers of one cluster and the connections to them: one shared by all questions for each broker, and dedicated ones. */
export class Brokers {
  readonly options: BrokersOptions
  readonly #spec: ClusterSpec
  #addresses: ReadonlyMap<number, BrokerAddress> = new Map()
  #controllerId = -1
  #clusterId: string | undefined
  readonly #shared = new Map<number, Promise<BrokerConnection>>()
  readonly #dedicated = new Set<BrokerConnection>()
  #closed = false

  constructor(spec: ClusterSpec, options: BrokersOptions) {
    this.#spec = spec
    this.options = options
  }

  get addresses(): ReadonlyMap<number, BrokerAddress> {
    return this.#addresses
  }

  get controllerId(): number {
    return this.#controllerId
  }

  get clusterId(): ClusterId {
    return this.#clusterId as ClusterId
  }

  /**
   * 1. Tries the bootstrap servers in turn until one answers.
   * 2. Compares the cluster's id with the pinned one.
   * 3. Connects to every broker, because what the cluster speaks is what all of them speak. One that is down is left out.
   */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const seed = await this.#connectSeed(signal)
    await Promise.allSettled([...this.#addresses.keys()].map((nodeId) => this.node(nodeId)))
    seed.close()
    if (this.#live().length > 0) return
    if (this.#addresses.size === 0) throw noBrokers(this.#spec)
    const failures: ConnectFailure[] = []
    for (const nodeId of this.#addresses.keys()) {
      await this.node(nodeId).catch((error) => {
        if (!(error instanceof ConnectFailure)) throw error
        failures.push(error)
      })
    }
    if (failures.length > 0) throw connectFailure(this.#spec, failures, 'broker')
  }

  /** The shared connection to one broker. Rejects with ConnectFailure, or with a FerryError if another cluster answers. */
  node(nodeId: number): Promise<BrokerConnection> {
    const shared = this.#shared.get(nodeId)
    if (shared !== undefined) return shared
    const opening = this.#open(nodeId)
    this.#shared.set(nodeId, opening)
    const forget = () => {
      if (this.#shared.get(nodeId) === opening) this.#shared.delete(nodeId)
      this.#connected.delete(nodeId)
    }
    opening.then((connection) => {
      this.#connected.set(nodeId, connection)
      this.#spoken.set(nodeId, connection)
      connection.whenLost(forget)
    }, forget)
    return opening
  }

  readonly #connected = new Map<number, BrokerConnection>()
  /** The last connection to each, also once it is lost: what a broker speaks is not forgotten while it is away. */
  readonly #spoken = new Map<number, BrokerConnection>()

  /** A connection of its own to one broker; the caller closes it, at the latest {@link close} does. */
  async dedicated(nodeId: number): Promise<BrokerConnection> {
    const connection = await this.#open(nodeId)
    this.#dedicated.add(connection)
    connection.whenLost(() => this.#dedicated.delete(connection))
    if (this.#closed) connection.close()
    return connection
  }

  /** A connection to whichever broker answers, the preferred one first. */
  async any(preferred?: number): Promise<BrokerConnection> {
    const live = this.#live()
    const first = live.find(([nodeId]) => nodeId === preferred)
    if (first !== undefined) return first[1]
    const candidates = [...this.#addresses.keys()]
    if (preferred !== undefined && this.#addresses.has(preferred)) candidates.unshift(preferred)
    else if (live.length > 0) return live[Math.floor(Math.random() * live.length)]![1]
    const failures: ConnectFailure[] = []
    for (const nodeId of candidates) {
      try {
        return await this.node(nodeId)
      } catch (error) {
        if (!(error instanceof ConnectFailure)) throw error
        failures.push(error)
      }
    }
    // Every broker that was known is gone: the bootstrap servers know the new ones.
    const seed = await this.#connectSeed(undefined)
    seed.close()
    for (const nodeId of this.#addresses.keys()) {
      const connection = await this.node(nodeId).catch(() => undefined)
      if (connection !== undefined) return connection
    }
    throw connectFailure(this.#spec, failures, 'broker')
  }

  /** Asks which brokers there are now: one may have come back elsewhere. */
  async refresh(): Promise<void> {
    await this.metadata({ topics: [], withAuthorized: false })
  }

  /** Every broker, one connection each. */
  async all(): Promise<readonly BrokerConnection[]> {
    await this.refresh()
    return Promise.all([...this.#addresses.keys()].map((nodeId) => this.node(nodeId)))
  }

  /** Asks for metadata, and takes note of the brokers in it. */
  async metadata(request: MetadataRequest): Promise<MetadataAnswer> {
    const connection = await this.any()
    const answer = await connection.call(metadata, request, this.options.requestTimeoutMs)
    this.#take(answer)
    return answer
  }

  /**
   * The highest version of an API that every connected broker and this client speak. While none is connected it is what they spoke before:
   * whoever asks concludes from undefined that the version lacks the API, and would leave out a check.
   */
  supports(api: Pick<Api<unknown, unknown>, 'key' | 'versions'>): number | undefined {
    const live = this.live()
    const asked = live.length > 0 ? live : [...this.#spoken.values()]
    const versions = asked.map((connection) => connection.negotiate(api))
    if (versions.length === 0 || versions.includes(undefined)) return undefined
    return Math.min(...(versions as number[]))
  }

  /** Closes every connection; what is open rejects. */
  async close(): Promise<void> {
    this.#closed = true
    for (const connection of [...this.#dedicated]) connection.close()
    const shared = [...this.#shared.values()]
    this.#shared.clear()
    for (const opening of shared) {
      const connection = await opening.catch(() => undefined)
      connection?.close()
    }
  }

  /** The shared connections that are open now. */
  live(): readonly BrokerConnection[] {
    return this.#live().map(([, connection]) => connection)
  }

  #live(): [number, BrokerConnection][] {
    return [...this.#connected].filter(([, connection]) => connection.connected)
  }

  async #connectSeed(signal: AbortSignal | undefined): Promise<BrokerConnection> {
    const failures: ConnectFailure[] = []
    for (const server of this.#spec.bootstrapServers) {
      signal?.throwIfAborted()
      try {
        const connection = await openConnection(this.#spec, parseAddress(server), this.options)
        this.#take(await this.#firstMetadata(connection))
        return connection
      } catch (error) {
        if (!(error instanceof ConnectFailure)) throw error
        failures.push(error)
        if (!mayTryNext(error.kind)) break
      }
    }
    throw connectFailure(this.#spec, failures, 'bootstrap')
  }

  async #open(nodeId: number): Promise<BrokerConnection> {
    if (this.#closed) throw new LinkLost(`cluster ${this.#spec.name}: its connections were closed`)
    const address = this.#addresses.get(nodeId)
    if (address === undefined) {
      throw new ConnectFailure('unreachable', `broker ${nodeId}`, 'it is not in the cluster now')
    }
    const connection = await openConnection(this.#spec, address, this.options)
    this.#take(await this.#firstMetadata(connection))
    if (this.#closed) connection.close()
    return connection
  }

  /** Metadata of no topic: the brokers, and the cluster's id, which is compared on every connection. */
  async #firstMetadata(connection: BrokerConnection): Promise<MetadataAnswer> {
    try {
      const request = { topics: [], withAuthorized: false }
      const answer = await connection.call(metadata, request, this.options.requestTimeoutMs)
      this.#compareId(answer.clusterId)
      return answer
    } catch (error) {
      connection.close()
      if (!(error instanceof LinkLost)) throw error
      // A listener that wants a login answers ApiVersions and closes the connection at anything else.
      const isLate = error.cause instanceof AnswerTimedOut
      const closed = this.#spec.sasl === undefined ? 'sasl-expected' : 'closed'
      const reason = isLate
        ? 'it did not answer in time'
        : 'it closed the connection at the second request'
      const kind = isLate ? 'timeout' : closed
      throw new ConnectFailure(kind, connection.address, reason, error)
    }
  }

  /** What the file pins is not shown: it may come of a reference, and a mixed-up variable name may have led to a password. */
  #compareId(id: string | null): void {
    if (id === this.#spec.clusterId) return
    throw new FerryError(
      diagnostic({
        code: 'FERRY1201',
        detail: `The brokers of ${this.#spec.name} belong to cluster ${id ?? '(no id)'}; the file pins another one.`,
        fix: 'Check bootstrapServers; if the cluster is meant, write its id into the file.',
        at: this.#spec.clusterIdAt,
      }),
    )
  }

  #take(answer: MetadataAnswer): void {
    this.#clusterId = answer.clusterId ?? this.#clusterId
    this.#controllerId = answer.controllerId
    if (answer.brokers.length === 0) return
    const before = this.#addresses
    this.#addresses = new Map(
      answer.brokers.map(({ nodeId, host, port, rack }) => [
        nodeId,
        { nodeId, host, port, ...(rack !== null && { rack }) },
      ]),
    )
    for (const [nodeId, { host, port }] of this.#addresses) {
      const old = before.get(nodeId)
      if (old !== undefined && (old.host !== host || old.port !== port)) this.#drop(nodeId)
    }
  }

  /** A broker that came back elsewhere: its old address is forgotten. */
  #drop(nodeId: number): void {
    this.#connected.get(nodeId)?.close('the broker moved')
    this.#connected.delete(nodeId)
    this.#shared.delete(nodeId)
  }
}

/** A broker that has only just started answers before the cluster has taken it in. An empty list would look like a cluster without groups. */
const noBrokers = (spec: ClusterSpec): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1210',
      detail: `${spec.name} names no broker: those that answer have only just started.`,
      fix: 'Look at the state of the brokers, then run the same command again.',
    }),
    { retriable: true },
  )

/** `host:port`, also `[::1]:9092`. */
export const parseAddress = (server: string): { readonly host: string; readonly port: number } => {
  const colon = server.lastIndexOf(':')
  const host = server.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(server.slice(colon + 1)) }
}
