/** The facts that steps wait for. Each is read from the brokers when it is asked and says in words what is missing. */
export { DEADLINE_AHEAD, type DeadlineSeen, SOURCE_HOLDS } from './deadlines.ts'
export {
  LOG_STARTS_DURABLE,
  logStartsAreDurable,
  lookAtLogStarts,
  whileLogStartsAreWatched,
} from './durable.ts'
export {
  commitsAreStable,
  groupHasMoved,
  groupIsEmpty,
  groupsAreSynced,
  positionsPartition,
} from './groups.ts'
export {
  belowMarkIsHidden,
  lagAmong,
  MIRROR_LAG,
  MIRROR_SOUND,
  mirrorIsSound,
  mirrorPassed,
  reportsOf,
} from './mirror.ts'
export { openInWords, openTransactions, TRANSACTIONS_ENDED } from './open-transactions.ts'
export { firstOf, named, only } from './reading.ts'
export {
  copyIsChecked,
  nothingLateOnWayBack,
  nothingOnlyOnTarget,
  wayBackIsSealed,
} from './rollback.ts'
export { topicsAreSealed } from './sealed.ts'
export { sourceIsDrained, targetIsDrained } from './source.ts'
