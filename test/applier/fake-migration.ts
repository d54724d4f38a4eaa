import type { ApplyOptions, ApplyResult } from '../../src/applier/apply-options.ts'
import { applyPlan } from '../../src/applier/apply-plan.ts'
import { digestOf } from '../../src/domain/canonical-json.ts'
import type { Diagnostic } from '../../src/domain/diagnostic.ts'
import type { Migration, Project } from '../../src/domain/migration.ts'
import type { Plan } from '../../src/domain/plan.ts'
import type { Stage } from '../../src/domain/stage.ts'
import type { Step } from '../../src/domain/step.ts'
import type { Mirror } from '../../src/mirror/mirror.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import type {
  Clusters,
  Gate,
  GateReading,
  Outcome,
  Run,
  StepKind,
} from '../../src/steps/step-kind.ts'
import { renderLive } from '../../src/views/live.ts'
import { AT, holder, LINEAGE, NOTHING_MANAGED } from '../state/samples.ts'

/** What a fake step does; steps are told apart by id. */
export interface FakeStep {
  readonly stage?: Stage
  readonly undo?: Step['undo']['cost']
  readonly interruptible?: boolean
  readonly givesUpRollback?: true
  readonly gates?: readonly Gate[]
  readonly apply?: (run: Run) => Promise<Outcome>
}

/** The answer, once the first argument has happened. */
export const answering = <T>(_happened: unknown, answer: T): T => answer

export const done: Outcome = { done: true, facts: {} }
export const closed = (because = 'not yet', worthWaiting = true): GateReading => ({
  holds: false,
  because,
  worthWaiting,
})
export const holds: GateReading = { holds: true }
export const gate = (title: string, check: Gate['check'], after?: boolean): Gate => ({
  title,
  check,
  ...(after !== undefined && { after }),
})
export const problem = (code: Diagnostic['code'], detail = 'why'): Diagnostic => ({
  code,
  severity: 'error',
  summary: 's',
  detail,
  fix: 'f',
})

export const fakePlan = (
  steps: Readonly<Record<string, FakeStep>>,
  over: Partial<Plan> = {},
): Plan => ({
  formatVersion: '1.0',
  toolVersion: '0.0.0',
  migration: 'orders',
  purpose: { kind: 'migrate' },
  from: 'nothing',
  to: 'mirrored',
  clusters: { source: { name: 'old', id: 'id-old' }, target: { name: 'new', id: 'id-new' } },
  createdAt: AT,
  inputs: {},
  steps: Object.entries(steps).map(
    ([id, { stage = 'prepared', undo = 'free', givesUpRollback }]) =>
      ({
        kind: givesUpRollback ? 'mirror-reverse' : 'retire',
        ...(givesUpRollback && { givesUpRollback }),
        id,
        stage,
        reason: 'because',
        undo: { cost: undo, says: undo },
        topics: [],
        groups: [],
      }) as Step,
  ),
  fingerprint: {},
  invariants: [],
  deadlines: [],
  problems: [],
  ...over,
})

/** Time that only moves when somebody waits for it. */
export const fakeClock = () => {
  let time = Date.parse(AT)
  const pauses: number[] = []
  return {
    pauses,
    now: () => new Date(time),
    pause: async (ms: number, signal: AbortSignal) => {
      signal.throwIfAborted()
      pauses.push(ms)
      time += ms
    },
  }
}

export interface FakeApply {
  readonly options: ApplyOptions
  /** What happened, in order: events, effects, mirror. */
  readonly log: string[]
  readonly stopping: AbortController
  readonly aborting: AbortController
  readonly clock: ReturnType<typeof fakeClock>
  run(): Promise<ApplyResult>
}

export const fakeApply = (
  store: StateStore,
  steps: Readonly<Record<string, FakeStep>>,
  over: Partial<ApplyOptions> = {},
  planOver: Partial<Plan> = {},
): FakeApply => {
  const log: string[] = []
  const stopping = new AbortController()
  const aborting = new AbortController()
  const clock = fakeClock()
  const plan = fakePlan(steps, planOver)
  const fakeOf = (step: Step): FakeStep => steps[step.id] ?? {}
  const mirror: Mirror = {
    follow: (migrations) =>
      void log.push(`follow ${migrations.map((m) => `${m.migration} ${m.marks.length}`)}`),
    reports: () => [],
    keep: () => ({ taken: async () => {}, release: () => {} }),
    stop: async () => void log.push('mirror stopped'),
  }
  let current: Step | undefined
  const kind: StepKind<Step> = {
    kind: 'retire',
    plan: () => ({ steps: [] }),
    gates: (step) => fakeOf(step).gates ?? [],
    get interruptible() {
      return (current && fakeOf(current).interruptible) ?? false
    },
    apply: async (step, run) => {
      log.push(`apply ${step.id}`)
      return (await fakeOf(step).apply?.(run)) ?? done
    },
    describe: () => ({ symbol: '+', noun: '', name: '', says: '' }),
  }
  const options: ApplyOptions = {
    plan,
    digest: digestOf(plan),
    project: { name: 'shop' } as Project,
    migration: { name: 'orders', order: 'consumers-first' } as Migration,
    clusters: {
      source: { id: 'id-old', name: 'old' },
      target: { id: 'id-new', name: 'new' },
    } as Clusters,
    store,
    holder: holder(),
    toolVersion: '0.0.0',
    kinds: () => kind,
    startMirror: async () => {
      log.push('mirror started')
      return mirror
    },
    startReverseMirror: async () => {
      log.push('reverse mirror started')
      return mirror
    },
    recheck: async () => [],
    checkInvariants: async () => [],
    look: async () => ({ managed: NOTHING_MANAGED, facts: new Map([['a fact', 'as it is']]) }),
    timings: { sessionTimeoutMs: 30_000, requestTimeoutMs: 10_000 },
    gateTimeoutMs: 60_000,
    confirmed: false,
    on: {
      started: (step) => {
        current = step
      },
      live: (live) => void log.push(renderLive(live).line),
      finished: (step, { outcome }) => void log.push(`${step.id} ${outcome}`),
      warned: (what) => void log.push(typeof what === 'string' ? what : `warned ${what.code}`),
    },
    now: clock.now,
    pause: clock.pause,
    newLineage: () => LINEAGE,
    stopping: stopping.signal,
    signal: aborting.signal,
    ...over,
  }
  return { options, log, stopping, aborting, clock, run: () => applyPlan(options) }
}

export const outcomes = (result: ApplyResult) => result.steps.map((s) => `${s.id} ${s.outcome}`)
export const codes = (result: ApplyResult) => result.problems.map((p) => p.code)
/** The journal as one word each. */
export const journalWords = async (store: StateStore) =>
  (await store.readJournal('orders')).map(({ what }) =>
    what.kind === 'intent'
      ? `intent ${what.step}`
      : what.kind === 'result'
        ? `${what.step} ${what.outcome}`
        : what.kind,
  )
