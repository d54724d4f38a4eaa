/** The facts that steps wait for. Each is read from the brokers when it is asked and says in words what is missing. */
export {
  commitsAreStable,
  groupHasMoved,
  groupIsEmpty,
  groupsAreSynced,
  positionsPartition,
} from './groups.ts'
export { fillerIsHidden, mirrorObjects, mirrorPassed } from './mirror.ts'
export { named } from './reading.ts'
export {
  copyIsChecked,
  nothingLateOnWayBack,
  nothingOnlyOnTarget,
  wayBackIsSealed,
} from './rollback.ts'
export { countsDiffer, sourceIsDrained, targetIsDrained, topicsAreSealed } from './source.ts'
