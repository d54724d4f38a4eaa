import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range from which Linux and macOS take the ports of outgoing connections: a port
 * chosen there stays free until the broker binds it, unless another test chooses the same one.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000

/**
 * Test files that run beside each other have ports of their own: one that a killed broker is to come back to is not given to another
 * meanwhile.
 */
const WORKERS = 4
const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS

const taken = new Set<number>()

/** Chooses a port on 127.0.0.1 that nobody listens on, and that this process never gave before. */
export async function choosePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(FIRST_PORT / WORKERS, LAST_PORT / WORKERS) * WORKERS + worker
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
  throw new Error(`No free port between ${FIRST_PORT} and ${LAST_PORT} on 127.0.0.1`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })
}
