/**
 * One handling of a record by a group; `committedAt` is when the commit behind it was acknowledged. What the member read began at a position
 * that it asked for after `since`: a client that begins anew after an error may ask before a commit that it still has on its way.
 */
export interface Handling {
  readonly group: string
  readonly id: string
  readonly since: number
  committedAt: number
}

/** A client does not have more of them on its way. */
const KEPT_COMMITS = 1_000

/** What a service did, by the ids of its records, in one order of events. Knows nothing of offsets, nor of Ferry. */
export class Ledger {
  readonly #acknowledged = new Set<string>()
  readonly #aborted = new Set<string>()
  readonly #handled = new Map<string, Handling[]>()
  readonly #sent = new Set<string>()
  /** The ids of each key of a compacted topic, as they were sent. */
  readonly #keyed = new Map<string, string[]>()
  /** By group, the clients of one time, and partition, what was acknowledged last, in the order of offsets. */
  readonly #commits = new Map<
    string,
    readonly { readonly offset: number; readonly handlings: readonly Handling[] }[]
  >()
  #takenBack = 0
  #clock = 0

  sent(ids: readonly string[]): void {
    for (const id of ids) this.#sent.add(id)
  }
  /** A record of a compacted topic, before it is sent: it may go once a later one of its key is there. */
  keyed(id: string, key: string): void {
    const all = this.#keyed.get(key)
    if (all === undefined) this.#keyed.set(key, [id])
    else all.push(id)
  }
  acknowledged(ids: readonly string[]): void {
    for (const id of ids) this.#acknowledged.add(id)
  }
  aborted(ids: readonly string[]): void {
    for (const id of ids) this.#aborted.add(id)
  }
  /** A moment: what happens behind it is later. */
  now(): number {
    return this.#clock++
  }
  handled(group: string, id: string, since = this.now()): Handling {
    const handling = { group, id, since, committedAt: Number.POSITIVE_INFINITY }
    const key = `${group} ${id}`
    const all = this.#handled.get(key)
    if (all === undefined) this.#handled.set(key, [handling])
    else all.push(handling)
    return handling
  }
  /**
   * `behind` is where the group goes on: a commit of a client that still had one on its way, from before it began anew, takes back those that it
   * has made since, and what was behind it may come again.
   */
  committed(
    handlings: readonly Handling[],
    behind?: { readonly place: string; readonly offset: number },
  ): void {
    const at = this.#clock++
    for (const handling of handlings) handling.committedAt = at
    if (behind === undefined) return
    const { place, offset } = behind
    const made = (this.#commits.get(place) ?? []).filter((commit) => {
      if (commit.offset <= offset) return true
      for (const handling of commit.handlings) handling.committedAt = Number.POSITIVE_INFINITY
      this.#takenBack++
      return false
    })
    this.#commits.set(place, [...made.slice(-KEPT_COMMITS), { offset, handlings }])
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
      takenBack: this.#takenBack,
    }
  }

  /** Which of these ids a group has not handled yet. */
  unhandled(group: string, log: ReadonlyMap<string, number>): readonly string[] {
    return [...log.keys()].filter((id) => !this.#handled.has(`${group} ${id}`))
  }

  /** How many records were acknowledged and are gone, as a later one of their key is there. */
  cleaned(log: ReadonlyMap<string, number>): number {
    return [...this.superseded(log)].filter((id) => this.#acknowledged.has(id) && !log.has(id))
      .length
  }

  /** What a cleaner may have taken: a later record of its key is in the log. */
  superseded(log: ReadonlyMap<string, number>): ReadonlySet<string> {
    const superseded = new Set<string>()
    for (const ids of this.#keyed.values()) {
      const last = ids.findLastIndex((id) => log.has(id))
      for (const id of ids.slice(0, Math.max(last, 0))) superseded.add(id)
    }
    return superseded
  }

  /**
   * Everything that is wrong, against what the log holds in the end (how often each id stands in it):
   * a record that was acknowledged and is not there, that was aborted and is, that a group never handled, that it handled again though
   * the commit behind the first time was acknowledged before the member joined, that stands in the log twice or behind a later one of its key, or that nobody wrote.
   * Of a compacted topic all but the last of each key may be gone.
   */
  wrongs(groups: readonly string[], log: ReadonlyMap<string, number>): readonly string[] {
    const wrongs: string[] = []
    const superseded = this.superseded(log)
    const isThere = (id: string) => log.has(id) || superseded.has(id)
    for (const id of this.#acknowledged) if (!isThere(id)) wrongs.push(`${id} is lost`)
    for (const id of this.#aborted) if (log.has(id)) wrongs.push(`${id} was aborted, and is there`)
    for (const [id, times] of log) {
      if (times > 1) wrongs.push(`${id} stands ${times} times in the log`)
      if (!this.#sent.has(id)) wrongs.push(`${id} is in the log, and nobody sent it`)
    }
    const places = new Map([...log.keys()].map((id, place) => [id, place]))
    for (const [key, ids] of this.#keyed) {
      const inLog = ids.filter((id) => log.has(id))
      for (const [i, id] of inLog.entries()) {
        const before = inLog[i - 1]
        if (before !== undefined && places.get(before)! > places.get(id)!)
          wrongs.push(`${before} stands behind ${id}, which is later of ${key}`)
      }
    }
    for (const group of groups) {
      for (const id of this.unhandled(group, log)) wrongs.push(`${group} never handled ${id}`)
    }
    for (const all of this.#handled.values()) {
      const { group, id } = all[0] as Handling
      if (!isThere(id)) wrongs.push(`${group} handled ${id}, which is not in the log`)
      for (const one of all) {
        const before = all.filter(({ committedAt }) => committedAt < one.since).length
        if (before > 0) wrongs.push(`${group} handled ${id} again after its commit`)
      }
    }
    return wrongs
  }
}
