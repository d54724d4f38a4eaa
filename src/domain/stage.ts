/** How far a migration should be. The order of the last three depends on `Migration.order`. */
export const STAGES = [
  'prepared',
  'mirrored',
  'consumers-moved',
  'producers-moved',
  'retired',
] as const
export type Stage = (typeof STAGES)[number]

/** Where a migration is: `nothing` before its first apply. */
export type ReachedStage = Stage | 'nothing'

export const ORDERS = ['consumers-first', 'producers-first'] as const
export type Order = (typeof ORDERS)[number]

/** The stages in the order in which this migration passes them. */
export const stagesInOrder = (order: Order): readonly Stage[] =>
  order === 'consumers-first'
    ? STAGES
    : ['prepared', 'mirrored', 'producers-moved', 'consumers-moved', 'retired']

/** How many stages lie behind; `nothing` is 0, the first stage 1. */
export const stageRank = (stage: ReachedStage, order: Order): number =>
  stage === 'nothing' ? 0 : stagesInOrder(order).indexOf(stage) + 1
