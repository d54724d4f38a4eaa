/** One handling of a record by a group; `committedAt` is when the commit behind it was acknowledged. */
export interface Handling {
  readonly group: string
  readonly id: string
  readonly at: number
  committedAt: number
}

/** What a service did, by the ids of its records, in one order of events. Knows nothing of offsets, nor of Ferry. */
export class Ledger {
  readonly #acknowledged = new Set<string>()
  readonly #aborted = new Set<string>()
  readonly #handled = new Map<string, Handling[]>()
  readonly #sent = new Set<string>()
  #clock = 0

  sent(ids: readonly string[]): void {
    for (const id of ids) this.#sent.add(id)
  }
  acknowledged(ids: readonly string[]): void {
    for (const id of ids) this.#acknowledged.add(id)
  }
  aborted(ids: readonly string[]): void {
    for (const id of ids) this.#aborted.add(id)
  }
  handled(group: string, id: string): Handling {
    const handling = { group, id, at: this.#clock++, committedAt: Number.POSITIVE_INFINITY }
    const key = `${group} ${id}`
    const all = this.#handled.get(key)
    if (all === undefined) this.#handled.set(key, [handling])
    else all.push(handling)
    return handling
  }
  committed(handlings: readonly Handling[]): void {
    const at = this.#clock++
    for (const handling of handlings) handling.committedAt = at
  }

  get counts() {
    let handlings = 0
    for (const all of this.#handled.values()) handlings += all.length
    return {
      sent: this.#sent.size,
      acknowledged: this.#acknowledged.size,
      aborted: this.#aborted.size,
      handlings,
      again: handlings - this.#handled.size,
    }
  }

  /** How many of these ids a group has not handled yet. */
  unhandled(group: string, log: ReadonlyMap<string, number>): readonly string[] {
    return [...log.keys()].filter((id) => !this.#handled.has(`${group} ${id}`))
  }

  /**
   * Everything that is wrong, against what the log holds in the end (how often each id stands in it):
   * a record that was acknowledged and is not there, that was aborted and is, that a group never handled, that it handled again though
   * the commit behind the first time was acknowledged, that stands in the log twice, or that nobody wrote.
   */
  wrongs(groups: readonly string[], log: ReadonlyMap<string, number>): readonly string[] {
    const wrongs: string[] = []
    for (const id of this.#acknowledged) if (!log.has(id)) wrongs.push(`${id} is lost`)
    for (const id of this.#aborted) if (log.has(id)) wrongs.push(`${id} was aborted, and is there`)
    for (const [id, times] of log) {
      if (times > 1) wrongs.push(`${id} stands ${times} times in the log`)
      if (!this.#sent.has(id)) wrongs.push(`${id} is in the log, and nobody sent it`)
    }
    for (const group of groups) {
      for (const id of this.unhandled(group, log)) wrongs.push(`${group} never handled ${id}`)
    }
    for (const all of this.#handled.values()) {
      const { group, id } = all[0] as Handling
      if (!log.has(id)) wrongs.push(`${group} handled ${id}, which is not in the log`)
      for (const one of all) {
        const before = all.filter(({ committedAt }) => committedAt < one.at).length
        if (before > 0) wrongs.push(`${group} handled ${id} again after its commit`)
      }
    }
    return wrongs
  }
}
