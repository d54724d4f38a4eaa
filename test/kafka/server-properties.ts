import { ADMIN, type StartOptions } from './test-cluster.ts'
import { isKraft } from './versions.ts'

type Properties = Record<string, string>

/** Where one broker of a cluster lives. */
export interface BrokerPlace {
  readonly id: number
  readonly port: number
  /** KRaft only: for the quorum of controllers. */
  readonly controllerPort: number
  readonly dataFolder: string
}

/** Everything that the properties of a broker depend on. */
export interface PropertiesInput {
  readonly options: StartOptions
  readonly place: BrokerPlace
  readonly places: readonly BrokerPlace[]
  /** ZooKeeper only: its port. */
  readonly zookeeperPort?: number
  /** The address to bind; a container must bind all of its own. */
  readonly bind?: string
}

const SCRAM = 'SCRAM-SHA-512,SCRAM-SHA-256'

/** The `server.properties` of one broker. */
export function serverProperties(input: PropertiesInput): Properties {
  const { options, place } = input
  return {
    ...testDefaults(input.places.length),
    'log.dirs': place.dataFolder,
    ...(isKraft(options.version) ? kraftProperties(input) : zookeeperProperties(input)),
    ...options.config,
  }
}

/** Small and quick: internal topics with few partitions, no waits meant for large clusters. */
function testDefaults(brokers: number): Properties {
  const factor = String(Math.min(3, brokers))
  return {
    'offsets.topic.replication.factor': factor,
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': factor,
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    'share.coordinator.state.topic.replication.factor': factor,
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '5',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // A group without positions and members is forgotten whenever the broker looks, in the middle of a long test by default.
    'offsets.retention.check.interval.ms': '3600000',
    'auto.create.topics.enable': 'false',
    'delete.topic.enable': 'true',
    'num.network.threads': '2',
    'num.io.threads': '4',
    // Ferry waits until log starts are durable, which takes a minute by default.
    'log.flush.start.offset.checkpoint.interval.ms': '500',
    // The default of 128 MB would be a quarter of our heap.
    'log.cleaner.dedupe.buffer.size': '16777216',
  }
}

function kraftProperties(input: PropertiesInput): Properties {
  const { options, place, places, bind = '127.0.0.1' } = input
  const voters = controllers(places).map(
    ({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`,
  )
  const isController = controllers(places).includes(place)
  const listeners = [`CLIENT://${bind}:${place.port}`]
  if (isController) listeners.push(`CONTROLLER://127.0.0.1:${place.controllerPort}`)
  const protocol = options.secure ? 'SASL_PLAINTEXT' : 'PLAINTEXT'
  return {
    'process.roles': isController ? 'broker,controller' : 'broker',
    'node.id': String(place.id),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: listeners.join(','),
    'advertised.listeners': `CLIENT://127.0.0.1:${place.port}`,
    'listener.security.protocol.map': `CLIENT:${protocol},CONTROLLER:${protocol}`,
    'inter.broker.listener.name': 'CLIENT',
    // A killed broker that returns is refused until its old session has run out.
    'broker.session.timeout.ms': '4000',
    // Else no log start is durable before the broker has run for half a minute; brokers before 3.7 do not have it.
    'log.initial.task.delay.ms': '500',
    'broker.heartbeat.interval.ms': '500',
    ...(options.secure && kraftSecurity()),
  }
}

/** All brokers are voters, but two would lose their quorum with either: then the first one is. */
function controllers(places: readonly BrokerPlace[]): readonly BrokerPlace[] {
  return places.length === 2 ? places.slice(0, 1) : places
}

function kraftSecurity(): Properties {
  // Controllers cannot speak SCRAM, whose credentials are in the log that they are about to read.
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  const login = `required username="${ADMIN.name}" password="${ADMIN.password}"`
  return {
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.controller.plain.sasl.jaas.config': `${plain} ${login} user_${ADMIN.name}="${ADMIN.password}";`,
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
    'listener.name.client.sasl.enabled.mechanisms': SCRAM,
    'listener.name.client.scram-sha-512.sasl.jaas.config': `${scram} ${login};`,
    'listener.name.client.scram-sha-256.sasl.jaas.config': `${scram} ${login};`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    ...authorizerRules(),
  }
}

function zookeeperProperties(input: PropertiesInput): Properties {
  const { options, place, zookeeperPort } = input
  const protocol = options.secure ? 'SASL_PLAINTEXT' : 'PLAINTEXT'
  return {
    'broker.id': String(place.id),
    'zookeeper.connect': `127.0.0.1:${zookeeperPort}`,
    'zookeeper.session.timeout.ms': '4000',
    listeners: `${protocol}://127.0.0.1:${place.port}`,
    'advertised.listeners': `${protocol}://127.0.0.1:${place.port}`,
    'security.inter.broker.protocol': protocol,
    ...(options.secure && {
      'sasl.enabled.mechanisms': SCRAM,
      'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
      'authorizer.class.name':
        options.version === '2.8'
          ? 'kafka.security.authorizer.AclAuthorizer'
          : 'kafka.security.auth.SimpleAclAuthorizer',
      ...authorizerRules(),
    }),
  }
}

function authorizerRules(): Properties {
  return {
    'super.users': `User:${ADMIN.name}`,
    'allow.everyone.if.no.acl.found': 'false',
  }
}

/** The configuration of the one ZooKeeper behind brokers that need it. */
export function zookeeperServerProperties(port: number, dataFolder: string): Properties {
  return {
    dataDir: dataFolder,
    clientPort: String(port),
    clientPortAddress: '127.0.0.1',
    tickTime: '500',
    maxClientCnxns: '0',
    'admin.enableServer': 'false',
  }
}

/** Written as a Java properties file. */
export function formatProperties(properties: Properties): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
}
