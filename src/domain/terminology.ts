/**
 * The words of Ferry. They mean the same in code, YAML, messages and docs; nothing else is used for these things.
 *
 * - **source / target**: the old and the new cluster.
 * - **migration**: one plan file; moves one service, or the services that share topics.
 * - **stage**: how far a migration should be: prepared, mirrored, consumers-moved, producers-moved, retired.
 * - **step**: one change that apply makes.
 * - **gate**: a fact, read from the brokers, that must hold before the next step.
 * - **mark**: the recorded pair of positions (source log start, target log end) at which mirroring of a partition began; immutable.
 * - **mirror**: the copying of records from source to target.
 * - **rank**: how many records of a partition were mirrored before this one; modulo 2^31 it is the producer sequence.
 * - **offset index**: per partition, what maps source offsets to target offsets.
 * - **identical / dense**: a record has the same offset on both clusters / records are appended without holes and the index maps.
 * - **prime**: to bring an empty target partition to the source's log start, with filler that DeleteRecords removes.
 * - **sync**: writing a group's position on the target.
 * - **seal**: the end of mirroring a topic, once its producers have moved.
 * - **resync**: purge the target topic and mirror again, under a new mark.
 * - **journal**: the record of intents and results of steps.
 * - **deadline**: a moment after which a plan no longer works (retention, expiry of a group's offsets).
 * - **decisions / progress**: state whose serial is hashed into a plan (marks, journal) / state that is not (index, heartbeats).
 */
export {}
