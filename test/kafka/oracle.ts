import * as lines from './oracle-lines.ts'
import { askOracle } from './oracle-process.ts'
import type { TestCluster } from './test-cluster.ts'

const TIMEOUT_MS = 120_000

/** All that the oracle needs to know of a cluster. */
export type OracleTarget = Pick<TestCluster, 'version' | 'clientProperties'>

/** Which records to read. Default: all, up to the end at the time of the call. */
export interface ReadOptions {
  /** Default: read_uncommitted, the only one that brokers before 0.11 know. */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  readonly fromOffset?: bigint
  readonly partitions?: readonly number[]
  readonly timeoutMs?: number
}

/** Records to write as given, one by one. */
export interface RecordToWrite {
  readonly partition?: number
  readonly key: lines.Text
  readonly value: lines.Text
  readonly headers?: readonly (readonly [name: string, value: lines.Text])[]
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: number
}

/** How the producer behaves. */
export interface ProducerOptions {
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly acks?: 'all' | '1' | '0'
  /** In bytes; 0 gives every record a batch of its own. */
  readonly batchSize?: number
  readonly lingerMs?: number
  readonly idempotent?: boolean
  readonly timeoutMs?: number
}

/** Generated records: key `key-<id>`, value `value-<id>` filled up with dots. */
export interface ProduceOptions extends ProducerOptions {
  readonly count: number
  /** Written to in turn. Default: 0 only. */
  readonly partitions?: readonly number[]
  /** Of the value, in bytes. Default: 100. */
  readonly size?: number
  /** So many of the bytes that fill it up are random instead of dots: they do not compress. Default: none. */
  readonly noise?: number
  readonly keyPrefix?: string
  readonly valuePrefix?: string
  readonly firstId?: number
  /** How many different keys; ids are taken modulo this. Default: one per record. */
  readonly keys?: number
  /** Of the first record. Default: each has the time at which it is sent. */
  readonly timestamp?: number
  readonly timestampStep?: number
  readonly transactionalId?: string
  /** Records per transaction. Default: all in one. */
  readonly commitEvery?: number
  /** Every n-th transaction is aborted. Default: none. */
  readonly abortEvery?: number
}

/** Every record that a consumer can see, as hashes. */
async function read(
  cluster: OracleTarget,
  topic: string,
  options: ReadOptions = {},
): Promise<lines.OracleRecord[]> {
  const output = await ask(cluster, 'read', { topic, ...readFlags(options) }, options)
  return lines.fieldsOf(output, 'R').map(lines.parseRecord).sort(lines.byPosition)
}

/** Every record that a consumer can see, with its contents. For small topics. */
async function readText(
  cluster: OracleTarget,
  topic: string,
  options: ReadOptions = {},
): Promise<lines.OracleTextRecord[]> {
  const output = await ask(cluster, 'read', { topic, text: true, ...readFlags(options) }, options)
  return lines.fieldsOf(output, 'R').map(lines.parseTextRecord).sort(lines.byPosition)
}

/**
 * One hash per partition over timestamps, types, keys, values and headers of all its records, and
 * over their offsets unless told otherwise. For comparing large topics.
 */
async function digest(
  cluster: OracleTarget,
  topic: string,
  options: ReadOptions & { readonly offsets?: boolean } = {},
): Promise<lines.PartitionDigest[]> {
  const { offsets = true } = options
  const flags = { topic, digest: true, offsets, ...readFlags(options) }
  return lines.fieldsOf(await ask(cluster, 'read', flags, options), 'D').map(lines.parseDigest)
}

/** Start and end of each partition's log. */
async function offsets(cluster: OracleTarget, topic: string): Promise<lines.PartitionOffsets[]> {
  const output = await ask(cluster, 'offsets', { topic })
  return lines.fieldsOf(output, 'O').map(lines.parseOffsets)
}

/** All committed positions of a group, by topic and partition. */
async function groupOffsets(
  cluster: OracleTarget,
  group: string,
): Promise<lines.CommittedOffset[]> {
  const output = await ask(cluster, 'groups', { group })
  return lines.fieldsOf(output, 'G').map(lines.parseCommitted)
}

export interface ConsumeOptions {
  readonly count: number
  readonly reset?: 'earliest'
  /** Default: true. */
  readonly commits?: boolean
  /** Properties of this one consumer: `group.protocol` for one. */
  readonly protocol?: Readonly<Record<string, string>>
}

/**
 * The next so many records of a group, read by a consumer that joins it and commits behind the last one, leader epoch included, as services
 * do. Fails at a position that the log does not hold, or that another log had; `reset` is for a group without one.
 */
async function consume(
  cluster: OracleTarget,
  group: string,
  topic: string,
  options: ConsumeOptions,
): Promise<lines.OracleRecord[]> {
  const { count, reset, commits = true, protocol } = options
  const properties = { ...cluster.clientProperties(), ...protocol }
  const flags = {
    group,
    topic,
    count,
    'timeout-ms': TIMEOUT_MS,
    ...(reset && { reset }),
    ...(!commits && { 'no-commit': true }),
  }
  const member = { version: cluster.version, clientProperties: () => properties }
  const output = await ask(member, 'consume', flags)
  return lines.fieldsOf(output, 'R').map(lines.parseRecord).sort(lines.byPosition)
}

/** Writes many generated records fast. */
async function produce(
  cluster: OracleTarget,
  topic: string,
  options: ProduceOptions,
): Promise<lines.PartitionWritten[]> {
  const { timeoutMs, partitions, ...rest } = options
  const flags = { topic, ...rest, ...(partitions && { partitions: partitions.join(',') }) }
  return lines.fieldsOf(await ask(cluster, 'produce', flags, options), 'P').map(lines.parseWritten)
}

/** Writes the given records exactly: null and empty, headers in their order, duplicates too. */
async function write(
  cluster: OracleTarget,
  topic: string,
  records: readonly RecordToWrite[],
  options: ProducerOptions = {},
): Promise<lines.PartitionWritten[]> {
  const { timeoutMs, ...rest } = options
  const input = `${linesOf(records)}\n`
  const output = await ask(cluster, 'write', { topic, ...rest }, options, input)
  return lines.fieldsOf(output, 'P').map(lines.parseWritten)
}

const linesOf = (records: readonly RecordToWrite[]): string =>
  records
    .map((record) => {
      const { partition = 0, timestamp, key, value, headers = [] } = record
      const texts = [key, value, ...headers.flat()].map(lines.encodeText)
      return `${[partition, timestamp ?? '-', ...texts].join('\t')}\n`
    })
    .join('')

/** One of several writes. */
export type Writing =
  | ({ readonly topic: string; readonly records: readonly RecordToWrite[] } & ProducerOptions)
  | ({ readonly topic: string } & ProduceOptions)

/** Many writes one after the other, in one process: a JVM takes longer to start than they take. */
async function writeMany(cluster: OracleTarget, writings: readonly Writing[]): Promise<void> {
  await askMany(
    cluster,
    writings.map((writing) => {
      if (!('records' in writing)) {
        const { partitions, ...rest } = writing
        return {
          command: 'produce',
          flags: { ...rest, ...(partitions && { partitions: partitions.join(',') }) },
        }
      }
      const { records, ...flags } = writing
      return { command: 'write', flags, input: `${linesOf(records)}\n` }
    }),
  )
}

/** Like {@link read} for many topics in one process. */
async function readMany(
  cluster: OracleTarget,
  topics: readonly string[],
  options: ReadOptions = {},
): Promise<ReadonlyMap<string, lines.OracleRecord[]>> {
  const flags = readFlags(options)
  const outputs = await askMany(
    cluster,
    topics.map((topic) => ({ command: 'read', flags: { topic, ...flags } })),
  )
  return new Map(
    topics.map((topic, i) => [
      topic,
      lines.fieldsOf(outputs[i]!, 'R').map(lines.parseRecord).sort(lines.byPosition),
    ]),
  )
}

/** Like {@link offsets} for many topics in one process. */
async function offsetsMany(
  cluster: OracleTarget,
  topics: readonly string[],
): Promise<ReadonlyMap<string, lines.PartitionOffsets[]>> {
  const outputs = await askMany(
    cluster,
    topics.map((topic) => ({ command: 'offsets', flags: { topic } })),
  )
  return new Map(
    topics.map((topic, i) => [topic, lines.fieldsOf(outputs[i]!, 'O').map(lines.parseOffsets)]),
  )
}

/** Who can sign in by SCRAM, and the quotas of users: a line each, as kafka-configs shows them. From 2.7 on. */
async function users(cluster: OracleTarget): Promise<readonly string[]> {
  return lines.fieldsOf(await ask(cluster, 'users', {}), 'U').map(lines.parseText)
}

/**
 * What a cluster holds according to Kafka's own Java client, and a writer of test data with it.
 * It shares no code with Ferry, whose results it judges.
 */
export const oracle = {
  read,
  readText,
  digest,
  offsets,
  groupOffsets,
  consume,
  users,
  produce,
  write,
  writeMany,
  readMany,
  offsetsMany,
} as const

type Flags = Record<string, string | number | bigint | boolean>

function readFlags({ isolation, fromOffset, partitions, timeoutMs }: ReadOptions): Flags {
  return {
    'timeout-ms': timeoutMs ?? TIMEOUT_MS,
    ...(isolation && { isolation }),
    ...(fromOffset !== undefined && { 'from-offset': fromOffset }),
    ...(partitions && { partitions: partitions.join(',') }),
  }
}

async function ask(
  cluster: OracleTarget,
  command: string,
  flags: Flags,
  options: { readonly timeoutMs?: number } = {},
  input = '',
): Promise<string> {
  const [output] = await askMany(cluster, [{ command, flags, input }], options)
  return output!
}

interface Command {
  readonly command: string
  readonly flags: Flags
  /** What `write` reads, up to an empty line. */
  readonly input?: string
}

async function askMany(
  cluster: OracleTarget,
  commands: readonly Command[],
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<readonly string[]> {
  if (commands.length === 0) return []
  const properties = Object.entries({
    ...cluster.clientProperties(),
    // The only value that these brokers can be asked with; ours create no topics anyway.
    ...(cluster.version === '0.10.2' && { 'allow.auto.create.topics': 'true' }),
  }).map(([name, value]) => [`property:${name}`, value])
  const input = commands.map(({ command, flags, input: rest = '' }) => {
    const named = Object.entries(flags).map(([name, value]) => [kebab(name), String(value)])
    return `>${[command, ...properties.flat(), ...named.flat()].join('\t')}\n${rest}`
  })
  const output = await askOracle(cluster.version, input.join(''), timeoutMs + 10_000)
  return output.split(/^E\n/m).slice(0, commands.length)
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
