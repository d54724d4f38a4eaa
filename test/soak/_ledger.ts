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

/** A commit that a client sends: `place` says whose it is (the clients of a group at one time) and of which partition, `offset` where it goes on. */
export interface Attempt {
  readonly place: string
  readonly offset: number
  readonly begunAt: number
}

/** What is known of the commits of one place. */
interface Commits {
  /** Acknowledged, in the order of offsets. */
  acknowledged: { readonly offset: number; readonly at: number; handlings: readonly Handling[] }[]
  /** Begun, and not acknowledged yet, or never: each may count at any time while its clients are members. */
  readonly open: Set<Attempt>
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
  readonly #commits = new Map<string, Commits>()
  /** What no client of the group has done itself. */
  readonly #unexplained: string[] = []
  #takenBack = 0
  #leftOut = 0
  #committed = 0
  #clock = 0
  readonly #say: (line: string) => void

  /** `say` is told at once what is wrong, so that it can be seen what happened just then. */
  constructor(say: (line: string) => void = () => {}) {
    this.#say = say
  }

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
  /** Before it is sent. */
  committing(place: string, offset: number): Attempt {
    const attempt = { place, offset, begunAt: this.#clock++ }
    this.#of(place).open.add(attempt)
    return attempt
  }

  /**
   * It was acknowledged. One that was begun before others were acknowledged takes those back which are behind it: a client that begins anew may
   * still have one on its way.
   */
  committed(handlings: readonly Handling[], attempt?: Attempt): void {
    const at = this.#clock++
    for (const handling of handlings) handling.committedAt = at
    this.#committed += handlings.length
    if (attempt === undefined) return
    const { place, offset, begunAt } = attempt
    const commits = this.#of(place)
    commits.open.delete(attempt)
    this.#takeBack(commits, (other) => other.offset > offset && other.at > begunAt)
    commits.acknowledged = [
      ...commits.acknowledged.slice(-KEPT_COMMITS),
      { offset, at, handlings },
    ].sort((one, other) => one.offset - other.offset)
  }

  /** A client has not sent it, or does not know what became of it, and says nothing. */
  leftOut(): void {
    this.#leftOut++
  }

  /**
   * One of its clients reads from there on, by a position that it asked for after `since`. What had been committed behind it comes again: by a commit
   * of their own that was still on its way, or nobody knows why.
   */
  reads(place: string, offset: number, since = this.now()): void {
    const commits = this.#of(place)
    const last = commits.acknowledged.findLast(({ at }) => at < since)?.offset ?? offset
    if (last <= offset) return
    const { acknowledged, open } = commits
    // Nothing that was read is between the two: else it would read from there.
    const from = [...open].find(
      (one) =>
        one.offset <= offset &&
        !acknowledged.some((other) => other.offset > one.offset && other.offset <= offset),
    )
    if (from !== undefined) this.#takeBack(commits, (other) => other.offset > from.offset)
    else
      this.#cannotExplain(
        `${place} reads from ${offset}, and its commit of ${last} was acknowledged`,
      )
  }

  /** Its clients have all left, and the broker says where the group is. Nothing of theirs can come any more. */
  left(place: string, position: number): void {
    const commits = this.#of(place)
    const last = commits.acknowledged.at(-1)?.offset ?? position
    if (last > position && [...commits.open].some(({ offset }) => offset === position)) {
      this.#takeBack(commits, (other) => other.offset > position)
    } else if (last > position) {
      this.#unexplained.push(
        `${place} is at ${position}, and its commit of ${last} was acknowledged`,
      )
    }
  }

  #cannotExplain(what: string): void {
    this.#unexplained.push(what)
    this.#say(what)
  }

  #of(place: string): Commits {
    const commits = this.#commits.get(place) ?? { acknowledged: [], open: new Set() }
    this.#commits.set(place, commits)
    return commits
  }

  #takeBack(commits: Commits, which: (other: Commits['acknowledged'][number]) => boolean): void {
    for (const { handlings } of commits.acknowledged.filter(which)) {
      for (const handling of handlings) handling.committedAt = Number.POSITIVE_INFINITY
      this.#takenBack++
    }
    commits.acknowledged = commits.acknowledged.filter((other) => !which(other))
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
      leftOut: this.#leftOut,
      committed: this.#committed,
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
   * the commit behind the first time was acknowledged before the member joined, a position that no client of the group has written, a record that stands in the log twice or behind a later one of its key, or that nobody wrote.
   * Of a compacted topic all but the last of each key may be gone.
   */
  wrongs(groups: readonly string[], log: ReadonlyMap<string, number>): readonly string[] {
    const wrongs: string[] = [...this.#unexplained]
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
