import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { emptyState } from '../src/domain/state.ts'
import { FileStore } from '../src/state/file-store.ts'
import type { TestCluster } from '../test/kafka/index.ts'
import { spawnGuarded } from '../test/kafka/process.ts'
import { createTopic, markTopic } from '../test/mirror/_support.ts'
import type { Engine } from './engine.ts'

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js')
const MIGRATION = 'bench'

/** `ferry mirror` as it is built and installed, on a project whose topic was just marked. */
const ferryWith = (mode: 'dense' | 'identical'): Engine => ({
  name: 'ferry',
  isIdentical: mode === 'identical',
  start: async ({ source, target, from, to }, c, folder) => {
    await createTopic(to, c.topic, c.partitions)
    // Control markers that make up for holes carry the id of filler.
    const filler = await to.initProducerId()
    const options = { mode, fillerProducerId: filler.producerId }
    const marks = await markTopic(from, to, c.topic, options)
    await mkdir(join(folder, 'clusters'))
    await mkdir(join(folder, 'plans'))
    await Promise.all([
      writeFile(join(folder, 'ferry.yaml'), yaml('Project', 'bench', {})),
      writeFile(join(folder, 'clusters/old.yaml'), clusterYaml('old', source)),
      writeFile(join(folder, 'clusters/new.yaml'), clusterYaml('new', target)),
      writeFile(
        join(folder, 'plans/bench.yaml'),
        yaml('Migration', MIGRATION, {
          from: 'old',
          to: 'new',
          stage: 'mirrored',
          topics: [{ name: c.topic, offsets: mode }],
        }),
      ),
    ])
    await new FileStore(join(folder, '.ferry')).writeDecisions(
      {
        ...emptyState(MIGRATION, 'bench'),
        serial: 1,
        stage: 'prepared',
        clusters: { source: from.id, target: to.id },
        createdTopics: [c.topic],
        marks,
      },
      0,
    )
    const flags = process.env.FERRY_BENCH_NODE?.split(' ') ?? []
    const command = [process.execPath, ...flags, MAIN, '--chdir', folder, 'mirror', MIGRATION]
    return spawnGuarded(command, join(folder, 'log'))
  },
})

export const ferry = ferryWith('dense')
export const ferryIdentical = ferryWith('identical')

/** JSON is YAML. */
const yaml = (kind: string, name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'ferry/v1', kind, metadata: { name }, spec })

const clusterYaml = (name: string, { clusterId, bootstrapServers }: TestCluster): string =>
  yaml('Cluster', name, { clusterId, bootstrapServers })
