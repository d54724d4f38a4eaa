import { type DiagnosticCode, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import type { ConnectFailure, ConnectFailureKind } from './open-connection.ts'

const CODE_OF: Readonly<Record<ConnectFailureKind, DiagnosticCode>> = {
  unreachable: 'FERRY1202',
  timeout: 'FERRY1202',
  'name-not-found': 'FERRY1202',
  closed: 'FERRY1202',
  'tls-expected': 'FERRY1204',
  'tls-refused': 'FERRY1204',
  certificate: 'FERRY1205',
  'sasl-expected': 'FERRY1206',
  'mechanism-refused': 'FERRY1206',
  'login-refused': 'FERRY1203',
}

/** The failure that says most: one at login was nearer to success than one that found no listener. */
const MOST_TELLING: readonly ConnectFailureKind[] = [
  'login-refused',
  'mechanism-refused',
  'sasl-expected',
  'certificate',
  'tls-expected',
  'tls-refused',
  'closed',
  'timeout',
  'unreachable',
  'name-not-found',
]

/** True if the next address can still succeed: a login or a mechanism that was refused is refused everywhere. */
export const mayTryNext = (kind: ConnectFailureKind): boolean =>
  kind !== 'login-refused' && kind !== 'mechanism-refused'

/** What a user is told when no address could be connected to: each with its reason, and the advice for the most telling one. */
export const connectFailure = (
  spec: ClusterSpec,
  failures: readonly ConnectFailure[],
  tried: 'bootstrap' | 'broker',
): FerryError => {
  const kind = MOST_TELLING.find((k) => failures.some((failure) => failure.kind === k))!
  const list = failures.map((failure) => `${failure.address} (${failure.reason})`).join(', ')
  const what =
    tried === 'bootstrap'
      ? 'None of its bootstrap servers could be connected to'
      : 'A broker could not be connected to, at the address that it advertises'
  return new FerryError(
    diagnostic({
      code: CODE_OF[kind],
      detail: `Cluster ${spec.name}: ${what}: ${list}.`,
      fix: advice(kind, spec, tried),
      at: spec.bootstrapAt,
    }),
    { retriable: CODE_OF[kind] === 'FERRY1202', cause: failures[0] },
  )
}

const advice = (
  kind: ConnectFailureKind,
  spec: ClusterSpec,
  tried: 'bootstrap' | 'broker',
): string => {
  switch (kind) {
    case 'unreachable':
    case 'timeout':
    case 'closed':
      return tried === 'bootstrap'
        ? 'Check that the brokers run, that host and port are right, and that this machine may reach them.'
        : 'Check advertised.listeners of the broker: the address must be reachable from this machine.'
    case 'name-not-found':
      return 'Check the host name, and the DNS of this machine.'
    case 'tls-expected':
      return 'This port most likely speaks TLS: add `tls` to the cluster file, or use the port of a listener without TLS.'
    case 'tls-refused':
      return 'This port most likely does not speak TLS: use the port of the TLS listener, or take `tls` out of the cluster file.'
    case 'certificate':
      return spec.tls?.cert === undefined
        ? 'Give the certificate of the authority as `tls.ca`; if the broker wants client certificates, `tls.cert` and `tls.key`.'
        : 'Check `tls.ca`, `tls.cert`, `tls.key` and the name in the certificate of the broker (`tls.serverName`).'
    case 'sasl-expected':
      return 'The listener most likely wants a login: add `sasl` to the cluster file.'
    case 'mechanism-refused':
      return 'Set `sasl.mechanism` to one that the listener has (sasl.enabled.mechanisms), or take `sasl` out of the cluster file.'
    case 'login-refused':
      return `Check user name and password in ${spec.file}, and that the user exists for this mechanism.`
  }
}
