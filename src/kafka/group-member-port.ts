/** The lock: a member of a group of our own in Kafka's own group protocol. Part of the port; imported from `cluster.ts`. */
import type { GroupId } from '../domain/ids.ts'

export interface GroupMemberOptions {
  readonly group: GroupId
  /** `ferry`, as Connect has its own. */
  readonly protocolType: string
  readonly protocolName: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}
export interface JoinedGroup {
  /** The fencing token: grows with every rebalance. */
  readonly generation: number
  readonly memberId: string
  readonly isLeader: boolean
  /** Only for the leader. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}
export interface GroupMemberPort {
  /** Joins or rejoins (the member id is kept inside); waits until the coordinator has everybody. */
  join(metadata: Buffer, signal: AbortSignal): Promise<JoinedGroup>
  sync(
    joined: JoinedGroup,
    assignments: ReadonlyMap<string, Buffer>,
    signal: AbortSignal,
  ): Promise<Buffer | 'rejoin'>
  heartbeat(joined: JoinedGroup): Promise<'ok' | 'rejoin' | 'lost'>
  leave(): Promise<void>
  /** Takes a member whose process is known to be gone out of the group, so that nobody waits for its session to end. */
  removeMember(memberId: string): Promise<void>
  /** Metadata and client ids of the members now, without joining. */
  describe(): Promise<
    readonly {
      readonly memberId: string
      readonly clientId: string
      readonly host: string
      readonly metadata: Buffer
    }[]
  >
  close(): Promise<void>
}
