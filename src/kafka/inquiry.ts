/**
 * The questions that help people start, beside the port that migrations run on: which addresses answer, disks, and clocks.
 * All of them only read.
 */
import type { Diagnostic } from '../domain/diagnostic.ts'
import type { PartitionKey, TopicPartition } from '../domain/ids.ts'
import type { ApiName } from './api-name.ts'

/** An address that was connected to, logged in to, and asked. */
export interface ProbedAddress {
  /** `host:port` */
  readonly address: string
  /** Of an advertised broker. */
  readonly nodeId?: number
  /** Why it did not answer; undefined if it did. */
  readonly problem: Diagnostic | undefined
  /** The id of the cluster that answered. */
  readonly clusterId: string | undefined
  /** Lowest and highest version of each API that it announced; empty where it did not answer. */
  readonly versions: ReadonlyMap<ApiName, readonly [number, number]>
}

export interface Probe {
  /** Every address of the cluster file, in its order. */
  readonly bootstrap: readonly ProbedAddress[]
  /** Every broker of the cluster at the address that it advertises, by node id. Empty if no bootstrap server answered. */
  readonly advertised: readonly ProbedAddress[]
}

/** The disks of one broker. */
export interface BrokerDisks {
  readonly nodeId: number
  /** Free bytes of all its log folders; undefined before 3.3. */
  readonly usableBytes: number | undefined
  /** Bytes of each replica that was asked about. */
  readonly sizes: ReadonlyMap<PartitionKey, number>
}

/** One look at a clock of the cluster. */
export interface ClockReading {
  /** Whose it is: `controller 1`. */
  readonly of: string
  /** How far it is ahead of ours, in milliseconds; negative: behind. True within `uncertaintyMs`, half the time that the answer took. */
  readonly aheadMs: number
  readonly uncertaintyMs: number
}

export interface Inquiry {
  /** Sizes of the replicas of these partitions, and free disk. `unsupported` before 1.0. */
  describeDisks(
    partitions: readonly TopicPartition[],
  ): Promise<readonly BrokerDisks[] | 'unsupported'>
  /** The clock of the active controller. `unsupported` with ZooKeeper and before 3.3. */
  readClock(now: () => Date): Promise<ClockReading | 'unsupported'>
}
