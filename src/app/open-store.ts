import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { Project } from '../domain/migration.ts'
import { FileStore } from '../state/file-store.ts'
import type { StateStore } from '../state/state-store.ts'

/** The state store that the project names. */
export const openStore = (project: Project): StateStore => {
  switch (project.state.store) {
    case 'file':
      return new FileStore(project.state.directory)
    case 'kafka':
      throw new FerryError(
        diagnostic({
          code: 'FERRY1301',
          detail:
            'The project keeps its state on a Kafka topic (spec.state.store: kafka), which this version of Ferry cannot do yet.',
          fix: 'Set spec.state to { store: file } and run Ferry from one machine.',
        }),
      )
  }
}
