import type { Migration } from '../domain/migration.ts'
import type { Plan } from '../domain/plan.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Observed } from './observed.ts'

/** Ids of a plan's own steps, as its journal has them. */
export interface OwnSteps {
  /** Also those that failed, or in which a run was killed. */
  readonly begun: ReadonlySet<string>
  readonly done: ReadonlySet<string>
  /** What those that are done have told. Absent: nothing. */
  readonly facts?: ReadonlyMap<string, Readonly<Record<string, unknown>>>
}

/** What a saved plan whose run is open is compared with. */
export interface WhatIsNow {
  /** With what a rollback knows from the state. */
  readonly desired: Migration
  readonly observed: Observed
  readonly state: MigrationState
  /** What would be planned from these, for the same purpose. */
  readonly fresh: Plan
}
