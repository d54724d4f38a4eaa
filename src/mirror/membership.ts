import { type Diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { GroupId, PartitionKey, TopicName } from '../domain/ids.ts'
import type { Cluster, GroupMemberPort, JoinedGroup } from '../kafka/cluster.ts'
import { identityOf, isGone, type ProcessIdentity } from '../process-identity.ts'
import { assign, type MemberView, type Share } from './assignment.ts'
import { type Clock, elapsed, type Instant } from './clock.ts'
import { decodeMember, decodeShare, encodeMember, encodeShare } from './group-messages.ts'
import type { MirrorLog, MirrorTimings } from './mirror.ts'
import { backoffMs, pause, Wake } from './wait.ts'

/** As Connect has `connect`: a group of this type is the lock of a project's mirror. */
export const PROTOCOL_TYPE = 'ferry'
export const mirrorGroup = (project: string): GroupId => `ferry-mirror-${project}` as GroupId

/** What a membership tells the one who sends. */
export interface MembershipEvents {
  /** Holds these from now on, and no others. */
  shared(share: Share, generation: number): void
  /** Send nothing more; resolves when everything in flight is answered or counts as lost. Answers the partitions of which nothing is lost. */
  drain(): Promise<ReadonlySet<PartitionKey>>
  /** Somebody else may hold the partitions already. */
  lost(): void
  /** Sending is allowed (again), as far as the session goes. */
  beat?(): void
  /** Not a member now; a sentence for people. */
  waiting?(why: string): void
  /** Was never a member, and will not be until somebody grants the right that this names. */
  denied?(problem: Diagnostic): void
}

/** A right that was granted just now takes a moment to come to all brokers: so many answers in a row say that it is missing. */
const DENIALS = 3

export interface MembershipOptions {
  readonly project: string
  readonly target: Pick<Cluster, 'openGroupMember'>
  readonly timings: MirrorTimings
  readonly clock: Clock
  readonly log: MirrorLog
  readonly events: MembershipEvents
  readonly identity?: ProcessIdentity
}

const NOTHING_HELD = { generation: -1, keys: new Set<PartitionKey>() } as const

/**
 * A member of the mirror's group on the target: the lock under which anything is written there.
 *
 * 1. Members whose process is known to be gone are taken out, so that a restart does not wait for their session.
 * 2. It joins and says what it held and has drained; the leader shares the partitions.
 * 3. It sends heartbeats. {@link maySend} is true until one request timeout before its session would end, counted from when its last
 *    successful heartbeat was *sent*: what is sent by then is answered, or counts as lost, before anybody else holds the partition.
 * 4. Told to rejoin it drains first; told that its session is over it stops at once.
 */
export class Membership {
  readonly #options: MembershipOptions
  readonly #identity: ProcessIdentity
  readonly #stopped = new AbortController()
  readonly #changed = new Wake()
  #topics: ReadonlyMap<TopicName, number> = new Map()
  #topicsChanged = false
  #held: MemberView['held'] = NOTHING_HELD
  #lastBeat: Instant | undefined
  #port: GroupMemberPort | undefined
  #generation = -1
  #stopping = false
  #running: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#identity = options.identity ?? identityOf(process.pid)
  }

  get generation(): number {
    return this.#generation
  }

  get identity(): ProcessIdentity {
    return this.#identity
  }

  /** What to share from now on, with the number of partitions; joins at the first call. */
  subscribe(topics: ReadonlyMap<TopicName, number>): void {
    this.#topics = new Map(topics)
    this.#topicsChanged = true
    this.#running ??= this.#run()
    this.#changed.wake()
  }

  /** Checked before each request that writes. */
  maySend(): boolean {
    if (this.#lastBeat === undefined) return false
    const { sessionTimeoutMs, requestTimeoutMs } = this.#options.timings
    const since = elapsed(this.#lastBeat, this.#options.clock.now())
    return since < sessionTimeoutMs - requestTimeoutMs
  }

  /** Drains and leaves. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#changed.wake()
    // A join waits for other members; nobody should wait for it.
    if (this.#lastBeat === undefined) this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    let denials = 0
    for (let attempt = 0; !this.#stopping; ) {
      try {
        if (this.#topics.size === 0 && this.#port === undefined) {
          await this.#changed.wait()
          continue
        }
        this.#port ??= await this.#open()
        await this.#serve(this.#port)
        attempt = 0
        denials = 0
      } catch (error) {
        if (this.#stopping) break
        this.#lose()
        await this.#closePort()
        const why = error instanceof Error ? error.message : String(error)
        this.#options.events.waiting?.(`the mirror's group on the target: ${why}`)
        this.#options.log({ level: 'warn', message: `mirror lock: ${why}` })
        const denial = denialOf(error)
        denials = denial === undefined ? 0 : denials + 1
        // One that was taken away later may come back: nothing is lost while this waits.
        const isFinal = denials >= DENIALS && this.#generation < 0
        if (denial !== undefined && isFinal) this.#options.events.denied?.(denial)
        await pause(backoffMs(attempt++), this.#stopped.signal).catch(() => {})
      }
    }
    await this.#leave()
  }

  async #open(): Promise<GroupMemberPort> {
    const { project, target, timings } = this.#options
    const port = await target.openGroupMember({
      group: mirrorGroup(project),
      protocolType: PROTOCOL_TYPE,
      protocolName: 'share',
      sessionTimeoutMs: timings.sessionTimeoutMs,
      // The time that other members have to drain.
      rebalanceTimeoutMs: timings.sessionTimeoutMs + timings.requestTimeoutMs,
    })
    try {
      for (const member of await port.describe()) {
        const process = decodeMember(member.memberId, member.metadata)?.process
        // Where nothing tells one start of a host from another, its session has to end by itself.
        if (process === undefined || process.boot === '' || !isGone(process)) continue
        this.#options.log({
          level: 'info',
          message: `mirror lock: process ${process.pid} of this host is gone; taking it out of the group`,
        })
        await port.removeMember(member.memberId)
      }
    } catch (error) {
      // Only a shortcut: without it the dead member's session ends by itself.
      this.#options.log({ level: 'debug', message: `mirror lock: ${String(error)}` })
    }
    return port
  }

  /** One generation: join, share, heartbeats until it ends. */
  async #serve(port: GroupMemberPort): Promise<void> {
    this.#topicsChanged = false
    const me = { topics: this.#topics, held: this.#held }
    const joined = await port.join(encodeMember(me, this.#identity), this.#stopped.signal)
    const assignments = joined.isLeader ? this.#share(joined) : new Map<string, Buffer>()
    const sentAt = this.#options.clock.now()
    const assignment = await port.sync(joined, assignments, this.#stopped.signal)
    if (assignment === 'rejoin') return
    const share = decodeShare(assignment)
    this.#generation = joined.generation
    this.#held = { generation: joined.generation, keys: new Set(share.keys()) }
    this.#lastBeat = sentAt
    this.#options.events.shared(share, joined.generation)
    const end = await this.#beat(port, joined)
    if (end === 'lost') {
      this.#lose()
      return
    }
    // Nothing is sent from here on: `drain` says so to the senders.
    const drained = await this.#options.events.drain()
    this.#held = {
      generation: joined.generation,
      keys: new Set([...this.#held.keys].filter((key) => drained.has(key))),
    }
    this.#lastBeat = undefined
  }

  #share(joined: JoinedGroup): ReadonlyMap<string, Buffer> {
    const members = joined.members.flatMap(({ memberId, metadata }) => {
      const view = decodeMember(memberId, metadata)?.view
      return view === undefined ? [] : [view]
    })
    const shares = assign(members, joined.generation)
    return new Map([...shares].map(([memberId, share]) => [memberId, encodeShare(share)]))
  }

  async #beat(port: GroupMemberPort, joined: JoinedGroup): Promise<'drain' | 'lost'> {
    const { sessionTimeoutMs } = this.#options.timings
    const everyMs = Math.max(50, sessionTimeoutMs / 5)
    let waitMs = everyMs
    for (;;) {
      await this.#changed.wait(waitMs)
      if (this.#stopping || this.#topicsChanged) return 'drain'
      const sentAt = this.#options.clock.now()
      const answer = await port.heartbeat(joined).catch((error: unknown) => error)
      if (answer === 'ok') {
        this.#lastBeat = sentAt
        waitMs = everyMs
        this.#options.events.beat?.()
      } else if (answer === 'rejoin') return 'drain'
      else if (answer === 'lost') return 'lost'
      else if (elapsed(this.#lastBeat!, this.#options.clock.now()) > sessionTimeoutMs) throw answer
      else waitMs = everyMs / 4
    }
  }

  #lose(): void {
    if (this.#lastBeat !== undefined) {
      this.#lastBeat = undefined
      this.#options.log({
        level: 'warn',
        message: 'mirror lock: the session is over; stopped sending',
      })
      this.#options.events.lost()
    }
    this.#held = NOTHING_HELD
  }

  async #leave(): Promise<void> {
    const port = this.#port
    if (port === undefined) return
    try {
      await port.leave()
    } catch (error) {
      this.#options.log({ level: 'debug', message: `mirror lock: leaving: ${String(error)}` })
    }
    await this.#closePort()
  }

  async #closePort(): Promise<void> {
    const port = this.#port
    this.#port = undefined
    await port?.close().catch(() => {})
  }
}

const denialOf = (error: unknown): Diagnostic | undefined =>
  error instanceof FerryError
    ? error.diagnostics.find(({ code }) => code === 'FERRY1207')
    : undefined
