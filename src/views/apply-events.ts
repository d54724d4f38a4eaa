import type { AppliedStep, ApplyResult } from '../applier/apply-options.ts'
import { digestOf } from '../domain/canonical-json.ts'
import type { CopyProgress } from '../domain/copy-progress.ts'
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { Live, WaitingAtGates } from '../domain/live.ts'
import type { Plan } from '../domain/plan.ts'
import type { ReachedStage } from '../domain/stage.ts'
import type { Step } from '../domain/step.ts'
import { sortedOnce } from './diagnostics.ts'
import { renderLive } from './live.ts'
import type { StepWords } from './step-words.ts'

export const EVENTS_FORMAT_VERSION = '1.0'

/** One line of `apply --json`; `schemas/events.schema.json` tells of each field. */
export type ApplyEvent =
  | OfMigration<
      'started',
      {
        readonly plan: string
        readonly from: ReachedStage
        readonly to: ReachedStage
        readonly steps: readonly {
          readonly id: string
          readonly kind: string
          readonly title: string
        }[]
      }
    >
  | OfMigration<
      'step-started',
      {
        readonly step: string
        readonly index: number
        readonly of: number
        readonly title: string
      }
    >
  | OfMigration<'waiting', { readonly step: string; readonly gates: WaitingAtGates['gates'] }>
  | OfMigration<
      'progress',
      {
        readonly step: string
        readonly says: string
        readonly topics: readonly CopyProgress[]
        readonly waitsFor: string | null
      }
    >
  | OfMigration<
      'step-done',
      {
        readonly step: string
        readonly outcome: AppliedStep['outcome']
        readonly problem: Diagnostic | null
      }
    >
  | OfMigration<'warning', { readonly says: string; readonly problem: Diagnostic | null }>
  | OfMigration<
      'plan-finished',
      {
        readonly status: ApplyResult['status']
        readonly stage: ReachedStage | null
        readonly begun: boolean
        readonly steps: ApplyResult['steps']
        readonly problems: readonly Diagnostic[]
      }
    >
  | { readonly event: 'finished'; readonly exit: number; readonly problems: readonly Diagnostic[] }

type OfMigration<E extends string, T> = { readonly event: E; readonly migration: string } & T

/** The event as its line. */
export const renderEvent = (event: ApplyEvent, now: Date): string =>
  `${JSON.stringify({ formatVersion: EVENTS_FORMAT_VERSION, at: now.toISOString(), ...event })}\n`

export const startedEvent = (plan: Plan, words: StepWords): ApplyEvent => ({
  event: 'started',
  migration: plan.migration,
  plan: digestOf(plan),
  from: plan.from,
  to: plan.to,
  steps: plan.steps.map((step) => ({
    id: step.id,
    kind: step.kind,
    title: stepTitle(words, step),
  })),
})

/** What a step is at: a wait or progress. */
export const liveEvent = (migration: string, step: string, live: Live): ApplyEvent => {
  if (typeof live !== 'string' && live.kind === 'waiting') {
    return { event: 'waiting', migration, step, gates: live.gates }
  }
  const copying = typeof live === 'string' ? undefined : live
  return {
    event: 'progress',
    migration,
    step,
    says: renderLive(live).line,
    topics: copying?.topics ?? [],
    waitsFor: copying?.waitsFor ?? null,
  }
}

export const warningEvent = (migration: string, warning: Diagnostic | string): ApplyEvent => ({
  event: 'warning',
  migration,
  says: typeof warning === 'string' ? warning : `${warning.summary}: ${warning.detail}`,
  problem: typeof warning === 'string' ? null : warning,
})

export const planFinishedEvent = (plan: Plan, result: ApplyResult): ApplyEvent => ({
  event: 'plan-finished',
  migration: plan.migration,
  status: result.status,
  stage: result.stage ?? null,
  begun: result.begun,
  steps: result.steps,
  problems: sortedOnce(result.problems),
})

/** `sync group orders-api` */
export const stepTitle = (words: StepWords, step: Step): string => {
  const { noun, name } = words.describe(step)
  return `${noun} ${name}`
}
