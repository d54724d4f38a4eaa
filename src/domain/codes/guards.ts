import { type CodePage, page } from './page.ts'

/** 13xx: what planning refuses or warns of. */
export const GUARD_CODES = {
  FERRY1301: page(
    4,
    'Not supported yet',
    'The plan file asks for something that this version of Ferry cannot carry out. It says so before anything is changed, because doing the rest without it would not be what was asked for. Take the named part out of the file, or wait for a version that has it.',
  ),
  FERRY1302: page(
    4,
    'Source and target are one',
    'Both cluster files lead to the same cluster. A mirror would copy a topic onto itself. Correct bootstrapServers and clusterId of one of them.',
  ),
  FERRY1303: page(
    4,
    'No such topic',
    'A topic of the migration does not exist on the source. Ferry copies topics; it does not invent them. Correct the name, or take it out of the file.',
  ),
  FERRY1304: page(
    4,
    'Partition counts differ',
    'A record goes to the same partition on both clusters, so both sides, and the file if it says so, need the same number. With another number, records with keys would land elsewhere and lose their order. Where the source has got partitions since, the next plan adds them on the target; fewer than the target has is always refused.',
  ),
  FERRY1305: page(
    4,
    'Target topic not empty',
    'The target topic holds records that Ferry did not mirror. It will not mix its copy with them, and it will not delete them. Delete or rename that topic if the records are not needed.',
  ),
  FERRY1306: page(
    4,
    'Target may lose records',
    'With these settings the target can lose records that it has acknowledged when one broker fails. Ferry would find that out and stop, but it could not always repair it. Use replication factor 3, min.insync.replicas 2 and unclean.leader.election.enable=false where records must not be lost.',
  ),
  FERRY1307: page(
    4,
    'Missing right',
    "Ferry's user lacks a right that a step of this plan needs. Apply would stop half way. Grant what is named, then plan again.",
  ),
  FERRY1308: page(
    4,
    'Group reads other topics',
    "A group has positions on topics that are not part of this migration. Its consumers would start on the target without them. Services that share a group must move together. Add the topics, or delete the group's commits on them if they are old. `ferry graph` shows what hangs together.",
  ),
  FERRY1309: page(
    4,
    'Offsets cannot be identical',
    'The file asks for identical offsets, and the named fact makes them impossible. With `offsets: auto` Ferry takes dense offsets there and translates every position exactly.',
  ),
  FERRY1310: page(
    4,
    'Others can write',
    'ACLs do not keep everybody but Ferry from writing to a target topic. Ferry checks every base offset and stops the partition if somebody does write, but the topic then has to be mirrored again.',
  ),
  FERRY1311: page(
    4,
    'Target has no authorizer',
    'The file lists users or access, but the target checks no ACLs, so they would mean nothing. Take them out of the file, or turn on an authorizer.',
  ),
  FERRY1312: page(
    4,
    'Cannot go back',
    'What was done cannot be taken back to the stage that was asked for: the migration is over, or it is not that far yet. Nothing was changed.',
  ),
  FERRY1313: page(
    4,
    'Commit may have expired',
    'The source is older than 2.1, where a commit expires a day after it was made even while the group is in use. A partition without a commit may therefore have been read. Say in the file what such partitions should get: `uncommitted: absent`, `start` or `end`.',
  ),
  FERRY1314: page(
    4,
    'Kind of group not supported',
    'Positions of share groups, Streams groups and Connect workers are not plain offsets of a consumer group. Ferry does not carry them over in this version. Take the group out of the file and let its application start anew on the target, or wait for a version that can.',
  ),
  FERRY1315: page(
    4,
    'Group not found',
    'A group of the migration is unknown on the source: it has neither members nor commits. Either the name is wrong, or its commits have expired. Correct the name, or take the group out of the file.',
  ),
  FERRY1316: page(
    4,
    'Partition cannot be read',
    'A partition has no leader, or its offsets could not be read. A plan made from an incomplete answer would be wrong. Wait until the cluster is well again, then plan again.',
  ),
  FERRY1317: page(
    4,
    'Target is unfit',
    "The target would refuse or change what the plan sends it: a config it does not know, a replication factor that it cannot meet, a policy of its operator, or a limit below the source's. Change what the message names, in the file or on the target, and plan again.",
  ),
  FERRY1318: page(
    4,
    'Configs cannot be read',
    'The source is too old to describe topic configs (0.10). Ferry will not guess them: write `configs` for each topic.',
  ),
  FERRY1319: page(
    4,
    'Other clusters than before',
    'This migration began with other cluster ids than the files name now. Its marks are only true for those. Correct the cluster files; to begin anew on other clusters give the migration another name.',
  ),
  FERRY1320: page(
    9,
    'Target lost records',
    'The target holds less than it had acknowledged. The range must be mirrored again; until then nothing that depends on it goes on.',
  ),
  FERRY1321: page(
    4,
    'Copy is gone',
    'The target topic was mirrored to, and is gone now or was made anew: somebody deleted it outside of Ferry, or the user of Ferry may not describe it any more. What the state says of the copy (marks, progress, positions) is of a topic that does not exist, so nothing goes on from there, and Ferry does not make an empty topic in its place. `ferry resync NAME --topic TOPIC` gives up what was recorded and mirrors the topic from the beginning; groups that have moved go back first.',
  ),
  FERRY1322: page(
    4,
    'Nobody mirrors',
    'The consumers of this migration have moved to the target, and its producers have not: what they write on the source reaches the target only through the mirror. No process is in the mirror group for these topics, so consumers see nothing new. Nothing is lost: a mirror goes on exactly where the last one stopped. Run `ferry mirror NAME` as a service until the topics are sealed.',
  ),
  FERRY1323: page(
    4,
    'Readable below a mark',
    'The log of a target partition begins below its mark. What Ferry had deleted there, filler of a prime or an earlier copy, can be read by whoever has READ on the topic: all its brokers were killed before they had made the new beginning of the log durable, which they do once a minute; `mirrored` is not reached before they have. Records of the migration are not touched by it, and no group is moved while it lasts. A mirror deletes it again before it does anything else with the partition; while none runs, nobody does.',
  ),
  FERRY1324: page(
    4,
    'Deleted, not yet durable',
    'A broker makes the new beginning of a log durable only every `log.flush.start.offset.checkpoint.interval.ms`, a minute unless set otherwise. If all brokers that hold a partition are killed before, what was deleted below its mark (filler of a prime, or an earlier copy) can be read again until a mirror deletes it again. The message says until when that may be so, by the time since the mark. After it no crash brings anything back, unless one did before; `apply` waits for that before the migration is `mirrored`, and watches each broker meanwhile.',
  ),
  FERRY1330: page(
    4,
    'Only on the target',
    'Producers have written to the target since the topic was sealed. Those records are nowhere else. A rollback to prepared (or to nothing) mirrors them back to the source first; a stage in between would keep a copy on the target that they are no part of, so it is refused. Where the way back is closed for good (something was salvaged, is gone or may be forgotten, or has no place on the source), that is refused, too, and the message says so: the service stays on the target.',
  ),
  FERRY1331: page(
    4,
    'Not only the copy',
    'The target topic holds records that Ferry did not mirror, or is another topic than the one that it made. Ferry empties and deletes only what it can prove to be its own copy. Nothing was deleted. Where a mirror has seen whose records those are, `ferry resync NAME --topic TOPIC` empties the topic, theirs too, once it is confirmed. Else delete the topic by hand if nobody needs it, and run the command that the message names.',
  ),
  FERRY1332: page(
    4,
    'Position cannot go back',
    'A group cannot continue on the source at exactly the record that it would read next on the target: the source does not hold that record any more or never did, or nothing says what the group has read. Ferry never sets a position near the right one. Nothing of this group was written.',
  ),
  FERRY1333: page(
    4,
    'Resync refused',
    'A resync gives up the copy and makes it anew, so every position in the copy loses its meaning. It is refused once somebody counts on the copy: a group that has moved, or producers that were let onto the target. Go back to the stage mirrored first.',
  ),
  FERRY1334: page(
    4,
    'Kept from deletion',
    'The plan would delete or empty something that `lifecycle: { preventDelete: true }` keeps. That is written into the state when it is applied, so that it holds after the line was taken out of the file, and against the plans of other migrations of the project on the same clusters. To delete it all the same, write `preventDelete: false`, apply that, and plan again. Nothing was done.',
  ),
  FERRY1335: page(
    4,
    'Too many deletions',
    'The plan deletes more than policy.maxDestroy of ferry.yaml allows, which is 0 unless it is said there. Taking back what Ferry itself has made, as a rollback does, does not count. Look at each deletion in the plan; if all of them are meant, give --max-destroy with their number, to plan and to apply.',
  ),
  FERRY1336: page(
    4,
    'Removed, but mirrored',
    'An entry of `removed` names a topic of the target that this migration still mirrors, or one that another migration of the project mirrors on this cluster. A line that was taken out of `topics` deletes nothing and ends nothing: its mark is still there. Roll back first, or retire the migration that mirrors it.',
  ),
  FERRY1337: page(
    4,
    'Partitions came too late',
    'The topic has got partitions on the source after it was sealed. Until the seal a new plan adds them on the target, marks them and mirrors them; after it nothing is copied any more, and producers of the target may use other partitions already. Go back behind the seal if that is still possible; else stop whoever writes to them, and move what is in them by hand.',
  ),
  FERRY1338: page(
    4,
    'Partitions came on target',
    'Somebody added partitions to a topic on the target after it was sealed. Forwards nothing is wrong: the service lives there. But the source has no partition for what is written to the new ones, and keys that moved into them have an order that the source cannot tell. Once one of them has held a record, the topic cannot be mirrored back, and a rollback behind the seal is refused; nothing is left behind silently.',
  ),
  FERRY1339: page(
    4,
    'Emptied copy came back',
    'A rollback or a resync has emptied the target topic. A broker makes the new beginning of a log durable only once a minute; one that was killed before has brought the old copy back to where it can be read. Ferry knows up to where it had emptied the topic, and empties it again before it is mirrored anew, or deletes it where you go back to the beginning. Nothing else does: while neither is applied, the old copy stays readable for whoever has READ on the topic there. What others have written behind it is never deleted.',
  ),
  FERRY1340: page(
    4,
    'Partitions without a commit',
    'The group has no position on some partitions: it never read them, or they were always empty. Ferry copies that absence. On the target its consumers do there what their auto.offset.reset says: earliest reads everything that was mirrored, latest nothing of it, none stops with an error. Write `uncommitted: start` or `end` for the group to say it once and for all.',
  ),
  FERRY1341: page(
    4,
    'Another order fits better',
    'Which side moves first is decided by lag, rate and retention. Consumers first is the safe order: nothing is written to the target but the copy, so going back is free, and the target keeps records for a day longer. Producers first is for a source that is written faster than it can be mirrored: consumers on the target would fall behind for as long as producers stay. This is advice; the order in the file is what is done. `ferry doctor` says in any case which order is recommended, and why.',
  ),
  FERRY1342: page(
    9,
    'Records are stranded',
    'A producer wrote to the source after the topic was sealed and producers were let onto the target. The mirror may not copy these records any more, since their place on the target may be taken. Stop that producer; then `ferry salvage NAME` appends them once, behind what is there now. Until then the migration cannot be retired. Where the source is kept warm such records stand between what was mirrored back: the message has their exact ranges, the way back of the topic has ended there (FERRY1604), and salvage appends them just the same; from then on the topic is not mirrored back any more, and going back is refused. What retention of the source takes before it was salvaged is on no cluster any more: it keeps the migration from being retired until somebody gives it up by its range, `ferry salvage NAME --accept-gap TOPIC:PARTITION:FROM-TO`. So does what it took from a source that is kept warm before anybody saw who wrote it.',
  ),
  FERRY1343: page(
    9,
    'Consumers are back on source',
    'A group was synced to the target, and consumers of it run on the source again, or have run there since and committed: an old instance that was started anew, or a job that nobody thought of. What they read there is handled on both sides; the message has the offsets, from where the group was synced to where it stands on the source now. Stop them. As long as the group has committed nothing on the target, it can be put back and synced again, behind what it has read. Else its service has to make good what it did twice; once its positions on the source are back where they were, or deleted, nothing more is said.',
  ),
  FERRY1344: page(
    4,
    'Group in no plan',
    "A consumer group has positions on the migration's topics and is in no plan file. Its consumers would find nothing new on the source once producers have moved. Move it along, or make sure that nobody needs it.",
  ),
  FERRY1345: page(
    4,
    'Principal in no plan',
    "ACLs of the source let somebody use the migration's topics, and no `access` of a plan file gives that on the target. Add it, or make sure that it is an old grant. Where the file manages no access at all, all of them are named together once somebody moves: whoever manages the ACLs of the target must let them in.",
  ),
  FERRY1346: page(
    4,
    'Transactional id in no plan',
    "A transactional producer has written to the migration's topics, and no `access` of a plan file lets its transactional id in on the target. Add `transactionalIds`, or make sure that it is gone.",
  ),
  FERRY1347: page(
    4,
    'Positions are kept elsewhere',
    'Connect workers and Streams applications keep more than committed offsets: internal topics that belong together with them. They are not moved by syncing a group. The message says what to do for each.',
  ),
  FERRY1348: page(
    4,
    'Readers cannot be seen',
    'No group has a position on this topic. A consumer that assigns itself partitions and keeps its offsets in its own store (Flink and Spark checkpoints, a database) leaves no trace on the brokers. Nor does one beside the groups of another topic: that cannot be told of any topic, so no plan warns of it; `ferry doctor` says so once. Ask the owners. With identical offsets such positions stay true; else `ferry index export NAME` writes the map.',
  ),
  FERRY1349: page(
    4,
    'Records are left out',
    'The file says that mirroring does not begin at the start of the log (`mirror.startFrom`). What lies before is not on the target: a group that has not read it yet begins at the mark and never sees these records. Or a group stands before the log start of the source: those records were gone before they could be mirrored, and it begins at the first one that was. The plan names the group, the offsets and how many they are, and the step that syncs the group counts them as skipped.',
  ),
  FERRY1350: page(
    4,
    'Start cannot be told',
    'With `mirror.startFrom: committed` mirroring begins at the lowest commit of the groups, so the migration must have groups. Name them, or take another start.',
  ),
  FERRY1351: page(
    4,
    'Gap cannot be accepted',
    'Going on without records is a decision about exactly what a stopped partition names, and only while it stands there. The range is another one, the partition is not stopped, the records can still be mirrored, or they were mirrored already. The message has the command for what cannot be mirrored now. Nothing was changed. With `ferry salvage` the same: only late records that are gone from the source are given up, by a range that holds nothing else.',
  ),
  FERRY1352: page(
    4,
    'A gap was accepted',
    'Somebody has decided, with `ferry resync NAME --accept-gap`, that mirroring goes on without a range of source records: they were gone from the source, too large for the target, or damaged. They are not on the target and never will be. Positions inside of the range continue at the first record behind it. Verify knows it and does not count it as a difference. Or late records were gone from the source before they were salvaged, and somebody gave them up (`ferry salvage NAME --accept-gap`): the message says who and when, and so does the receipt.',
  ),
  FERRY1353: page(
    4,
    'Readers wait for the seal',
    'A group moves before producers do, and its principal may read a topic only by ALL. ALL lets in writers, so it is granted once the topic is sealed: until then consumers on the target are refused (TOPIC_AUTHORIZATION_FAILED). Name the topic under `consume.topics` too, which is granted at once.',
  ),
  FERRY1354: page(
    4,
    'Maker not known',
    'Ferry asked for a topic, an ACL or a SCRAM credential, and no answer came: apply was killed, or the connection was lost. One that is there may be of that request, or somebody else made it since. The next apply asks again, and it is Ferry’s own then; a rollback before that leaves it and names it here, so that nobody loses what is theirs. Only READ on a group and WRITE on a topic are taken away all the same: nobody may use the target behind a rollback.',
  ),
  FERRY1355: page(
    4,
    'Position is in an open transaction',
    'A service that reads, processes and writes commits its positions in its transactions. While one is open nobody knows where the group goes on: what it commits stands if the transaction is committed, and what was there before if not. The plan counts what was there before, and nothing is written by it: apply waits for the end of the transaction, which comes by itself, or with its timeout (`transaction.timeout.ms` of the producer). Once its consumers are stopped no new one begins.',
  ),
  FERRY1356: page(
    4,
    'Group is below the mark',
    'The group has a position on the source before the mark, where mirroring began, and the source still holds the records between: a group that was added after the mark, or one that somebody has set back. On the target it would begin at the mark and never see them. Let its consumers read on on the source until they are past it; or mirror the topic anew from where the group is (`ferry resync`); or take the group out of the file. A file that says `mirror.startFrom: latest` or a time leaves records out knowingly: there the plan counts them and warns (FERRY1349). Apply looks once more, right before it writes the positions.',
  ),
  FERRY1357: page(
    4,
    'Others count on it',
    'An ACL that this migration made on the target is listed by another migration’s file, or recorded as made by it: that one found it there and made none. A rollback leaves it and names it here, so that no other service loses its rights. It stays recorded as this migration’s own. Only READ on a group and WRITE on a topic are taken away all the same: nobody may use the target behind a rollback.',
  ),
  FERRY1358: page(
    4,
    'Its topic was made anew',
    'A rollback restores the configs that a topic of others had before Ferry set its own. This topic has another id than then: it was deleted outside Ferry, and one with other owners or for another purpose may have its name. Nothing is set on it. Brokers before 2.8 have no topic ids, and what an earlier version of Ferry wrote down has none: there nobody can tell, and the configs are restored.',
  ),
  FERRY1360: page(
    4,
    'Cannot be mirrored back',
    'What producers have written to the target since the seal cannot be copied to the source exactly: the source knows no idempotent producer (before 0.11) or would change the records, or some of them are gone on the target, or stand on the source already. Or late records were salvaged, or a salvage of them was begun and has not ended: they are, or may be, on both sides in different places. Ferry says so before anything is changed. The message says what stands in the way.',
  ),
  FERRY1361: page(
    4,
    'Copy is given up',
    'A rollback behind the seal, after producers have written to the target, ends without a copy there: everything is on the source, and the target topic is emptied. The next move marks and mirrors the topic anew. Services may start on the source when the rollback has ended.',
  ),
  FERRY1362: page(
    4,
    'Late records stay behind',
    'Records came to the source after the seal and were not salvaged. What is mirrored back stands behind them, so the order of the two clusters differs there. A group that has not read past the seal reads all of it; a group that has would never see the late records, so its return is refused with the range.',
  ),
  FERRY1363: page(
    4,
    'Rollback is under way',
    'What producers wrote to the target was mirrored back and sealed: from then on the source counts, and services may have started there. Going forwards now would leave what they write behind. Carry the rollback to its end, then move again. Where it cannot end (what is not sealed yet was lost, or has no place on the source), the plan forwards opens those seals again and says so, as long as no group was put back behind them; it runs only with `--confirm NAME`.',
  ),
  FERRY1364: page(
    4,
    'Source grows cold',
    'The source is kept warm (`rollback.keepSourceWarm`): what producers write to the target is mirrored back, so that next to nothing is left to copy when they go back. No process does that now. Nothing is lost: a mirror goes on exactly where the last one stopped, and a rollback copies the rest itself. But it takes its time then, and retention of the target must not be quicker.',
  ),
  FERRY1365: page(
    4,
    'Mirror too slow for retention',
    'Retention of the source takes records faster than the mirror copies them: at these rates it reaches what is not copied, the partition stops, and the range is lost to the copy. The mirror is counted by what it has copied since its mark, or by what a mirror does at least; retention by how fast the records that expire now came, or by how fast the log start has moved. Raise the throttle, run more mirrors, or let the source keep its records longer until they are copied.',
  ),
  FERRY1366: page(
    4,
    'Way back forgets deletions',
    'The topic is compacted on the target. A key that is deleted there leaves a tombstone, and delete.retention.ms later the cleaner may remove that, too: a mirror that copies back after it hears of neither, and the source would keep the key. So the way back is exact only within delete.retention.ms, less a margin for clocks, after a mirror that copies back (rollback.keepSourceWarm with `ferry mirror`) last had read all there was, or after the seal where none runs. The shortest time that was in force since counts; where it is minutes or less there is in effect no way back. Versions that did not write down when a mirror had read all there was leave nothing to count from but the seal. The plan says the moment, and a rollback after it is refused, also where a mirror has copied the rest since: nobody can tell what it did not hear of.',
  ),
  FERRY1367: page(
    4,
    'Source keeps it for less',
    'Records that are mirrored back keep their timestamps, and the source deletes by its own retention.ms, counted from those: what is older than that is gone from the source as soon as it is there. A group that has not read it cannot go back, and its return is refused with the range. Raise retention.ms on the source while the way back is to stay open.',
  ),
  FERRY1368: page(
    4,
    'May go at any moment',
    'Records that are marked and still to be copied are older than retention.ms of the source. A broker deletes a segment once its newest record is that old, and looks every few minutes (`log.retention.check.interval.ms`): when it takes these nobody can tell, so there is no moment up to which the plan is valid. If it is quicker than the mirror, the partition stops with the range and nothing is skipped. Nothing is refused meanwhile. Let a mirror run, or let the source keep its records longer until they are copied.',
  ),
  FERRY1369: page(
    4,
    'Positions may expire at any moment',
    'A broker forgets the positions of a classic group that had members `offsets.retention.minutes` (7 days by default) after the last one left, also those that were written since: a group that comes back, or moves a second time, gets its positions into a group that may have been empty for days. Since when, no broker tells. A group that never had members, and one of the new protocol, keeps each position that long after it was written. Consumers that start after that begin where their auto.offset.reset says. Nothing is refused meanwhile; start the consumers of the group at once.',
  ),
  FERRY1371: page(
    4,
    'Smaller records only',
    'The largest batch that the target will take, once the final configs hold, is smaller than on the source: a producer that sends as large ones as before will be refused. What is mirrored is not affected. Write max.message.bytes under `configs` of the topic, or make sure that nobody sends such batches.',
  ),
  FERRY1372: page(
    4,
    'Kept for less',
    'The target will delete, once the final configs hold, what the source would still keep: its default is shorter or smaller, and the source sets none of its own to carry over. Until the seal the target keeps at least as long as the source. Write retention.ms or retention.bytes under `configs` of the topic.',
  ),
  FERRY1373: page(
    4,
    'Timestamps are taken otherwise',
    'The target will treat timestamps of producers otherwise than the source does: it stamps records itself, or refuses those that lie further in the past or the future than it allows (from 4.0 on the default is one hour ahead). What is mirrored keeps its timestamps. Write the named configs for the topic if its producers need them.',
  ),
  FERRY1374: page(
    4,
    'Compressed otherwise',
    'The target will compress what producers send with another codec than the source does, or leave it as it comes: records are the same, the disk they take is not. What is mirrored stays as it was. Write compression.type under `configs` of the topic if it matters.',
  ),
} as const satisfies Record<string, CodePage>
