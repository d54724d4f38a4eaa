import type { JournalEntry } from '../domain/journal.ts'
import type { StateStore } from '../state/state-store.ts'

/** What the journal says about one plan. */
export interface PlanHistory {
  readonly started: boolean
  readonly finished: boolean
  /** Ids of the steps that were begun, ended or not. */
  readonly begun: ReadonlySet<string>
  /** Ids of the steps whose last word is a result `done`. */
  readonly done: ReadonlySet<string>
  /** What those results have told. */
  readonly facts: ReadonlyMap<string, Facts>
}

export const historyOf = (journal: readonly JournalEntry[], plan: string): PlanHistory => {
  const mine = journal.filter((entry) => entry.plan === plan).map((entry) => entry.what)
  const done = new Map<string, Facts>()
  for (const what of mine) {
    // A later intent or result takes an earlier `done` back.
    if (what.kind === 'intent') done.delete(what.step)
    if (what.kind === 'result' && what.outcome === 'done') done.set(what.step, what.facts)
  }
  return {
    started: mine.some((what) => what.kind === 'plan-started'),
    finished: mine.some((what) => what.kind === 'plan-finished'),
    begun: new Set(mine.flatMap((what) => (what.kind === 'intent' ? [what.step] : []))),
    done: new Set(done.keys()),
    facts: done,
  }
}

/** The step that was begun last and has no result: a crash left it, and it may be half done. */
export const openIntent = (journal: readonly JournalEntry[]): string | undefined => {
  let open: string | undefined
  for (const { what } of journal) {
    if (what.kind === 'intent') open = what.step
    if (what.kind === 'result' && what.step === open) open = undefined
  }
  return open
}

/** Writes down what happens to one plan. */
export interface PlanJournal {
  append(what: JournalEntry['what']): Promise<void>
}

export const openPlanJournal = (
  store: StateStore,
  migration: string,
  plan: string,
  now: () => Date,
): PlanJournal => ({
  append: async (what) => {
    const safe = what.kind === 'result' ? { ...what, facts: jsonSafe(what.facts) } : what
    await store.appendJournal(migration, { at: now().toISOString(), plan, what: safe })
  },
})

type Facts = Readonly<Record<string, unknown>>

/**
 * Facts as plain JSON. They come from steps in any shape, and a step that is done must not fail because of what it told: what has no
 * JSON is written as text, and a class (a Secret among them) says itself what it may be written as.
 */
export const jsonSafe = (facts: Facts): Facts => safeValue(facts, 0) as Facts

const DEEPEST = 20

const safeValue = (value: unknown, depth: number): unknown => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      return value === null ? null : depth > DEEPEST ? '...' : safeObject(value, depth)
    case 'undefined':
      return null
    default:
      return String(value)
  }
}

const safeObject = (value: object, depth: number): unknown => {
  const inner = (each: unknown) => safeValue(each, depth + 1)
  if (Array.isArray(value) || value instanceof Set) return [...value].map(inner)
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, each]) => [String(key), inner(each)]))
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return value instanceof Date ? safeDate(value) : String(value)
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inner(each)]))
}

const safeDate = (date: Date): string =>
  Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString()
