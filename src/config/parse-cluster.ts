import { type Diagnostic, diagnostic } from '../domain/diagnostic.ts'
import type { ClusterId } from '../domain/ids.ts'
import type { ClusterSpec } from '../domain/migration.ts'
import { Secret } from '../domain/secret.ts'
import { globToRegExp } from './globs.ts'
import type { OpenedFile } from './open-file.ts'
import type { Problems } from './problems.ts'
import type { ClusterFile } from './raw-files.ts'
import { clearTextWarning } from './secrets.ts'
import { quote, readablePath } from './words.ts'

/** A cluster file as a domain type. Where `problems` (or those of `opened`) hold an error, parts of it may be empty. */
export const parseCluster = (
  opened: OpenedFile<ClusterFile>,
  allowedHosts: readonly string[] | undefined,
): { readonly cluster: ClusterSpec; readonly problems: readonly Diagnostic[] } => {
  const { raw, document, texts } = opened
  const problems: Problems = []
  const textAt = (pointer: string) => texts.get(pointer)?.text
  const secretAt = (pointer: string): Secret | undefined => {
    const found = texts.get(pointer)
    if (found === undefined) return undefined
    if (!found.isReference && found.text !== '') problems.push(clearTextWarning(document, pointer))
    return new Secret(found.text)
  }

  const sasl = raw.spec?.sasl
  return {
    cluster: {
      name: raw.metadata?.name ?? '',
      file: document.file,
      clusterId: (textAt('/spec/clusterId') ?? '') as ClusterId,
      clusterIdAt: document.at('/spec/clusterId'),
      bootstrapServers: parseServers(opened, allowedHosts, problems),
      bootstrapAt: document.at('/spec/bootstrapServers'),
      tls: parseTls(opened, secretAt, problems),
      sasl:
        sasl === undefined
          ? undefined
          : {
              mechanism: sasl.mechanism ?? 'plain',
              username: textAt('/spec/sasl/username') ?? '',
              password: secretAt('/spec/sasl/password') ?? new Secret(''),
            },
    },
    problems,
  }
}

const parseServers = (
  { raw, document, texts }: OpenedFile<ClusterFile>,
  allowedHosts: readonly string[] | undefined,
  problems: Problems,
): readonly string[] => {
  const servers: string[] = []
  const allowed = allowedHosts?.map((host) => globToRegExp(host, 'i'))
  const list = raw.spec?.bootstrapServers
  const pointers = Array.isArray(list)
    ? list.map((_, i) => `/spec/bootstrapServers/${i}`)
    : ['/spec/bootstrapServers']
  for (const pointer of pointers) {
    const found = texts.get(pointer)
    if (found === undefined) continue
    const at = document.at(pointer)
    for (const server of found.text.split(',').map((part) => part.trim())) {
      // What a reference gave is never shown: a mixed-up variable name may have led to a password.
      const shown = found.isReference ? 'what the reference gives' : quote(server)
      if (!isHostAndPort(server)) {
        problems.push(
          diagnostic({
            code: 'FERRY1037',
            detail: `${readablePath(pointer)}: ${shown} is not host:port.`,
            fix: 'Write host:port with a port from 1 to 65535, for example kafka-1:9093, without scheme; several with commas between them.',
            at,
          }),
        )
      } else if (allowed !== undefined && !allowed.some((host) => host.test(server))) {
        problems.push(
          diagnostic({
            code: 'FERRY1038',
            detail: `${readablePath(pointer)}: ${shown} matches no glob of policy.allowedHosts in ferry.yaml.`,
            fix: 'Correct the server, or have the policy extended in ferry.yaml.',
            at,
          }),
        )
      }
      if (!servers.includes(server)) servers.push(server)
    }
  }
  return servers
}

const isHostAndPort = (text: string): boolean => {
  const match = /^(?:[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(
    text,
  )
  const port = Number(match?.[2])
  return match !== null && port >= 1 && port <= 65_535
}

const parseTls = (
  { raw, document, texts }: OpenedFile<ClusterFile>,
  secretAt: (pointer: string) => Secret | undefined,
  problems: Problems,
): ClusterSpec['tls'] => {
  const tls = raw.spec?.tls
  if (tls === undefined) return undefined
  for (const part of ['ca', 'cert', 'key'] as const) {
    const found = texts.get(`/spec/tls/${part}`)
    if (found === undefined || found.text === '' || found.text.includes('-----BEGIN ')) continue
    problems.push(
      diagnostic({
        code: 'FERRY1052',
        detail: `spec.tls.${part} ${found.isReference ? 'refers to something that' : 'is the text itself, and'} holds no -----BEGIN line.`,
        fix: `Write the path as a reference: "\${file:certs/${part}.pem}".`,
        at: document.at(`/spec/tls/${part}`),
      }),
    )
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [has, lacks] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    problems.push(
      diagnostic({
        code: 'FERRY1051',
        detail: `spec.tls has ${has} but no ${lacks}; a client certificate needs both.`,
        fix: `Add ${lacks}, or remove ${has}.`,
        at: document.at(`/spec/tls/${has}`, 'key'),
      }),
    )
  }
  const ca = texts.get('/spec/tls/ca')?.text
  const cert = texts.get('/spec/tls/cert')?.text
  const key = secretAt('/spec/tls/key')
  const serverName = texts.get('/spec/tls/serverName')?.text
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  }
}
