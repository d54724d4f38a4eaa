import type { GuardedProcess } from '../test/kafka/process.ts'
import type { BenchCase } from './cases.ts'
import type { BenchClusters } from './clusters.ts'

export const ENGINE_NAMES = ['ferry', 'mm2Tuned', 'mm2Default'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** Something that copies a topic in a process of its own. */
export interface Engine {
  readonly name: EngineName
  /** Whether markers of the source's transactions take up offsets of the target, too. */
  readonly isIdentical?: boolean
  /** How it is stopped once it was measured. Default: SIGTERM. */
  readonly endsBy?: NodeJS.Signals
  /**
   * Starts copying the case's topic, which the target does not have yet, to one of the same name. `folder` is empty and its own; its
   * output goes to `log` in it.
   */
  start(clusters: BenchClusters, c: BenchCase, folder: string): Promise<GuardedProcess>
}
