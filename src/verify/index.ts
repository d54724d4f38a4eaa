export {
  type CheckReceiptOptions,
  checkReceipt,
  type ReceiptReport,
} from './check-receipt.ts'
export { isBeingCleaned } from './cleaned-topics.ts'
export {
  compareRange,
  type RangeResult,
  type RangeToCompare,
  type Side,
} from './compare-records.ts'
export type { Finding } from './finding.ts'
export { LogReader, type LogReaderOptions, nextBatchOf } from './log-reader.ts'
export type { LogStream, ReadRange, ReadStop } from './log-stream.ts'
export {
  type PositionProof,
  type PositionToProve,
  type Proof,
  type ProveOptions,
  proveEach,
  provePositions,
} from './prove-position.ts'
export { type ReceiptOptions, receiptPartitions } from './receipt-partitions.ts'
export type { VerifiedPartition, VerifiedPosition, VerifyReport } from './report.ts'
export { type VerifyMode, type VerifyOptions, verifyMigration } from './verify-migration.ts'
