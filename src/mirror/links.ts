import type { BrokerLink, Cluster } from '../kafka/cluster.ts'

/** Connections to the brokers of one cluster, made when first asked for, a new one when the old one is gone. */
export class Links {
  readonly #cluster: Pick<Cluster, 'connectBroker'>
  readonly #links = new Map<string, Promise<BrokerLink>>()
  #closed = false

  constructor(cluster: Pick<Cluster, 'connectBroker'>) {
    this.#cluster = cluster
  }

  /** The connection to `nodeId` for a purpose; a purpose has its own, since requests on one are answered in order. */
  async get(nodeId: number, purpose: string): Promise<BrokerLink> {
    const name = `${nodeId}/${purpose}`
    const known = this.#links.get(name)
    if (known !== undefined) {
      const link = await known.catch(() => undefined)
      if (link?.connected) return link
      if (this.#links.get(name) === known) this.#links.delete(name)
      else return this.get(nodeId, purpose)
    }
    if (this.#closed) throw new Error('the mirror is stopping')
    const opening = this.#cluster.connectBroker(nodeId)
    this.#links.set(name, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#links.get(name) === opening) this.#links.delete(name)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const links = [...this.#links.values()]
    this.#links.clear()
    await Promise.all(links.map((link) => link.then((l) => l.close()).catch(() => {})))
  }
}
