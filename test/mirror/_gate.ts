import type { BrokerLink, Cluster } from '../../src/kafka/cluster.ts'
import { waitFor } from '../kafka/wait.ts'

/** A source whose records a mirror gets only as the test lets its fetches through; what it asks beside that passes. */
export class FetchGate {
  readonly #cluster: Cluster
  #allowed = Number.POSITIVE_INFINITY
  #waiting: (() => void)[] = []

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get port(): Cluster {
    return new Proxy(this.#cluster, {
      get: (cluster, name) => {
        if (name === 'connectBroker') return (id: number) => this.#connect(id)
        const value = Reflect.get(cluster, name) as unknown
        return typeof value === 'function' ? value.bind(cluster) : value
      },
    })
  }

  /** So many more, then none. */
  allow(count: number): void {
    this.#allowed = count
    for (const pass of this.#waiting.splice(0)) pass()
  }

  /** Until one waits, and none is with the broker: answers are awaited one by one. */
  async held(): Promise<void> {
    await waitFor('a fetch at the gate', { timeoutMs: 20_000, everyMs: 5 }, () =>
      this.#waiting.length > 0 ? true : undefined,
    )
  }

  async #connect(nodeId: number): Promise<BrokerLink> {
    const link = await this.#cluster.connectBroker(nodeId)
    return new Proxy(link, {
      get: (it, name) => {
        if (name === 'fetch') {
          return async (...[request, space]: Parameters<BrokerLink['fetch']>) => {
            if (request.isolation === 'read-committed') await this.#pass()
            return it.fetch(request, space)
          }
        }
        const value = Reflect.get(it, name) as unknown
        return typeof value === 'function' ? value.bind(it) : value
      },
    })
  }

  async #pass(): Promise<void> {
    while (this.#allowed <= 0) await new Promise<void>((pass) => this.#waiting.push(pass))
    this.#allowed--
  }
}
