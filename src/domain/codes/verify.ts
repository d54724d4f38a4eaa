import { type CodePage, page } from './page.ts'

export const VERIFY_CODES = {
  FERRY1801: page(
    9,
    'Records differ',
    'A record on the target is not the one that the source holds at the same position: timestamp, key, value, headers or attributes are not equal. The message names both positions and what differs. Records after it in the partition were not compared. The way on is `ferry resync NAME --topic TOPIC`, as long as no group has moved; else a rollback to mirrored comes first.',
  ),
  FERRY1802: page(
    9,
    'Record missing on target',
    'The source holds a record that should have been mirrored, and the target does not have it. In a dense partition everything after it stands too low, so group positions there are wrong. The way on is `ferry resync NAME --topic TOPIC`, as long as no group has moved; else a rollback to mirrored comes first.',
  ),
  FERRY1803: page(
    9,
    'Record not from source',
    'The target holds a record that is not on the source: another producer wrote to the topic, or a record was written twice. Find out who may write to it (`ferry plan` lists them), then mirror the topic anew with `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1804: page(
    9,
    'Records out of order',
    'Two neighbouring records stand in the other order on the target. The way on is `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1805: page(
    9,
    'Target holds too much',
    'The target has more records since the mark than the source: somebody else wrote to the target, or the source lost records that were mirrored (an unclean leader election). Compare the named range on both sides, then mirror the topic anew with `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1806: page(
    9,
    'Target lost records',
    'Records that were mirrored are no longer on the target, though it was to keep them until the seal: its retention was changed, somebody deleted records, or an unclean leader election lost them. Check the configs of the topic on the target, then mirror it anew with `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1807: page(
    9,
    'Late records on source',
    'The source has offsets beyond the seal: a producer still writes to the old cluster. Consumers on the target do not see these records. Stop the producer. Before producers are let onto the target the next plan opens the seal again; after that `ferry salvage NAME` appends the records once.',
  ),
  FERRY1808: page(
    9,
    'Records cannot be compared',
    'Ferry could not read the records of this range, so that nothing is proved about it: a damaged batch, a format from before Kafka 0.11, a missing right, a broker out of reach, or a log that ends too early. The message says which.',
  ),
  FERRY1809: page(
    9,
    'Topic is another one',
    'The topic has another id than at the mark, or is gone: it was deleted and created again. Nothing that was recorded about it holds any more. The way on is `ferry resync NAME --topic TOPIC`.',
  ),
  FERRY1810: page(
    9,
    'Group position lost',
    'What the group has committed on the target is below what Ferry wrote there, or gone: it was reset, it expired, or the group was deleted. Consumers would read records again or start from a default.',
  ),
  FERRY1811: page(
    9,
    'Group moves on source',
    'The group has committed on the source after its position was synced: a consumer still runs on the old cluster, or has run there. The records it has read since are read again on the target. Stop it; `ferry plan` says (FERRY1343) whether the group can be put back and synced again, behind what it has read, or what is left to do. Where a rollback has put the group back and has not come to its end, the message says so: it reads there as it should if the service is to go back, and the rollback is to be carried to its end.',
  ),
  FERRY1812: page(
    9,
    'Position not proved',
    'The records around a group position are not the same on both clusters, or the position is not the one that the offset index gives. A consumer that starts there would skip records or read some again. The message names both records.',
  ),
  FERRY1813: page(
    9,
    'Partition not mirrored',
    'The source topic has a partition without a mark: it was added after mirroring began. Its records are not on the target. Plan and apply again: that adds and marks it.',
  ),
  FERRY1814: page(
    9,
    'Readable below the mark',
    'The log of the target begins below the mark, where Ferry had deleted filler of a prime, or an earlier copy. Most likely that can be read again: a broker makes a new beginning of a log durable once a minute, and a crash of all of them within it takes it back. Where the log has lost its end as well, it may be what others wrote since; a log start alone does not tell. The mirrored records themselves were compared as always. A mirror looks by batch headers whose it is before it does anything else with the partition, deletes it again if it is Ferry’s own, and else stops and says why (FERRY1604): run `ferry mirror NAME`, then verify again.',
  ),
  FERRY1820: page(
    9,
    'Receipt was changed',
    'The file is not what Ferry wrote when the migration was retired: its own digest does not fit what it says, it is not the receipt that the state holds, or it is no receipt at all. Nothing that it says is proved by it. `ferry receipt NAME -o FILE` writes the receipt again from the state.',
  ),
  FERRY1821: page(
    9,
    'Receipt not confirmed',
    'A figure of the receipt is not what the clusters or the state say now: records of a block have another digest, a log ends below the seal, a topic is another one, or a group went back. What retention has removed is no such difference: it is counted. Find out who changed the named thing; the receipt itself is as it was written.',
  ),
  FERRY1822: page(
    1,
    'No receipt',
    'A receipt is written when a migration is retired; the state of this one holds none. It is not retired yet, was retired by a version of Ferry that wrote none, or its state was forgotten. If you have the file, name it: `ferry verify NAME --receipt FILE`.',
  ),
} as const satisfies Record<string, CodePage>
