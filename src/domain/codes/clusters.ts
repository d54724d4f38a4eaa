import { type CodePage, page } from './page.ts'

/** 12xx: clusters and connections. */
export const CLUSTER_CODES = {
  FERRY1201: page(
    5,
    'Wrong cluster',
    'The cluster that answered has another id than the one pinned in the cluster file. A name or a load balancer may lead to another cluster than it did, or the file was copied. Ferry changes nothing on a cluster that it was not told about. If the new cluster is meant, put its id in the file; plans made for the old one are then stale.',
  ),
  FERRY1202: page(
    1,
    'Cluster unreachable',
    'No broker of the cluster could be connected to. Each address that was tried is listed with its reason. Connection refused: the port is wrong or the broker is down. No answer in time: a firewall drops the packets. Name not known: DNS. If the bootstrap servers answer and the brokers do not, the addresses that brokers advertise (advertised.listeners) cannot be reached from this machine.',
  ),
  FERRY1203: page(
    1,
    'Login refused',
    'The broker does not accept this user with this password. The password that a cluster file reads from the environment or from a file may be old, empty or end in a newline; the user may not exist in this SASL mechanism: SCRAM-SHA-256 and SCRAM-SHA-512 have credentials of their own. Ferry tries once only, so that no account is locked.',
  ),
  FERRY1204: page(
    1,
    'Encryption does not match',
    'One side speaks TLS, the other does not. Brokers have one port for each listener: either the port is wrong, or `tls` in the cluster file is missing or too much. `tls: {}` is enough for a broker whose certificate a public authority signed.',
  ),
  FERRY1205: page(
    1,
    'Certificate refused',
    'The certificate of the broker, or that of this client, was not accepted. An unknown authority: give its certificate as `tls.ca`. Another name: connect by a name that is in the certificate, or set `tls.serverName`. A broker that wants client certificates (mutual TLS) needs `tls.cert` and `tls.key`.',
  ),
  FERRY1206: page(
    1,
    'Login does not match',
    'The listener wants another kind of login than the cluster file gives: none at all, or another SASL mechanism. The mechanisms are plain, scram-sha-256 and scram-sha-512. Set `sasl` as the listener wants it, or use the port of another listener.',
  ),
  FERRY1207: page(
    4,
    'Missing right',
    'The user that Ferry connects with may not do this. The fix names the operation, the resource and a command that an administrator of the cluster can run. Ferry never changes its own rights.',
  ),
  FERRY1208: page(
    4,
    'Broker too old or new',
    'The broker does not speak a request that this needs, in any version that Ferry speaks. Ferry sends only what a broker announced. Sources may be Apache Kafka 0.10.2 to 4.x, targets 2.8 to 4.x; `ferry doctor` says what an older version lacks.',
  ),
  FERRY1209: page(
    1,
    'Broker refused',
    'The broker answered with an error that trying again will not change. The detail has the name of the error in the Kafka protocol and the words of the broker. Look the error up there, change what it complains about, and run the same command again.',
  ),
  FERRY1210: page(
    1,
    'Cluster not ready',
    'The broker kept answering that it is not ready (a leader or coordinator is being elected or loaded), until Ferry stopped waiting. This passes by itself where brokers are starting; else look at the state of the brokers. Run the same command again.',
  ),
  FERRY1211: page(
    1,
    'Answer incomplete',
    'The broker left out something that it was asked about, or the answer could not be read. Ferry takes this for a failure: an answer that looks complete and is not would turn into a wrong plan.',
  ),
  FERRY1212: page(
    1,
    'Answer lost',
    'The connection ended, or no answer came in time, after a request was sent that changes something, or the broker says that it did not wait for the end of it. Whether the broker carried it out is unknown. Run the same command again: Ferry looks first.',
  ),
  FERRY1213: page(
    4,
    'Group has members',
    'A position can be written for a group only while it has no members, and this group has some. Stop the consumers of the group on this cluster, then run the same command again.',
  ),
  FERRY1214: page(
    1,
    'Commits not final',
    'A transaction is open that holds commits of this group, so its positions may still change. Ferry reads only final ones. Wait until the transaction ends; one that hangs is shown by `kafka-transactions.sh find-hanging`.',
  ),
  FERRY1215: page(
    1,
    'Topic or partition unknown',
    'The cluster does not know a topic or partition that was asked for. It may have been deleted since it was listed, or just have been created. Check the name; if the topic was just made or deleted, run the same command again.',
  ),
} as const satisfies Record<string, CodePage>
