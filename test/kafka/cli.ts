import { parseArgs } from 'node:util'
import { fetchJars } from './jars.ts'
import { compileOracle } from './oracle-jar.ts'
import { startKafka } from './start-kafka.ts'
import type { StartOptions } from './test-cluster.ts'
import { JAR_SETS, KAFKA_VERSIONS, type KafkaVersion } from './versions.ts'

const USAGE = `Usage:
  npx tsx test/kafka/cli.ts start --version ${KAFKA_VERSIONS.join('|')} [--secure] [--brokers 1|2|3]
  npx tsx test/kafka/cli.ts fetch [name ...]      of ${JAR_SETS.join(', ')}; default: all
`

const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Starts a cluster and holds it until Ctrl-C. */
async function start(options: StartOptions): Promise<void> {
  const before = performance.now()
  const cluster = await startKafka(options)
  const seconds = ((performance.now() - before) / 1000).toFixed(1)
  say(`Kafka ${cluster.version}, cluster ${cluster.clusterId}, ready after ${seconds} s`)
  if (cluster.admin) say(`Sign in as ${cluster.admin.username} / ${cluster.admin.password}`)
  process.stdout.write(`${cluster.bootstrapServers.join(',')}\n`)
  say('Ctrl-C stops it and removes its data.')
  // The brokers do not keep this process alive: a pending signal handler alone would not either.
  const held = setInterval(() => {}, 2 ** 30)
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
  clearInterval(held)
  await cluster.stop()
}

/** Downloads jars and compiles the oracle, so that later runs need no network. */
async function fetchAll(names: readonly string[]): Promise<void> {
  const known = JAR_SETS.filter((name) => names.length === 0 || names.includes(name))
  for (const name of known) {
    await fetchJars(name)
    say(`${name}: jars are there`)
  }
  for (const version of ['2.8', '4.x'] as const) {
    if (known.includes(version)) await compileOracle(version)
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: 'string', default: '4.x' },
    brokers: { type: 'string', default: '1' },
    secure: { type: 'boolean', default: false },
    heap: { type: 'string', default: '512m' },
  },
})

const isVersion = (text: string): text is KafkaVersion =>
  (KAFKA_VERSIONS as readonly string[]).includes(text)

const [command, ...rest] = positionals
const brokers = Number(values.brokers)
if (command === 'fetch') {
  await fetchAll(rest)
} else if (command === 'start' && isVersion(values.version) && [1, 2, 3].includes(brokers)) {
  const { version, secure, heap } = values
  await start({ version, brokers: brokers as 1 | 2 | 3, secure, heap })
} else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}
