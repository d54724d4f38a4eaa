import { type CodePage, page } from './page.ts'

/** 10xx: the files that users write. All end with exit 1 but the warnings, which stop nothing. */
export const FILE_CODES = {
  FERRY1001: page(
    1,
    'File not found',
    'A file that the project names, or that was given on the command line, does not exist or cannot be read. Relative paths are relative to the folder of the file that names them. Correct the path, or see that the user running Ferry may read the file.',
  ),
  FERRY1002: page(
    1,
    'File too large',
    'A project, cluster or migration file is larger than 4 MiB. That is more than 20,000 topics, so it is most likely another file than was meant. Check the path; a file that is really so large is better divided into several migrations.',
  ),
  FERRY1003: page(
    1,
    'Not UTF-8 text',
    'The file is not UTF-8. A byte order mark and Windows line ends are fine; UTF-16 and the older code pages are not. Save the file as UTF-8.',
  ),
  FERRY1004: page(
    1,
    'Not valid YAML',
    'The file does not follow YAML 1.2. Only the first such problem of a file is shown: those after it are mostly its consequences. The message has the line and column and what is expected there; correct that and validate again.',
  ),
  FERRY1005: page(
    1,
    'Tab used as indentation',
    'YAML does not allow tabs as indentation, because their width is not defined. Set the editor to indent YAML with spaces.',
  ),
  FERRY1006: page(
    1,
    'Key written twice',
    'A mapping has the same key twice. Most tools silently take the last one, which hides what the first one says, so Ferry refuses both. Remove one of the two, or join what they say.',
  ),
  FERRY1007: page(
    1,
    'Merge key not allowed',
    'The merge key << is not part of YAML 1.2 and makes it hard to see in a review what a file says. Write the keys out, or use an alias for a whole value.',
  ),
  FERRY1008: page(
    1,
    'Aliases expand too far',
    'The aliases of the file expand to more than 10,000 nodes, or one contains itself. Such files can use up all memory. Write the values out instead of using aliases.',
  ),
  FERRY1009: page(
    1,
    'Several documents in file',
    'The file holds more than one YAML document (divided by ---). Ferry takes one per file, so that a name leads to one place. Move each further document to a file of its own.',
  ),
  FERRY1010: page(
    1,
    'File is empty',
    'The file holds nothing, or only comments. A project, cluster or migration starts with apiVersion and kind. Write the file, or remove it; `ferry init` and `ferry import` write files to start from.',
  ),
  FERRY1011: page(
    1,
    'Not a mapping',
    'The outermost value of the file is a list or a single value. It must be a mapping with apiVersion, kind, metadata and spec. Look for a dash or a missing colon in the first lines.',
  ),
  FERRY1012: page(
    1,
    'Wrong apiVersion',
    'The file is written for a format that this version of Ferry does not know. It knows ferry/v1. Use the version of Ferry that the file was written for, or write the file for this one (docs/reference).',
  ),
  FERRY1013: page(
    1,
    'Wrong kind',
    'The file is of another kind than the project expects there: ferry.yaml is a Project, what spec.clusters matches are Clusters, what spec.migrations matches are Migrations. Correct `kind`, or the globs of spec.clusters and spec.migrations in ferry.yaml.',
  ),
  FERRY1014: page(
    1,
    'Unknown key',
    'The format has no such key at this place. Ferry never ignores a key: a misspelt one would silently leave its default in force. `ferry schema` prints all keys.',
  ),
  FERRY1015: page(
    1,
    'Missing key',
    'A key that has no default is not there. Write it; the message names it and what it takes.',
  ),
  FERRY1016: page(
    1,
    'Wrong type',
    'The value is of another type than the key takes: a number where text is meant, a single value where a list is meant. Text that looks like a number wants quotes. The message says what the key takes and shows an example.',
  ),
  FERRY1017: page(
    1,
    'Value not allowed',
    'The key does not take this value. `ferry schema` prints what each key takes.',
  ),
  FERRY1018: page(
    1,
    'Value out of range',
    'The number, or the length of the text or list, is too small or too large for this key. The message names the limits; write a value between them.',
  ),
  FERRY1019: page(
    1,
    'No project here',
    'Ferry looks for ferry.yaml in the current folder, or in the one that --chdir names, or takes the file that --project names. It does not look in the folders above, so that a command never acts on another project than the one in front of you.',
  ),
  FERRY1020: page(
    1,
    'No file matches',
    'A glob under spec.clusters or spec.migrations matches no file. A new project has none yet; in an older one the glob or a file extension (.yml) may be wrong.',
  ),
  FERRY1021: page(
    1,
    'Reference not allowed here',
    '${env:NAME} and ${file:path} are allowed only under spec of cluster files (but for sasl.mechanism) and in password. Everything else is fixed text, so that what was reviewed is what is applied.',
  ),
  FERRY1022: page(
    1,
    'Variable not set',
    'A file refers to an environment variable that is not set, or that is set to nothing, as CI systems do with secrets that a job may not see. Set the variable where Ferry runs. If it is meant to be empty, write the value into the file.',
  ),
  FERRY1023: page(
    1,
    'Referenced file not readable',
    'A reference ${file:path} names a file that does not exist, cannot be read, is too large or empty. The path is relative to the file that holds the reference. Correct the path, or put the file there.',
  ),
  FERRY1024: page(
    1,
    'Malformed reference',
    'A text begins a reference with ${ but is neither ${env:NAME} nor ${file:path}. Write $${ for a literal ${.',
  ),
  FERRY1025: page(
    1,
    'Empty secret',
    'A password or key is empty. Brokers would take it and the user would be open to everybody. Set the variable or the file that the reference names.',
  ),
  FERRY1026: page(
    1,
    'Secret in clear text',
    'A warning: a password or key is written in a file that belongs in version control. Everybody who can read the repository, now or later, can use it. Put it into the environment or a file outside of the repository, refer to it by ${env:NAME} or ${file:path}, and change the secret: it has been seen.',
  ),
  FERRY1030: page(
    1,
    'Unknown cluster',
    'A file names a cluster that no cluster file has as metadata.name. spec.clusters of ferry.yaml says which files are read. Correct the name, or write a cluster file of this name.',
  ),
  FERRY1031: page(
    1,
    'Source and target are same',
    'from and to are the same cluster, by name or by clusterId. Ferry moves services between two clusters; on one it would mirror topics onto themselves. Name two different clusters, or correct the id in one of the cluster files.',
  ),
  FERRY1032: page(
    1,
    'Name used twice',
    'Two cluster files or two migrations have the same metadata.name. Commands and the state know them by that name alone. Give one of the two another name. The name of a migration that is under way must stay: its state is kept under it.',
  ),
  FERRY1033: page(
    1,
    'Listed twice',
    'The same thing is listed twice in one list. The two entries may say different things, so neither is taken. Remove one of the two.',
  ),
  FERRY1034: page(
    1,
    'Belongs to another migration',
    'A topic, group, user or quota is listed in two migrations of the same cluster. Two plans would work on it at different stages. Services that share topics move together, in one migration; `ferry graph` shows which.',
  ),
  FERRY1035: page(
    1,
    'Illegal topic name',
    'Kafka takes topic names of 1 to 249 characters out of a-z A-Z 0-9 . _ and -, but neither . nor .. alone.',
  ),
  FERRY1036: page(
    1,
    'Reserved name',
    'Topics that begin with two underscores belong to Kafka and its tools, and groups that begin with ferry-mirror- to Ferry. Their contents mean something only on their own cluster. Take the entry out of the file: Ferry carries the positions of groups over by itself.',
  ),
  FERRY1037: page(
    1,
    'Illegal bootstrap server',
    'A bootstrap server is host:port, with a port from 1 to 65535; an IPv6 address stands in brackets. There is no default port and no scheme. Write every server as host:port.',
  ),
  FERRY1038: page(
    1,
    'Host not allowed',
    'policy.allowedHosts of ferry.yaml has no glob that matches this bootstrap server. The policy keeps a changed file from sending passwords to other hosts. Correct the address; if it is right, have the policy changed by whoever answers for it.',
  ),
  FERRY1039: page(
    1,
    'Topic config not settable',
    'This topic config must not be carried to another cluster: throttle lists name brokers of one cluster, and message.format.version is gone since Kafka 4.0. Remove the key.',
  ),
  FERRY1040: page(
    1,
    'Topic config value unusable',
    'Keys that end in .ms take milliseconds or a duration (7d), keys that end in bytes take bytes or a size (5MiB). Other keys take what brokers take: true or false, a ratio (0.5), a whole number.',
  ),
  FERRY1041: page(
    1,
    'Unknown topic config',
    'A warning: no Kafka version that Ferry knows has this topic config. Plan asks the target, which decides. Look for a misspelling; the message names the nearest config.',
  ),
  FERRY1042: page(
    1,
    'Topic not in this migration',
    'An access entry names a topic that the migration does not move. Ferry could not hold back WRITE on it until its copy is complete, since it does not copy it here. List the topic under `topics`, or move the entry to the migration that has it.',
  ),
  FERRY1043: page(
    1,
    'Group not in this migration',
    'An access entry names a group that is not listed under groups. READ on a group is granted after the group was synced; this one never would be. List the group under `groups`, or move the entry to the migration that has it.',
  ),
  FERRY1044: page(
    1,
    'Pattern reaches other migrations',
    'A prefix or wildcard matches topics or groups of another migration to the same target. The grant would open them before they are sealed or synced. Name the topics or groups one by one, each in the migration that moves it.',
  ),
  FERRY1045: page(
    1,
    'Entry says nothing',
    'An access or quota entry names somebody but says nothing about what they may do or use. Say what is allowed, or remove the entry.',
  ),
  FERRY1046: page(
    1,
    'Operation does not fit resource',
    'Kafka has no such operation on this kind of resource, so brokers would refuse the ACL. The message lists the operations that this kind of resource has.',
  ),
  FERRY1047: page(
    1,
    'Quiet time is short',
    'A warning: sourceQuiet is below 30 seconds. A producer that is between two retries (request.timeout.ms is 30 seconds by default) looks as if it had stopped; what it writes after the seal is late and must be salvaged.',
  ),
  FERRY1048: page(
    1,
    'Name differs from file name',
    'A warning: metadata.name is not what the file is called. Commands take the name, so others will look for the file in vain. Rename the file, or the migration if it is not under way yet.',
  ),
  FERRY1049: page(
    1,
    'Not in this version',
    'The file asks for something that the format describes but that this version of Ferry cannot do yet. Take it out of the file, or use a version that has it.',
  ),
  FERRY1050: page(
    1,
    'More in-sync replicas than replicas',
    'min.insync.replicas is above the replication factor. With acks=all, as Ferry and careful producers use it, nothing could ever be written. Lower min.insync.replicas below the replication factor, or raise the latter.',
  ),
  FERRY1051: page(
    1,
    'Keys do not go together',
    'A key needs another one that is missing, or excludes one that is there. The message names both keys: add the one, or remove the other.',
  ),
  FERRY1052: page(
    1,
    'Not a PEM text',
    'ca, cert and key under tls are PEM texts. A path must be written as a reference, ${file:path}, or it is taken as the text itself.',
  ),
  FERRY1053: page(
    1,
    'Removed and wanted',
    'An entry of `removed` goes against another part of the file: the same thing is listed as one that should be on the target, or it is on the source and the stage is not `retired` yet. Until a migration is retired the source is what a rollback goes back to, so nothing of it is deleted before. Take one of the two out.',
  ),
  FERRY1054: page(
    1,
    "Removed, but another's",
    "An entry of `removed` names something that another migration of the project lists, or the topic that holds Ferry's own state. Deleting it would break that migration. Remove it there, once it is retired.",
  ),
} as const satisfies Record<string, CodePage>
