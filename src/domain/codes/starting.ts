import { type CodePage, page } from './page.ts'

/** 20xx: what helps people start: doctor, import, init, fmt, graph. */
export const STARTING_CODES = {
  FERRY2001: page(
    4,
    'Broker lacks something',
    'A broker is too old for a part of what Ferry does, as its answer to ApiVersions says. An error means that the migration cannot be carried out with this version of the cluster; a warning names what Ferry will not see or not do there, and what a person must look at instead. Upgrading the brokers ends both.',
  ),
  FERRY2002: page(
    4,
    'Clocks differ',
    'The clock of the cluster and that of this machine are apart. Ferry compares times for deadlines (retention, expiry of commits) and for leases, so what it prints would be wrong by that much. It measures with DescribeQuorum, in which the active controller says its own time; half of the time that the answer took is the uncertainty. Set both clocks by NTP. Where no broker tells its time (ZooKeeper, or before 3.3) the check asks the owner instead.',
  ),
  FERRY2003: page(
    4,
    'Question to the owner',
    'The brokers cannot tell this, and the migration depends on it. Nobody but the team that owns the service can answer: ask, and write the answer down next to the plan file. Ferry does not guess and does not stop for it.',
  ),
  FERRY2004: page(
    4,
    'Retention is short',
    'The source deletes records of this topic so early that the mirror may not keep ahead of it: the first copy takes a large part of the retention, or retention.bytes deletes by size, which no clock can foresee. If retention overtakes the mirror, the partition stops and names the range. Raise retention.ms (or retention.bytes) on the source until the topics are sealed, or give the mirror more throughput.',
  ),
  FERRY2005: page(
    4,
    'Positions on deleted records',
    'A group stands below the log start of a partition on the source: retention has deleted records that it has not read. They were lost before any migration. On the target the group continues at the log start, as it would on the source with auto.offset.reset=earliest.',
  ),
  FERRY2006: page(
    4,
    'Too little disk',
    'The target needs more disk for these topics than its brokers have free. What counts is the size on the source (one replica, as its brokers say), times the replication factor on the target; until the seal the target keeps at least what the source keeps. Add disk, lower the replication factor, or shorten retention on the source first. A full disk stops a Kafka broker.',
  ),
  FERRY2007: page(
    4,
    'Group in no plan',
    'A group has committed positions on a topic of this migration, but no plan file lists it. Its consumers would stay on the source and stop seeing records once the producers have moved. Add it to the groups of this migration; if it is dead, delete it on the source. `ferry graph` shows what else it reads.',
  ),
  FERRY2008: page(
    4,
    'Topics of Connect or Streams',
    'Kafka Connect and Kafka Streams keep state of their own in topics: connect-* (offsets, configs, status), *-changelog and *-repartition. They belong to one application and mean something only together with it. Move them in the same migration as the application, with identical offsets where it stores positions in them, or let the application build them again on the target.',
  ),
  FERRY2009: page(
    4,
    'Replicas are missing',
    'A partition on the source has fewer replicas in sync than it should. If the leader fails now, records may be lost there before the mirror has copied them. Repair the source first.',
  ),
  FERRY2010: page(
    4,
    'Nothing of this name',
    'What was to be imported is not on the source: the cluster has no topic of this name, or the group has no live commits there, or Ferry may not see it. An import never invents anything.',
  ),
  FERRY2011: page(
    1,
    'File exists',
    'A file that would be written exists already. Ferry does not overwrite what somebody may have edited. Move it away, or give another name.',
  ),
  FERRY2012: page(
    4,
    'Belongs to another migration',
    'What was to be imported, or something that shares topics with it, is in a plan file already. Two migrations cannot own one topic or group, because they would work on it at different stages. Add the new parts to that plan file, or merge both.',
  ),
  FERRY2013: page(
    4,
    'Migrations must move together',
    'On the live source a group or a transactional id uses topics of more than one migration. When one of them moves, its consumers or its producer would find the topics of the other on the wrong cluster. Put both into one migration. `ferry graph` shows all such ties.',
  ),
  FERRY2014: page(
    1,
    'File cannot be formatted',
    'Writing the file in canonical form would lose or move a comment, or change how a value is written, so it was left as it is. Ferry compares both before it writes. Comments inside of lists in brackets, and values that are empty, are the usual reasons.',
  ),
  FERRY2015: page(
    4,
    'Client is too old',
    'Kafka 4 and later closes the connection of a client that speaks only old versions of the protocol (KIP-896). No broker tells the version of a client, but kafka-python has its own in the client id unless another is set, and this member of the group is older than what the target takes. Its consumers would not come up there. Upgrade the library first; if the client id is only a name that somebody chose, ask the owner which version it is.',
  ),
} as const satisfies Record<string, CodePage>
