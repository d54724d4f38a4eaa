/**
 * Moves a small order service from an old cluster to a new one with the real `ferry`, and counts.
 *
 * 1. Start both clusters, fill the old one, start the service on it.
 * 2. prepared, mirrored: plan and apply; then keep the mirror running.
 * 3. consumers-moved: apply waits until the consumers are stopped; then they start on the new cluster.
 * 4. producers-moved: apply waits until the producers are stopped; then they start on the new cluster.
 * 5. verify, retired, and the count by the ids that the producers made.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startKafka, type TestCluster } from '../test/kafka/index.ts'
import { pc } from './colours.ts'
import { Ferry } from './ferry.ts'
import { fillOldCluster, TOPICS } from './fill.ts'
import { OrderConsumers, OrderProducers } from './service.ts'
import { Tally, type TallyRow } from './tally.ts'

const PASSWORDS = {
  'orders-api': 'api-secret',
  'orders-audit': 'audit-secret',
  'orders-shop': 'shop-secret',
}
/** By default a broker makes log starts durable once a minute, and nothing that was primed is mirrored before: too long for a demo. */
const QUICKLY_DURABLE = {
  'log.flush.start.offset.checkpoint.interval.ms': '500',
  'log.initial.task.delay.ms': '500',
}
const began = Date.now()

const say = (text: string): void => {
  console.log(`\n${pc.cyan(`── ${((Date.now() - began) / 1000).toFixed(0)} s ── ${text}`)}`)
}

const until = async (what: string, holds: () => boolean, seconds = 60): Promise<void> => {
  const deadline = Date.now() + seconds * 1000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const userConfig = (cluster: TestCluster, username: keyof typeof PASSWORDS) =>
  cluster.kafka({ sasl: { mechanism: 'scram-sha-512', username, password: PASSWORDS[username] } })

const main = async (): Promise<boolean> => {
  say('starting an old cluster (Kafka 2.8, no ACLs) and a new one (Kafka 4, ACLs and SCRAM)')
  const settings = {
    'group.initial.rebalance.delay.ms': '1500',
    'log.retention.check.interval.ms': '500',
  }
  const [old, fresh] = await Promise.all([
    startKafka({ version: '2.8', config: settings }),
    startKafka({
      version: '4.x',
      secure: true,
      config: { 'group.initial.rebalance.delay.ms': '1500', ...QUICKLY_DURABLE },
    }),
  ])
  const directory = mkdtempSync(join(tmpdir(), 'ferry-demo-'))
  try {
    return await move(old, fresh, directory)
  } finally {
    await Promise.all([old.stop(), fresh.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
}

const move = async (old: TestCluster, fresh: TestCluster, directory: string): Promise<boolean> => {
  const tally = new Tally()
  say('filling two topics of the old cluster; retention has deleted the oldest records already')
  await fillOldCluster(old, tally)
  for (const { topic } of TOPICS)
    console.log(`   ${topic}: ${tally.producedCount(topic).toLocaleString('en-US')} records`)

  say(
    'the order service runs on the old cluster: two producers, orders-api with two consumers, orders-audit with one',
  )
  const producers = new OrderProducers(old.kafka(), tally, 'old')
  const api = new OrderConsumers(old.kafka(), tally, {
    group: 'orders-api',
    members: 2,
    perSecond: 20_000,
  })
  const audit = new OrderConsumers(old.kafka(), tally, {
    group: 'orders-audit',
    members: 1,
    perSecond: 8000,
  })
  await Promise.all([producers.start(), api.start(), audit.start()])

  cpSync(join(import.meta.dirname, '..', 'plans'), directory, { recursive: true })
  const setStage = (stage: string): void => {
    const file = join(directory, 'plans', 'orders.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^( *stage:) *[a-z-]+/m, `$1 ${stage}`))
    say(`the team sets \`stage: ${stage}\` in plans/orders.yaml`)
  }
  const ferry = new Ferry(directory, {
    OLD_BOOTSTRAP: old.bootstrapServers.join(','),
    OLD_CLUSTER_ID: old.clusterId,
    NEW_BOOTSTRAP: fresh.bootstrapServers.join(','),
    NEW_CLUSTER_ID: fresh.clusterId,
    FERRY_USER: fresh.admin?.username ?? '',
    FERRY_PASSWORD: fresh.admin?.password ?? '',
    ORDERS_API_PASSWORD: PASSWORDS['orders-api'],
    ORDERS_AUDIT_PASSWORD: PASSWORDS['orders-audit'],
    ORDERS_SHOP_PASSWORD: PASSWORDS['orders-shop'],
  })

  setStage('mirrored')
  await ferry.run(['validate'])
  await ferry.run(['plan', 'orders', '-o', 'orders.plan.json'])
  await ferry.run(['apply', 'orders.plan.json'])
  const stopMirror = ferry.background(['mirror', 'orders'])

  setStage('consumers-moved')
  await ferry.run(['plan', 'orders', '-o', 'orders.plan.json'])
  let asked = false
  await ferry.run(['apply', 'orders.plan.json'], (line) => {
    if (asked || !line.includes('has no consumers on the source')) return
    asked = true
    say('apply waits: the team stops the consumers; the producers keep writing to the old cluster')
    Promise.all([api.stop(), audit.stop()]).catch(fail)
  })
  const newApi = new OrderConsumers(userConfig(fresh, 'orders-api'), tally, {
    group: 'orders-api',
    members: 2,
    perSecond: 60_000,
  })
  const newAudit = new OrderConsumers(userConfig(fresh, 'orders-audit'), tally, {
    group: 'orders-audit',
    members: 1,
    perSecond: 60_000,
  })
  say('the consumers start on the new cluster, each with its own user')
  await Promise.all([newApi.start(), newAudit.start()])
  await ferry.run(['status', 'orders'])

  setStage('producers-moved')
  await ferry.run(['plan', 'orders', '-o', 'orders.plan.json'])
  asked = false
  await ferry.run(['apply', 'orders.plan.json', '--confirm', 'orders'], (line) => {
    if (asked || !line.includes('stands still on the source')) return
    asked = true
    say('apply waits: the team stops the producers')
    producers.stop().catch(fail)
  })
  await stopMirror()
  const newProducers = new OrderProducers(userConfig(fresh, 'orders-shop'), tally, 'new')
  say('the producers start on the new cluster')
  await newProducers.start()
  const before = tally.producedCount('orders.events')
  await until(
    'the new producers have written',
    () => tally.producedCount('orders.events') > before + 1000,
  )

  await ferry.run(['verify', 'orders', '--full'])
  setStage('retired')
  await ferry.run(['apply', 'orders', '--auto-approve', '--confirm', 'orders'])

  say('the service stops, once everything was handled')
  await newProducers.stop()
  const rows = (): TallyRow[] =>
    ['orders-api', 'orders-audit'].flatMap((group) =>
      TOPICS.map(({ topic }) => tally.row(group, topic)),
    )
  // What is lost must show in the table and not hang the demo.
  await until('every record is handled', () => rows().every((r) => r.lost === 0), 30).catch(
    () => undefined,
  )
  await Promise.all([newApi.stop(), newAudit.stop()])
  return table(rows())
}

const table = (rows: readonly TallyRow[]): boolean => {
  const columns = ['topic', 'group', 'produced', 'handled once', 'lost', 'handled twice'] as const
  const cells = rows.map((r) => [
    r.topic,
    r.group,
    ...[r.produced, r.once, r.lost, r.twice].map((n) => n.toLocaleString('en-US')),
  ])
  const widths = columns.map((name, i) =>
    Math.max(name.length, ...cells.map((c) => c[i]?.length ?? 0)),
  )
  const line = (values: readonly string[]): string =>
    values
      .map((v, i) => (i < 2 ? v.padEnd(widths[i] ?? 0) : v.padStart(widths[i] ?? 0)))
      .join('   ')
  say('the count, by the ids that the producers made')
  console.log(`\n${pc.bold(line(columns))}`)
  for (const cell of cells) console.log(line(cell))
  const good = rows.every(
    (r) =>
      r.lost === 0 && r.twice === 0 && r.unknown === 0 && r.once === r.produced && r.produced > 0,
  )
  console.log(
    good
      ? pc.green(
          `\nNothing lost, nothing handled twice. ${((Date.now() - began) / 1000).toFixed(0)} s.`,
        )
      : pc.red('\nThe count does not come out.'),
  )
  return good
}

const fail = (error: unknown): never => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}

process.exitCode = await main().then((good) => (good ? 0 : 1), fail)
// kafkajs keeps timers of its own for a while.
process.exit()
