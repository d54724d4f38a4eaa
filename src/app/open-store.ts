import type { TopicName } from '../domain/ids.ts'
import type { Project } from '../domain/migration.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { StateStore } from '../state/state-store.ts'

/**
 * The state store that the project names. `connect` is asked when a store on a cluster is first read or written. `waiting`: who is told what a
 * lock waits for, and what ends that.
 */
export const openStore = async (
  project: Project,
  connect: (cluster: string) => Promise<Cluster>,
  waiting?: { readonly report: (line: string) => void; readonly signal: AbortSignal },
): Promise<StateStore> => {
  const { state } = project
  switch (state.store) {
    case 'file': {
      const { FileStore } = await import('../state/file-store.ts')
      return new FileStore(state.directory)
    }
    case 'kafka': {
      const { KafkaStore } = await import('../state/kafka-store.ts')
      return new KafkaStore({
        project: project.name,
        clusterName: state.cluster,
        topic: state.topic as TopicName,
        connect: () => connect(state.cluster),
        ...waiting,
      })
    }
  }
}
