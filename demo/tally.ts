/** Who produced what and who handled it, by ids that the producers made. Knows nothing of offsets, nor of Ferry. */
export class Tally {
  /** topic -> id -> how often `group` handled it. */
  readonly #handled = new Map<string, Map<string, number>>()
  readonly #produced = new Map<string, Set<string>>()

  produced(topic: string, id: string): void {
    within(this.#produced, topic, () => new Set<string>()).add(id)
  }

  handled(group: string, topic: string, id: string): void {
    const counts = within(this.#handled, `${group} ${topic}`, () => new Map<string, number>())
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }

  handledCount(group: string, topic: string): number {
    return this.#handled.get(`${group} ${topic}`)?.size ?? 0
  }

  producedCount(topic: string): number {
    return this.#produced.get(topic)?.size ?? 0
  }

  row(group: string, topic: string): TallyRow {
    const counts = this.#handled.get(`${group} ${topic}`) ?? new Map<string, number>()
    const produced = this.#produced.get(topic) ?? new Set<string>()
    let once = 0
    let lost = 0
    let twice = 0
    for (const id of produced) {
      const count = counts.get(id) ?? 0
      if (count === 1) once++
      else if (count === 0) lost++
      else twice++
    }
    const unknown = [...counts.keys()].filter((id) => !produced.has(id)).length
    return { topic, group, produced: produced.size, once, lost, twice, unknown }
  }
}

export interface TallyRow {
  readonly topic: string
  readonly group: string
  readonly produced: number
  readonly once: number
  readonly lost: number
  readonly twice: number
  /** Handled, but nobody produced it. */
  readonly unknown: number
}

const within = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
