import { failureOf } from '../domain/answers.ts'
import { FerryError } from '../domain/diagnostic.ts'
import type { GroupId } from '../domain/ids.ts'
import { type GroupSync, isSameSync, newestWrite, oldestWrite } from '../domain/moved-groups.ts'
import type { MigrationState } from '../domain/state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { MirrorLog } from '../mirror/mirror.ts'

/** Broker default of `offsets.retention.minutes` since 2.0. */
const RETENTION_MINUTES = 7 * 24 * 60
/** Only in the last quarter of its life: what is seldom touched is seldom touched wrongly. */
const RENEWED_AFTER = 0.75

/** Of one synced group, what this process knows. */
interface Watched {
  /** When the sync that this is about wrote last: a new one begins anew, and so does one of which a part was written again. */
  readonly at: string
  /** When the oldest of its positions was last written, by the sync or by this process. */
  writtenAt: number
  /** It has, or had, members of its own: its positions are not Ferry's any more. */
  isLeftAlone: boolean
}

/**
 * Keeps synced positions from expiring until the service has started: a group that was made by a commit alone loses each position
 * `offsets.retention.minutes` after it was written. A position is written again only while all of these hold:
 * - the group has no members and never had any (`protocolType` is empty until the first one joins, and stays after the last one left: so a
 *   group that was moved before and put back is not renewed in its next move, as its deadline says);
 * - every position that Ferry wrote is there, exactly as it was written;
 * - three quarters of its life are over.
 *
 * A process that starts takes the age from the sync, as no broker tells when a position was written; one renewal too many changes nothing.
 */
export class CommitRenewer {
  readonly #target: Pick<
    Cluster,
    | 'name'
    | 'describeCluster'
    | 'describeBrokerConfigs'
    | 'describeGroups'
    | 'lookAtCommits'
    | 'commitOffsets'
  >
  readonly #log: MirrorLog
  readonly #now: () => number
  readonly #watched = new Map<string, Watched>()
  #lifeMs: number | undefined

  constructor(parts: {
    readonly target: Cluster
    readonly log: MirrorLog
    readonly now?: () => number
  }) {
    this.#target = parts.target
    this.#log = parts.log
    this.#now = parts.now ?? Date.now
  }

  /**
   * Renews what is due. Never rejects because of a broker: what could not be done now is due at the next look. `read` answers the decisions
   * as they are by then: an apply is not locked out, and what it writes there meanwhile is not to be taken back.
   */
  async look(
    migration: string,
    { syncs, stage }: MigrationState,
    read: () => Promise<MigrationState | undefined>,
  ): Promise<void> {
    if (stage === 'retired') return
    for (const sync of syncs) {
      if (sync.status !== 'done' || sync.positions.size === 0) continue
      const watched = this.#watch(`${migration}\n${sync.group}`, sync)
      if (watched.isLeftAlone) continue
      try {
        this.#lifeMs ??= await this.#readLife()
        if (this.#now() - watched.writtenAt < this.#lifeMs * RENEWED_AFTER) continue
        await this.#renew(sync, watched, read)
      } catch (error) {
        if (!(error instanceof FerryError)) throw error
        this.#warn(sync.group, `cannot be renewed now: ${error.diagnostics[0]!.detail}`)
      }
    }
  }

  #watch(key: string, sync: GroupSync): Watched {
    const at = newestWrite(sync)
    const known = this.#watched.get(key)
    if (known?.at === at) return known
    const watched = { at, writtenAt: Date.parse(oldestWrite(sync)), isLeftAlone: false }
    this.#watched.set(key, watched)
    return watched
  }

  async #readLife(): Promise<number> {
    const { brokers } = await this.#target.describeCluster()
    const configs = await this.#target.describeBrokerConfigs(brokers[0]!.nodeId)
    const minutes = configs.get('offsets.retention.minutes')?.value
    return Number(minutes ?? RETENTION_MINUTES) * 60_000
  }

  async #renew(
    sync: GroupSync,
    watched: Watched,
    read: () => Promise<MigrationState | undefined>,
  ): Promise<void> {
    const { group, positions } = sync
    if (await this.#hasBegun(group)) {
      watched.isLeftAlone = true
      this.#log({
        level: 'info',
        message: `the positions of ${group} on ${this.#target.name} are not renewed: it has members, or had some`,
      })
      return
    }
    const seen = (await this.#target.lookAtCommits([group])).ok.get(group)
    // Not read, or somebody is about to move it, whose commit ours would stand instead of: at the next look.
    if (seen === undefined || seen.pending.length > 0) return
    for (const [key, { target, metadata }] of positions) {
      const there = seen.commits.get(key)
      if (there?.offset === target && there.metadata === metadata) continue
      watched.isLeftAlone = true
      this.#warn(
        group,
        `are not renewed: ${key} was written at ${target} and is ${there === undefined ? 'gone' : `at ${there.offset}`}`,
      )
      return
    }
    const isStill = async () =>
      (await read())?.syncs.some((each) => isSameSync(each, sync)) === true
    // It is about to be synced anew, or was taken back: the next look sees what became of it.
    if (!(await isStill())) return
    const { failed } = await this.#target.commitOffsets(
      group,
      new Map([...positions].map(([key, p]) => [key, { offset: p.target, metadata: p.metadata }])),
    )
    const [refused] = failed.values()
    if (refused) {
      // A consumer has joined in this very moment: the broker itself keeps us from taking it back.
      this.#warn(group, `were not renewed: ${refused.detail}`)
      return
    }
    watched.writtenAt = this.#now()
    if (await this.#hasBegun(group)) {
      watched.isLeftAlone = true
      this.#warn(group, 'were renewed while a consumer of it came: see where it begins')
      return
    }
    // Its intent is decided before its commit: an apply whose commit ours may stand instead of is known by it.
    if (!(await isStill())) {
      watched.isLeftAlone = true
      this.#warn(
        group,
        'were renewed while an apply changed them: see by `ferry verify` whether those of the apply stand',
      )
      return
    }
    this.#log({
      level: 'info',
      message: `renewed the positions of ${group} on ${this.#target.name}`,
    })
  }

  /** Somebody has joined since it was made by a commit alone; an answer that says nothing is taken for that. */
  async #hasBegun(group: GroupId): Promise<boolean> {
    const answers = await this.#target.describeGroups([group])
    const described = answers.ok.get(group)
    if (described === undefined) throw failureOf(answers)
    return (
      described.members.length > 0 ||
      described.type !== 'classic' ||
      described.protocolType !== '' ||
      described.state !== 'empty'
    )
  }

  #warn(group: GroupId, what: string): void {
    this.#log({
      level: 'warn',
      message: `the positions of ${group} on ${this.#target.name} ${what}`,
    })
  }
}
