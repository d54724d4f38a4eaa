/** How far the copy of one topic is at one moment. */
export interface CopyLook {
  readonly topic: string
  /** Copied so far. From where it is counted is the caller's, as long as it does not change. */
  readonly records: number
  /** Null: not known, since another process copies them too. */
  readonly bytes: number | null
  /** Records that are still to be copied. */
  readonly left: number
}

/** A look with what the looks before it add: rates per second, and the time until nothing is left. Null: it cannot be said yet. */
export interface CopyProgress extends CopyLook {
  readonly recordsPerSecond: number | null
  readonly bytesPerSecond: number | null
  /** 0 where nothing is left; null where what is left does not become less. */
  readonly secondsLeft: number | null
}

/** Rates are those of the last stretch of so long: longer hides that the mirror stands, shorter makes the numbers jump. */
const STRETCH_MS = 10_000
/** A shorter stretch says more about how a mirror starts than about when it ends. */
const SHORTEST_MS = 2000

interface Point extends CopyLook {
  /** Milliseconds. */
  readonly at: number
}

/**
 * Makes progress of looks, one topic at a time or many; remembers the last ten seconds of each. The time left follows from how fast
 * what is left becomes less, so that producers who go on writing are counted in.
 */
export const copyMeter = (): ((
  looks: readonly CopyLook[],
  now: Date,
) => readonly CopyProgress[]) => {
  const points = new Map<string, readonly Point[]>()
  return (looks, now) =>
    looks.map((look) => {
      const last: Point = { ...look, at: now.getTime() }
      const stretch = [...since(points.get(look.topic) ?? [], last), last]
      points.set(look.topic, stretch)
      return { ...look, ...ratesOf(stretch[0] as Point, last) }
    })
}

/** The points that belong to the same stretch as the last one: a count that went back (partitions that were let go) begins anew. */
const since = (points: readonly Point[], last: Point): readonly Point[] => {
  const before = points.at(-1)
  if (before === undefined || before.records > last.records) return []
  if (before.bytes !== null && last.bytes !== null && before.bytes > last.bytes) return []
  const young = points.filter((point) => last.at - point.at <= STRETCH_MS)
  // Looks that are further apart than the stretch still say how fast it was between them.
  return young.length === 0 ? [before] : young
}

const ratesOf = (
  first: Point,
  last: Point,
): Pick<CopyProgress, 'recordsPerSecond' | 'bytesPerSecond' | 'secondsLeft'> => {
  const seconds = (last.at - first.at) / 1000
  const known = seconds * 1000 >= SHORTEST_MS
  const perSecond = (from: number | null, to: number | null): number | null =>
    known && from !== null && to !== null ? (to - from) / seconds : null
  const shrinks = perSecond(last.left, first.left)
  return {
    recordsPerSecond: perSecond(first.records, last.records),
    bytesPerSecond: perSecond(first.bytes, last.bytes),
    secondsLeft: last.left === 0 ? 0 : shrinks !== null && shrinks > 0 ? last.left / shrinks : null,
  }
}
