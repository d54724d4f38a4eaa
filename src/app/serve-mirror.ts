import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'

export interface ServeOptions {
  /** 0: any free one. */
  readonly port: number
  readonly host: string
  /** The metrics now, and their content type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** What is wrong; none: healthy. */
  health(): readonly string[]
}

export interface MetricsServer {
  /** `http://127.0.0.1:9404` */
  readonly url: string
  close(): Promise<void>
}

/** Serves `GET /metrics` and `GET /healthz` (200, or 503 with the reasons). Throws FERRY1105 if the address cannot be had. */
export const serveMirror = async (options: ServeOptions): Promise<MetricsServer> => {
  const { port, host } = options
  const server = createServer((request, response) => {
    answer(request, options)
      .catch((error: unknown) => ({ status: 500, type: TEXT, text: `${String(error)}\n` }))
      .then((given) => send(response, given))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(port, host, error)))
    server.listen(port, host, resolve)
  })
  // A scraper that keeps its connection must not keep the process.
  server.unref()
  const { address, family, port: bound } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

const answer = async (request: IncomingMessage, options: ServeOptions): Promise<Answer> => {
  const path = request.url?.split('?', 1)[0]
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: TEXT, text: 'only GET\n' }
  }
  if (path === '/metrics') return { status: 200, ...(await options.metrics()) }
  if (path === '/healthz') {
    const reasons = options.health()
    const status = reasons.length === 0 ? 200 : 503
    return { status, type: JSON_TYPE, text: `${JSON.stringify({ ok: status === 200, reasons })}\n` }
  }
  return { status: 404, type: TEXT, text: 'there are /metrics and /healthz\n' }
}

const send = (response: ServerResponse, { status, type, text }: Answer): void => {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(text)
}

const cannotListen = (port: number, host: string, error: Error): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1105',
      detail: `Metrics cannot be served on ${host}, port ${port}: ${error.message}.`,
      fix: 'Give --metrics-port a port that is free (0 takes any), and --metrics-host an address of this machine.',
    }),
  )
