import { startContainerCluster } from './container-cluster.ts'
import { startJavaCluster } from './java-cluster.ts'
import { detectRuntime } from './runtime.ts'
import type { StartOptions, TestCluster } from './test-cluster.ts'

/**
 * Starts a cluster of real brokers on 127.0.0.1 and returns once it answers. It ends with `stop`,
 * and with this process at the latest, even if that is killed.
 */
export async function startKafka(options: StartOptions): Promise<TestCluster> {
  const runtime = await detectRuntime()
  return runtime.kind === 'java'
    ? startJavaCluster(options)
    : startContainerCluster(options, runtime.engine)
}
