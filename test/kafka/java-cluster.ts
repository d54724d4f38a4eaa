import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordClassArchive } from './class-archive.ts'
import { javaClientProperties, kafkajsConfig, scramLogin } from './client-config.ts'
import type { JarFolder } from './jars.ts'
import { fetchJars } from './jars.ts'
import { BrokerEnded, JavaBroker } from './java-broker.ts'
import { FAST_START_FLAGS, javaCommand, runJava } from './java-command.ts'
import { choosePort } from './ports.ts'
import type { GuardedProcess } from './process.ts'
import { spawnGuarded, spawnReaper, tail } from './process.ts'
import { waitUntilReady } from './ready.ts'
import type { BrokerPlace } from './server-properties.ts'
import {
  formatProperties,
  serverProperties,
  zookeeperServerProperties,
} from './server-properties.ts'
import { formatStorage, newClusterId, scramUsers } from './storage-format.ts'
import { ADMIN, type StartOptions, type TestCluster } from './test-cluster.ts'
import { isKraft } from './versions.ts'
import { waitFor } from './wait.ts'

const READY_TIMEOUT_MS = 60_000
const BIND_ATTEMPTS = 5

/** Old ZooKeepers want classes of log4j that its maintained successor has dropped. */
const ZOOKEEPER_FLAGS = [...FAST_START_FLAGS, '-Dzookeeper.jmx.log4j.disable=true']

/** Starts brokers, and for old versions ZooKeeper, as Java processes of this machine. */
export async function startJavaCluster(options: StartOptions): Promise<TestCluster> {
  const jars = await fetchJars(options.version)
  await recordClassArchive(jars, async (flag) => {
    const jvmFlags = [...FAST_START_FLAGS, flag]
    const cluster = await startOnce({ version: options.version, jvmFlags }, jars)
    await cluster.brokers[0]!.kill('SIGTERM').finally(() => cluster.stop())
  })
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, jars)
    } catch (error) {
      const lostPort = /BindException|Address already in use/.test(String(error))
      // A broker with ZooKeeper whose first controller lost its session while the machine was busy runs, and never answers.
      const isStuck = /Waited \d+ s for \d+ broker/.test(String(error)) && attempt === 1
      if ((!lostPort && !isStuck) || attempt === BIND_ATTEMPTS) throw error
    }
  }
}

async function startOnce(options: StartOptions, jars: JarFolder): Promise<TestCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-kafka-'))
  const reaper = spawnReaper(['rm', '-rf', folder])
  const processes: { kill(): Promise<void> }[] = []
  const stop = async () => {
    await Promise.all(processes.map((process) => process.kill()))
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    reaper.dismiss()
  }
  try {
    const places = await choosePlaces(folder, options.brokers ?? 1)
    const zookeeper = isKraft(options.version) ? undefined : await startZookeeper(jars, folder)
    if (zookeeper) processes.push(zookeeper.process)
    const files = await writeConfiguration({ options, folder, places, zookeeper })
    if (zookeeper) await addZookeeperUsers(options, jars, zookeeper.port)
    else await formatStorages(options, jars, places, files)

    const brokers: JavaBroker[] = places.map((place, index) =>
      brokerAt({ options, jars, folder, place, properties: files[index]!, all: () => brokers }),
    )
    processes.push(...brokers)
    await Promise.all(brokers.map((broker) => broker.launch()))
    const { clusterId } = await untilReady(options, brokers, brokers)
    return testCluster({ options, clusterId, brokers, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

async function choosePlaces(folder: string, count: number): Promise<BrokerPlace[]> {
  const places: BrokerPlace[] = []
  for (let id = 1; id <= count; id++) {
    const [port, controllerPort] = [await choosePort(), await choosePort()]
    places.push({ id, port, controllerPort, dataFolder: join(folder, `data-${id}`) })
  }
  return places
}

interface Zookeeper {
  readonly port: number
  readonly process: GuardedProcess
}

async function startZookeeper(jars: JarFolder, folder: string): Promise<Zookeeper> {
  const port = await choosePort()
  const config = join(folder, 'zookeeper.properties')
  const log = join(folder, 'zookeeper.log')
  await writeFile(
    config,
    formatProperties(zookeeperServerProperties(port, join(folder, 'zookeeper'))),
  )
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
  const command = javaCommand({ jars, main, args: [config], heap: '256m', flags: ZOOKEEPER_FLAGS })
  const process = await spawnGuarded(command, log)
  const orFail = () => {
    if (process.exited) throw new Error(`ZooKeeper ended while starting:\n${tail(log)}`)
  }
  await waitFor(`ZooKeeper on ${port}`, { timeoutMs: READY_TIMEOUT_MS, orFail }, () =>
    accepts(port),
  )
  return { port, process }
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined))
    socket.once('connect', () => socket.destroy())
  })
}

/** Writes one properties file per broker and returns their paths in the same order. */
async function writeConfiguration(input: {
  options: StartOptions
  folder: string
  places: readonly BrokerPlace[]
  zookeeper: Zookeeper | undefined
}): Promise<string[]> {
  const { options, folder, places, zookeeper } = input
  await writeFile(join(folder, 'jaas.conf'), `KafkaServer {\n  ${scramLogin(ADMIN)};\n};\n`)
  const files: string[] = []
  for (const place of places) {
    await mkdir(place.dataFolder, { recursive: true })
    const properties = serverProperties({
      options,
      place,
      places,
      ...(zookeeper && { zookeeperPort: zookeeper.port }),
    })
    const file = join(folder, `server-${place.id}.properties`)
    await writeFile(file, formatProperties(properties))
    files.push(file)
  }
  return files
}

/** KRaft: gives each broker the same cluster id and the same users before its first start. */
async function formatStorages(
  options: StartOptions,
  jars: JarFolder,
  places: readonly BrokerPlace[],
  files: readonly string[],
): Promise<void> {
  const clusterId = newClusterId()
  await Promise.all(
    places.map(({ id, dataFolder }, index) =>
      formatStorage({
        jars,
        options,
        clusterId,
        id,
        properties: files[index]!,
        dataFolder: options.config?.['log.dirs'] ?? dataFolder,
      }),
    ),
  )
}

/** ZooKeeper: brokers sign in to each other, so their user must exist before the first one. */
async function addZookeeperUsers(options: StartOptions, jars: JarFolder, port: number) {
  const main = 'kafka.admin.ConfigCommand'
  const server = ['--zookeeper', `127.0.0.1:${port}`, '--alter', '--entity-type', 'users']
  await Promise.all(
    scramUsers(options).map(({ name, password }) => {
      const credentials = `SCRAM-SHA-512=[password=${password}],SCRAM-SHA-256=[password=${password}]`
      const args = [...server, '--entity-name', name, '--add-config', credentials]
      return runJava({ jars, main, args })
    }),
  )
}

function brokerAt(input: {
  options: StartOptions
  jars: JarFolder
  folder: string
  place: BrokerPlace
  properties: string
  all: () => readonly JavaBroker[]
}): JavaBroker {
  const { options, jars, folder, place, properties, all } = input
  const jaas = `-Djava.security.auth.login.config=${join(folder, 'jaas.conf')}`
  const [command, ...rest] = javaCommand({
    jars,
    main: 'kafka.Kafka',
    args: [properties],
    ...(options.heap && { heap: options.heap }),
    ...(options.jvmFlags && { flags: options.jvmFlags }),
  })
  return new JavaBroker({
    id: place.id,
    port: place.port,
    dataFolder: place.dataFolder,
    propertiesFile: properties,
    command:
      options.secure && !isKraft(options.version) ? [command!, jaas, ...rest] : [command!, ...rest],
    logFile: join(folder, `broker-${place.id}.log`),
    // The others too: what a test asks next may be answered by one that has not heard of it yet.
    untilReady: (broker) =>
      untilReady(
        options,
        all().filter(({ running }) => running),
        all(),
        [broker],
      ),
  })
}

/** Waits until each of `asked` says that all running brokers are in the cluster. Gives up where one of `starting` ends. */
async function untilReady(
  options: StartOptions,
  asked: readonly JavaBroker[],
  all: readonly JavaBroker[],
  starting: readonly JavaBroker[] = asked,
): Promise<{ clusterId: string }> {
  const user = options.secure ? ADMIN : undefined
  const orFail = () => {
    for (const broker of starting) broker.assertRunning()
  }
  const answers = asked.map((broker) =>
    waitUntilReady({
      config: kafkajsConfig([`127.0.0.1:${broker.port}`], user),
      port: broker.port,
      brokers: all.filter((other) => other.running).length,
      hasProducerIds: options.version !== '0.10.2',
      timeoutMs: READY_TIMEOUT_MS,
      orFail,
    }),
  )
  try {
    return (await Promise.all(answers))[0]!
  } catch (error) {
    if (error instanceof BrokerEnded) throw error
    const logs = asked.map((broker) => `Broker ${broker.id}:\n${broker.log()}`)
    throw new Error(`${(error as Error).message}\n${logs.join('\n')}`, { cause: error })
  }
}

function testCluster(input: {
  options: StartOptions
  clusterId: string
  brokers: readonly JavaBroker[]
  stop: () => Promise<void>
}): TestCluster {
  const { options, clusterId, brokers, stop } = input
  const servers = brokers.map(({ port }) => `127.0.0.1:${port}`)
  const admin = options.secure ? ADMIN : undefined
  return {
    version: options.version,
    clusterId,
    bootstrapServers: servers,
    brokers,
    ...(admin && { admin: { username: admin.name, password: admin.password } }),
    stop,
    kafka: (overrides) => kafkajsConfig(servers, admin, overrides),
    clientProperties: (user = admin) => javaClientProperties(servers, user),
  }
}
