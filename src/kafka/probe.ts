import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import { API_TABLE } from './api-table.ts'
import { parseAddress } from './brokers.ts'
import { type ApiName, LinkLost } from './cluster.ts'
import { connectFailure } from './connect-failures.ts'
import type { Probe, ProbedAddress } from './inquiry.ts'
import { ConnectFailure, type ConnectionOptions, openConnection } from './open-connection.ts'
import type { AnnouncedVersions } from './wire/api-versions.ts'
import { type MetadataAnswer, metadata } from './wire/metadata.ts'

/**
 * Tries every bootstrap server, and then every broker at the address that it advertises, each with a connection of its own: connecting to
 * the cluster would be content with the first that answers. Never throws for what an address does.
 */
export const probeCluster = async (
  spec: ClusterSpec,
  options: Omit<ConnectionOptions, 'log'>,
): Promise<Probe> => {
  const looks = await Promise.all(
    spec.bootstrapServers.map((server) =>
      look(spec, parseAddress(server), server, 'bootstrap', options),
    ),
  )
  const known = looks.find(({ answer }) => answer !== undefined)?.answer
  const advertised = await Promise.all(
    [...(known?.brokers ?? [])]
      .sort((one, other) => one.nodeId - other.nodeId)
      .map(async (broker) => {
        const { probed } = await look(
          spec,
          broker,
          `${broker.host}:${broker.port}`,
          'broker',
          options,
        )
        return { ...probed, nodeId: broker.nodeId }
      }),
  )
  return { bootstrap: looks.map(({ probed }) => probed), advertised }
}

interface Look {
  readonly probed: ProbedAddress
  readonly answer: MetadataAnswer | undefined
}

const look = async (
  spec: ClusterSpec,
  at: { readonly host: string; readonly port: number },
  address: string,
  tried: 'bootstrap' | 'broker',
  options: Omit<ConnectionOptions, 'log'>,
): Promise<Look> => {
  const failed = (failure: ConnectFailure): Look => ({
    probed: {
      address,
      problem: connectFailure(spec, [failure], tried).diagnostics[0],
      clusterId: undefined,
      versions: new Map(),
    },
    answer: undefined,
  })
  try {
    const connection = await openConnection(spec, at, { ...options, log: undefined })
    try {
      const request = { topics: [], withAuthorized: false }
      const answer = await connection.call(metadata, request, options.connectTimeoutMs)
      const probed = {
        address,
        problem: wrongCluster(spec, address, answer.clusterId),
        clusterId: answer.clusterId ?? undefined,
        versions: byName(connection.versions),
      }
      return { probed, answer }
    } finally {
      connection.close()
    }
  } catch (error) {
    if (error instanceof ConnectFailure) return failed(error)
    // A listener that wants a login answers ApiVersions and closes the connection at anything else.
    if (error instanceof LinkLost) {
      const kind = spec.sasl === undefined ? 'sasl-expected' : 'closed'
      return failed(new ConnectFailure(kind, address, error.message, error))
    }
    throw error
  }
}

/** As {@link Brokers} says it; the pinned id is not shown there either. */
const wrongCluster = (
  spec: ClusterSpec,
  address: string,
  id: string | null,
): Diagnostic | undefined =>
  id === spec.clusterId
    ? undefined
    : diagnostic({
        code: 'FERRY1201',
        detail: `${address} of ${spec.name} belongs to cluster ${id ?? '(no id)'}; the file pins another one.`,
        fix: 'Check bootstrapServers; if the cluster is meant, write its id into the file.',
        at: spec.clusterIdAt,
      })

const byName = (versions: AnnouncedVersions): ProbedAddress['versions'] => {
  const named = new Map<ApiName, readonly [number, number]>()
  for (const [name, { key }] of Object.entries(API_TABLE)) {
    const range = versions.get(key)
    if (range !== undefined) named.set(name as ApiName, range)
  }
  return named
}
