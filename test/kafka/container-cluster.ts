import { execFile, execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { javaClientProperties, kafkajsConfig } from './client-config.ts'
import { PROJECT_FOLDER } from './paths.ts'
import { choosePort } from './ports.ts'
import { spawnReaper } from './process.ts'
import { waitUntilReady } from './ready.ts'
import { formatProperties, serverProperties } from './server-properties.ts'
import { newClusterId, scramArguments } from './storage-format.ts'
import { ADMIN, type StartOptions, type TestBroker, type TestCluster } from './test-cluster.ts'
import { waitFor } from './wait.ts'

const run = promisify(execFile)

const READY_TIMEOUT_MS = 120_000

/** The image of each version that exists as one: those without ZooKeeper. */
const TAGS: Readonly<Record<string, string>> = { '3.9': '3.9.2', '4.x': '4.3.1' }

/** A compose project with one broker. */
interface Project {
  readonly compose: (...args: string[]) => Promise<string>
  readonly log: () => string
  readonly port: number
}

/** Starts one KRaft broker from `compose.yaml`, for machines without Java. */
export async function startContainerCluster(
  options: StartOptions,
  engine: 'docker' | 'podman',
): Promise<TestCluster> {
  const tag = TAGS[options.version]
  if (!tag || (options.brokers ?? 1) > 1) {
    throw new Error(
      `Kafka ${options.version} with ${options.brokers ?? 1} broker(s) needs a JDK and Maven: ` +
        'containers run a single broker of 3.9 or 4.x only.',
    )
  }
  const folder = await mkdtemp(join(tmpdir(), 'ferry-kafka-'))
  // The image runs as a user of its own, who must be able to read what we mount.
  await chmod(folder, 0o755)
  const port = await choosePort()
  await writeServerFiles(options, folder, port)
  const file = join(PROJECT_FOLDER, 'compose.yaml')
  const args = ['compose', '-f', file, '-p', basename(folder).toLowerCase()]
  const env = {
    ...process.env,
    FERRY_KAFKA_TAG: tag,
    FERRY_KAFKA_PORT: String(port),
    FERRY_KAFKA_FOLDER: folder,
    FERRY_KAFKA_HEAP: options.heap ?? '512m',
  }
  const project: Project = {
    port,
    compose: async (...rest) => (await run(engine, [...args, ...rest], { env })).stdout,
    log: () =>
      execFileSync(engine, [...args, 'logs', '--no-color', '--tail', '100'], { env }).toString(),
  }
  const down = [engine, ...args, 'down', '--volumes', '--timeout', '0']
  const variables = Object.entries(env).filter(([name]) => name.startsWith('FERRY_KAFKA_'))
  const assignments = variables.map(([name, value]) => `${name}=${value}`)
  const reaper = spawnReaper([
    '/bin/sh',
    '-c',
    'folder=$1; shift; "$@" && rm -rf "$folder"',
    'down',
    folder,
    'env',
    ...assignments,
    ...down,
  ])
  const stop = async () => {
    await project.compose('down', '--volumes', '--timeout', '0')
    await rm(folder, { recursive: true, force: true })
    reaper.dismiss()
  }
  try {
    await project.compose('up', '--detach')
    const { clusterId } = await untilReady(options, project)
    return containerCluster({ options, clusterId, project, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

async function writeServerFiles(options: StartOptions, folder: string, port: number) {
  const place = { id: 1, port, controllerPort: await choosePort(), dataFolder: '/tmp/kafka-data' }
  const properties = serverProperties({ options, place, places: [place], bind: '0.0.0.0' })
  const format = ['format', '--ignore-formatted', '-t', newClusterId(), ...scramArguments(options)]
  const quoted = format.map((word) => `'${word}'`).join(' ')
  await writeFile(join(folder, 'server.properties'), formatProperties(properties))
  await writeFile(
    join(folder, 'run.sh'),
    `set -e
/opt/kafka/bin/kafka-storage.sh ${quoted} -c /ferry/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /ferry/server.properties
`,
  )
}

async function untilReady(options: StartOptions, { port, log }: Project) {
  try {
    return await waitUntilReady({
      config: kafkajsConfig([`127.0.0.1:${port}`], options.secure ? ADMIN : undefined),
      port,
      brokers: 1,
      hasProducerIds: true,
      timeoutMs: READY_TIMEOUT_MS,
      orFail: () => {},
    })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${log()}`, { cause: error })
  }
}

function containerCluster(input: {
  options: StartOptions
  clusterId: string
  project: Project
  stop: () => Promise<void>
}): TestCluster {
  const { options, clusterId, project, stop } = input
  const servers = [`127.0.0.1:${project.port}`]
  const admin = options.secure ? ADMIN : undefined
  const broker: TestBroker = {
    id: 1,
    port: project.port,
    // Of the engine's machine, which need not be this one: nobody here could signal it.
    pid: 0,
    log: project.log,
    async kill(signal = 'SIGKILL') {
      await project.compose('kill', '--signal', signal)
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
      await waitFor('the container to exit', { timeoutMs: 30_000 }, async () => {
        const running = await project.compose('ps', '--quiet', '--status', 'running')
        return running.trim() === '' || undefined
      })
    },
    async start() {
      await project.compose('start')
      await untilReady(options, project)
    },
  }
  return {
    version: options.version,
    clusterId,
    bootstrapServers: servers,
    brokers: [broker],
    ...(admin && { admin: { username: admin.name, password: admin.password } }),
    stop,
    kafka: (overrides) => kafkajsConfig(servers, admin, overrides),
    clientProperties: (user = admin) => javaClientProperties(servers, user),
  }
}
