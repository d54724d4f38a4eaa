import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.UserScramCredentialsDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Says what a cluster holds, and writes test data, with nothing but Kafka's own clients: Ferry's
 * results are judged by it, so it must share no code with Ferry. Output: one line per item, fields
 * separated by tabs. Compiled against the clients of 2.8 and of 4.x alike.
 */
public final class Oracle {
  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private static final String PROPERTY = "property:";

  private final Map<String, String> flags = new HashMap<>();
  private final BlockingQueue<String> input = new LinkedBlockingQueue<>();
  private final Properties clientProperties = new Properties();
  private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  /**
   * Commands from standard input, one after the other, until it ends: a line with the command, its flags and the client's properties, then
   * what `write` reads. What follows each in the output ends with a line `E`; a line `!` is answered with one.
   */
  public static void main(String[] args) throws Exception {
    Oracle oracle = new Oracle();
    Thread reader = new Thread(oracle::readInput);
    reader.setDaemon(true);
    reader.start();
    try {
      oracle.serve();
    } catch (Throwable error) {
      error.printStackTrace();
    }
    // Not left to the JVM: a client thread that hangs must not keep a test waiting.
    Runtime.getRuntime().halt(1);
  }

  /** Whoever asked is gone when it ends: nobody waits for what is being done. */
  private void readInput() {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) input.add(text);
    } catch (java.io.IOException error) {
      error.printStackTrace();
    }
    Runtime.getRuntime().halt(0);
  }

  private void serve() throws Exception {
    while (true) {
      String text = input.take();
      if (text.equals("!")) {
        line("!");
        out.flush();
        continue;
      }
      if (!text.startsWith(">")) throw new IllegalArgumentException("Not a command: " + text);
      String[] fields = text.substring(1).split("\t", -1);
      flags.clear();
      clientProperties.clear();
      for (int i = 1; i + 1 < fields.length; i += 2) {
        if (fields[i].startsWith(PROPERTY)) clientProperties.put(fields[i].substring(PROPERTY.length()), fields[i + 1]);
        else flags.put(fields[i], fields[i + 1]);
      }
      run(fields[0]);
      line("E");
    }
  }

  private void run(String command) throws Exception {
    switch (command) {
      case "read": read(); break;
      case "consume": consume(); break;
      case "offsets": offsets(); break;
      case "groups": groups(); break;
      case "users": users(); break;
      case "produce": produce(); break;
      case "write": write(); break;
      default: throw new IllegalArgumentException("Unknown command " + command);
    }
  }

  private void read() throws Exception {
    boolean digest = is("digest");
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(flag("isolation", "read_uncommitted"))) {
      List<TopicPartition> partitions = partitions(consumer);
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
      Map<TopicPartition, PartitionDigest> digests = new HashMap<>();
      for (TopicPartition partition : partitions) {
        digests.put(partition, new PartitionDigest());
        long from = Long.parseLong(flag("from-offset", "0"));
        consumer.seek(partition, Math.max(from, starts.get(partition)));
      }
      long deadline = System.nanoTime() + Long.parseLong(flag("timeout-ms", "60000")) * 1_000_000;
      List<TopicPartition> unread = new ArrayList<>(partitions);
      while (true) {
        // The position also passes what no consumer is given: markers and aborted records.
        unread.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
        if (unread.isEmpty()) break;
        consumer.assign(unread);
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          TopicPartition partition = new TopicPartition(record.topic(), record.partition());
          if (record.offset() >= ends.get(partition)) continue;
          if (digest) digests.get(partition).add(record, is("offsets"));
          else printRecord(record);
        }
        if (System.nanoTime() > deadline) throw new IllegalStateException("Not read to the end: " + unread);
      }
      if (digest) {
        for (TopicPartition partition : partitions) {
          PartitionDigest result = digests.get(partition);
          line("D", partition.partition(), result.count, result.first, result.last, result.hex());
        }
      }
    }
  }

  /**
   * Joins a group as a service does, prints the next records, and commits behind the last one as `commitSync` does: with the leader epoch
   * of its batch. Without a position, or at one that the log does not hold or another log had, it fails unless told where to begin.
   */
  private void consume() throws Exception {
    long count = Long.parseLong(flag("count", null));
    Properties more = new Properties();
    more.put("group.id", flag("group", null));
    more.put("auto.offset.reset", flag("reset", "none"));
    more.put("isolation.level", flag("isolation", "read_committed"));
    // One by one, so that what is committed is what was printed.
    more.put("max.poll.records", "1");
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(flag("isolation", "read_committed"), more)) {
      consumer.subscribe(Arrays.asList(flag("topic", null).split(",")));
      long deadline = System.nanoTime() + Long.parseLong(flag("timeout-ms", "60000")) * 1_000_000;
      for (long read = 0; read < count; ) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          printRecord(record);
          read++;
        }
        if (System.nanoTime() > deadline) throw new IllegalStateException("Only " + read + " records came");
      }
      if (!is("no-commit")) consumer.commitSync();
    }
  }

  private void printRecord(ConsumerRecord<byte[], byte[]> record) throws Exception {
    String type = record.timestampType().name();
    Object text = "";
    if (is("text")) text = base64(record.key()) + "\t" + base64(record.value()) + "\t" + headerText(record);
    line("R", record.partition(), record.offset(), record.timestamp(), type, hash(record.key()),
        hash(record.value()), hash(headerBytes(record)), text);
  }

  private void offsets() throws InterruptedException {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_uncommitted")) {
      List<TopicPartition> partitions = partitions(consumer);
      Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      Map<TopicPartition, Long> stable = stableOffsets(partitions, ends);
      for (TopicPartition partition : partitions) {
        line("O", partition.partition(), starts.get(partition), ends.get(partition), stable.get(partition));
      }
    }
  }

  private Map<TopicPartition, Long> stableOffsets(List<TopicPartition> partitions, Map<TopicPartition, Long> ends) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_committed")) {
      return consumer.endOffsets(partitions);
    } catch (UnsupportedVersionException error) {
      // Before 0.11 there were no transactions: all that is there is stable.
      return ends;
    }
  }

  private void groups() throws Exception {
    try (Admin admin = Admin.create(clientProperties)) {
      Map<TopicPartition, OffsetAndMetadata> found =
          admin.listConsumerGroupOffsets(flag("group", null)).partitionsToOffsetAndMetadata().get();
      Map<String, String> lines = new TreeMap<>();
      for (Map.Entry<TopicPartition, OffsetAndMetadata> entry : found.entrySet()) {
        TopicPartition partition = entry.getKey();
        OffsetAndMetadata committed = entry.getValue();
        if (committed == null) continue;
        String epoch = committed.leaderEpoch().map(String::valueOf).orElse("-1");
        lines.put(String.format("%s\t%010d", partition.topic(), partition.partition()),
            String.join("\t", partition.topic(), "" + partition.partition(), "" + committed.offset(),
                epoch, base64(committed.metadata().getBytes(StandardCharsets.UTF_8))));
      }
      for (String text : lines.values()) line("G", text);
    }
  }

  /** Who can sign in by SCRAM, and the quotas of users, as kafka-configs shows them. */
  private void users() throws Exception {
    try (Admin admin = Admin.create(clientProperties)) {
      Map<String, String> lines = new TreeMap<>();
      for (UserScramCredentialsDescription user : admin.describeUserScramCredentials().all().get().values()) {
        List<String> credentials = new ArrayList<>();
        for (ScramCredentialInfo info : user.credentialInfos()) {
          credentials.add(info.mechanism().mechanismName() + "=iterations=" + info.iterations());
        }
        Collections.sort(credentials);
        lines.put("scram " + user.name(), "SCRAM credential configs for user-principal '" + user.name()
            + "' are " + String.join(", ", credentials));
      }
      ClientQuotaFilter ofUsers = ClientQuotaFilter.contains(
          Collections.singletonList(ClientQuotaFilterComponent.ofEntityType(ClientQuotaEntity.USER)));
      for (Map.Entry<ClientQuotaEntity, Map<String, Double>> quota : admin.describeClientQuotas(ofUsers).entities().get().entrySet()) {
        Map<String, String> entity = new TreeMap<>(quota.getKey().entries());
        // A user without a rate is listed for a while by some.
        if (quota.getValue().isEmpty()) continue;
        lines.put("quota " + entity, "Quota configs for user-principal '" + entity.get(ClientQuotaEntity.USER)
            + "' " + (entity.size() > 1 ? entity + " " : "") + "are " + new TreeMap<>(quota.getValue()));
      }
      for (String text : lines.values()) line("U", base64(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  private void produce() throws Exception {
    String topic = flag("topic", null);
    int[] partitions = Arrays.stream(flag("partitions", "0").split(",")).mapToInt(Integer::parseInt).toArray();
    long count = Long.parseLong(flag("count", "1"));
    long firstId = Long.parseLong(flag("first-id", "0"));
    long keys = Long.parseLong(flag("keys", "0"));
    int size = Integer.parseInt(flag("size", "100"));
    int noise = Integer.parseInt(flag("noise", "0"));
    byte[] random = new byte[noise];
    Random source = new Random(firstId);
    String keyPrefix = flag("key-prefix", "key-");
    String valuePrefix = flag("value-prefix", "value-");
    long timestamp = Long.parseLong(flag("timestamp", "-1"));
    long step = Long.parseLong(flag("timestamp-step", "0"));
    long commitEvery = Long.parseLong(flag("commit-every", "0"));
    long abortEvery = Long.parseLong(flag("abort-every", "0"));
    Written written = new Written();
    boolean transactional = flags.containsKey("transactional-id");
    try (KafkaProducer<byte[], byte[]> producer = producer()) {
      if (transactional) producer.initTransactions();
      long inTransaction = 0;
      long transactions = 0;
      for (long i = 0; i < count; i++) {
        if (transactional && inTransaction++ == 0) producer.beginTransaction();
        long id = firstId + i;
        byte[] key = (keyPrefix + (keys > 0 ? id % keys : id)).getBytes(StandardCharsets.UTF_8);
        byte[] start = (valuePrefix + id).getBytes(StandardCharsets.UTF_8);
        byte[] value = start.length >= size ? start : Arrays.copyOf(start, size);
        if (start.length < size) {
          source.nextBytes(random);
          int noisy = Math.min(noise, size - start.length);
          System.arraycopy(random, 0, value, start.length, noisy);
          Arrays.fill(value, start.length + noisy, size, (byte) '.');
        }
        Long time = timestamp < 0 ? null : Long.valueOf(timestamp + i * step);
        int partition = partitions[(int) (i % partitions.length)];
        producer.send(new ProducerRecord<>(topic, partition, time, key, value), written::accept);
        boolean full = commitEvery > 0 && inTransaction == commitEvery;
        if (transactional && (full || i == count - 1)) {
          // Unsent records of an aborted transaction would never reach the log.
          producer.flush();
          if (abortEvery > 0 && ++transactions % abortEvery == 0) producer.abortTransaction();
          else producer.commitTransaction();
          inTransaction = 0;
        }
      }
      producer.flush();
    }
    if (transactional) awaitMarkers(topic, written);
    written.print(this);
  }

  /** The end of a transaction is answered before its markers are in the logs: until then readers of what is committed stop below it. */
  private void awaitMarkers(String topic, Written written) throws Exception {
    Map<TopicPartition, Long> last = written.lastOffsets(topic);
    long deadline = System.nanoTime() + 90_000_000_000L;
    try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_committed")) {
      while (true) {
        Map<TopicPartition, Long> stable = consumer.endOffsets(last.keySet());
        if (last.keySet().stream().allMatch(each -> stable.get(each) > last.get(each))) return;
        if (System.nanoTime() > deadline) throw new IllegalStateException("A transaction is open still: " + stable);
        Thread.sleep(10);
      }
    }
  }

  /** One line of standard input per record: partition, timestamp, key, value, then headers in pairs. */
  private void write() throws Exception {
    String topic = flag("topic", null);
    Written written = new Written();
    try (KafkaProducer<byte[], byte[]> producer = producer()) {
      for (String text = input.take(); !text.isEmpty(); text = input.take()) {
        String[] fields = text.split("\t", -1);
        List<Header> headers = new ArrayList<>();
        for (int i = 4; i + 1 < fields.length; i += 2) {
          String name = new String(unbase64(fields[i]), StandardCharsets.UTF_8);
          headers.add(new RecordHeader(name, unbase64(fields[i + 1])));
        }
        Long time = fields[1].equals("-") ? null : Long.valueOf(fields[1]);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, Integer.valueOf(fields[0]),
            time, unbase64(fields[2]), unbase64(fields[3]), headers);
        producer.send(record, written::accept);
      }
      producer.flush();
    }
    written.print(this);
  }

  private KafkaConsumer<byte[], byte[]> consumer(String isolation) {
    return consumer(isolation, new Properties());
  }

  private KafkaConsumer<byte[], byte[]> consumer(String isolation, Properties more) {
    Properties properties = new Properties();
    properties.put("allow.auto.create.topics", "false");
    properties.putAll(clientProperties);
    properties.put("isolation.level", isolation);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "none");
    properties.put("max.poll.records", "5000");
    properties.put("fetch.max.wait.ms", "100");
    properties.putAll(more);
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private KafkaProducer<byte[], byte[]> producer() {
    Properties properties = new Properties();
    properties.putAll(clientProperties);
    properties.put("acks", flag("acks", "all"));
    properties.put("linger.ms", flag("linger-ms", "5"));
    properties.put("batch.size", flag("batch-size", "16384"));
    properties.put("compression.type", flag("compression", "none"));
    properties.put("enable.idempotence", flag("idempotent", "false"));
    if (flags.containsKey("transactional-id")) {
      properties.put("transactional.id", flag("transactional-id", null));
      properties.put("enable.idempotence", "true");
    }
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer) throws InterruptedException {
    String topic = flag("topic", null);
    List<Integer> ids = new ArrayList<>();
    if (flags.containsKey("partitions")) {
      for (String id : flag("partitions", "").split(",")) ids.add(Integer.valueOf(id));
    } else {
      List<PartitionInfo> known = consumer.partitionsFor(topic);
      // The broker that is asked may not have heard of a new topic yet.
      for (int i = 0; i < 150 && (known == null || known.isEmpty()); i++) {
        Thread.sleep(200);
        known = consumer.partitionsFor(topic);
      }
      if (known == null || known.isEmpty()) throw new IllegalStateException("No topic " + topic);
      for (PartitionInfo partition : known) ids.add(partition.partition());
    }
    Collections.sort(ids);
    List<TopicPartition> result = new ArrayList<>();
    for (Integer id : ids) result.add(new TopicPartition(topic, id));
    return result;
  }

  /** Counts what was acknowledged, per partition, and remembers the first failure. */
  private static final class Written {
    private final Map<Integer, long[]> partitions = new TreeMap<>();
    private Exception failure;

    synchronized void accept(RecordMetadata metadata, Exception error) {
      if (error != null) {
        if (failure == null) failure = error;
        return;
      }
      long offset = metadata.offset();
      long[] counts = partitions.computeIfAbsent(metadata.partition(), id -> new long[] {0, offset, offset});
      counts[0]++;
      counts[1] = Math.min(counts[1], offset);
      counts[2] = Math.max(counts[2], offset);
    }

    synchronized Map<TopicPartition, Long> lastOffsets(String topic) throws Exception {
      if (failure != null) throw failure;
      Map<TopicPartition, Long> last = new HashMap<>();
      partitions.forEach((partition, counts) -> last.put(new TopicPartition(topic, partition), counts[2]));
      return last;
    }

    synchronized void print(Oracle oracle) throws Exception {
      if (failure != null) throw failure;
      for (Map.Entry<Integer, long[]> entry : partitions.entrySet()) {
        long[] counts = entry.getValue();
        oracle.line("P", entry.getKey(), counts[0], counts[1], counts[2]);
      }
    }
  }

  /** One running SHA-256 over all that a consumer can see of a partition. */
  private static final class PartitionDigest {
    private final MessageDigest sha = sha256();
    private final ByteBuffer fixed = ByteBuffer.allocate(20);
    private long count;
    private long first = -1;
    private long last = -1;

    void add(ConsumerRecord<byte[], byte[]> record, boolean withOffsets) {
      if (count++ == 0) first = record.offset();
      last = record.offset();
      fixed.clear();
      fixed.putLong(withOffsets ? last : -1).putLong(record.timestamp()).putInt(record.timestampType().id);
      sha.update(fixed.array());
      addBytes(sha, record.key());
      addBytes(sha, record.value());
      addHeaders(sha, record);
    }

    String hex() {
      return Oracle.hex(sha.digest(), 32);
    }
  }

  /** The length goes first, so that null, empty and neighbouring fields cannot be confused. */
  private static void addBytes(MessageDigest sha, byte[] bytes) {
    sha.update(ByteBuffer.allocate(4).putInt(bytes == null ? -1 : bytes.length).array());
    if (bytes != null) sha.update(bytes);
  }

  private static void addHeaders(MessageDigest sha, ConsumerRecord<byte[], byte[]> record) {
    Header[] headers = record.headers().toArray();
    sha.update(ByteBuffer.allocate(4).putInt(headers.length).array());
    for (Header header : headers) {
      addBytes(sha, header.key().getBytes(StandardCharsets.UTF_8));
      addBytes(sha, header.value());
    }
  }

  private static byte[] headerBytes(ConsumerRecord<byte[], byte[]> record) {
    MessageDigest sha = sha256();
    addHeaders(sha, record);
    return sha.digest();
  }

  private static String headerText(ConsumerRecord<byte[], byte[]> record) {
    List<String> fields = new ArrayList<>();
    for (Header header : record.headers().toArray()) {
      fields.add(base64(header.key().getBytes(StandardCharsets.UTF_8)));
      fields.add(base64(header.value()));
    }
    return String.join(",", fields);
  }

  private static String hash(byte[] bytes) {
    return bytes == null ? "-1" : hex(sha256().digest(bytes), 8);
  }

  private static String hex(byte[] bytes, int count) {
    byte[] text = new byte[count * 2];
    for (int i = 0; i < count; i++) {
      text[2 * i] = HEX[(bytes[i] >> 4) & 15];
      text[2 * i + 1] = HEX[bytes[i] & 15];
    }
    return new String(text, StandardCharsets.US_ASCII);
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }

  private static byte[] unbase64(String text) {
    return text.equals("-") ? null : Base64.getDecoder().decode(text);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (java.security.NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }

  private void line(Object... fields) {
    StringBuilder text = new StringBuilder();
    for (Object field : fields) {
      if (text.length() > 0) text.append('\t');
      text.append(field);
    }
    out.append(text.append('\n'));
  }

  private boolean is(String name) {
    return flag(name, "false").equals("true");
  }

  private String flag(String name, String otherwise) {
    String value = flags.get(name);
    if (value != null) return value;
    if (otherwise == null) throw new IllegalArgumentException("Missing --" + name);
    return otherwise;
  }
}
