import net from 'node:net'

/**
 * Loaded into ferry with `node --import`: what it would connect to on a port goes to another one, where a {@link FaultProxy} listens. Brokers
 * announce their own address, so there is no other way in between. FERRY_TEST_REROUTE: `9092=40001,9093=40002`.
 */
const routes = new Map(
  (process.env.FERRY_TEST_REROUTE ?? '').split(',').map((route) => route.split('=').map(Number)),
)
const { connect } = net.Socket.prototype

net.Socket.prototype.connect = function (...args) {
  // What net.connect has normalized: [[options, callback]].
  const [options, ...rest] = Array.isArray(args[0]) ? args[0] : []
  const port = routes.get(Number(options?.port))
  if (port === undefined) return connect.apply(this, args)
  return connect.call(this, { ...options, port }, ...rest)
}
