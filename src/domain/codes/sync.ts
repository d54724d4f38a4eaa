import { type CodePage, page } from './page.ts'

/** 17xx: syncing groups and sealing topics. */
export const SYNC_CODES = {
  FERRY1701: page(
    8,
    'Group not synced',
    'The target refused a position of the group, or gave another one back than was written. The positions that were there before are in the state. Run apply again: it looks first. Restore the positions that were there with `ferry rollback`.',
  ),
  FERRY1702: page(
    8,
    'Position cannot be written',
    'A translated position lies below the log start of the target: the records there are gone, and a consumer would fall to its reset policy. Nothing was written. Find out who deleted records on the target (retention, DeleteRecords); then mirror the topic anew with `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1703: page(
    8,
    'Group moved around its sync',
    'The group committed on the source while its positions were being written, or after that and before its consumers were let in on the target. What was written may be behind, so it would read records again. Stop its consumers and run apply again: as long as nobody has committed on the target, the group is synced anew. Where somebody has, or consumers were let in already, the message says what to do.',
  ),
  FERRY1704: page(
    7,
    'Records after the seal',
    'A producer wrote to the source after the topic was sealed and before producers were let onto the target. The seal was taken back; stop that producer and run apply again.',
  ),
  FERRY1705: page(
    8,
    'Rewind refused',
    'The group has a position on the target that is ahead of what would be written, and Ferry did not write it. Going back would make its consumers read records again. Find out who moved it: consumers that ran on the target already, or a reset. If they may read again, name the group with --allow-rewind.',
  ),
  FERRY1706: page(
    8,
    'Seal not confirmed',
    'A seal is stored so that every mirror lets the topic go, and becomes one only when the ends of both sides are the same behind that. Until then nothing of the topic is mirrored, and nothing rests on the seal. An apply that runs confirms it or takes it back within moments. One that was killed in between cannot: run apply (or the rollback) again, which takes the seal back first; retention of the source goes on meanwhile.',
  ),
  FERRY1707: page(
    4,
    'Positions are gone from the target',
    'A group was synced, and what Ferry wrote on the target is not there any more. A broker forgets positions of a group without members after `offsets.retention.minutes` (7 days by default), and sooner where the group had members before: then it counts from when the last one left. Somebody may also have deleted them. Consumers that start now would begin where their auto.offset.reset says, at the start or at the end of the log. Where no consumer of the group can have run on the target since, apply writes the same positions again, with the same proofs. Where one may have, they may be behind what it has read, so nothing is written before you say so: with --allow-rewind the group begins where the sync put it; or commit the positions that its service knows.',
  ),
  FERRY1708: page(
    8,
    'Positions are gone from the source',
    'The group had committed in a partition when the plan was made, or when it was synced before, and has no commit there at the time of the sync. A broker forgets the positions of a group whose consumers are stopped after `offsets.retention.minutes` (7 days by default), counted from when the last of them left, and before 2.1 after a day; somebody may also have deleted them. To copy that absence would let its consumers begin where their auto.offset.reset says, at the start or at the end of the log. Nothing was written. If its service knows where it was, commit that on the source and make a new plan; else say in the file what partitions without a commit get.',
  ),
  FERRY1710: page(
    8,
    'Records cannot be salvaged',
    'Records that came to the source after the seal could not be appended to the target now. What was appended is known by its producer id, so running ferry salvage again goes on without doing anything twice. Records that retention has removed from the source are lost; the message names them, and has the command that gives them up (`--accept-gap`): until then the migration is not retired. Of a transaction that came after the seal and is still open nobody knows what is late: the message names it by producer id and first offset, and salvage appends what was committed once it has ended.',
  ),
  FERRY1711: page(
    8,
    'Salvaged or not is unknown',
    "A salvage was killed between writing down what it sends next and the answer of the target, and before the next one could look, the target's retention or cleaner removed what would have told whether that batch was appended. Everything before it is there; what follows it was not sent. Nothing is appended, since a record that is there already would come twice, behind newer values of its key. The message says which ranges were salvaged for certain and which were not sent. Look for the named records on the target. Then give that range up with `--accept-gap`, as the message says, whether they are there or not: who did is in the state, in status, verify and the receipt, and what is left is appended. Until then the migration is not retired.",
  ),
} as const satisfies Record<string, CodePage>
