import type { Brokers } from './brokers.ts'
import {
  type FoundCoordinator,
  findCoordinator,
  findCoordinators,
} from './wire/find-coordinator.ts'

/** Which broker coordinates a group, remembered until it is forgotten. */
export class Coordinators {
  readonly #brokers: Brokers
  readonly #known = new Map<string, number>()

  constructor(brokers: Brokers) {
    this.#brokers = brokers
  }

  /** The coordinator of each group: one request for all where the broker has it (3.0). */
  async of(groups: readonly string[]): Promise<ReadonlyMap<string, Omit<FoundCoordinator, 'key'>>> {
    const found = new Map<string, Omit<FoundCoordinator, 'key'>>()
    const unknown: string[] = []
    for (const group of groups) {
      const nodeId = this.#known.get(group)
      if (nodeId === undefined) unknown.push(group)
      else found.set(group, { nodeId, code: 0, message: null })
    }
    if (unknown.length === 0) return found
    const broker = await this.#brokers.any()
    const timeoutMs = this.#brokers.options.requestTimeoutMs
    if (broker.negotiate(findCoordinators) !== undefined) {
      const answers = await broker.call(findCoordinators, unknown, timeoutMs)
      for (const answer of answers) found.set(answer.key, answer)
    } else {
      const asking = unknown.map(async (group) => {
        found.set(group, await broker.call(findCoordinator, group, timeoutMs))
      })
      await Promise.all(asking)
    }
    let hasNewBroker = false
    for (const group of unknown) {
      const coordinator = found.get(group)
      if (coordinator?.code !== 0) continue
      this.#known.set(group, coordinator.nodeId)
      hasNewBroker ||= !this.#brokers.addresses.has(coordinator.nodeId)
    }
    if (hasNewBroker) await this.#brokers.refresh()
    return found
  }

  /** The coordinator of one group may have moved. */
  forget(group: string): void {
    this.#known.delete(group)
  }
}
