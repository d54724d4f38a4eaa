import { allIsThere } from './answers.ts'
import type { Check } from './check.ts'
import { clientsAreNew } from './clients.ts'
import { clocksAgree } from './clock.ts'
import { applicationsAreWhole, everyGroupIsPlanned } from './coverage.ts'
import { targetHasRoom } from './disk.ts'
import { sourceIsInSync, targetIsDurable } from './durability.ts'
import type { ClusterFacts, MigrationFacts } from './facts.ts'
import { orderFits } from './order.ts'
import {
  bootstrapServersAnswer,
  brokersAreReachable,
  idIsPinned,
  isConnected,
} from './reachability.ts'
import { retentionLeavesTime } from './retention.ts'
import { readRights, rightsSuffice } from './rights.ts'
import { registryIsKnown } from './schema-ids.ts'
import { brokersSpeakEnough } from './versions.ts'

const nothingAnswered = ({ probe }: ClusterFacts): string | undefined =>
  probe.advertised.length === 0 ? 'no bootstrap server answered' : undefined

/** What another cluster speaks says nothing about the one that is meant. */
const anotherAnswered = (facts: ClusterFacts): string | undefined =>
  nothingAnswered(facts) ??
  (facts.probe.advertised.some(({ problem }) => problem?.code === 'FERRY1201')
    ? 'another cluster answered'
    : undefined)

const notConnected = ({ cluster }: ClusterFacts): string | undefined =>
  cluster === undefined ? 'the cluster could not be connected to' : undefined

const noGroups = ({ migration }: MigrationFacts): string | undefined =>
  migration.groups.length === 0 ? 'the plan file lists no groups' : undefined

/** What must hold for each cluster, in the order in which a person would look. */
export const CLUSTER_CHECKS: readonly Check<ClusterFacts>[] = [
  {
    id: 'bootstrap-servers',
    title: 'Every bootstrap server answers',
    look: bootstrapServersAnswer,
  },
  {
    id: 'advertised-brokers',
    title: 'Every broker is reachable where it says that it is',
    skip: nothingAnswered,
    look: brokersAreReachable,
  },
  {
    id: 'cluster-id',
    title: 'The cluster is the pinned one',
    skip: nothingAnswered,
    look: idIsPinned,
  },
  {
    id: 'versions',
    title: 'The brokers speak what Ferry needs',
    skip: anotherAnswered,
    look: brokersSpeakEnough,
  },
  {
    id: 'connection',
    title: 'Ferry connects to it',
    skip: anotherAnswered,
    look: isConnected,
  },
  {
    id: 'clock',
    title: 'Its clock and that of this machine agree',
    skip: notConnected,
    optional: true,
    look: clocksAgree,
  },
]

/** What must hold for each migration. */
export const MIGRATION_CHECKS: readonly Check<MigrationFacts>[] = [
  {
    id: 'answers',
    title: 'All that the plan file names is there',
    look: allIsThere,
  },
  {
    id: 'rights',
    title: "Ferry's user has every right that it needs",
    look: async (facts) => rightsSuffice(await readRights(facts)),
  },
  {
    id: 'coverage',
    title: 'Every group that reads its topics is in a plan',
    optional: true,
    look: everyGroupIsPlanned,
  },
  {
    id: 'applications',
    title: 'No Connect or Streams application is torn apart',
    optional: true,
    look: applicationsAreWhole,
  },
  {
    id: 'retention',
    title: 'Retention on the source leaves time to copy',
    look: retentionLeavesTime,
  },
  {
    id: 'order',
    title: 'The order fits lag, rate and retention',
    skip: noGroups,
    look: orderFits,
  },
  { id: 'in-sync', title: 'All replicas on the source are in sync', look: sourceIsInSync },
  { id: 'durability', title: 'The target keeps what it acknowledges', look: targetIsDurable },
  {
    id: 'disk',
    title: 'The target has room',
    optional: true,
    look: targetHasRoom,
  },
  {
    id: 'clients',
    title: 'The target takes the clients of the groups',
    skip: noGroups,
    look: clientsAreNew,
  },
  {
    id: 'schema-registry',
    title: 'Values hold no ids of a schema registry',
    optional: true,
    look: registryIsKnown,
  },
]
