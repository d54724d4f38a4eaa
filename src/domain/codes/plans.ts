import { type CodePage, page } from './page.ts'

export const PLAN_CODES = {
  FERRY1401: page(
    5,
    'Plan is stale',
    'Something the plan was made from has changed since: a file, a cluster, or the decisions in the state. Running it would do something other than what was shown, so it never runs. Make a new plan, review it, and apply that one.',
  ),
  FERRY1402: page(
    1,
    'State is damaged',
    'A record in the state store cannot be read, does not match its checksum, or is missing although others say that it was written. Ferry never takes a damaged record for an empty one: marks cannot be computed again. The message names the record and what is wrong with it. With the file store, the folder of the migration keeps the last decisions as decisions.<serial>.json; restore a whole file, never edit one.',
  ),
  FERRY1403: page(
    1,
    'State is from a newer Ferry',
    'The state was written by a version of Ferry that knows more than this one. Reading half of it could lose the other half at the next write. Use that version, or a later one.',
  ),
  FERRY1404: page(
    5,
    'State changed meanwhile',
    'The decisions in the state store are not the ones that this run read: somebody else has written since. Nothing was overwritten. Look at ferry status, then plan and apply again.',
  ),
  FERRY1405: page(
    1,
    'State store cannot be used',
    'The state could not be read or written: missing rights, a full or read-only disk, a file system without hard links, or with the kafka store brokers that did not answer in time. Ferry does nothing that it cannot record. A step that was running may have taken effect; the next apply looks before it acts.',
  ),
  FERRY1406: page(
    6,
    'Locked by somebody else',
    'One apply at a time may change a migration, and another holds the lock. The message says who, where and since when. A lock whose process is gone on this machine is taken over by itself; one from another machine is not, because Ferry cannot see whether that process still runs. With the kafka store a lock is renewed while its process works, and one that was not renewed for a minute is taken over from any machine. If you know that the process does not run any more: ferry unlock NAME.',
  ),
  FERRY1407: page(
    6,
    'Lock was lost',
    'The lock of this run was broken by ferry unlock, or (kafka store) not renewed in time and taken over, so somebody else may be working on the migration now. This run wrote nothing after that and stopped.',
  ),
  FERRY1408: page(
    5,
    'Plan already ran',
    'This very plan has run to its end. A plan runs once: doing it a second time could undo what was decided after it. If there is something left to do, make a new plan.',
  ),
  FERRY1409: page(
    4,
    'Plan is blocked',
    'The plan was made with problems that stand in its way. It may be shown but not applied. Solve the problems that it lists and make a new plan.',
  ),
  FERRY1410: page(
    5,
    'Plan counts on lost records',
    'The plan counts on records that the source no longer holds: its log start has passed them, by retention or by DeleteRecords. Mirroring from there on would skip them silently. The mirror stops at that place and names the range: mirror the topic anew with `ferry resync NAME`, or go on without those records with `ferry resync NAME --accept-gap`. A plan in which nothing is left to do is looked at in the same way.',
  ),
  FERRY1411: page(
    4,
    'Needs to be confirmed',
    'The plan holds a step that cannot be undone, or one that gives up a rollback: it opens the seal of a way back on the source, behind which services may have started there. Such a step runs only if the migration was named for it, so that nobody passes the point of no return by habit: type its name when asked, or give --confirm NAME. Nothing was done.',
  ),
  FERRY1420: page(
    1,
    'State topic cannot hold state',
    'The topic of `state: { store: kafka }` is not one on which state is safe: its cleanup.policy is not compact (the broker would delete decisions when they are old), records were deleted from it, it has a single partition, or it was deleted or made anew while it was in use. Ferry never takes a state that lost its beginning or its end for one that was not written yet. The message says what to change; where state was lost, restore it with ferry state push.',
  ),
  FERRY1412: page(
    5,
    'Deadline passed',
    'A moment after which the plan may no longer work has passed: retention of records that were still to be copied, or the expiry of positions. What was shown is no longer what is, so nothing more is done. Make a new plan: it says what is still there and what is lost.',
  ),
  FERRY1421: page(
    5,
    'State does not follow',
    'The file given to ferry state push does not follow from what is recorded: it is of another lineage (another first apply of a migration of the same name), or of a lower serial, so that pushing it would take decisions back that were carried out. Pull what is recorded and compare. --force pushes it anyway; what is replaced is kept as a backup.',
  ),
  FERRY1422: page(
    4,
    'State is in use',
    'The migration has marks and is not retired, so its state is what keeps the copy exact: without it the mirror cannot go on, nothing can be undone, and the next plan takes the migration for one that was never begun. ferry state forget NAME --confirm NAME forgets it anyway; a backup stays (ferry state pull NAME --backup LINEAGE:SERIAL, as it says then).',
  ),
  FERRY1423: page(
    1,
    'State is on one machine',
    'A warning: `state: { store: file }` keeps the state in a folder of one machine. In a pipeline the next job does not find it and takes the migration for one that was never begun, and its lock keeps nobody on another machine out; a mirror on another machine records its progress and its offset index there. Use `store: kafka`, a compacted topic on a cluster of the project. A folder that all of them share (a volume) serves too if it has hard links and a working fsync; then this warning can be ignored.',
  ),
  FERRY1424: page(
    1,
    'State without progress',
    'A warning: the state that is pushed has marks without what the mirror knew of their partitions: how far each was copied, and its offset index. So it is with decisions of before a resync or a rollback, which gave those marks up, and with a mark for which nothing was mirrored yet. The mirror then reads the target from the mark on, and takes nothing of another mark. Where the target does not hold what belongs to the mark (it was mirrored anew since, or emptied), the partition stops; so does one where the source had offsets without a record, since only the index tells them. What was recorded before is kept: pull that backup and push it, or mirror the topic anew with ferry resync NAME --topic TOPIC.',
  ),
  FERRY1425: page(
    1,
    'Lock was taken over',
    'A warning of ferry state push and forget: whoever had the lock is gone, or did not renew its lease. Where it had begun a step, that may be half done. The next apply or rollback looks at it first, as long as the state that is recorded says that it was begun: a push of a state that does not know of it wants --force, a forget wants --confirm NAME.',
  ),
  FERRY1430: page(
    4,
    'Nothing to compare with',
    'Drift is what differs from the end of the last apply. That apply was killed before it could write down what it left behind, so what somebody else has changed cannot be told from what it did itself. The same is so where an older version wrote down less than is compared now. The next apply that ends writes it down, also where no step is left to do.',
  ),
} as const satisfies Record<string, CodePage>
