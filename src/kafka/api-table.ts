import type { ApiName } from './cluster.ts'
import { addPartitionsToTxn } from './wire/add-partitions-to-txn.ts'
import type { Api } from './wire/api.ts'
import { apiVersions } from './wire/api-versions.ts'
import { alterClientQuotas, describeClientQuotas } from './wire/client-quotas.ts'
import { consumerGroupDescribe } from './wire/consumer-group-describe.ts'
import { createAcls } from './wire/create-acls.ts'
import { createPartitions } from './wire/create-partitions.ts'
import { createTopics } from './wire/create-topics.ts'
import { deleteAcls } from './wire/delete-acls.ts'
import { deleteRecords } from './wire/delete-records.ts'
import { deleteTopics } from './wire/delete-topics.ts'
import { describeAcls } from './wire/describe-acls.ts'
import { describeConfigs } from './wire/describe-configs.ts'
import { describeGroups } from './wire/describe-groups.ts'
import { describeLogDirs } from './wire/describe-log-dirs.ts'
import { describeProducers } from './wire/describe-producers.ts'
import { describeQuorum } from './wire/describe-quorum.ts'
import { endTxn } from './wire/end-txn.ts'
import { fetch } from './wire/fetch.ts'
import { heartbeat } from './wire/heartbeat.ts'
import { incrementalAlterConfigs } from './wire/incremental-alter-configs.ts'
import { initProducerId } from './wire/init-producer-id.ts'
import { joinGroup } from './wire/join-group.ts'
import { leaveGroup } from './wire/leave-group.ts'
import { listGroups } from './wire/list-groups.ts'
import { listOffsets } from './wire/list-offsets.ts'
import { listTransactions } from './wire/list-transactions.ts'
import { metadata } from './wire/metadata.ts'
import { offsetCommit } from './wire/offset-commit.ts'
import { offsetDelete } from './wire/offset-delete.ts'
import { produce } from './wire/produce.ts'
import {
  alterUserScramCredentials,
  describeUserScramCredentials,
} from './wire/scram-credentials.ts'
import { syncGroup } from './wire/sync-group.ts'
import { writeTxnMarkers } from './wire/write-txn-markers.ts'

type ApiRange = Pick<Api<unknown, unknown>, 'key' | 'versions'>

/** Key and our versions of each API that may be asked about. Those that have several forms on our side are written out. */
export const API_TABLE: Readonly<Record<ApiName, ApiRange>> = {
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  Metadata: metadata,
  OffsetCommit: offsetCommit,
  OffsetDelete: offsetDelete,
  OffsetFetch: { key: 9, versions: [2, 8] },
  FindCoordinator: { key: 10, versions: [0, 4] },
  JoinGroup: joinGroup,
  Heartbeat: heartbeat,
  LeaveGroup: leaveGroup,
  SyncGroup: syncGroup,
  DescribeGroups: describeGroups,
  ListGroups: listGroups,
  ApiVersions: apiVersions,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  CreatePartitions: createPartitions,
  DeleteRecords: deleteRecords,
  InitProducerId: initProducerId,
  AddPartitionsToTxn: addPartitionsToTxn,
  EndTxn: endTxn,
  DescribeAcls: describeAcls,
  CreateAcls: createAcls,
  DeleteAcls: deleteAcls,
  DescribeConfigs: describeConfigs,
  IncrementalAlterConfigs: incrementalAlterConfigs,
  DescribeClientQuotas: describeClientQuotas,
  AlterClientQuotas: alterClientQuotas,
  DescribeUserScramCredentials: describeUserScramCredentials,
  AlterUserScramCredentials: alterUserScramCredentials,
  ConsumerGroupDescribe: consumerGroupDescribe,
  DescribeProducers: describeProducers,
  DescribeLogDirs: describeLogDirs,
  DescribeQuorum: describeQuorum,
  ListTransactions: listTransactions,
  WriteTxnMarkers: writeTxnMarkers,
}
