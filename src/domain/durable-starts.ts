/** How often a broker writes down where its logs begin. */
const INTERVAL = 'log.flush.start.offset.checkpoint.interval.ms'
/** How long after its start a broker does so for the first time; a broker before 3.7 does not tell, and no broker does unless it was set. */
const FIRST = 'log.initial.task.delay.ms'
/** Kafka's own. */
const DEFAULT_INTERVAL_MS = 60_000
const DEFAULT_FIRST_MS = 30_000
/** A run that has just begun when a log start is raised may have passed that log; the next one may begin late, and takes its time. */
const MARGIN = 0.1
const LEAST_MARGIN_MS = 500

/** How long a broker takes at most to make a log start durable, if it runs all the time. */
export interface DurableAfter {
  /** Milliseconds, with a margin. */
  readonly ms: number
  /** Between two of its runs, milliseconds. */
  readonly intervalMs: number
  /** False: the broker's configs could not be read; Kafka's own values are taken. */
  readonly isTold: boolean
}

type Configs = ReadonlyMap<string, { readonly value: string | null }>

/** By a broker's configs; none where they could not be read. Nothing in Kafka's protocol says that a log start is durable. */
export const durableAfter = (configs: Configs): DurableAfter => {
  const intervalMs = numberOf(configs, INTERVAL) ?? DEFAULT_INTERVAL_MS
  const firstMs = numberOf(configs, FIRST) ?? DEFAULT_FIRST_MS
  const most = Math.max(intervalMs, firstMs)
  return {
    ms: Math.ceil(most + Math.max(most * MARGIN, LEAST_MARGIN_MS)),
    intervalMs,
    isTold: configs.has(INTERVAL),
  }
}

const numberOf = (configs: Configs, name: string): number | undefined => {
  const value = configs.get(name)?.value
  return value === undefined || value === null ? undefined : Number(value)
}
