import { setTimeout as sleep } from 'node:timers/promises'
import { diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Cluster, TransactionalProducer } from '../kafka/cluster.ts'
import { keyText, type StateTable, type StateWrite } from './state-table.ts'
import { DECISIONS, PROGRESS, StateTopic } from './state-topic.ts'
import { TopicWriter } from './topic-writer.ts'

/** After so long the cluster aborts what a dead writer left open; until then readers wait. */
const TRANSACTION_MS = 10_000
/** Brokers look for open transactions every ten seconds. */
const PATIENCE_MS = 45_000
/** So often a write is tried again after somebody else took the transactional id without taking the lock. */
const MOST_ATTEMPTS = 30

/** What to write, from what is there; nothing: it is there already, or it is refused by throwing. */
export type Change = (table: StateTable, isRetry: boolean) => readonly StateWrite[]

/** The same of both partitions. */
export type ChangeOfAll = (
  decisions: StateTable,
  progress: StateTable,
) => { readonly decisions: readonly StateWrite[]; readonly progress: readonly StateWrite[] }

/** What one partition is to be changed by. */
interface Part {
  readonly partition: number
  readonly table: StateTable
  readonly writes: readonly StateWrite[]
}

/**
 * A state topic as a thing to read and to change, whoever else does so at the same time. Opened when it is first used.
 *
 * Decisions are changed under a transactional id: who takes it fences all others, so what was read after taking it is still so when the
 * transaction commits. Reading, checking and writing are thus one step.
 */
export class StateLog {
  readonly #name: string
  readonly #topic: TopicName
  readonly #connect: () => Promise<Cluster>
  #opened: Promise<{ readonly topic: StateTopic; readonly writer: TopicWriter }> | undefined
  readonly #producers = new Map<string, TransactionalProducer>()
  /** One after the other on each partition: what was read must still be so when it is written. */
  readonly #queues = new Map<number, Promise<unknown>>()

  /** `name` is for people. */
  constructor(name: string, topic: TopicName, connect: () => Promise<Cluster>) {
    this.#name = name
    this.#topic = topic
    this.#connect = connect
  }

  read<T>(partition: number, look: (table: StateTable) => T): Promise<T> {
    return this.#inTurn(partition, async () => {
      const { topic } = await this.#open()
      return look(await topic.read(partition))
    })
  }

  /**
   * 1. Read, and see whether the change is refused or already there: nobody is fenced for that.
   * 2. Take the transactional id, unless it was taken before, and read again: from here on only this log can write, or it is fenced.
   * 3. Commit what the change says. Fenced: begin again.
   */
  changeDecisions(transactionalId: string, change: Change): Promise<void> {
    return this.#inTurn(DECISIONS, () =>
      this.#transact(transactionalId, async (topic, isRetry) => {
        const table = await topic.read(DECISIONS)
        return [{ partition: DECISIONS, table, writes: change(table, isRetry) }]
      }),
    )
  }

  /**
   * Decisions and progress in one transaction, as above: whoever reads finds both as they were or both as they shall be, wherever the writer
   * dies. Until it ends, who reads progress waits.
   */
  changeAll(transactionalId: string, change: ChangeOfAll): Promise<void> {
    return this.#inTurn(DECISIONS, () =>
      this.#inTurn(PROGRESS, () =>
        this.#transact(transactionalId, async (topic) => {
          const tables = [await topic.read(DECISIONS), await topic.read(PROGRESS)] as const
          const { decisions, progress } = change(...tables)
          return [
            { partition: DECISIONS, table: tables[0], writes: decisions },
            { partition: PROGRESS, table: tables[1], writes: progress },
          ]
        }),
      ),
    )
  }

  /** Without a transaction: nobody is fenced, the last word of the latest holder counts. */
  changeProgress(change: (table: StateTable) => readonly StateWrite[]): Promise<void> {
    return this.#inTurn(PROGRESS, async () => {
      const { topic, writer } = await this.#open()
      await topic.open()
      const table = await topic.read(PROGRESS)
      const writes = change(table)
      const written = new Set(writes.map(({ key }) => keyText(key)))
      const again = table.buried().filter(({ key }) => !written.has(keyText(key)))
      await writer.append([...writes, ...again], table)
    })
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.writer.close()
    await opened?.topic.close()
  }

  async #transact(
    transactionalId: string,
    look: (topic: StateTopic, isRetry: boolean) => Promise<readonly Part[]>,
  ): Promise<void> {
    const { topic, writer } = await this.#open()
    const changed = async (isRetry: boolean) =>
      (await look(topic, isRetry)).filter(({ writes }) => writes.length > 0)
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      await sleep(Math.random() * Math.min(attempt * 25, 500))
      let parts = await changed(attempt > 0)
      if (parts.length === 0) return
      let producer = this.#producers.get(transactionalId)
      if (producer === undefined) {
        await topic.open()
        producer = await topic.cluster.takeTransactionalId(transactionalId, TRANSACTION_MS)
        this.#producers.set(transactionalId, producer)
        parts = await changed(attempt > 0)
        if (parts.length === 0) return
      }
      // Until it is known to be committed, nothing is known: an error leaves the next write to take the id and read.
      this.#producers.delete(transactionalId)
      if ((await writer.transact(producer, parts)) === 'ok') {
        this.#producers.set(transactionalId, producer)
        return
      }
    }
    throw crowded(this.#name)
  }

  #open() {
    this.#opened ??= this.#start().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #start() {
    const cluster = await this.#connect()
    const topic = new StateTopic({ cluster, topic: this.#topic, patienceMs: PATIENCE_MS })
    return { topic, writer: new TopicWriter(topic, PATIENCE_MS) }
  }

  #inTurn<T>(partition: number, work: () => Promise<T>): Promise<T> {
    const done = (this.#queues.get(partition) ?? Promise.resolve()).then(work)
    this.#queues.set(
      partition,
      done.catch(() => undefined),
    )
    return done
  }
}

const crowded = (where: string): FerryError =>
  new FerryError(
    diagnostic({
      code: 'FERRY1405',
      detail: `${where}: other processes write the state of this migration all the time; this write found no gap.`,
      fix: 'See which processes of Ferry run for this migration, and run the same command again.',
    }),
    { retriable: true },
  )
