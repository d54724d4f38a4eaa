import type { Gate, GateReading, Run } from '../step-kind.ts'
import { HOLDS } from './reading.ts'

/** Something that must be so: how it is called, what it is read from, and what that means. Judging is pure: what was read is handed in. */
export interface Fact<Of, Seen> {
  readonly name: string
  /** "orders-api has no consumers on the source": plans, waits and `ferry status` show it. */
  title(of: Of): string
  /** What its judgement rests on: requests to brokers, or what the mirror says. */
  readonly reads: string
  /** Holds, or in words what is missing: `waits` where somebody does it or it comes by itself, `never` where waiting is no use. */
  judge(seen: Seen, of: Of): GateReading
}

/** How a fact becomes the gate of a step. */
interface Look<Seen> {
  /** `after`: the step was done. */
  look(run: Run, moment: 'before' | 'after'): Promise<Seen>
  /** False: what the step does changes it, or nothing rests on it any more. */
  readonly after: boolean
}

export const gateOf = <Of, Seen>(
  fact: Fact<Of, Seen>,
  of: Of,
  { look, after }: Look<Seen>,
): Gate => ({
  title: fact.title(of),
  after,
  check: async (run, moment = 'before') => fact.judge(await look(run, moment), of),
})

/** What a fact says of what was seen; where it does not hold under its own title, also as a part of a gate that has another one. */
export const told = <Of, Seen>(fact: Fact<Of, Seen>, seen: Seen, of: Of): GateReading => {
  const reading = fact.judge(seen, of)
  return reading.holds ? reading : { ...reading, title: fact.title(of) }
}

/** All hold, or the first that does not. */
export const allOf = (readings: readonly GateReading[]): GateReading =>
  readings.find((reading) => !reading.holds) ?? HOLDS
