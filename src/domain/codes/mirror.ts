import { type CodePage, page } from './page.ts'

export const MIRROR_CODES = {
  FERRY1601: page(
    9,
    'Cannot carry records',
    'The source holds records that cannot be copied exactly: a single one is larger than the target takes, a batch is not well-formed, or its format or attributes are of a later Kafka than this Ferry knows. Everything before them was copied; the partition stops there, and the message names the offsets. Nothing is skipped by itself: where the service can do without them, the message has the command that goes on behind them.',
  ),
  FERRY1602: page(
    9,
    'Source records are gone',
    'Retention or DeleteRecords removed records from the source before the mirror had copied them. The partition stops and names the lost range. Mirror the topic anew with `ferry resync NAME`, or accept the gap by name with the command that the message has (`ferry resync NAME --accept-gap TOPIC:PARTITION:FROM-TO`): mirroring goes on behind it, and nothing is copied anew. On the way back neither is possible: what is gone was only there, that way has ended, and the service stays on the new cluster.',
  ),
  FERRY1603: page(
    9,
    'Source truncated or recreated',
    'The source topic has another topic id than at the mark, or its log ends below what was already copied, or holds other records there: it was deleted and created again, or an unclean election cut it. What is on the target no longer has a counterpart. Brokers of 3.1 and later are asked for records by topic id, so that none of another topic is ever copied; older ones only know names, and the message says up to where the copy may hold some. Mirror the topic anew with `ferry resync NAME`. On the way back there is nothing to make anew: that way has ended, and the service stays on the new cluster.',
  ),
  FERRY1604: page(
    9,
    'Foreign write on target',
    'The target partition holds records that the mirror did not write, or not at this place, or held some that were deleted before the mirror saw whose they were. Somebody else produced to it before the cutover. The partition stops, because every further record would get another offset than its position says. Find the writer, take its WRITE right, and mirror the topic anew with `ferry resync NAME`.',
  ),
  FERRY1605: page(
    9,
    'Records lost on target',
    'The target log ends below what the target had already acknowledged: an unclean election or a lost disk. The mirror compares what survives with the source and copies the rest again; where the source does not hold it any more, the partition stops and names the range. Mirror the topic anew with `ferry resync NAME`, or, where the message has the command for it, accept the gap. On the way back neither is possible: that way has ended, and the service stays on the new cluster.',
  ),
  FERRY1606: page(
    9,
    'Target refuses records',
    'The target broker answered a batch with an error that does not pass by itself, or so often in a row with one that explains nothing that waiting is no plan. The message has its name; change what it asks for (topic configs, rights) and start the mirror again.',
  ),
  FERRY1607: page(
    4,
    'Target not empty',
    'Identical offsets need an empty target partition, or one that holds only filler of this very priming. Use dense offsets, or empty the topic.',
  ),
  FERRY1608: page(
    4,
    'Target past the start',
    'The target log ends above the offset that priming should reach, so records cannot get the same offsets there. Delete and create the topic, or use dense offsets.',
  ),
  FERRY1609: page(
    8,
    'Priming did not finish',
    'The target did not take the filler, or did not move its log start. Priming goes on where it stopped when it is called again.',
  ),
  FERRY1610: page(
    9,
    'Source topic has more partitions',
    'Partitions were added to the source topic after the mark. They are not mirrored: plan again, so that they are created and marked.',
  ),
  FERRY1611: page(
    9,
    'A broker refuses reading',
    'A broker answered a read with an error that does not pass by itself, such as a missing READ right. The message has its name; grant or mend what it asks for and start the mirror again.',
  ),
  FERRY1612: page(
    9,
    'Damaged batch on source',
    'A batch of the source does not match its CRC, also after fetching it again. Copying it would hide the damage. Repair the source replica (prefer another leader), then start the mirror again. Where no replica is whole and the service can do without these records, the message has the command that goes on behind them.',
  ),
  FERRY1613: page(
    9,
    'Target topic is gone',
    'The target topic does not exist, or has another topic id than at the mark: somebody deleted it. Mirror the topic anew with `ferry resync NAME`. On the way back it is the old cluster’s topic: that way has ended, and the service stays on the new cluster.',
  ),
  FERRY1614: page(
    9,
    'Offsets diverged',
    'A partition was mirrored with identical offsets, and the answer to a request that fills a hole with control markers was lost, so that it was written twice. Nothing can take markers back: from that place on offsets differ, and the partition goes on as a dense one. The same comes of a gap that was accepted and was too large to be padded. Positions of groups are translated and stay exact. Where offsets are kept outside of Kafka, mirror the topic anew with `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1615: page(
    9,
    'Deletions may be forgotten',
    'What producers write to a compacted topic on the target is mirrored back, and no mirror had read it to its end for nearly as long as tombstones are kept there (the shortest delete.retention.ms that was seen since, less a tenth of it, or five minutes). The cleaner may have removed some that say which keys were deleted, and nobody can tell. The partition stops on its way back for good, also if the setting is raised afterwards, and a rollback is refused (FERRY1366). Forwards nothing is wrong.',
  ),
} as const satisfies Record<string, CodePage>
