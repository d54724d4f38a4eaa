import { readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { writeNew } from './import-migration.ts'
import { readSchema } from './plan-structure.ts'

export interface SkeletonNames {
  readonly project: string
  readonly from: string
  readonly to: string
}

export interface Skeleton {
  /** What was written, relative to the folder. */
  readonly files: readonly string[]
  /** A line that the .gitignore which was there before does not have. */
  readonly toIgnore: string | undefined
}

/**
 * Writes the files of a new project: ferry.yaml, a file for each cluster, the schemas that editors check them with, and a .gitignore that
 * keeps the state out of the repository. All of them or, if one exists already, none; but for the .gitignore, which most folders have.
 */
export const writeSkeleton = async (folder: string, names: SkeletonNames): Promise<Skeleton> => {
  const written: string[] = []
  const ignored = await readFile(join(folder, GITIGNORE), 'utf8').catch(() => undefined)
  try {
    for (const [path, text] of await skeleton(names)) {
      if (path === GITIGNORE && ignored !== undefined) continue
      const file = join(folder, path)
      await writeNew(file, text)
      written.push(file)
    }
  } catch (error) {
    await Promise.all(written.map((file) => rm(file, { force: true })))
    throw error
  }
  return {
    files: written.map((file) => relative(folder, file)),
    toIgnore:
      ignored === undefined || /^\/?\.ferry\/?\s*$/m.test(ignored) ? undefined : STATE_FOLDER,
  }
}

const GITIGNORE = '.gitignore'
const STATE_FOLDER = '.ferry/'

const skeleton = async ({
  project,
  from,
  to,
}: SkeletonNames): Promise<readonly (readonly [path: string, text: string])[]> => [
  ['ferry.yaml', projectText(project)],
  [
    `clusters/${from}.yaml`,
    clusterText(from, 'the old cluster: Ferry writes there only on a way back'),
  ],
  [`clusters/${to}.yaml`, clusterText(to, 'the new cluster')],
  ...(await Promise.all(
    ['project', 'cluster', 'migration'].map(
      async (kind) => [`schemas/${kind}.schema.json`, await readSchema(kind)] as const,
    ),
  )),
  // Marks and journals: never edited by hand, and of one machine. `state.store: kafka` shares them.
  [GITIGNORE, `${STATE_FOLDER}\n`],
]

const projectText = (
  name: string,
): string => `# yaml-language-server: $schema=schemas/project.schema.json
apiVersion: ferry/v1
kind: Project
metadata: { name: ${name} }
spec:
  state: { store: file } # .ferry/ on this machine
  clusters: clusters/*.yaml
  migrations: plans/*.yaml
`

const clusterText = (
  name: string,
  what: string,
): string => `# yaml-language-server: $schema=../schemas/cluster.schema.json
# ${name}, ${what}. References are read from the environment, so that no secret is in this file.
apiVersion: ferry/v1
kind: Cluster
metadata: { name: ${name} }
spec:
  clusterId: "\${env:${variable(name)}_CLUSTER_ID}" # kafka-cluster.sh cluster-id; compared at every connect
  bootstrapServers: "\${env:${variable(name)}_BOOTSTRAP}" # host:port, several with commas between them
  # tls: { ca: "\${file:certs/ca.pem}" } # {} for a certificate of a public authority
  # sasl: { mechanism: scram-sha-512, username: "\${env:FERRY_USER}", password: "\${env:FERRY_PASSWORD}" }
`

/** The names of the environment variables that the new files read. */
export const skeletonVariables = ({ from, to }: SkeletonNames): readonly string[] =>
  [from, to].flatMap((name) => [`${variable(name)}_CLUSTER_ID`, `${variable(name)}_BOOTSTRAP`])

const variable = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')
