import { setTimeout } from 'node:timers/promises'
import { type Diagnostic, diagnostic, FerryError } from '../domain/diagnostic.ts'
import type { TopicName } from '../domain/ids.ts'
import type { Migration } from '../domain/migration.ts'
import { openReverse } from '../domain/reverse.ts'
import type { MigrationState } from '../domain/state.ts'
import { placesOf } from '../domain/state-places.ts'
import type { Cluster, GroupMemberPort } from '../kafka/cluster.ts'
import { decodeMember } from '../mirror/group-messages.ts'
import { mirrorGroup, PROTOCOL_TYPE } from '../mirror/membership.ts'
import { DEFAULT_TIMINGS } from '../mirror/mirror.ts'
import { isGone } from '../process-identity.ts'

/** A process that is a member of the project's mirror group now. */
export interface MirrorProcess {
  readonly host: string
  readonly pid: number
  /** What it would copy if the group gave it to it. */
  readonly topics: readonly TopicName[]
}

/** While the group shares its partitions anew, the coordinator does not say what its members said. */
const REBALANCE_PATIENCE_MS = 4000
const ASK_AGAIN_MS = 400

/**
 * Who mirrors now, as the target's coordinator says; undefined if it cannot tell. Progress in the state would not tell: an idle mirror
 * has nothing to write. Joins nothing and changes nothing.
 */
export const mirrorProcesses = async (
  project: string,
  target: Pick<Cluster, 'openGroupMember'>,
): Promise<readonly MirrorProcess[] | undefined> => {
  try {
    const port = await target.openGroupMember({
      group: mirrorGroup(project),
      protocolType: PROTOCOL_TYPE,
      protocolName: 'share',
      sessionTimeoutMs: DEFAULT_TIMINGS.sessionTimeoutMs,
      rebalanceTimeoutMs: DEFAULT_TIMINGS.sessionTimeoutMs,
    })
    try {
      return await askedPatiently(port)
    } finally {
      await port.close()
    }
  } catch (error) {
    if (error instanceof FerryError) return undefined
    throw error
  }
}

const askedPatiently = async (
  port: Pick<GroupMemberPort, 'describe'>,
): Promise<readonly MirrorProcess[] | undefined> => {
  for (let waited = 0; ; waited += ASK_AGAIN_MS) {
    const described = await port.describe()
    const members = described.map(({ memberId, metadata }) => decodeMember(memberId, metadata))
    const known = members.filter((member) => member !== undefined)
    if (known.length === described.length) {
      // A killed process stays a member until its session ends.
      return known
        .filter((member) => !isGone(member.process))
        .map(({ view, process: { host, pid } }) => ({
          host,
          pid,
          topics: [...view.topics.keys()].sort(),
        }))
    }
    if (waited >= REBALANCE_PATIENCE_MS) return undefined
    await setTimeout(ASK_AGAIN_MS)
  }
}

/** Those that would copy a topic of this migration. */
export const mirrorsOf = (
  processes: readonly MirrorProcess[],
  migration: Migration,
): readonly MirrorProcess[] =>
  processes.filter(({ topics }) => migration.topics.some(({ name }) => topics.includes(name)))

/** `needed`: consumers have moved and something is not sealed yet; without a mirror they see nothing new. */
export const mirrorNeed = (state: MigrationState): 'none' | 'optional' | 'needed' => {
  if (!isOpen(state) || state.stage === 'retired') return 'none'
  return state.syncs.some((sync) => sync.status === 'done') ? 'needed' : 'optional'
}

/** Something is mirrored back now: then a mirror should run, so that going back takes no time. */
export const isKeptWarm = (state: MigrationState): boolean =>
  state.stage !== 'retired' && isOpen(openReverse(state))

/** Something is marked and not sealed. */
const isOpen = (copies: Parameters<typeof placesOf>[0]): boolean => {
  const { marks, seals } = placesOf(copies)
  return [...marks.keys()].some((key) => !seals.has(key))
}

/** The source falls behind while nobody mirrors back. */
export const growsCold = (migration: Migration): Diagnostic =>
  diagnostic({
    code: 'FERRY1364',
    severity: 'warning',
    detail: `What producers of ${migration.name} write to ${migration.to} is to be mirrored back to ${migration.from}, and no process does so now.`,
    fix: `Start one and keep it running: ferry mirror ${migration.name}`,
  })

/** The loud warning of plan and apply while consumers on the target starve. */
export const nobodyMirrors = (migration: Migration): Diagnostic =>
  diagnostic({
    code: 'FERRY1322',
    severity: 'warning',
    detail: `The consumers of ${migration.name} have moved to ${migration.to}, and no process mirrors its topics now: they see nothing new.`,
    fix: `Start one and keep it running until the topics are sealed: ferry mirror ${migration.name}`,
  })
